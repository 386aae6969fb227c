"""The flags of `coverage`."""

from __future__ import annotations

import argparse

DESCRIPTION = """\
Shows which lines tests run: of each crate, each file, and of a change. The flake's coverage output is used, and built
where it is not in the store; --lcov takes reports of cargo-llvm-cov, cargo-tarpaulin, grcov or lcov instead.

With --against REF, also of the lines that the work tree adds or alters since it left REF, as `git diff` has them;
those that no test runs are named. The exit code is 1 below [coverage] minimum_line_rate or minimum_patch_rate, and 3
where nothing was measured. A fall of more than half a point since the last run of the branch in the history is a
warning. What was not measured is n/a, never 0 %, and fails under --strict.

Left out, as by cargo-llvm-cov: files in tests/, examples/ and benches/, tests.rs, *_tests.rs, and build.rs.

--upload sends the report to Codecov with the Rust version as flag: by CODECOV_TOKEN, by GitHub's OIDC, or from a fork's
pull request without a token. Nothing is sent without it, nor with --dry-run.

example: nanna-ci coverage --against origin/main
example: nanna-ci coverage --lcov unit.info --lcov integration.info --history .nanna-ci/history
"""
DRY_RUN = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument(
        "--lcov", action="append", default=[], metavar="FILE", help="a report in lcov's format; repeatable: summed"
    )
    parser.add_argument("--against", metavar="REF", help="a commit: also show the coverage of what changed since")
    parser.add_argument(
        "--history",
        metavar="WHERE",
        help="a folder, or branch:NAME of origin: compare with it, and keep the figures there (default: compare with"
        " .nanna-ci/history, and keep nothing)",
    )
    parser.add_argument("--upload", action="store_true", help="send the report to Codecov")
    parser.add_argument("--strict", action="store_true", help="what was not measured fails")
