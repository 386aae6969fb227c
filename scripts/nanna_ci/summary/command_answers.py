"""What other commands measured in a run: their JSON among its artifacts, by command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import JsonObject, as_object, load_json
from nanna_ci.summary.found_results import ARTIFACT_PREFIX

ANSWER_LIMIT_BYTES = 64 * MEBIBYTE
FILES_READ = 100
_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class CommandAnswers:
    """JSON objects by command, in the order of their files; `problems` name the files that are not read, and why."""

    by_command: Mapping[str, Sequence[JsonObject]]
    problems: tuple[str, ...] = ()

    def of(self, command: str) -> Sequence[JsonObject]:
        """The answers of one command; none if it left none."""
        return self.by_command.get(command, ())


def read_answers(folder: Path) -> CommandAnswers:
    """The files NAME.json in `folder` and in its artifacts, but for those of jobs. JSON of others is left alone."""
    found: dict[str, list[JsonObject]] = {}
    problems = []
    files = list(_files(folder))
    if len(files) > FILES_READ:
        problems.append(f"{len(files)} files of JSON, of which the first {FILES_READ} were read")
    for path in files[:FILES_READ]:
        source = str(path.relative_to(folder))
        try:
            answer = as_object(load_json(read_file(path, ANSWER_LIMIT_BYTES, follow_links=False), source), source, "it")
        except MalformedData as error:
            problems.append(error.message)
            continue
        except OSError as error:
            problems.append(f"{source}: {error.strerror}")
            continue
        command = answer.get("command")
        if isinstance(command, str) and answer.get("schemaVersion") == _SCHEMA_VERSION:
            found.setdefault(command, []).append(answer)
    return CommandAnswers(found, tuple(problems))


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    yield from sorted(folder.glob("*.json"))
    for child in sorted(folder.iterdir()):
        if child.is_dir() and not child.is_symlink() and not child.name.startswith((ARTIFACT_PREFIX, "jobs")):
            yield from sorted(child.glob("*.json"))
