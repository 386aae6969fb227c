"""Our commands in the scripts of a workflow: `nix run .#NAME -- …`, `nanna-ci NAME …`, `python3 -m nanna_ci NAME …`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nanna_ci.workflow.workflow_file import WorkflowJob, WorkflowStep
from nanna_ci.workflow.yaml_nodes import YamlScalar

_OURS: Final = re.compile(r"\bnix\w? run \S*#|(?<![\w./-])nanna-ci(?= )|-m nanna_ci ")
_OPERATORS: Final = frozenset("();<>|&")


@dataclass(frozen=True, slots=True)
class CommandCall:
    """A call: the command's name and its words; None for words that no shell could read."""

    job: WorkflowJob
    step: WorkflowStep
    line: int
    words: tuple[str, ...] | None

    @property
    def name(self) -> str:
        """The command's name, "" if it has none."""
        return self.words[0] if self.words else ""

    def value_of(self, number: int) -> str:
        """A word of the call; for `$NAME`, what the step's `env:` gives that name; "" if there is none."""
        word = self.words[number] if self.words and number < len(self.words) else ""
        found = re.fullmatch(r"\$\{?(\w+)}?", word)
        environment = self.step.body.mapping("env")
        if found is None or environment is None:
            return word
        return environment.text(found[1]) or ""


def find_calls(job: WorkflowJob) -> Iterator[CommandCall]:
    """The calls of a job's steps, in order."""
    for step in job.steps:
        script = step.body.get("run")
        for number, line in _logical_lines(script) if isinstance(script, YamlScalar) else ():
            if _OURS.search(line):
                for words in _words(line):
                    yield CommandCall(job, step, number, words)


def script_words(script: YamlScalar) -> Iterator[tuple[int, list[str]]]:
    """The words of each line of a script, operators apart, with its line in the file.

    A line with half of a quoted text is split at its spaces.
    """
    for number, line in _logical_lines(script):
        try:
            yield number, list(_lexer(line))
        except ValueError:
            yield number, line.split()


def _logical_lines(script: YamlScalar) -> Iterator[tuple[int, str]]:
    """Lines with those that a backslash joins to them, without comments; each with its number in the file."""
    first = script.line + (script.style.value in {"literal", "folded"})
    open_line, begin = "", first
    for number, line in enumerate(script.text.split("\n"), first):
        begin = begin if open_line else number
        if line.endswith("\\"):
            open_line += line[:-1]
        elif not (open_line + line).lstrip().startswith("#"):
            yield begin, open_line + line
            open_line = ""


def _lexer(line: str) -> shlex.shlex:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.commenters, lexer.whitespace_split = "", True
    return lexer


def _words(line: str) -> Iterator[tuple[str, ...] | None]:
    try:
        words = list(_lexer(line))
    except ValueError:
        yield None
        return
    for at, word in enumerate(words):
        before = words[at - 1] if at else ""
        if before == "run" and ".#" in word:
            rest = _arguments(words[at + 1 :])
            yield (word.rpartition("#")[2], *(rest[rest.index("--") + 1 :] if "--" in rest else ()))
        elif word == "nanna-ci" or (word == "nanna_ci" and before == "-m"):
            yield tuple(_arguments(words[at + 1 :]))


def _arguments(words: list[str]) -> list[str]:
    """The words up to the next operator of the shell."""
    end = next((at for at, word in enumerate(words) if word and set(word) <= _OPERATORS), len(words))
    if 0 < end < len(words) and words[end][0] in "<>" and words[end - 1].isdigit():  # the number of a stream: 2>&1
        end -= 1
    return words[:end]
