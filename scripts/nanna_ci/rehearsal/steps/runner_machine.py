"""This machine as a runner of GitHub's: folders, programs, the variables that every step has.

A step sees nothing of the caller's environment but what a machine cannot do without: programs, language, proxies,
certificates, and where cargo, pip and their like have their registries.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.redact import Redactor, known_secrets
from nanna_ci.rehearsal.expressions.expression_value import Value

STANDARD_FOLDERS: Final = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_PASSED: Final = re.compile(
    r"LANG|LC_[A-Z]+|TZ|TERM|(?i:(https?|ftp|all|no)_proxy)"
    r"|(SSL|CURL|GIT_SSL|REQUESTS|PIP|NIX_SSL|NODE_EXTRA)_[A-Z_]*CERT[A-Z]*|[A-Z]+_CA_(BUNDLE|INFO)|GIT_SSL_CAINFO"
    r"|CARGO_(HTTP|NET|SOURCE|REGISTRIES|REGISTRY)_[A-Z_]+|PIP_(INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|CONFIG_FILE)"
    r"|UV_(DEFAULT_INDEX|INDEX_URL|INDEX)|RUSTUP_(HOME|DIST_SERVER|UPDATE_ROOT|AUTO_INSTALL)|NPM_CONFIG_REGISTRY"
)
_NIX_PROGRAM: Final = re.compile(r"nix(-.+)?")
_CARGO_CONFIG_LIMIT_BYTES: Final = MEBIBYTE
# those of the github context that a step finds as variables
_FROM_CONTEXT: Final = frozenset(
    {
        *("action", "action_path", "action_ref", "action_repository", "actor", "actor_id", "api_url", "base_ref"),
        *("env", "event_name", "event_path", "graphql_url", "head_ref", "job", "output", "path", "ref_name"),
        *("ref_protected", "ref_type", "ref", "repository", "repository_id", "repository_owner"),
        *("repository_owner_id", "retention_days", "run_attempt", "run_id", "run_number", "server_url", "sha", "state"),
        *("step_summary", "triggering_actor", "workflow", "workflow_ref", "workflow_sha", "workspace"),
    }
)
FILE_COMMANDS: Final = {
    "env": "set_env_",
    "output": "set_output_",
    "path": "add_path_",
    "state": "save_state_",
    "step_summary": "step_summary_",
}


@dataclass(frozen=True, slots=True)
class RunnerMachine:
    """The folders of one job on this machine; `environment` is what its steps have of the machine, PATH included."""

    workspace: Path
    temp: Path
    home: Path
    environment: Mapping[str, str]

    @property
    def context(self) -> dict[str, Value]:
        """The runner context."""
        architectures = {"x86_64": "X64", "amd64": "X64", "aarch64": "ARM64", "arm64": "ARM64"}
        return {
            "os": "Linux",
            "arch": architectures.get(platform.machine().lower(), platform.machine().upper()),
            "name": "rehearsal",
            "environment": "github-hosted",
            "tool_cache": str(self.temp.parent / "tool-cache"),
            "temp": str(self.temp),
            "workspace": str(self.workspace.parent),
        }


def prepare_machine(folder: Path, environ: Mapping[str, str]) -> RunnerMachine:
    """Make the folders of a job: `folder`, and `../../programs` for all jobs. `environ` is the caller's environment."""
    workspace, temp, home = folder / "workspace", folder / "temp", folder / "home"
    for made in (temp, home):
        made.mkdir(parents=True, exist_ok=True, mode=0o700)
    for made in (workspace, folder / "tool-cache", home / "tmp"):
        made.mkdir(parents=True, exist_ok=True)
    passed = {
        name: value for name, value in environ.items() if _PASSED.fullmatch(name) and not _holds_secret(name, value)
    }
    _share_cargo(environ, home)
    rustup = Path(environ.get("HOME", "/nonexistent"), ".rustup")
    if "RUSTUP_HOME" not in passed and rustup.is_dir():
        passed["RUSTUP_HOME"] = str(rustup)
    return RunnerMachine(
        workspace,
        temp,
        home,
        {
            **passed,
            "PATH": os.pathsep.join(_programs(environ.get("PATH", ""), folder.parent.parent / "programs")),
            "HOME": str(home),
            "TMPDIR": str(home / "tmp"),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "ImageOS": "ubuntu24",
            **_without_logins(home),
        },
    )


def _without_logins(home: Path) -> dict[str, str]:
    """Variables that keep programs from logins of the caller which they look for elsewhere than in HOME.

    ssh asks the password database where home is, podman and skopeo look in /run, git reads the machine's settings.
    """
    logins = home / ".config" / "containers" / "auth.json"
    logins.parent.mkdir(parents=True, exist_ok=True)
    logins.write_text('{"auths": {}}\n', encoding="utf-8")
    return {
        "REGISTRY_AUTH_FILE": str(logins),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_SSH_COMMAND": "ssh -F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityFile=/dev/null",
    }


def _holds_secret(name: str, value: str) -> bool:
    return bool(known_secrets({name: value})) and "proxy" not in name.lower()


def _share_cargo(environ: Mapping[str, str], home: Path) -> None:
    """Give the new home the caller's configuration of cargo, which names the registries, unless it holds a secret."""
    base = environ.get("CARGO_HOME") or os.path.join(environ.get("HOME", "/nonexistent"), ".cargo")  # noqa: PTH118
    try:
        data = read_file(Path(base, "config.toml"), _CARGO_CONFIG_LIMIT_BYTES)
    except OSError:
        return
    if not Redactor().finds(data) and b"token" not in data:
        (home / ".cargo").mkdir(exist_ok=True)
        (home / ".cargo" / "config.toml").write_bytes(data)


def _programs(path: str, links: Path) -> Iterator[str]:
    """The folders of PATH without Nix, which a fresh runner does not have, and the standard ones behind them.

    A folder that has it among others is replaced by one with links to the others.
    """
    seen: set[str] = set()
    for number, folder in enumerate((*path.split(os.pathsep), *STANDARD_FOLDERS)):
        if not os.path.isabs(folder) or folder in seen:  # noqa: PTH117
            continue
        seen.add(folder)
        if shutil.which("nix", path=folder) is None:
            yield folder
            continue
        place = links / str(number)
        if not place.is_dir():
            _link_others(Path(folder), place)
        yield str(place)


def _link_others(folder: Path, place: Path) -> None:
    """Links to all but Nix: whole or not there, because jobs beside each other share them."""
    made = place.parent / f".{place.name}-{threading.get_ident()}"
    made.mkdir(parents=True)
    for entry in folder.iterdir():
        if not _NIX_PROGRAM.fullmatch(entry.name):
            (made / entry.name).symlink_to(entry)
    try:
        made.rename(place)
    except OSError:  # another job was first
        shutil.rmtree(made)


def context_variables(github: Mapping[str, Value], runner: Mapping[str, Value]) -> dict[str, str]:
    """The contexts' values that a step finds in its environment."""
    found = {}
    for prefix, context in (("GITHUB", github), ("RUNNER", runner)):
        for name, value in context.items():
            if prefix == "GITHUB" and name not in _FROM_CONTEXT:
                continue
            if isinstance(value, bool):
                found[f"{prefix}_{name.upper()}"] = str(value)  # as .NET writes it: True, False
            elif isinstance(value, str):
                found[f"{prefix}_{name.upper()}"] = value
    return found


def write_event(machine: RunnerMachine, github: Mapping[str, Value]) -> Path:
    """The event's payload in the file that GITHUB_EVENT_PATH names."""
    path = machine.temp / "_github_workflow" / "event.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(github.get("event") or {}, indent=2, default=str), encoding="utf-8")
    return path


def make_command_files(machine: RunnerMachine, step: int) -> dict[str, Path]:
    """Empty files for what a step leaves behind, by their names in the github context."""
    folder = machine.temp / "_runner_file_commands"
    folder.mkdir(parents=True, exist_ok=True)  # a step may have removed it
    files = {name: folder / f"{prefix}{step}" for name, prefix in FILE_COMMANDS.items()}
    for path in files.values():
        path.write_bytes(b"")
    return files
