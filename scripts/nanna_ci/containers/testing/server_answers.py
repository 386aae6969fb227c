"""Checks of a server's answers. Pure: an answer in, a remark out, or CheckFailed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nanna_ci.containers.testing.checks import FailureCause
from nanna_ci.containers.testing.diagnosis import CheckFailed
from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_list, as_object, as_text, load_json

COMPLETION_PATH: Final = "/v1/chat/completions"
MODELS_PATH: Final = "/v1/models"
OLLAMA_VERSION_PATH: Final = "/api/version"
OLLAMA_TAGS_PATH: Final = "/api/tags"
_TOKENS: Final = 16


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """An HTTP answer, or why there is none: then `status` is None and `problem` says it."""

    status: int | None
    body: bytes = b""
    problem: str = ""

    @property
    def summary(self) -> str:
        """For people."""
        return self.problem if self.status is None else f"HTTP {self.status}"


def is_healthy(answer: ProbeAnswer) -> bool:
    """Whether a health path's answer means that the container is ready."""
    return answer.status == 200


def decide_path(answer: ProbeAnswer, path: str) -> None:
    """A declared path answers 200."""
    if answer.status != 200:
        raise CheckFailed(FailureCause.WRONG_ANSWER, f"GET {path}: {answer.summary}, not HTTP 200")


def decide_models(answer: ProbeAnswer, model: str) -> None:
    """The list of models, as OpenAI's interface has it, names this one."""
    names = [_text(item, "id", MODELS_PATH) for item in _items(answer, MODELS_PATH, "data")]
    _must_name(names, model, MODELS_PATH)


def is_ollama(answer: ProbeAnswer) -> bool:
    """Whether the answer to its version path is Ollama's: other servers have no such path."""
    if answer.status != 200:
        return False
    try:
        return isinstance(as_object(load_json(answer.body, ""), "", "").get("version"), str)
    except MalformedData:
        return False


def decide_tags(answer: ProbeAnswer, model: str) -> None:
    """Ollama's own list of models names this one."""
    names = [_text(item, "name", OLLAMA_TAGS_PATH) for item in _items(answer, OLLAMA_TAGS_PATH, "models")]
    _must_name(names, model, OLLAMA_TAGS_PATH)


def completion_request(model: str) -> bytes:
    """A short chat, whose answer is the same each time."""
    message = {"role": "user", "content": "Say hello."}
    return json.dumps({"model": model, "messages": [message], "max_tokens": _TOKENS, "temperature": 0}).encode()


def decide_completion(answer: ProbeAnswer) -> int:
    """A completion has tokens; how many. Where the server does not count them, some text counts as one."""
    document = _document(answer, COMPLETION_PATH)
    try:
        choices = as_list(document.get("choices"), COMPLETION_PATH, "choices")
        message = as_object(
            as_object(choices[0], COMPLETION_PATH, "choices[0]").get("message"), COMPLETION_PATH, "message"
        )
        usage = as_object(document.get("usage") or {}, COMPLETION_PATH, "usage")
    except (MalformedData, IndexError) as error:
        raise CheckFailed(
            FailureCause.NO_TOKENS, f"POST {COMPLETION_PATH}: no completion: {error or 'no choices'}"
        ) from None
    counted = usage.get("completion_tokens")
    tokens = (
        counted if isinstance(counted, int) and not isinstance(counted, bool) else int(bool(message.get("content")))
    )
    if tokens < 1:
        raise CheckFailed(FailureCause.NO_TOKENS, f"POST {COMPLETION_PATH} answered without a single token")
    return tokens


def _must_name(names: list[str], model: str, path: str) -> None:
    if model not in names:
        listed = ", ".join(shorten(name) for name in names[:5]) or "none"
        raise CheckFailed(FailureCause.WRONG_MODEL, f"GET {path} does not list {model}; it lists {listed}")


def _items(answer: ProbeAnswer, path: str, key: str) -> list[JsonObject]:
    value = _document(answer, path).get(key)
    try:
        return [as_object(item, path, key) for item in as_list(value or [], path, key)]
    except MalformedData as error:
        raise CheckFailed(FailureCause.WRONG_ANSWER, error.message) from None


def _text(item: Mapping[str, JsonValue], key: str, path: str) -> str:
    try:
        return as_text(item.get(key), path, key)
    except MalformedData as error:
        raise CheckFailed(FailureCause.WRONG_ANSWER, error.message) from None


def _document(answer: ProbeAnswer, path: str) -> JsonObject:
    if answer.status != 200:
        raise CheckFailed(FailureCause.WRONG_ANSWER, f"{path}: {answer.summary}, not HTTP 200")
    try:
        return as_object(load_json(answer.body, path), path, "the answer")
    except MalformedData as error:
        raise CheckFailed(FailureCause.WRONG_ANSWER, error.message) from None
