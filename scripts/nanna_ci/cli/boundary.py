"""Around a command: the outside world it gets, where its result goes, and how errors are reported."""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import signal
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TextIO, assert_never

from nanna_ci.cli.streams import progress_stream, write_stdout
from nanna_ci.foundation import process
from nanna_ci.foundation.context import Context, Ports
from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, GateFailed, Interrupted, NannaError, hide_logins
from nanna_ci.foundation.process import Completed
from nanna_ci.foundation.redact import Redactor, forget, known_secrets, learn
from nanna_ci.foundation.secret_files import passwords_of_addresses, secrets_of_files
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.foundation.visible_text import UNSEEN, visible, visible_lines
from nanna_ci.report import files, github
from nanna_ci.report.blocks import Block, Code, Document, Notice, Paragraph, Tone
from nanna_ci.report.html import render_html
from nanna_ci.report.markdown import render_markdown
from nanna_ci.report.outcome import Outcome, json_body
from nanna_ci.report.text import render_text

READER_GONE: Final = 141  # 128 + SIGPIPE: what a program that does not catch it ends with
_TAIL_LINES: Final = 20
_HIDING: Final = re.compile(UNSEEN.pattern.replace("\x00-\x1f", ""))  # of JSON's own layout: its strings have none


def run_command(
    name: str,
    execute: Callable[[argparse.Namespace, Context], Outcome],
    words: Sequence[str],
    arguments: argparse.Namespace,
    ports: Ports | None,
) -> int:
    """Execute a command, put its result where the flags say, give its exit code. Errors are for `report_error`.

    `words` are what `arguments` were parsed from.
    """
    if ports is None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, process.handle_signal)
    real = ports or Ports()
    forget()
    secrets = _learn_secrets(real, words)
    redactor = Redactor()
    runner = github.environment(real.environ)
    real = replace(real, stderr=progress_stream(real.stderr, redactor), run=_redacting(real.run, secrets))
    inner = _inert(real) if runner is not None else real
    outcome = execute(
        arguments,
        Context(
            ports=inner,
            config=None if arguments.config is None else Path(arguments.config),
            verbosity=-1 if arguments.quiet else arguments.verbose,
            color=_colored(arguments.color, real.stderr, real.environ),
            dry_run=getattr(arguments, "dry_run", False),
        ),
    ).redacted(redactor)
    if runner is not None:
        github.publish(runner, outcome.document, outcome.outputs, real.stderr)
    _write_result(_render(name, outcome, arguments, inner), _output(arguments, real), inner.stdout)
    return _exit_code(outcome.verdict) if outcome.exit_code is None else outcome.exit_code


def _learn_secrets(ports: Ports, words: Sequence[str]) -> tuple[str, ...]:
    """Learn the secrets that a command can come across, and give those of the environment."""
    known = known_secrets(ports.environ)
    learn((*known, *passwords_of_addresses(words), *secrets_of_files(ports.environ, ports.cwd)))
    return known


def _redacting(run: Callable[..., Completed], secrets: Sequence[str]) -> Callable[..., Completed]:
    """A process runner that takes the secrets of the environment out of what any program says."""
    if not secrets:
        return run

    def redacting(argv: Sequence[str], **options: Any) -> Completed:
        if not options.get("passthrough"):
            options["secrets"] = tuple(dict.fromkeys((*secrets, *options.get("secrets", ()))))
        return run(argv, **options)

    return redacting


def _inert(ports: Ports) -> Ports:
    """On a runner, nothing that is printed may be a workflow command: logs contain other people's text."""
    return replace(ports, stdout=github.inert_stream(ports.stdout), stderr=github.inert_stream(ports.stderr))


def _exit_code(verdict: Verdict) -> int:
    match verdict:
        case Verdict.PASS:
            return 0
        case Verdict.FAIL:
            return 1
        case Verdict.UNAVAILABLE | Verdict.ERROR:
            return 3
        case _:
            assert_never(verdict)


def _colored(choice: str, stream: TextIO, environ: Mapping[str, str]) -> bool:
    """The flag, then NO_COLOR, then FORCE_COLOR (both count when not empty), then whether it is a terminal."""
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and environ.get("TERM") != "dumb"


def _width(stream: TextIO, environ: Mapping[str, str]) -> int | None:
    """Columns of the terminal, which COLUMNS may set; None for a pipe or a file, where lines are not wrapped."""
    if not stream.isatty():
        return None
    try:
        columns = int(environ.get("COLUMNS") or 0)
        return columns if columns > 0 else os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):  # COLUMNS is not a number, or the terminal does not say
        return None


def _render(name: str, outcome: Outcome, arguments: argparse.Namespace, ports: Ports) -> str:
    match arguments.format:
        case "json":
            return _json(name, outcome.verdict, outcome.data)
        case "markdown":
            return render_markdown(outcome.document)
        case "html":
            return render_html(outcome.document)
        case "github":
            return github.render_outputs(outcome.outputs)
        case _ if outcome.text is not None:
            return outcome.text
        case _:
            to_file = arguments.output is not None
            color = arguments.color == "always" or (
                not to_file and _colored(arguments.color, ports.stdout, ports.environ)
            )
            width = None if to_file else _width(ports.stdout, ports.environ)
            return render_text(outcome.document, color=color, width=width)


def _json(name: str, verdict: Verdict, data: Mapping[str, Any]) -> str:
    body = json_body(name, verdict, data)
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
    members = ",\n".join(f"  {encode(key)}: {_json_member(value, encode)}" for key, value in body.items())
    text = f"{{\n{members}\n}}"
    text = _HIDING.sub(lambda match: f"\\u{ord(match.group()):04x}", text)  # nor to a terminal
    return text.replace("##[", r"#\u0023[") + "\n"  # the same data, no longer a workflow command


def _json_member(value: object, encode: Callable[[object], str]) -> str:
    """A value of the body, each of its own on a line: to read, and three times as fast as with all levels indented."""
    match value:
        case dict() if value:
            lines = ",\n".join(f"    {encode(key)}: {encode(inner)}" for key, inner in value.items())
            return f"{{\n{lines}\n  }}"
        case list() if value:
            lines = ",\n".join(f"    {encode(inner)}" for inner in value)
            return f"[\n{lines}\n  ]"
        case _:
            return encode(value)


def _output(arguments: argparse.Namespace | None, ports: Ports) -> Path | None:
    return None if arguments is None or arguments.output is None else ports.cwd / arguments.output


def _write_result(text: str, output: Path | None, stdout: TextIO) -> None:
    """To the file, whole or not at all, or to stdout. A closed reader of stdout is not an error."""
    if output is not None:
        files.write_atomic(output, text.encode("utf-8", "backslashreplace"))
        return
    write_stdout(text, stdout)


def report_error(
    error: Exception, words: Sequence[str], arguments: argparse.Namespace | None, ports: Ports | None
) -> int:
    """Say what went wrong, on stderr and in the result, without secrets, and give the exit code.

    `arguments` is None if `words` could not be parsed: then the words say whether the result is to be JSON.
    """
    real = ports or Ports()
    if isinstance(error, BrokenPipeError) and _reader_gone(real):
        return READER_GONE
    runner = github.environment(real.environ)
    _learn_secrets(real, words)
    redactor = Redactor()
    real = replace(real, stderr=progress_stream(real.stderr, redactor))
    if runner is not None:
        real, raw = _inert(real), real.stderr
    message, hint, detail = (redactor.redact_text(hide_logins(text)) for text in _explain(error))
    message, hint, detail = visible(message), visible(hint), visible_lines(detail)
    try:
        _say_error(real, message, hint, detail, quiet=arguments is not None and arguments.quiet)
        name = words[0] if words else ""
        if runner is not None:
            blocks: list[Block] = [Notice(Tone.BAD, message)]
            blocks += [Paragraph(hint)] if hint else []
            blocks += [Code(detail)] if detail else []
            github.publish(runner, Document(f"nanna-ci {name}", tuple(blocks)), {}, raw)
        if _asks_for_json(words) if arguments is None else arguments.format == "json":
            verdict = _error_verdict(error)
            body = {"error": {"message": message, "hint": hint or None}}
            _write_result(_json(name, verdict, body), _output(arguments, real), real.stdout)
    except (BrokenPipeError, NannaError):
        pass  # nobody listens any more: the exit code still says it
    return _error_code(error)


def _explain(error: Exception) -> tuple[str, str, str]:
    """Message, hint and detail; empty if there is none."""
    if not isinstance(error, NannaError):
        return (
            f"unexpected {type(error).__name__}: {error}",
            "this is a bug",
            "".join(traceback.format_exception(error)),
        )
    detail = ""
    if isinstance(error, CommandFailed | CommandTimedOut):
        lines = error.stderr_tail.splitlines()[-_TAIL_LINES:]
        detail = "\n".join(lines) if len(lines) > 1 else ""
    return error.message, error.hint or "", detail


def _say_error(ports: Ports, message: str, hint: str, detail: str, *, quiet: bool) -> None:
    lines = [] if quiet else [f"  | {line}" for line in detail.splitlines()]
    lines.append(f"nanna-ci: error: {message}")
    if hint:
        lines.append(f"hint: {hint}")
    ports.stderr.write("\n".join(lines) + "\n")
    ports.stderr.flush()


def _error_verdict(error: Exception) -> Verdict:
    """A failure; or no answer, for an expected reason or a bug of ours."""
    if isinstance(error, GateFailed):
        return Verdict.FAIL
    return Verdict.UNAVAILABLE if isinstance(error, NannaError) else Verdict.ERROR


def _error_code(error: Exception) -> int:
    if isinstance(error, Interrupted):
        return 128 + error.signal_number
    return error.exit_code if isinstance(error, NannaError) else NannaError.exit_code


def _asks_for_json(words: Sequence[str]) -> bool:
    return "--format=json" in words or ("--format", "json") in pairwise(words)


def _reader_gone(ports: Ports) -> bool:
    """Whether the pipe that broke is our own stdout or stderr, and not one to some service."""
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    for stream in (ports.stdout, ports.stderr):
        try:
            poll.register(stream.fileno(), 0)
        except (OSError, ValueError):  # not a real stream
            return True
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
