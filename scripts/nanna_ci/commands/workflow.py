"""`workflow`: GitHub's workflows against the plan, the pins and the hardening rules; and those of a new adopter."""

from __future__ import annotations

import argparse
import datetime
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from nanna_ci.cli.command_line import find_usage
from nanna_ci.cli.parser import build_parser
from nanna_ci.foundation.context import Context, Ports
from nanna_ci.foundation.errors import ConfigError, MalformedData, UsageError
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.pipeline.definition import find_pipeline, load_pipeline
from nanna_ci.report.files import write_atomic, write_together
from nanna_ci.report.outcome import Outcome
from nanna_ci.store.flake_lock import FlakeLock, parse_flake_lock
from nanna_ci.workflow.caller_files import POLICY, caller_files
from nanna_ci.workflow.git_work_tree import GitWorkTree
from nanna_ci.workflow.init_report import InitReport, make_init_report
from nanna_ci.workflow.pin_table import WorkflowPolicy, parse_policy
from nanna_ci.workflow.pipeline_pin import LOCK, find_pin
from nanna_ci.workflow.workflow_check import check_workflows
from nanna_ci.workflow.workflow_file import WorkflowFile, read_workflow
from nanna_ci.workflow.workflow_fixes import difference, mend
from nanna_ci.workflow.workflow_report import make_report

FOLDER: Final = ".github/workflows"
PIPELINE_INPUT: Final = "pipeline"
"""How the template and the documents name the flake's input."""
_LIMIT_BYTES: Final = 4 * MEBIBYTE


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Check the workflows, or write those of an adopter."""
    of_others = {"check": ("force", "input"), "init": ("fix", "file")}[arguments.action]
    for flag in of_others:
        if getattr(arguments, flag):
            other = "init" if arguments.action == "check" else "check"
            raise UsageError(f"--{flag} is for workflow {other}", hint=f"nanna-ci workflow {other} --help")
    return _init(arguments, context) if arguments.action == "init" else _check(arguments, context)


def _init(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Write what is not there yet. A file that is another than it should be is the answer, and then nothing changes."""
    ports = context.ports
    git = GitWorkTree(ports.cwd, ports.run, ports.environ)
    top = git.top()
    pin = find_pin(_lock(top), arguments.input or PIPELINE_INPUT)
    branch = git.default_branch()
    wanted = caller_files(pin, branch)
    present = {path: _present(top, path) for path in wanted}
    changes = {path: diff for path, text in wanted.items() if (diff := difference(present[path] or "", text, path))}
    refused = [] if arguments.force else [path for path in changes if present[path] is not None]
    if not refused and not context.dry_run:
        write_together({top / path: wanted[path].encode() for path in changes})
    return make_init_report(InitReport(pin, branch, tuple(wanted), changes, tuple(refused), is_dry_run=context.dry_run))


def _lock(top: Path) -> FlakeLock:
    try:
        return parse_flake_lock(read_file(top / LOCK, _LIMIT_BYTES), LOCK)
    except FileNotFoundError:
        raise ConfigError(
            LOCK, f"is not in {top}: it says which commit of the pipeline is run", hint="make it: nix flake lock"
        ) from None
    except OSError as error:
        raise ConfigError(LOCK, f"cannot be read: {error.strerror}") from error


def _present(top: Path, path: str) -> str | None:
    """A file's text; None if there is nothing. A link would take the write somewhere else: it is refused."""
    place = top
    for part in Path(path).parts:
        place /= part
        if place.is_symlink():
            raise UsageError(f"{place.relative_to(top)} is a link", hint="put a folder or a file of its own there")
    try:
        return read_file(place, _LIMIT_BYTES).decode(errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def _check(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Check all of them, after mending them if that is wanted. Rules that are broken are the answer."""
    ports = context.ports
    if context.dry_run and not arguments.fix:
        raise UsageError("--dry-run is for what --fix would write", hint="add --fix")
    pipeline = load_pipeline(find_pipeline(context.config, ports.environ, ports.cwd))
    policy = _policy(ports.cwd)
    texts = {path: _read(ports.cwd / path, path) for path in _paths(arguments.file, ports.cwd)}
    workflows = [_workflow(text, path) for path, text in texts.items()]
    changes: dict[str, str] = {}
    for number, (path, text) in enumerate(texts.items() if arguments.fix else ()):
        mended = mend(text, workflows[number], policy)
        if diff := difference(text, mended, path):
            changes[path] = diff
            workflows[number] = _workflow(mended, path)
            if not context.dry_run:
                # the file's own text: a redacted workflow would be another one
                write_atomic(ports.cwd / path, mended.encode(), mode=_mode(ports.cwd / path), redacted=False)
    findings = check_workflows(
        workflows if not context.dry_run else [_workflow(text, path) for path, text in texts.items()],
        policy,
        pipeline,
        pages=_pages(ports.cwd),
        read_words=_read_words,
        today=_today(ports),
        is_whole=not arguments.file,
    )
    return make_report([one.path for one in workflows], findings, changes, is_dry_run=context.dry_run)


def _today(ports: Ports) -> datetime.date:
    return datetime.datetime.fromtimestamp(ports.now(), datetime.UTC).date()


def _paths(named: Sequence[str], cwd: Path) -> list[str]:
    """The workflows to check, as findings name them."""
    if named:
        return list(dict.fromkeys(named))
    found = sorted(path for path in (cwd / FOLDER).glob("*") if path.suffix in {".yml", ".yaml"})
    if not found:
        raise UsageError(f"{FOLDER} has no workflow", hint="go to the repository's own folder, or name one with --file")
    return [path.relative_to(cwd).as_posix() for path in found]


def _read(path: Path, name: str) -> str:
    """The text of a workflow, line ends as they are."""
    try:
        return read_file(path, _LIMIT_BYTES).decode()
    except OSError as error:
        raise UsageError(f"{name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MalformedData(name, f"is not UTF-8 at byte {error.start}") from None


def _workflow(text: str, path: str) -> WorkflowFile:
    return read_workflow(text.encode(), path)


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def _policy(cwd: Path) -> WorkflowPolicy:
    """The project's table; an empty one where it has none, so that each action is named with what to write."""
    try:
        return parse_policy(read_file(cwd / POLICY, _LIMIT_BYTES), POLICY)
    except FileNotFoundError:
        return WorkflowPolicy(POLICY)
    except OSError as error:
        raise ConfigError(POLICY, f"cannot be read: {error.strerror}") from error


def _pages(cwd: Path) -> Mapping[str, str]:
    paths = [path for path in (cwd / "README.md", *sorted((cwd / "docs").glob("*.md"))) if path.is_file()]
    return {path.relative_to(cwd).as_posix(): read_file(path, _LIMIT_BYTES).decode(errors="replace") for path in paths}


def _read_words(words: Sequence[str]) -> argparse.Namespace | str:
    """By the command's own parser. What the shell puts for a $VARIABLE is not known: any value is taken."""
    try:
        name, usage = find_usage(words)
        parser = build_parser(name, usage, io.StringIO())
        if any("$" in word for word in words):
            for action in parser._actions:
                action.choices, action.type = None, None
        return parser.parse_args(list(words[1:]))
    except UsageError as error:
        return error.message
    except SystemExit:  # argparse, after --help
        return argparse.Namespace()
