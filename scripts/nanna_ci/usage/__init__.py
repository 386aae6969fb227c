"""The commands: all of them in one table, and a module for each with its description and flags.

`nanna-ci COMMAND --help` loads this package and nothing else of ours but the parser. What a command does is the
function `execute` of the module of the same name in `nanna_ci.commands`, which is loaded once the command runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# group -> command -> what it does, in a line; `run-job` is run_job.py, here and in nanna_ci/commands/
GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "The pipeline": {
        "plan": "show the jobs for an event: needs, runner, installable",
        "run-job": "run one job, the same here and in CI",
        "ci": "plan and run everything this machine can, in parallel",
        "ci-summary": "the one required check: every expected job accounted for; summary, comment, alerts",
        "post-summary": "post the comment and the alerts of a run on GitHub",
        "workflow": "write the workflows that call the pipeline on GitHub; check all against plan, pins and rules",
    },
    "The work tree": {
        "dev-check": "the quick loop: fmt, clippy, nextest, audit, deny",
        "test": "run this project's own tests",
    },
    "Binaries": {
        "cross-build": "build for one target, strategy by strategy, and verify the executable",
        "prepare-artifacts": "verified, named, hashed, reproducible release artifacts",
    },
    "Images": {
        "container-test": "run and test images with podman or docker: probes, models, stop and restart",
        "publish-images": "push images by digest, sign and attest them; never on a pull request",
        "lock-models": "resolve model tags to digests and sizes, and write the lock",
    },
    "Supply chain": {
        "sbom": "bill of materials of crates, closures and images: CycloneDX or SPDX",
        "scan": "known vulnerabilities, denied licences, unknown sources: one gate, SARIF",
        "provenance": "write the evidence of a build: provenance, test results, VEX, and what they are about",
        "verify": "check a folder of evidence, link by link, offline; or build it again and compare",
    },
    "Releases": {
        "release": "publish a tag's files on GitHub: draft, compare, publish, verify; resumes",
    },
    "Measures": {
        "bench": "benchmarks against a commit, in pairs: slower, vanished, more instructions",
        "coverage": "which lines tests run, of crates, files and a change; a gate; Codecov",
        "metrics": "the times, hit rates and sizes of runs, here or on GitHub, into a history",
        "report": "a page of trends, or of one run: one file, without anything from elsewhere",
    },
    "Binary caches": {
        "cache-setup": "give Nix the caches, keys and limits of pipeline.toml",
        "cache-analytics": "hit rate by paths, bytes and build time; why each miss missed; a gate",
        "cache-push": "filter and push to a cache, then query every path again",
        "cache-gc": "collect a cache folder to a size, never breaking a closure",
        "doctor": "check the setup of caches, scans and containers; each finding with its fix",
    },
}
COMMANDS: Final[Mapping[str, str]] = {name: summary for group in GROUPS.values() for name, summary in group.items()}
_OTHER_NAMES: Final = {"container-test": "container_tests"}  # tools take a file called ..._test.py for a test
EVENTS: Final = ("push", "pull_request", "merge_group", "schedule", "release")


def module_name(command: str) -> str:
    """The name of the command's modules: `run_job` for `run-job`."""
    return _OTHER_NAMES.get(command, command.replace("-", "_"))
