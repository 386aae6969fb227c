"""What a hostile fork's run can hand over: artifacts, results, texts. The numbers are those of docs/security.md."""

from __future__ import annotations

import io
import json
import re
import stat
import tracemalloc
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cli import main
from nanna_ci.commands.post_summary import ARTIFACT_LIMIT_BYTES
from nanna_ci.foundation.context import Ports
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.results import JobResult, JobState, render_result
from nanna_ci.rehearsal.steps.workflow_commands import parse_command
from nanna_ci.summary.pull_request_comment import MARKER
from support.fake_ports import FakePorts
from support.fake_summaries import HOSTILE
from support.hostile_forks import FMT, UNIT, passing
from support.stand_in_github_api import OWNER_REPO
from support.stand_in_github_posts import StandInPosts, stand_in_posts

TWO_GB = 2 * 1024**3
BRANCH = "x`$(id)`${{github.token}}&state=all#"
TITLE = "a title\r\n::set-output name=verdict::pass\n##[add-path]/x\n::stop-commands::y"


@pytest.fixture
def github() -> Iterator[StandInPosts]:
    with stand_in_posts() as server:
        yield server


@pytest.fixture
def ports(fake_ports: FakePorts, github: StandInPosts) -> FakePorts:
    fake_ports.environ |= {"GITHUB_API_URL": github.api, "GITHUB_TOKEN": "ghs_" + "a1b2c3d4" * 8}
    return fake_ports


def post(ports: FakePorts) -> int:
    return main(["post-summary", "--repository", OWNER_REPO, "--run", "5"], ports.ports)


def zipped(members: Mapping[Any, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = (stat.S_IFLNK | 0o777) << 16
    return made


# --- the artifact that is posted ------------------------------------------------------------------------------------


def test_an_artifact_of_2_gb_is_not_asked_for(ports: FakePorts, github: StandInPosts) -> None:
    """2"""
    github.add_artifact(zipped({"comment.md": MARKER}), size_in_bytes=TWO_GB)
    assert post(ports) == 4
    assert github.writes() == []
    assert not [path for _, path in github.sent if path.endswith("/zip") or path.startswith("blob/")]


def test_an_artifact_that_turns_out_to_be_2_gb_is_cut_off(ports: FakePorts, github: StandInPosts) -> None:
    """2"""
    sent_bytes = 0

    def pour(handler: Any) -> None:
        nonlocal sent_bytes
        handler.send_response(200)
        handler.send_header("content-length", str(TWO_GB))
        handler.end_headers()
        try:
            while sent_bytes < TWO_GB:
                sent_bytes += handler.wfile.write(b"\0" * 65_536)
        except OSError:
            handler.close_connection = True

    github.add_artifact(zipped({"comment.md": MARKER}))
    github.faults.append(("GET", "blob/", pour))
    assert post(ports) in {3, 4}
    assert github.writes() == []
    assert sent_bytes < 5 * ARTIFACT_LIMIT_BYTES  # what fits into the sockets' buffers comes on top


@pytest.mark.parametrize(
    "members",
    [
        {"comment.md": f"{MARKER}\nx", "bomb": b"\0" * 50_000_000},
        {"comment.md": MARKER + "\n" + "x" * 4_000_000},
        {"comment.md": f"{MARKER}\nx", "../../escaped": "x"},
        {"comment.md": f"{MARKER}\nx", "/tmp/escaped": "x"},
        {link("comment.md"): "/etc/passwd"},
    ],
    ids=["bomb", "bomb-in-the-comment", "up", "absolute", "link"],
)
def test_a_zip_that_tries_something_posts_nothing_and_writes_no_file(
    ports: FakePorts, github: StandInPosts, tmp_path: Path, members: Mapping[Any, str | bytes]
) -> None:
    """3"""
    github.add_artifact(zipped(members))
    assert post(ports) == 4
    assert github.writes() == []
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []
    assert "root:" not in ports.stdout.getvalue() + ports.stderr.getvalue()


def test_a_comment_lands_on_the_runs_own_pull_request_alone(ports: FakePorts, github: StandInPosts) -> None:
    """9, 1: the number that an artifact names, and a branch's name in a query, choose nothing."""
    foreign = github.add_comment(f"{MARKER}\nof somebody", "somebody")
    number = github.pull["number"]
    text = f"{MARKER}\n<!-- nanna-ci: workflow 3, run 999999, attempt 1 -->\n{MARKER}\n# CI summary\n> pass\n<b>x</b>"
    files = {"comment.md": text, "pull-request": "1", "number.txt": "1", "alerts.json": json.dumps({"number": 1})}
    github.add_artifact(zipped(files))
    assert post(ports) == 0
    assert github.writes() == [f"POST issues/{number}/comments"]
    assert foreign["body"] == f"{MARKER}\nof somebody"
    posted = github.comments[-1]["body"]
    assert posted.split("\n")[1] == "<!-- nanna-ci: workflow 3, run 50, attempt 1 -->"
    assert github.issues == []


def test_a_branchs_name_in_a_query_is_one_value(ports: FakePorts, github: StandInPosts) -> None:
    """1"""
    github.run["head_branch"] = BRANCH  # the stand-in finds its pull request by that whole name alone
    github.add_artifact(zipped({"comment.md": f"{MARKER}\nx"}))
    assert post(ports) == 0
    assert github.writes() == [f"POST issues/{github.pull['number']}/comments"]


def test_a_text_mentions_nobody_however_it_is_spelt(ports: FakePorts, github: StandInPosts) -> None:
    """9: GitHub looks for mentions in what it has rendered."""
    spelt = [
        "@a",
        "(@a",
        "`@a",
        "_@a_",
        "é@a",
        "\\@a",
        "@&#97;",
        "&#64;a",
        "&#x40;a",
        "&#0064;a",
        "&commat;a",
        "@</span>a",
    ]
    github.add_artifact(zipped({"comment.md": "\n".join([MARKER, *spelt, "a@sha256:1", "x<span>@</span>1"])}))
    assert post(ports) == 0
    lines = github.comments[-1]["body"].split("\n")[2:]
    assert len(lines) == len(spelt) + 2
    assert lines[-2:] == ["a@sha256:1", "x<span>@</span>1"]
    for line, original in zip(lines, spelt, strict=False):
        assert re.search("(?:@|&[^;]*;)\u200b", line), original
        assert line.replace("\u200b", "") == original


# --- the results that ci-summary reads ------------------------------------------------------------------------------


def put(folder: Path, artifact: str, job: str, data: bytes) -> Path:
    place = folder / "results" / f"job-{artifact}" / ".nanna-ci" / "jobs" / job
    place.mkdir(parents=True, exist_ok=True)
    (place / "result.json").write_bytes(data)
    return place / "result.json"


def summarise(folder: Path, *words: str, **environ: str) -> tuple[int, str, str]:
    """The exit code of ci-summary over two planned jobs, what it printed, and its lines on stderr."""
    out, err = io.StringIO(), io.StringIO()
    include = [{"id": job, "jobs": [job], "skips": [], "stage": "test-matrix"} for job in (UNIT, FMT)]
    needs = {name: {"result": "success"} for name in ("plan", "test-matrix")}
    given = {"NEEDS": json.dumps(needs), "MATRIX": json.dumps({"include": include}), **environ}
    argv = ["ci-summary", "--results", "results", "--event", "pull_request", *words, "plan", "test-matrix"]
    return main(argv, Ports(environ=given, stdout=out, stderr=err, cwd=folder)), out.getvalue(), err.getvalue()


def test_honest_results_pass(tmp_path: Path) -> None:
    for job in (UNIT, FMT):
        put(tmp_path, job, job, passing(job))
    assert summarise(tmp_path)[0] == 0


@pytest.mark.parametrize("file", ["result.json", "junit.xml"])
def test_a_result_of_2_gb_is_neither_read_nor_believed(tmp_path: Path, file: str) -> None:
    """2"""
    put(tmp_path, FMT, FMT, passing(FMT))
    large = put(tmp_path, UNIT, UNIT, passing(UNIT)).with_name(file)
    with large.open("ab") as stream:
        stream.truncate(TWO_GB)
    tracemalloc.start()
    try:
        code, out, _ = summarise(tmp_path, "--format", "json")
        most_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert code == 1
    assert [job["standing"] for job in json.loads(out)["jobs"] if job["id"] == UNIT] == ["unreadable"]
    assert most_bytes < 200_000_000


@pytest.mark.parametrize("target", ["/etc/passwd", "a result that passes"])
def test_a_link_among_the_results_shows_nothing_and_counts_for_nothing(tmp_path: Path, target: str) -> None:
    """3"""
    put(tmp_path, FMT, FMT, passing(FMT))
    other = tmp_path / "result.json"
    other.write_bytes(passing(UNIT))
    place = put(tmp_path, UNIT, UNIT, passing(UNIT))
    place.unlink()
    place.symlink_to(target if target.startswith("/") else other)
    code, out, err = summarise(tmp_path)
    assert code == 1
    assert "root:" not in out + err


@pytest.mark.parametrize(
    ("artifact", "job", "data"),
    [
        (FMT, UNIT, passing(UNIT)),  # in the artifact of another job
        (FMT, FMT, passing(UNIT)),  # of another job, in its place
        ("anything", UNIT, passing(UNIT)),
        (UNIT, UNIT, render_result(JobResult(UNIT, Verdict.PASS, 1.0, JobState.BUILT))),  # no test ran
        (
            UNIT,
            UNIT,
            passing(UNIT).replace(b'"passed": 3', b'"passed": 3, "failed": 1').replace(b'"passed":3', b'"failed":1'),
        ),
        (UNIT, UNIT, b'{"verdict": "pass"}'),
    ],
    ids=["other-artifact", "other-job", "other-name", "no-tests", "failed-tests", "no-result"],
)
def test_a_forged_result_does_not_make_it_pass(tmp_path: Path, artifact: str, job: str, data: bytes) -> None:
    """9"""
    assert data != passing(UNIT) or artifact != UNIT
    put(tmp_path, *((UNIT, UNIT, passing(UNIT)) if artifact == job == FMT else (FMT, FMT, passing(FMT))))
    put(tmp_path, artifact, job, data)
    assert summarise(tmp_path)[0] == 1


def test_what_a_job_logged_and_a_title_command_no_runner(tmp_path: Path) -> None:
    """1, 12: read by the rehearsal's own reader of commands, which is held against GitHub's."""
    lines = (*HOSTILE, *TITLE.splitlines(), "::add-path::/x", "##[set-env name=A]b", "x ##[stop-commands]y")
    for job in (UNIT, FMT):
        failed = JobResult(job, Verdict.FAIL, 1.0, JobState.BUILT, reason=TITLE, failing_tests=lines, log_tail=lines)
        put(tmp_path, job, job, render_result(replace(failed, reproduce=TITLE)))
    event = {
        "pull_request": {
            "number": 7,
            "title": TITLE,
            "head": {"sha": "c" * 40, "ref": BRANCH, "repo": {"full_name": "fork/coder", "fork": True}},
            "base": {"ref": "main", "repo": {"full_name": OWNER_REPO}},
        }
    }
    (tmp_path / "event.json").write_text(json.dumps(event))
    files = {name: tmp_path / name for name in ("summary", "output", "env")}
    for path in files.values():
        path.touch()
    code, out, err = summarise(
        tmp_path,
        "--comment",
        "comment.md",
        GITHUB_ACTIONS="true",
        GITHUB_EVENT_NAME="pull_request",
        GITHUB_EVENT_PATH=str(tmp_path / "event.json"),
        GITHUB_HEAD_REF=BRANCH,
        GITHUB_STEP_SUMMARY=str(files["summary"]),
        GITHUB_OUTPUT=str(files["output"]),
        GITHUB_ENV=str(files["env"]),
    )
    assert code == 1
    commands = [found for line in re.split(r"[\r\n]", out + err) if (found := parse_command(line)) is not None]
    assert commands
    assert {found.name for found in commands} <= {"error", "warning", "group", "endgroup"}
    assert re.fullmatch(r"verdict<<(\S+)\nfail\n\1\n", files["output"].read_text())
    assert files["env"].read_text() == ""
    for path in (files["summary"], tmp_path / "comment.md"):
        shown = re.sub(r"(?ms)^(`{3,})[^`\n]*\n.*?^\1$", "", path.read_text())  # what is not in a block of code
        assert "<script" not in shown
        assert "@team" not in shown
        assert shown.count(MARKER) == (path.name == "comment.md")
