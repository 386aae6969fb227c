"""The rules of `workflow check`, and what a broken one says."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class WorkflowRule(enum.StrEnum):
    """A rule, by the name that findings and docs/workflow.md give it."""

    NO_DEFAULT_PERMISSIONS = "no-default-permissions"
    JOB_PERMISSIONS = "job-permissions"
    PERMISSION_REASON = "permission-reason"
    WRITE_ON_PULL_REQUEST = "write-on-pull-request"
    DANGEROUS_TRIGGER = "dangerous-trigger"
    FOREIGN_CHECKOUT = "foreign-checkout"
    PERSISTED_CREDENTIALS = "persisted-credentials"
    EXPRESSION_IN_SCRIPT = "expression-in-script"
    MODULE_PATH = "module-path"
    TIME_LIMIT = "time-limit"
    CONCURRENCY = "concurrency"
    RUNNER_LIST = "runner-list"
    RUNNER_REFUSAL = "runner-refusal"
    SECRET_ENVIRONMENT = "secret-environment"  # noqa: S105 - a rule's name
    SECRET_SCOPE = "secret-scope"  # noqa: S105 - a rule's name
    SECRET_ON_PULL_REQUEST = "secret-on-pull-request"  # noqa: S105 - a rule's name
    HIDDEN_FAILURE = "hidden-failure"
    CACHE_BESIDE_WRITE = "cache-beside-write"
    IMAGE_DIGEST = "image-digest"
    PIN_COMMIT = "pin-commit"
    PIN_KNOWN = "pin-known"
    PIN_COMMENT = "pin-comment"
    PIN_AGE = "pin-age"
    PIN_RUNTIME = "pin-runtime"
    PIN_UNUSED = "pin-unused"
    COMMAND_LINE = "command-line"
    CALL_TARGET = "call-target"
    CALL_PERMISSIONS = "call-permissions"
    CALL_SECRETS = "call-secrets"
    CALL_INPUTS = "call-inputs"
    PIPELINE_PIN = "pipeline-pin"
    EVENT = "event"
    MATRIX_KEY = "matrix-key"
    JOB_PLACE = "job-place"
    SCAN_PLACE = "scan-place"
    RESULT_KEPT = "result-kept"
    SUMMARY_ALWAYS = "summary-always"
    SUMMARY_NEEDS = "summary-needs"
    SUMMARY_COMMAND = "summary-command"
    DOCUMENTED_JOB = "documented-job"


@dataclass(frozen=True, slots=True)
class WorkflowFinding:
    """A broken rule: where, what, and how to mend it. `is_fixable`: `--fix` does it."""

    path: str
    line: int
    rule: WorkflowRule
    says: str
    fix: str
    is_fixable: bool = False
