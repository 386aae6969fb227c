"""The files by which a repository runs the pipeline on GitHub: two workflows that call ours, and the table of pins.

What they grant and hand over is what `workflow check` wants of whoever calls the pipeline: the texts are the only
place that says it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from nanna_ci.foundation.errors import UsageError, shorten
from nanna_ci.workflow.pipeline_pin import PipelinePin
from nanna_ci.workflow.workflow_file import WorkflowFile, read_workflow

CALLER: Final = ".github/workflows/ci.yml"
POSTER: Final = ".github/workflows/ci-post.yml"
POLICY: Final = ".github/workflow.toml"
PIPELINE: Final = ".github/workflows/pipeline.yml"
POST: Final = ".github/workflows/post.yml"

PIPELINE_INPUTS: Final = ("pipeline-tests", "workspace-input")
"""What PIPELINE takes, and no caller must give."""

_BRANCH: Final = re.compile(r"[A-Za-z0-9_][\w./-]{0,240}", re.ASCII)
"""Without what is a pattern to GitHub: * ? + [ ] !"""

_CALLER_TEXT: Final = """\
# The pipeline of pipeline.toml on GitHub, at the commit that flake.lock has: after an update of that,
# `nix run .#workflow -- check --fix` writes it anew. The check to require is `pipeline / ci-summary`.
name: CI
on: {push: {branches: ["<BRANCH>"], tags: ["v*"]}, pull_request: {}, merge_group: {},
     release: {types: [published]}, schedule: [{cron: "17 3 * * *"}]}
permissions: {}
concurrency: # a pull request's new commit ends the run of the one before; every other run counts
  {group: "ci-${{ github.event.pull_request.number || github.run_id }}", cancel-in-progress: "${{ github.event_name == 'pull_request' }}"}
jobs:
  pipeline: # each job of it names what it needs of these permissions; the token of a fork may only read
    permissions: {contents: write, packages: write, pages: write, pull-requests: write, actions: read, # to publish
                  id-token: write, attestations: write, artifact-metadata: write, security-events: write} # evidence
    uses: <REPOSITORY>/<PIPELINE>@<COMMIT> # <VERSION>
    secrets: {CACHIX_AUTH_TOKEN: "${{ secrets.CACHIX_AUTH_TOKEN }}"}
"""  # noqa: E501 - a dozen lines in all

_POSTER_TEXT: Final = """\
# Posts what a run of CI has to say: its comment and its alerts, also for pull requests from forks, whose own runs may
# not write. It checks nothing out, and takes the run's texts as data of strangers.
name: CI post
on:
  workflow_run: # zizmor: ignore[dangerous-triggers] no code of the run is fetched
    workflows: [CI]
    types: [completed]
permissions: {}
cache-mode: none # a run that strangers can start gets no cache
concurrency: {group: "ci-post-${{ github.event.workflow_run.id }}", cancel-in-progress: false}
jobs:
  post:
    permissions:
      actions: read # to fetch the texts of the run
      contents: read # to tell a tag from a branch, and to check out the called workflow's own source
      issues: write # to open and close the issue of an alert
      pull-requests: write # to post the comment
    uses: <REPOSITORY>/<POST>@<COMMIT> # <VERSION>
"""

_POLICY_TEXT: Final = """\
# What `nix run .#workflow -- check` holds the workflows against. docs/workflow.md of nanna-coder-ci explains the keys.

[pipeline]
workflow = "<REPOSITORY>/<PIPELINE>"

# Both stand at the commit that flake.lock has: `workflow check --fix` writes it anew after an update.
[[pin]]
action = "<REPOSITORY>/<PIPELINE>"
version = "<VERSION>"
commit = "<COMMIT>"
seen = <SEEN>
using = "workflow"

[[pin]]
action = "<REPOSITORY>/<POST>"
version = "<VERSION>"
commit = "<COMMIT>"
seen = <SEEN>
using = "workflow"
"""


def caller_files(pin: PipelinePin, branch: str) -> Mapping[str, str]:
    """Path to text, for a repository with that default branch. UsageError for one that GitHub takes for a pattern."""
    if not _BRANCH.fullmatch(branch):
        raise UsageError(
            f"the default branch {shorten(branch)} cannot be named in a workflow",
            hint="give it a name of letters, digits and . _ / -",
        )
    values = {
        "BRANCH": branch,
        "REPOSITORY": pin.repository,
        "PIPELINE": PIPELINE,
        "POST": POST,
        "COMMIT": pin.commit,
        "VERSION": pin.version,
        "SEEN": pin.seen.isoformat(),
    }
    texts = {CALLER: _CALLER_TEXT, POSTER: _POSTER_TEXT, POLICY: _POLICY_TEXT}
    filled = {path: re.sub(r"<([A-Z]+)>", lambda found: values[str(found[1])], text) for path, text in texts.items()}
    return MappingProxyType(filled)


def example_caller(called: str) -> WorkflowFile:
    """The workflow that `workflow init` writes to call PIPELINE or POST: what a caller of these should be like."""
    text = {PIPELINE: _CALLER_TEXT, POST: _POSTER_TEXT}[called]
    return read_workflow(text.encode(), called)
