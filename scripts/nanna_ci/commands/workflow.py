"""`workflow`: GitHub's workflows against the plan, the pins and the hardening rules; and those of a new adopter."""

from __future__ import annotations

import argparse
import datetime
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nanna_ci.cli.command_line import find_usage
from nanna_ci.cli.parser import build_parser
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import ConfigError, UsageError
from nanna_ci.foundation.guarded_read import read_file
from nanna_ci.pipeline.definition import find_pipeline, load_pipeline
from nanna_ci.report.files import write_together
from nanna_ci.report.outcome import Outcome
from nanna_ci.workflow.adopter_repository import AdopterRepository
from nanna_ci.workflow.caller_files import caller_files
from nanna_ci.workflow.init_report import InitReport, make_init_report
from nanna_ci.workflow.pipeline_pin import LOCK, find_pin
from nanna_ci.workflow.repository_files import LIMIT_BYTES, read_lock, read_repository
from nanna_ci.workflow.workflow_check import check_workflows
from nanna_ci.workflow.workflow_fixes import difference
from nanna_ci.workflow.workflow_report import make_report

PIPELINE_INPUT: Final = "pipeline"
"""How the template and the documents name the flake's input."""


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
    git = AdopterRepository(ports.cwd, ports.run, ports.environ)
    top = git.top()
    lock = read_lock(top)
    if lock is None:
        problem = f"is not in {top}: it says which commit of the pipeline is run"
        raise ConfigError(LOCK, problem, hint="make it: nix flake lock")
    pin = find_pin(lock, arguments.input or PIPELINE_INPUT)
    branch = git.default_branch()
    wanted = caller_files(pin, branch)
    present = {path: _present(top, path) for path in wanted}
    changes = {path: diff for path, text in wanted.items() if (diff := difference(present[path] or "", text, path))}
    refused = [] if arguments.force else [path for path in changes if present[path] is not None]
    if not refused and not context.dry_run:
        write_together({top / path: wanted[path].encode() for path in changes})
    return make_init_report(InitReport(pin, branch, tuple(wanted), changes, tuple(refused), is_dry_run=context.dry_run))


def _present(top: Path, path: str) -> str | None:
    """A file's text; None if there is nothing. A link would take the write somewhere else: it is refused."""
    place = top
    for part in Path(path).parts:
        place /= part
        if place.is_symlink():
            raise UsageError(f"{place.relative_to(top)} is a link", hint="put a folder or a file of its own there")
    try:
        return read_file(place, LIMIT_BYTES).decode(errors="replace")
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
    files = read_repository(ports.cwd, arguments.file)
    mended = files.mended() if arguments.fix else files
    before, after = files.texts(), mended.texts()
    changes = {path: diff for path, text in after.items() if (diff := difference(before[path], text, path))}
    if not context.dry_run:
        # the files' own texts: a redacted workflow would be another one
        write_together({ports.cwd / path: after[path].encode() for path in changes})
        files = mended
    findings = check_workflows(
        files,
        pipeline,
        read_words=_read_words,
        today=datetime.datetime.fromtimestamp(ports.now(), datetime.UTC).date(),
    )
    judged = [path for path in files.workflow_texts if files.judged is None or path in files.judged]
    return make_report(judged, findings, changes, is_dry_run=context.dry_run)


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
