"""GitHub's files and workflow commands: step summary, outputs, environment, annotations, inert log text.

The runner's limits: a summary over 1,048,576 bytes is dropped whole, 10 annotations of a type a step count, 4,096
characters each. The runner reads `##[command]` anywhere in a line, and `::command::` after leading white space; CR ends
a line for it too. A comment takes 65,536 characters, by the words of the error for one that is longer; others measured
262,144 bytes. Counted in code points, of four bytes at most each, a comment within the first is within the second.
"""

from __future__ import annotations

import io
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TextIO, cast

from nanna_ci.foundation.errors import NannaError
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import JsonObject, as_object, load_json
from nanna_ci.foundation.visible_text import visible
from nanna_ci.report.blocks import Block, Code, Document, Heading, Notice, Table, Tone
from nanna_ci.report.markdown import escape, render_block, render_markdown

SUMMARY_LIMIT_BYTES: Final = 1_048_576
COMMENT_LIMIT_CHARACTERS: Final = 65_536
TOKEN_VARIABLE: Final = "GITHUB_TOKEN"  # noqa: S105 - a variable's name
API_VARIABLE: Final = "GITHUB_API_URL"
ANNOTATIONS_OF_A_TYPE: Final = 10
ANNOTATION_LIMIT: Final = 4096
_LONGEST_CHARACTER_BYTES: Final = 4
_EVENT_LIMIT_BYTES: Final = 32 * MEBIBYTE
_QUEUE: Final = "gh-readonly-queue/"
_COMMAND_AT_START: Final = re.compile(r"^([\s\ufeff\u180e\u200b]*):(?=:)", re.MULTILINE)
_OUTPUT_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_LEVELS: Final = {Tone.BAD: "error", Tone.WARN: "warning"}
_CUT: Final = "This summary was cut to fit GitHub's limit; failures come first. The whole report is in the run's files."


@dataclass(frozen=True, slots=True)
class GithubFiles:
    """Where the runner wants the step summary, the outputs, the environment of later steps; None: it named no file."""

    summary: Path | None
    outputs: Path | None
    variables: Path | None = None


def environment(environ: Mapping[str, str]) -> GithubFiles | None:
    """The runner's files, or None outside of GitHub Actions."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return None

    def file(name: str) -> Path | None:
        return Path(environ[name]) if environ.get(name) else None

    return GithubFiles(file("GITHUB_STEP_SUMMARY"), file("GITHUB_OUTPUT"), file("GITHUB_ENV"))


@dataclass(frozen=True, slots=True)
class GithubRun:
    """What the runner says about the run; None if it does not. `identity` is what a keyless signature names.

    `url` is the attempt's own page.
    """

    event: str | None
    owner: str | None
    revision: str | None
    identity: str | None
    url: str | None = None


def run_of(environ: Mapping[str, str]) -> GithubRun | None:
    """The run on GitHub Actions that this process is part of, or None outside of one."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return None
    server, workflow = environ.get("GITHUB_SERVER_URL"), environ.get("GITHUB_WORKFLOW_REF")
    repository, run = environ.get("GITHUB_REPOSITORY"), environ.get("GITHUB_RUN_ID")
    attempt = environ.get("GITHUB_RUN_ATTEMPT") or "1"
    return GithubRun(
        event=environ.get("GITHUB_EVENT_NAME") or None,
        owner=environ.get("GITHUB_REPOSITORY_OWNER") or None,
        revision=environ.get("GITHUB_SHA") or None,
        identity=f"{server}/{workflow}" if server and workflow else None,
        url=f"{server}/{repository}/actions/runs/{run}/attempts/{attempt}" if server and repository and run else None,
    )


@dataclass(frozen=True, slots=True)
class GithubChange:
    """The change that a run on GitHub is about; None for what the runner does not say.

    `commit` and `branch` are a pull request's own, not those of GitHub's trial merge; a fork's branch is
    `OWNER:BRANCH`. `base_branch` is the branch that it would go to. `run` names the attempt: `github-RUN-ATTEMPT`.
    """

    run: str
    event: str
    repository: str | None = None
    commit: str | None = None
    branch: str | None = None
    base_branch: str | None = None
    pull_request: int | None = None
    is_fork: bool = False
    job: str | None = None


def change_of(environ: Mapping[str, str]) -> GithubChange | None:
    """What the run is about, or None outside of GitHub Actions. Raises MalformedData for an event that is no JSON."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return None
    branch = environ.get("GITHUB_REF", "").partition("refs/heads/")[2]
    if branch.startswith(_QUEUE):  # gh-readonly-queue/BRANCH/pr-NUMBER-COMMIT
        branch = branch.removeprefix(_QUEUE).rpartition("/")[0]
    change = GithubChange(
        run=f"github-{environ.get('GITHUB_RUN_ID') or '0'}-{environ.get('GITHUB_RUN_ATTEMPT') or '1'}",
        event=environ.get("GITHUB_EVENT_NAME") or "unknown",
        repository=environ.get("GITHUB_REPOSITORY") or None,
        commit=environ.get("GITHUB_SHA") or None,
        branch=branch or None,
        base_branch=environ.get("GITHUB_BASE_REF") or None,
        job=environ.get("GITHUB_JOB") or None,
    )
    pull = _member(_event(environ), "pull_request")
    if not pull:
        return change
    head, number = _member(pull, "head"), pull.get("number")
    fork = _member(head, "repo").get("full_name") != change.repository
    names = [head.get("label") if fork else head.get("ref"), head.get("sha"), _member(pull, "base").get("ref")]
    ours, commit, base = (name if isinstance(name, str) else None for name in names)
    return replace(
        change,
        commit=commit or change.commit,
        branch=ours,
        base_branch=base,
        pull_request=number if isinstance(number, int) else None,
        is_fork=fork,
    )


def _event(environ: Mapping[str, str]) -> JsonObject:
    """What started the run, as GitHub tells it; nothing where the runner names no file."""
    path = environ.get("GITHUB_EVENT_PATH")
    if not path:
        return {}
    try:
        return as_object(load_json(read_file(Path(path), _EVENT_LIMIT_BYTES), path), path, "the event")
    except OSError as error:
        raise NannaError(f"{path}: cannot be read: {error.strerror}") from error


def _member(value: JsonObject, key: str) -> JsonObject:
    member = value.get(key)
    return member if isinstance(member, Mapping) else {}


def tag_of(environ: Mapping[str, str]) -> str | None:
    """The tag that the run on GitHub Actions is about; None for another run, and outside of one."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return None
    return environ.get("GITHUB_REF", "").partition("refs/tags/")[2] or None


def api_of(environ: Mapping[str, str]) -> tuple[str, str | None]:
    """Where GitHub's REST API is, without a slash at the end, and the token for it; None if there is none."""
    url = environ.get(API_VARIABLE) or "https://api.github.com"
    return url.rstrip("/"), environ.get(TOKEN_VARIABLE) or None


def server_of(environ: Mapping[str, str]) -> str:
    """The URL of the server that has the repositories, without a slash at the end."""
    return (environ.get("GITHUB_SERVER_URL") or "https://github.com").rstrip("/")


def publish(github: GithubFiles, document: Document, outputs: Mapping[str, str], log: TextIO) -> None:
    """Write summary, outputs and annotations. What cannot be written is a warning in the log: gates still decide."""
    log.writelines(f"{line}\n" for line in render_annotations(document))
    for what, problem in (
        ("step summary", _append_summary(github.summary, document)),
        ("outputs", _append(github.outputs, render_outputs(outputs).encode()) if outputs else None),
    ):
        if problem:
            log.write(f"nanna-ci: warning: {what} not written: {neutralise(problem)}\n")
    log.flush()


def set_variables(github: GithubFiles, variables: Mapping[str, str]) -> None:
    """Give environment variables to the later steps of the job.

    Raises:
        NannaError: they cannot be written, so that later steps will not have them.
    """
    problem = _append(github.variables, render_outputs(variables).encode("utf-8", "surrogateescape"))
    if problem:
        raise NannaError(f"{', '.join(variables)} not given to later steps: {problem}")


def _append_summary(path: Path | None, document: Document) -> str | None:
    try:
        present = path.stat().st_size if path is not None else 0
    except OSError as error:
        return f"{path}: {error.strerror}"
    gap = b"\n" if present else b""
    return _append(path, gap + render_summary(document, SUMMARY_LIMIT_BYTES - present - len(gap)))


def _append(path: Path | None, data: bytes) -> str | None:
    """Append; the problem if that fails. The runner makes the files: one that is missing is not made here."""
    if path is None:
        return "the runner did not name a file"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND), "wb") as file:
            file.write(data)
    except OSError as error:
        return f"{path}: {error.strerror}"
    return None


def render_outputs(outputs: Mapping[str, str]) -> str:
    """Outputs or variables as the runner's files want them, each with a fresh random delimiter, in no value."""
    parts = []
    for name, value in outputs.items():
        if not _OUTPUT_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name for an output or a variable")
        delimiter = f"nanna_{secrets.token_hex(16)}"
        parts.append(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")
    return "".join(parts)


def render_annotations(document: Document) -> Iterator[str]:
    """A workflow command for each notice that is bad or a warning, ten of each type, the tenth counting the rest."""
    for tone, level in _LEVELS.items():
        notices = [block for block in document.blocks if isinstance(block, Notice) and block.tone is tone]
        if len(notices) > ANNOTATIONS_OF_A_TYPE:
            more = len(notices) - ANNOTATIONS_OF_A_TYPE + 1
            notices[ANNOTATIONS_OF_A_TYPE - 1 :] = [Notice(tone, f"and {more} more, see the step summary")]
        for notice in notices:
            shown = visible(notice.text)[:ANNOTATION_LIMIT]
            title = f"title={_property(visible(document.title))}"
            if notice.place is not None:
                title = f"file={_property(visible(notice.place[0]))},line={notice.place[1]},{title}"
            yield f"::{level} {title}::{_data(shown)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def neutralise(text: str) -> str:
    """Log text in which no workflow command is left; a blank shows where one was broken."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _COMMAND_AT_START.sub(r"\1: ", lines).replace("##[", "# #[")


def render_summary(document: Document, limit_bytes: int) -> bytes:
    """The document as Markdown of at most `limit_bytes` (UTF-8). Too long: failures first, a notice, and what fits."""
    return _fit(document, limit_bytes, lambda text: len(text.encode())).encode()


def render_comment(document: Document, head: str) -> str:
    """The document as a comment that begins with the Markdown `head`, cut as a summary is to what GitHub takes."""
    before = f"{head}\n\n"
    return before + _fit(document, COMMENT_LIMIT_CHARACTERS - len(before), len)


def inert_markdown(document: Document) -> str:
    """The document as Markdown that is UTF-8 and commands no runner, should a step of a workflow print it."""
    return _inert(render_markdown(document))


def _fit(document: Document, limit: int, size: Callable[[str], int]) -> str:
    whole = inert_markdown(document)
    if size(whole) <= limit:
        return whole
    parts = [_inert(f"# {escape(document.title)}\n\n> ⚠ {_CUT}\n")]
    remaining = limit - size(parts[0])
    for block in _failures_first(document.blocks):
        for part in (block, *_smaller(block)):
            text = "\n" + _inert(render_block(part))
            if (needed := size(text)) <= remaining:
                parts.append(text)
                remaining -= needed
                break
    text = "".join(parts)
    while (excess := size(text) - max(0, limit)) > 0:
        text = text[: -max(1, excess // _LONGEST_CHARACTER_BYTES)]
    return text


def _inert(text: str) -> str:
    return neutralise(text.encode("utf-8", "backslashreplace").decode())


def _failures_first(blocks: Iterable[Block]) -> list[Block]:
    """Blocks with a failure first, and their failed rows first; headings lose their sections and are dropped."""
    kept = [_rows_first(block) if isinstance(block, Table) else block for block in blocks]
    return sorted((block for block in kept if not isinstance(block, Heading)), key=lambda block: not _is_bad(block))


def _rows_first(table: Table) -> Table:
    return replace(
        table, rows=tuple(sorted(table.rows, key=lambda row: all(cell.tone is not Tone.BAD for cell in row)))
    )


def _is_bad(block: Block) -> bool:
    if isinstance(block, Table):
        return any(cell.tone is Tone.BAD for row in block.rows for cell in row)
    return isinstance(block, Notice) and block.tone is Tone.BAD


def _smaller(block: Block) -> Iterator[Block]:
    """The block cut by half, again and again: the first rows of a table, the last lines of a log."""
    while isinstance(block, Table) and len(block.rows) > 1:
        block = replace(block, rows=block.rows[: len(block.rows) // 2])
        yield block
    while isinstance(block, Code) and len(block.text) > 1:
        block = replace(block, text=block.text[-(len(block.text) // 2) :])
        yield block


class _InertStream(io.TextIOBase):
    """A text stream whose lines pass through `neutralise`; a line waits until it ends or the stream is flushed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._open = ""

    def write(self, text: str) -> int:
        *lines, self._open = (self._open + text).split("\n")
        self._stream.writelines(f"{neutralise(line)}\n" for line in lines)
        return len(text)

    def flush(self) -> None:
        if self._open:
            self._stream.write(neutralise(self._open))
            self._open = ""
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def inert_stream(stream: TextIO) -> TextIO:
    """The stream, so that nothing written to it is a workflow command."""
    return cast(TextIO, _InertStream(stream))
