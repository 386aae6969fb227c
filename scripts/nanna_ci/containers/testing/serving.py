"""What a healthy container is asked: its paths, its commands, its models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nanna_ci.containers.engine.engine import Engine
from nanna_ci.containers.testing.checks import Cause, Check, CheckKind
from nanna_ci.containers.testing.diagnosis import CheckFailed, last_line
from nanna_ci.containers.testing.program_container import COMMAND_S
from nanna_ci.containers.testing.server_answers import (
    COMPLETION_PATH,
    MODELS_PATH,
    OLLAMA_TAGS_PATH,
    OLLAMA_VERSION_PATH,
    completion_request,
    decide_completion,
    decide_models,
    decide_path,
    decide_tags,
    is_ollama,
)
from nanna_ci.containers.testing.server_container import ServerContainer
from nanna_ci.errors import CommandTimedOut
from nanna_ci.report.units import seconds_text

_ANSWER_S: Final = 10.0
_COMPLETION_S: Final = 120.0


def ask(check: Check, container: ServerContainer, engine: Engine) -> str | None:
    """Make one of these checks; a remark on it, or None. Raises CheckFailed."""
    match check.kind:
        case CheckKind.PATH:
            decide_path(container.get(check.subject, _ANSWER_S), check.subject)
        case CheckKind.COMMAND:
            run_command(container, engine, check.subject.split(" "))
        case CheckKind.MODEL:
            return _decide_model(check.subject, container)
        case CheckKind.COMPLETION:
            answer = container.post_json(COMPLETION_PATH, completion_request(check.subject), _COMPLETION_S)
            return f"{decide_completion(answer)} tokens"
        case _:
            raise AssertionError(f"{check.kind.value} is no question")
    return None


def run_command(container: ServerContainer, engine: Engine, words: Sequence[str]) -> None:
    """A command inside the container exits with 0. Raises CheckFailed."""
    shown = " ".join(words)
    try:
        executed = engine.execute(container.id, words, COMMAND_S)
    except CommandTimedOut as error:
        told = f"`{shown}` did not end within {seconds_text(COMMAND_S)}"
        raise CheckFailed(Cause.COMMAND_FAILED, told) from error
    if executed.returncode != 0:
        told = f"`{shown}` exited with {executed.returncode}: {last_line(executed.output) or 'no output'}"
        raise CheckFailed(Cause.COMMAND_FAILED, told)


def _decide_model(model: str, container: ServerContainer) -> str | None:
    decide_models(container.get(MODELS_PATH, _ANSWER_S), model)
    if not is_ollama(container.get(OLLAMA_VERSION_PATH, _ANSWER_S)):
        return None
    decide_tags(container.get(OLLAMA_TAGS_PATH, _ANSWER_S), model)
    return "Ollama lists it too"
