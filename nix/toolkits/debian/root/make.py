"""Makes the Debian root: planned, fetched, and then installed, in a folder that appears whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aftermath import remove, run_to_end
from failures import FULL, STALE, UNSIGNED
from mirror import ESSENTIAL, Apt, AptError, find_mirror
from model_server import PACKAGES, open_suite
from plan import NoRootError, Plan, plan_root, upstream
from recipe import Recipe, parse_recipe

HERE = Path(__file__).resolve().parent.parent
SUITES = ("trixie", "trixie-updates", "trixie-backports")
ARCHITECTURES = ("amd64", "arm64")
NEEDED_BYTES = 5_000_000_000
# mmdebstrap's own words for what takes time
STEPS = ("I: extracting", "I: installing")
# what a person wants to know first, by the package that shows it
SHOWN = {"Nix": "nix-bin", "Python": "python3", "podman": "podman"}
# a mirror may change once between its index and its files; twice is a mirror to report
ROUNDS = 4


class CannotMakeError(Exception):
    """There will be no root: the reason and what to do, a line each; `log` is the file to read."""

    def __init__(self, reason: str, hint: str, log: Path | None = None) -> None:
        super().__init__(reason)
        self.hint, self.log = hint, log


def say(text: str) -> None:
    """A line of progress."""
    print(f"nixw: {text}", file=sys.stderr, flush=True)


def load_recipe() -> Recipe:
    """What packages.txt asks for."""
    return parse_recipe((HERE / "packages.txt").read_text(encoding="utf-8"))


def mirror_address() -> str:
    """The mirror of this machine's apt. Raises CannotMakeError."""
    address = find_mirror()
    if address is None:
        raise CannotMakeError(
            "this machine's apt has no Debian mirror", "name one in /etc/apt/sources.list, and run apt-get update"
        )
    return address


def open_mirror(folder: Path, address: str) -> Apt:
    """A mirror with its indices fetched. Raises CannotMakeError."""
    apt = Apt(folder, address, SUITES, ARCHITECTURES)
    update(apt)
    return apt


def update(apt: Apt) -> None:
    """Fetch the indices. Raises CannotMakeError."""
    try:
        apt.update()
        apt.look_up(load_recipe().names)
    except AptError as error:
        raise CannotMakeError(str(error), hint_for(str(error)), keep_log(error.log)) from error


def hint_for(reason: str) -> str:
    """What to do about a mirror that does not serve."""
    if reason == FULL:
        return "free some disk space, or set XDG_CACHE_HOME to a folder on a larger disk"
    if STALE in reason:
        return (
            "the mirror is not kept up to date: name another one in /etc/apt, "
            "or accept it with Acquire::Check-Valid-Until \"false\"; in /etc/apt/apt.conf.d"
        )  # fmt: skip
    if UNSIGNED in reason:
        return "apt-get install debian-archive-keyring, or add the key of your mirror to /etc/apt/trusted.gpg.d"
    return "check the network, and the mirror and proxy in /etc/apt; `./nixw --check` says when it works again"


def keep_log(text: str) -> Path:
    """Write a program's output where it can be read later."""
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"nixw-{os.getpid()}.log"  # noqa: S108 - a file for people
    path.write_text(text)
    return path


def plan_with(apt: Apt, minimum: str | None) -> Plan:
    """What this mirror gives. Raises CannotMakeError."""
    try:
        return plan_root(load_recipe(), apt, main_suite=SUITES[0], minimum=minimum)
    except NoRootError as error:
        hint = "the mirror's packages do not fit together today: try again tomorrow, or name another mirror in /etc/apt"
        if minimum is not None and "rust-version" in str(error):
            hint = "lower rust-version, or use a Nix that reaches a binary cache: the Debian root has what Debian has"
        raise CannotMakeError(
            f"no Debian root can be made: {error}", hint, keep_log((apt.folder / "log").read_text())
        ) from error


def files_of(apt: Apt, plan: Plan) -> dict[str, int]:
    """The files of a plan with their sizes in bytes; apt's preferences are the plan's afterwards."""
    # the last resolution was another one where a group was tried and did not fit
    if not plan.is_whole:
        apt.conflict(plan.packages, plan.candidate)
    return apt.files


def fetch(apt: Apt, plan: Plan, minimum: str | None) -> Plan:
    """Fetch a plan's files, or another plan's if they are not what the mirror promised. Raises CannotMakeError."""
    for attempt in range(ROUNDS):
        total = sum(files_of(apt, plan).values())
        with Heartbeat(partial(how_far, apt, total)):
            try:
                failures = list(apt.download((*ESSENTIAL, *plan.packages)))
            except AptError as error:
                raise CannotMakeError(str(error), hint_for(str(error)), keep_log(error.log)) from error
        if not failures:
            return plan
        for failure in failures[:3]:
            say(failure.reason)
        log = keep_log((apt.folder / "log").read_text())
        if not any(failure.refused for failure in failures):
            raise CannotMakeError(failures[0].reason, f"{hint_for('')}; what has arrived is kept", log)
        if attempt:
            apt.refuse([failure for failure in failures if failure.refused])
        else:
            say("asking for the mirror's indices once more")
        update(apt)
        plan = plan_with(apt, minimum)
    raise CannotMakeError("the mirror's files are not what its indices promise", "name another mirror in /etc/apt", log)


def how_far(apt: Apt, total_bytes: int) -> str:
    """How much has arrived."""
    return f"… {apt.fetched_bytes // 10**6} of {total_bytes // 10**6} MB fetched"


class Heartbeat:
    """Says every 15 s how far something is."""

    def __init__(self, text: Callable[[], str]) -> None:
        self.text = text
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._beat, daemon=True)

    def _beat(self) -> None:
        while not self.over.wait(15):
            say(self.text())

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()


@dataclass(frozen=True)
class Root:
    """A root in its folder, and what it was made of."""

    folder: Path
    plan: Plan


def check(scratch: Path, minimum: str | None) -> str:
    """Could a root be made today, and of what? A table for people. Raises CannotMakeError."""
    started = time.monotonic()
    server: list[str] = []
    address = mirror_address()
    answering = threading.Thread(target=lambda: server.append(server_problem(scratch / "next", address)))
    answering.start()
    try:
        apt = open_mirror(scratch / "apt", address)
        plan = plan_with(apt, minimum)
        files = files_of(apt, plan)
    finally:
        # it writes below the folder that our caller removes
        answering.join()
    versions = ", ".join(
        f"{name} {upstream(apt.version(package, SUITES[0]) or '?')}" for name, package in SHOWN.items()
    )
    rows = [(group, "yes", "") for group in plan.groups] + [
        (group, "no", reason) for group, reason in plan.missing.items()
    ]
    rows.append(("model server", "no" if server[0] else "yes", server[0]))
    seconds = time.monotonic() - started
    return "\n".join(
        (
            f"yes: the Debian root can be made today from {address}",
            *(f"  {line}" for line in plan.lines() if not line.startswith("without")),
            f"  {versions}",
            f"  {len(files)} packages, {sum(files.values()) // 10**6} MB to fetch; resolved in {seconds:.1f} s",
            "",
            *(f"  {group:<13} {state:<4} {reason}".rstrip() for group, state, reason in rows),
        )
    )


def server_problem(scratch: Path, address: str) -> str:
    """Why the model server cannot be had; nothing if it can."""
    try:
        apt = open_suite(scratch, address, *ARCHITECTURES)
        apt.run("apt-get", "install", "-q", "--print-uris", *PACKAGES)
        apt.look_up([f"{PACKAGES[-1]}:arm64"])
        if apt.version(f"{PACKAGES[-1]}:arm64", apt.suites[0]) is None:
            return f"{PACKAGES[-1]}:arm64: not in {apt.suites[0]}"
    except AptError as error:
        return str(error)
    return ""


def make(cache: Path, key: str, minimum: str | None) -> Root:
    """A root of what the mirror has today, made unless it is there. Raises CannotMakeError."""
    free = shutil.disk_usage(cache).free
    if free < NEEDED_BYTES:
        raise CannotMakeError(
            f"{cache} has {free // 10**6} MB free, the Debian root needs {NEEDED_BYTES // 10**6}", hint_for(FULL)
        )
    downloads = cache / "apt"
    say("resolving the Debian root against the mirror's indices")
    started = time.monotonic()
    apt = open_mirror(downloads, mirror_address())
    plan = plan_with(apt, minimum)
    for line in plan.lines():
        say(line)
    resolved = f"resolved after {time.monotonic() - started:.0f} s"
    if folder_of(cache, key, plan).is_dir():
        say(f"{resolved}; such a root is there")
    else:
        say(f"{resolved}; making the Debian root (once; about 3 GB and two minutes)")
        plan = fetch(apt, plan, minimum)
        if not folder_of(cache, key, plan).is_dir():
            install(apt, plan, folder_of(cache, key, plan))
    shutil.rmtree(downloads)
    return Root(folder_of(cache, key, plan), plan)


def folder_of(cache: Path, key: str, plan: Plan) -> Path:
    """Where the root of a recipe and a plan stands: what decides what it holds is in its name."""
    return cache / f"debian-{key}-{plan.rust}-{'-'.join(plan.groups)}"


def install(apt: Apt, plan: Plan, folder: Path) -> None:
    """mmdebstrap over what was fetched."""
    partial = folder.with_name(f"{folder.name}.partial")
    # nixw's lock is held: no other process is making one
    for left in folder.parent.glob("debian-*.partial"):
        remove(left)
    if partial.exists():
        raise CannotMakeError(f"{partial} cannot be removed", "see what is mounted in it or uses it, and remove it")
    partial.mkdir()
    (apt.folder / "root.json").write_text(json.dumps(plan.to_json(), indent=1) + "\n")
    (apt.folder / "plan.txt").write_text("".join(f"# {line}\n" for line in plan.lines()))
    argv = [
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        f"--architectures={','.join(ARCHITECTURES)}",
        f"--include={','.join(plan.packages)}",
        f"--keyring={apt.folder / 'keys'}",
        "--skip=check/signed-by,download/empty",
        f"--dpkgopt={HERE / 'dpkg.cfg'}",
        f'--setup-hook={HERE / "handover.sh"} "$1" {apt.folder}',
        f'--customize-hook={HERE / "finish.sh"} "$1" {apt.folder}',
        SUITES[0],
        str(partial),
        str(apt.folder / "sources.list"),
    ]
    try:
        code, log = run_to_end(argv, STEPS, say)
        if code:
            full = "No space left" in log
            reason = next((line for line in log.splitlines()[::-1] if line.startswith("E: ")), "mmdebstrap failed")
            raise CannotMakeError(
                f"{FULL}: {folder.parent}" if full else f"mmdebstrap could not install the root: {reason[:300]}",
                hint_for(FULL) if full else "start again; if it stays, report it with the log",
                keep_log(log),
            )
        partial.rename(folder)
    finally:
        remove(partial)
