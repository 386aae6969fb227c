"""What a server's answers must be."""

from __future__ import annotations

import json

import pytest

from nanna_ci.containers.testing.checks import FailureCause
from nanna_ci.containers.testing.diagnosis import CheckFailed
from nanna_ci.containers.testing.server_answers import (
    ProbeAnswer,
    completion_request,
    decide_completion,
    decide_models,
    decide_path,
    decide_tags,
    is_healthy,
    is_ollama,
)

MODEL = "qwen3:0.6b"
NOBODY = ProbeAnswer(None, problem="cannot connect")


def says(value: object, status: int = 200) -> ProbeAnswer:
    return ProbeAnswer(status, json.dumps(value).encode())


def cause_of(decide, *arguments) -> FailureCause:
    with pytest.raises(CheckFailed) as caught:
        decide(*arguments)
    return caught.value.cause


def test_only_200_is_healthy():
    assert is_healthy(ProbeAnswer(200))
    assert not any(map(is_healthy, (ProbeAnswer(204), ProbeAnswer(301), ProbeAnswer(503), NOBODY)))


def test_a_path_answers_200():
    decide_path(ProbeAnswer(200), "/x")
    assert cause_of(decide_path, ProbeAnswer(404), "/x") is FailureCause.WRONG_ANSWER
    assert cause_of(decide_path, NOBODY, "/x") is FailureCause.WRONG_ANSWER


def test_a_model_is_listed():
    decide_models(says({"object": "list", "data": [{"id": "a"}, {"id": MODEL}]}), MODEL)


@pytest.mark.parametrize("names", [[], ["llama3:8b"], ["qwen3"], [MODEL + "-x"], ["QWEN3:0.6B"]])
def test_another_model_is_not_it(names):
    listed = says({"data": [{"id": name} for name in names]})
    assert cause_of(decide_models, listed, MODEL) is FailureCause.WRONG_MODEL


@pytest.mark.parametrize(
    "answer",
    [
        NOBODY,
        ProbeAnswer(404),
        ProbeAnswer(200, b"<html>"),
        says([]),
        says({"data": "x"}),
        says({"data": [{}]}),
        says({"data": [1]}),
    ],
)
def test_what_is_not_a_list_of_models_is_a_wrong_answer(answer):
    assert cause_of(decide_models, answer, MODEL) is FailureCause.WRONG_ANSWER


def test_ollama_without_models_says_null():
    assert cause_of(decide_models, says({"object": "list", "data": None}), MODEL) is FailureCause.WRONG_MODEL


def test_ollama_is_known_by_its_version():
    assert is_ollama(says({"version": "0.12.3"}))
    for other in (NOBODY, ProbeAnswer(404), ProbeAnswer(200, b"{"), says([]), says({"version": 1}), says({})):
        assert not is_ollama(other)


def test_ollamas_own_list():
    decide_tags(says({"models": [{"name": MODEL, "model": MODEL}]}), MODEL)
    assert cause_of(decide_tags, says({"models": [{"name": "x"}]}), MODEL) is FailureCause.WRONG_MODEL


def test_a_completion_is_requested_the_same_way_each_time():
    body = json.loads(completion_request(MODEL))
    assert (body["model"], body["temperature"]) == (MODEL, 0)
    assert body["max_tokens"] > 0
    assert completion_request(MODEL) == completion_request(MODEL)


@pytest.mark.parametrize(
    ("usage", "content", "tokens"),
    [({"completion_tokens": 16}, "x", 16), ({"completion_tokens": 3}, "", 3), (None, "Hello", 1), ({}, "Hello", 1)],
)
def test_a_completion_has_tokens(usage, content, tokens):
    assert decide_completion(says({"choices": [{"message": {"content": content}}], "usage": usage})) == tokens


@pytest.mark.parametrize(
    "value",
    [
        {"choices": [{"message": {"content": ""}}], "usage": {"completion_tokens": 0}},
        {"choices": [{"message": {"content": "x"}}], "usage": {"completion_tokens": 0}},
        {"choices": [{"message": {"content": ""}}], "usage": {"completion_tokens": True}},
        {"choices": [{"message": {"content": None}}]},
        {"choices": []},
        {"choices": [{}]},
        {"error": "no"},
    ],
)
def test_no_tokens_is_not_a_completion(value):
    assert cause_of(decide_completion, says(value)) is FailureCause.NO_TOKENS


def test_a_server_error_is_reported_as_such():
    assert cause_of(decide_completion, ProbeAnswer(500)) is FailureCause.WRONG_ANSWER
