from __future__ import annotations

import pytest

from nanna_ci.rehearsal.expressions.expression_value import Value
from support.rehearsed_jobs import RehearsedJobs, make_repository


@pytest.fixture
def jobs(tmp_path):
    return RehearsedJobs(tmp_path / "run")


def test_a_job_checks_out_runs_and_uploads(jobs, tmp_path):
    commit = make_repository(tmp_path / "project", {"hello.txt": "hello\n", "sub/x": "x"})
    jobs.repositories["owner/project"] = tmp_path / "project"
    github: dict[str, Value] = {
        "repository": "owner/project", "ref": "refs/heads/main", "sha": commit, "server_url": "https://github.example",
    }  # fmt: skip
    ran = jobs.run(
        """
        outputs:
          word: ${{ steps.read.outputs.word }}
        steps:
          - uses: actions/checkout@v7
            with:
              persist-credentials: false
          - id: read
            run: echo "word=$(cat hello.txt)" >> "$GITHUB_OUTPUT"
          - uses: actions/upload-artifact@v7
            with:
              name: result
              path: hello.txt
        """,
        contexts={"github": github},
    )
    assert ran.outcome.result == "success", ran.log
    assert ran.outcome.outputs == {"word": "hello"}
    stored = jobs.artifacts.get("result")
    assert stored is not None
    assert stored.files == ("hello.txt",)
    assert (stored.folder / "hello.txt").read_text() == "hello\n"
