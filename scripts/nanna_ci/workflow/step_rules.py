"""What every step must keep to, in workflows and in composite actions: failures, scripts, checkouts."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Final

from nanna_ci.workflow.command_calls import script_words
from nanna_ci.workflow.hardening_rules import line_of
from nanna_ci.workflow.workflow_file import WorkflowFile, WorkflowStep
from nanna_ci.workflow.workflow_finding import WorkflowFinding, WorkflowRule
from nanna_ci.workflow.yaml_nodes import YamlMapping, YamlNode, YamlScalar

CHECKOUT: Final = "actions/checkout"

_SKIPS_OF_THE_PLAN: Final = {"${{ matrix.skippable }}", "${{ contains(matrix.skips, matrix.scan) }}"}
_EVENTS_OF_STRANGERS: Final = ("pull_request_target", "workflow_run", "issue_comment", "issues", "discussion_comment")
_OWN_SOURCE: Final = {"${{ job.workflow_repository }}", "${{ job.workflow_sha }}"}
_IGNORING: Final = {("true",), (":",), ("/bin/true",), ("exit", "0")}
"""What behind || makes a failure a success."""
_GOES_ON: Final = re.compile(r"\+[a-z]*e[a-z]*")
_PLAIN_SHELL: Final = re.compile(r"(?:ba)?sh\b(?!.*\s-\w*e).*\{0}.*")
_FETCHES_PULL: Final = re.compile(r"\bgh pr checkout\b|\brefs/pull/|\bpull/\S+/(?:head|merge)\b")


def serves_strangers(workflow: WorkflowFile) -> bool:
    """Whether somebody without any rights can start it with ours."""
    return workflow.starts_on(*_EVENTS_OF_STRANGERS)


def find_step_rules(workflow: WorkflowFile, *, is_for_strangers: bool = False) -> Iterator[WorkflowFinding]:
    """Each broken rule, job by job and step by step. `is_for_strangers`: it or a caller of it serves these."""
    yield from _default_shell(workflow, workflow.root)
    for job in workflow.jobs:
        yield from _failures(workflow, job.body)
        yield from _default_shell(workflow, job.body)
        for step in job.steps:
            yield from _failures(workflow, step.body)
            yield from _ignored(workflow, step)
            yield from _scripts(workflow, step)
            yield from _module_path(workflow, step)
            yield from _shell(workflow, step.body)
            yield from _checkouts(workflow, step)
            if is_for_strangers:
                yield from _foreign(workflow, step)


def _failures(workflow: WorkflowFile, body: YamlMapping) -> Iterator[WorkflowFinding]:
    text = body.text("continue-on-error")
    if text is not None and text != "false" and text not in _SKIPS_OF_THE_PLAN:
        yield WorkflowFinding(
            workflow.path,
            line_of(body, "continue-on-error"),
            WorkflowRule.HIDDEN_FAILURE,
            "continue-on-error makes a failure green",
            f"take it away, or leave it to the plan: {' or '.join(sorted(_SKIPS_OF_THE_PLAN))}",
        )


def _ignored(workflow: WorkflowFile, step: WorkflowStep) -> Iterator[WorkflowFinding]:
    script = step.body.get("run")
    for line, words in script_words(script) if isinstance(script, YamlScalar) else ():
        for at, word in enumerate(words):
            behind = tuple(words[at + 1 : at + 3])
            ignores = word == "||" and (behind[:1] in _IGNORING or behind in _IGNORING)
            goes_on = word == "set" and bool(behind) and _GOES_ON.fullmatch(behind[0]) is not None
            if ignores or goes_on or (word == "set" and behind[:1] == ("+o",)):
                yield WorkflowFinding(
                    workflow.path,
                    line,
                    WorkflowRule.HIDDEN_FAILURE,
                    f"step {step.name!r} goes on after a failure: {word} {' '.join(behind)}".rstrip(),
                    "let it fail; where a failure is an answer, ask for it: if ! COMMAND; then …",
                )


def _default_shell(workflow: WorkflowFile, body: YamlMapping) -> Iterator[WorkflowFinding]:
    defaults = body.mapping("defaults")
    run = defaults.mapping("run") if defaults is not None else None
    yield from _shell(workflow, run) if run is not None else ()


def _shell(workflow: WorkflowFile, body: YamlMapping) -> Iterator[WorkflowFinding]:
    if _PLAIN_SHELL.fullmatch(body.text("shell") or ""):
        yield WorkflowFinding(
            workflow.path,
            line_of(body, "shell"),
            WorkflowRule.HIDDEN_FAILURE,
            "a shell without -e goes on after a command that failed",
            "write shell: bash, for which GitHub sets -e and pipefail",
        )


def _scripts(workflow: WorkflowFile, step: WorkflowStep) -> Iterator[WorkflowFinding]:
    inputs = step.body.mapping("with")
    scripts: list[YamlNode | None] = [step.body.get("run"), step.body.get("shell")]
    scripts += [] if inputs is None else [inputs.get("script")]
    for script in scripts:
        if isinstance(script, YamlScalar) and "${{" in script.text:
            offset = script.text[: script.text.index("${{")].count("\n") + (script.style.value in {"literal", "folded"})
            yield WorkflowFinding(
                workflow.path,
                script.line + offset,
                WorkflowRule.EXPRESSION_IN_SCRIPT,
                f"step {step.name!r} has an expression in its script: its value is run as code",
                'hand it over with `env:` and use "$NAME"',
            )


def _module_path(workflow: WorkflowFile, step: WorkflowStep) -> Iterator[WorkflowFinding]:
    script = step.body.get("run")
    for line, words in script_words(script) if isinstance(script, YamlScalar) else ():
        for at, pair in enumerate(itertools.pairwise(words)):
            options = itertools.takewhile(lambda word: word.startswith("-"), reversed(words[:at]))
            if pair == ("-m", "nanna_ci") and "-P" not in options:
                yield WorkflowFinding(
                    workflow.path,
                    line,
                    WorkflowRule.MODULE_PATH,
                    f"step {step.name!r} runs a folder nanna_ci of the checkout, if there is one, and not our code",
                    "call it as python3 -P -m nanna_ci, which takes no module from the working folder",
                )


def _checkouts(workflow: WorkflowFile, step: WorkflowStep) -> Iterator[WorkflowFinding]:
    inputs = step.body.mapping("with")
    if step.action == CHECKOUT and (inputs is None or inputs.text("persist-credentials") != "false"):
        uses = step.body.get("uses")
        missing = step.body.get("with") is None or (inputs is not None and not inputs.is_flow)
        yield WorkflowFinding(
            workflow.path,
            step.body.line if uses is None else uses.line,
            WorkflowRule.PERSISTED_CREDENTIALS,
            "the checkout leaves its token in .git/config, for every later step and artifact",
            "give it `persist-credentials: false`",
            is_fixable=missing and (inputs is None or inputs.get("persist-credentials") is None),
        )


def _foreign(workflow: WorkflowFile, step: WorkflowStep) -> Iterator[WorkflowFinding]:
    inputs = step.body.mapping("with")
    asked = [inputs.text(name) or "" for name in ("ref", "repository")] if inputs is not None else []
    fetches = _FETCHES_PULL.search(step.body.text("run") or "")
    if (step.action == CHECKOUT and any("${{" in text and text not in _OWN_SOURCE for text in asked)) or fetches:
        yield WorkflowFinding(
            workflow.path,
            step.body.line,
            WorkflowRule.FOREIGN_CHECKOUT,
            f"step {step.name!r} fetches code that a stranger chose, beside a token that may write",
            "run that code in a pull_request workflow, and hand over its results as an artifact",
        )
