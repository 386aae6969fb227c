"""The steps that answer for a workspace: its checks, its programs."""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from xml.etree import ElementTree

from cargo import TOP, cargo, folder_of, person, place_of, prepare, require_libraries
from doctests import run_doctests
from junit_trailer import finish_nextest, run_nextest
from plain import Attributes
from warm import Place
from watched import run_or_end

NAMES_AT_ONCE = 5  # of tests in one line
# what programs, the C library and the usual crates say of a name or an address that cannot be reached
NO_NETWORK = (
    "Temporary failure in name resolution",
    "failed to lookup address information",
    "Could not resolve host",
    "Network is unreachable",
    "Name or service not known",
    "dns error",
    # cargo, called by a test on a manifest whose crates are not here
    "retry without `--offline`",
)


def build(attributes: Attributes, out: Path) -> None:
    """The workspace's binaries in bin/, each with the list of its crates in the section .dep-v0."""
    values = prepare(attributes)
    require_libraries(attributes, values)
    argv = [*cargo_build(attributes["auditable"]), "--release", *attributes["flags"], "--bins"]
    argv.append("--message-format=json-render-diagnostics")
    with TemporaryFile() as messages:
        run_or_end(argv, cwd=folder_of(attributes), env=values, stdout=messages)
        messages.seek(0)
        made = executables(messages.read())
    (out / "bin").mkdir(parents=True)
    for name in attributes["binaries"]:
        if name not in made:
            built = ", ".join(sorted(made)) or "none"
            sys.exit(f"pipeline.toml names the binary {name}, which cargo did not build; it built {built}")
        shutil.copy(made[name], out / "bin" / name)


def cargo_build(auditable: Mapping[str, str]) -> list[str]:
    """`cargo build`, by cargo-auditable where there is one; not as cargo's subcommand, which an alias may replace."""
    if "reason" in auditable:
        print(
            f"nanna-ci: the binaries carry no list of their crates: {auditable['reason']}", file=sys.stderr, flush=True
        )
        return ["cargo", "build"]
    return [auditable["program"], "auditable", "build"]


def executables(messages: bytes) -> dict[str, str]:
    """Program -> its file, from cargo's messages: a configured target or folder decides where that is."""
    made = {}
    for line in messages.splitlines():
        # a build script's output may stand between them
        message: dict[str, Any] = json.loads(line) if line.startswith(b'{"reason":"compiler-artifact"') else {}
        if message.get("executable") and "bin" in message["target"]["kind"]:
            made[message["target"]["name"]] = message["executable"]
    return made


def check(attributes: Attributes, out: Path) -> None:
    """One check over what was built before; its evidence in out."""
    values = prepare(attributes)
    require_libraries(attributes, values)
    out.mkdir()
    match attributes["run"]:
        case "clippy":
            cargo(attributes, ["clippy", *attributes["flags"], "--all-targets", "--", *attributes["lints"]], values)
        case "fmt":
            # in the workspace's folder these are its members; --all goes on to whatever else is there by path
            cargo(attributes, ["fmt", "--", "--check"], values)
        case "doc":
            flags = {"RUSTDOCFLAGS": attributes["rustdocFlags"]}
            cargo(attributes, ["doc", *attributes["flags"], "--no-deps"], {**values, **flags})
            if attributes["tests"]:
                run_doctests(place_of(attributes, {**values, **person()}))
        case "nextest":
            run_tests(attributes, place_of(attributes, values), attributes["filter"], out)


def run_tests(attributes: Attributes, place: Place, chosen: str | None, out: Path) -> None:
    """Every test that a filter chooses, none left out after a failure; JUnit in out."""
    flags, environment = place.for_tests()
    options = [*flags, "--no-fail-fast", "--no-tests=pass"]
    options += [*(["-E", chosen] if chosen is not None else []), *attributes["arguments"]]
    # Nix gives builders a terminal, on which nextest draws a bar and, the terminal being dumb, nothing else
    env = {**environment, **person(), "NEXTEST_SHOW_PROGRESS": "none"}
    code, junit = run_nextest(
        attributes["nextest"],
        options,
        settings=attributes["testProfile"],
        folder=folder_of(attributes),
        env=env,
        scratch=TOP,
    )
    if code and (names := denied_the_network(junit)):
        said = "there is no network in the sandbox, and these tests failed asking for one"
        more = f" and {len(names) - NAMES_AT_ONCE} more" if len(names) > NAMES_AT_ONCE else ""
        print(f"nanna-ci: {said}: {', '.join(names[:NAMES_AT_ONCE])}{more}", file=sys.stderr, flush=True)
    finish_nextest(code, junit, out)


def denied_the_network(junit: Path) -> list[str]:
    """The failed tests of a JUnit file whose output says that a name or an address was not to be reached."""
    try:
        suites = ElementTree.parse(junit).getroot()  # noqa: S314 - nextest wrote it, here
    except (OSError, ElementTree.ParseError):
        return []
    return [
        f"{case.get('classname')} {case.get('name')}"
        for case in suites.iter("testcase")
        if (case.find("failure") is not None or case.find("error") is not None)
        and any(words in text for text in case.itertext() for words in NO_NETWORK)
    ]
