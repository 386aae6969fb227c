"""actions/checkout, out of a git repository on this machine or a folder that is none."""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import CommandFailed, UsageError
from nanna_ci.rehearsal.steps.action_call import ActionCall, ActionFailed, ActionResult, KnownAction
from nanna_ci.report.files import write_atomic

_COMMIT: Final = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_BRANCH: Final = "refs/heads/"


class _Git:
    """git in the place of a checkout, with nothing of this machine's configuration."""

    def __init__(self, call: ActionCall, place: Path) -> None:
        config = call.machine.temp / "checkout.gitconfig"
        config.write_text('[safe]\n\tdirectory = *\n[protocol "file"]\n\tallow = always\n', encoding="utf-8")
        self._call = call
        self._place = place
        self._environment = {
            **{name: value for name, value in call.environment.items() if not name.startswith("GIT_")},
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
        }

    def __call__(self, *words: str) -> str:
        """Run git, its output in the log. Raises ActionFailed."""
        shown = [word if "AUTHORIZATION" not in word else "AUTHORIZATION: basic ***" for word in words]
        self._call.log.say(f"[command]git {' '.join(shown)}")
        try:
            done = self._call.ports.run(
                ["git", *words],
                timeout_s=self._call.limit_s,
                env=self._environment,
                cwd=self._place,
                on_stderr=self._call.log.write,
            )
        except (CommandFailed, UsageError) as error:
            raise ActionFailed(f"The process 'git' failed: {error.message}") from error
        return done.text().strip()


def _checkout(call: ActionCall) -> ActionResult:
    repository = call.inputs["repository"] or call.text("repository")
    if not re.fullmatch(r"[^/\s]+/[^/\s]+", repository):
        raise ActionFailed(f"Invalid repository '{repository}'. Expected format {{owner}}/{{repo}}.")
    place = Path(os.path.normpath(call.machine.workspace / (call.inputs["path"] or ".")))
    if place != call.machine.workspace and call.machine.workspace not in place.parents:
        raise ActionFailed(f"Repository path '{place}' is not under '{call.machine.workspace}'")
    reference, commit = _wanted(call, is_own=repository.lower() == call.text("repository").lower())
    source = call.services.repositories(repository, commit or reference)
    call.log.say(f"Syncing repository: {repository}")
    _clear(place)
    if not _is_repository(source):
        shutil.copytree(source, place, symlinks=True, dirs_exist_ok=True)
        _make_writable(place)
        return ActionResult(
            {"ref": reference, "commit": commit},
            f"{repository} is a copy of {source}, which is not a git repository: any ref would give the same files",
        )
    git = _Git(call, place)
    git("init", "--quiet", "--initial-branch=main")
    _share_objects(source, place)
    _fetch(call, git, source, reference, commit)
    persists = call.inputs["persist-credentials"].lower() == "true"
    git("remote", "add", "origin", f"{call.text('server_url')}/{repository}")
    if persists:
        secret = base64.b64encode(f"x-access-token:{call.inputs['token'] or call.services.token}".encode()).decode()
        call.log.masks.add(secret)
        key = f"http.{call.text('server_url')}/.extraheader"
        git("config", "--local", key, f"AUTHORIZATION: basic {secret}")
    found = git("rev-parse", "HEAD")
    return ActionResult(
        {"ref": reference or commit, "commit": found},
        f"{repository} is the repository {source} of this machine",
        {"place": str(place)} if persists else {},
    )


def _wanted(call: ActionCall, *, is_own: bool) -> tuple[str, str]:
    """The ref and the commit to check out; either may be ""."""
    text = call.inputs["ref"]
    if _COMMIT.fullmatch(text):
        return "", text
    if text or not is_own:
        return text, ""
    reference = call.text("ref")
    return reference if reference.startswith("refs/") else f"{_BRANCH}{reference}", call.text("sha")


def _is_repository(source: Path) -> bool:
    return (source / ".git").exists() or ((source / "HEAD").is_file() and (source / "objects").is_dir())


def _share_objects(source: Path, place: Path) -> None:
    """Let the checkout read the objects of its source: a fetch then brings refs, and hardly any object."""
    objects = next((one for one in (source / ".git" / "objects", source / "objects") if one.is_dir()), None)
    if objects is None:  # a linked work tree: its objects are somewhere else
        return
    write_atomic(place / ".git" / "objects" / "info" / "alternates", f"{objects.resolve()}\n".encode(), redacted=False)


def _clear(place: Path) -> None:
    """An empty folder, as the action makes it before it clones; files of earlier steps in it are gone."""
    place.mkdir(parents=True, exist_ok=True)
    for entry in place.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _make_writable(place: Path) -> None:
    """A copy out of Nix's store is read-only; a checkout is not."""
    for folder, _, names in os.walk(place):
        for path in (Path(folder), *(Path(folder, name) for name in names)):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o200)


def _fetch(call: ActionCall, git: _Git, source: Path, reference: str, commit: str) -> None:
    depth = call.inputs["fetch-depth"]
    if not (depth.isascii() and depth.isdecimal()):
        raise ActionFailed(f"Invalid fetch-depth: {depth}")
    limit = [] if int(depth) == 0 else [f"--depth={int(depth)}"]
    options = ["fetch", "--quiet", "--no-tags", "--prune", "--no-recurse-submodules", *limit]
    url = source.resolve().as_uri()
    if int(depth) == 0:
        git(*options, url, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
    elif call.inputs["fetch-tags"].lower() == "true":
        git(*options, url, "+refs/tags/*:refs/tags/*")
    full = reference or "HEAD"
    if not commit:
        commit, full = _resolve(git, url, full)
    if full.startswith(_BRANCH):
        branch = full.removeprefix(_BRANCH)
        git(*options, url, f"+{commit}:refs/remotes/origin/{branch}")
        git("checkout", "--quiet", "--force", "-B", branch, f"refs/remotes/origin/{branch}")
        return
    local = full if full.startswith("refs/tags/") else full.replace("refs/pull/", "refs/remotes/pull/", 1)
    git(*options, url, f"+{commit}:{local}" if local.startswith("refs/") else commit)
    git("checkout", "--quiet", "--force", commit if local == "HEAD" else local)


def _resolve(git: _Git, url: str, reference: str) -> tuple[str, str]:
    """The commit of a branch, a tag or a full ref of the repository, and its full name. Raises ActionFailed."""
    names = [reference] if reference == "HEAD" or reference.startswith("refs/") else []
    names += [] if names else [f"{_BRANCH}{reference}", f"refs/tags/{reference}"]
    found = {name: commit for commit, _, name in map(_halves, git("ls-remote", url, *names).splitlines())}
    for name in names:
        if name in found:
            return found[name], name
    raise ActionFailed(f"A branch or tag with the name '{reference}' could not be found")


def _halves(line: str) -> tuple[str, str, str]:
    return line.partition("\t")


def _forget_credentials(call: ActionCall, state: Mapping[str, str]) -> None:
    if state.get("place") and Path(state["place"], ".git").exists():
        _Git(call, Path(state["place"]))(
            "config", "--local", "--unset-all", f"http.{call.text('server_url')}/.extraheader"
        )


CHECKOUT: Final = KnownAction(
    inputs={
        "repository": "",
        "ref": "",
        "token": "",
        "ssh-key": "",
        "ssh-known-hosts": "",
        "ssh-strict": "true",
        "ssh-user": "git",
        "persist-credentials": "true",
        "path": "",
        "clean": "true",
        "filter": "",
        "sparse-checkout": "",
        "sparse-checkout-cone-mode": "true",
        "fetch-depth": "1",
        "fetch-tags": "false",
        "show-progress": "true",
        "lfs": "false",
        "submodules": "false",
        "set-safe-directory": "true",
        "github-server-url": "",
        "allow-unsafe-pr-checkout": "false",
    },
    unknown=frozenset({"ssh-key", "ssh-known-hosts", "filter", "sparse-checkout", "lfs", "submodules"})
    | {"clean", "github-server-url", "allow-unsafe-pr-checkout"},
    run=_checkout,
    post=_forget_credentials,
)
