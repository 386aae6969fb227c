"""`post-summary` against a stand-in for GitHub's comments and issues."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from nanna_ci import cli
from nanna_ci.summary.alerts import alert_marker
from nanna_ci.summary.pull_request_comment import MARKER
from support.fake_ports import FakePorts
from support.json_schemas import check
from support.stand_in_github_api import OWNER_REPO, answer
from support.stand_in_github_posts import BOT, StandInPosts, stand_in_posts

TOKEN = "ghs_" + "a1b2c3d4" * 8
TEXT = f"{MARKER}\nall is well"
FAILED = alert_marker("ci-failed-push")
SLOW = alert_marker("benchmark-time-x")


@pytest.fixture
def github() -> Iterator[StandInPosts]:
    with stand_in_posts() as server:
        yield server


@pytest.fixture
def ports(fake_ports: FakePorts, github: StandInPosts) -> FakePorts:
    fake_ports.environ |= {"GITHUB_API_URL": github.api, "GITHUB_TOKEN": TOKEN}
    (fake_ports.cwd / "texts").mkdir()
    (fake_ports.cwd / "texts" / "comment.md").write_text(TEXT)
    return fake_ports


def post(ports: FakePorts, *words: str, code: int = 0, source: tuple[str, ...] = ("--from", "texts")) -> list[str]:
    """What was done, of each post; the answer is held against the schema."""
    argv = ["post-summary", *source, "--repository", OWNER_REPO, "--run", "5", *words, "--format", "json"]
    ports.stdout.seek(0)
    ports.stdout.truncate()
    assert cli.main(argv, ports.ports) == code, ports.stderr.getvalue()
    shown = ports.stdout.getvalue()
    assert TOKEN not in shown + ports.stderr.getvalue()
    return [one["says"] for one in check(json.loads(shown))["posts"]] if code == 0 else []


def unsigned(body: str) -> str:
    """A posted text without its line that names the run."""
    first, _, rest = body.partition("\n")
    line, _, rest = rest.partition("\n")
    assert line.startswith("<!-- nanna-ci: workflow 3, run 5"), line
    return f"{first}\n{rest}"


def of_run(marker: str, number: int, attempt: int = 1, workflow: int = 3) -> str:
    """A text that was posted for that run."""
    return f"{marker}\n<!-- nanna-ci: workflow {workflow}, run {number}, attempt {attempt} -->\nits text"


def write_alerts(ports: FakePorts, *alerts: dict[str, Any], **more: Any) -> None:
    body = {"schemaVersion": 1, "alerts": list(alerts), **more}
    (ports.cwd / "texts" / "alerts.json").write_text(json.dumps(body))


def alert(key: str = "ci-failed-push", **changed: Any) -> dict[str, Any]:
    body = f"{alert_marker(key)}\nlog"
    return {"key": key, "title": f"about {key}", "body": body, "labels": ["ci", "ci-failed"], **changed}


def test_the_first_run_makes_a_comment_and_the_next_renews_it(ports, github):
    assert post(ports) == ["created"]
    assert post(ports) == ["unchanged"]
    (ports.cwd / "texts" / "comment.md").write_text(f"{MARKER}\nworse")
    assert post(ports, "--pull-request", "7") == ["updated"]
    assert [unsigned(one["body"]) for one in github.comments] == [f"{MARKER}\nworse"]


@pytest.mark.parametrize("user", [None, "someone"])
def test_our_marker_in_the_comment_of_another_is_left_alone(ports, github, user):
    github.user, github.login = user, user or BOT
    foreign = github.add_comment(f"{MARKER}\nmine", "mallory")
    assert post(ports) == ["created"]
    assert foreign["body"] == f"{MARKER}\nmine"
    assert github.comments[1]["user"]["login"] == (user or BOT)


def test_our_own_comment_without_the_marker_first_is_left_alone(ports, github):
    github.add_comment(f"quoted\n{MARKER}")
    assert post(ports) == ["created"]


def test_a_comment_deleted_before_it_is_renewed_is_made_anew(ports, github):
    own = github.add_comment(f"{MARKER}\nold")
    github.before[f"PATCH issues/comments/{own['id']}"] = github.comments.clear
    assert post(ports) == ["created"]
    assert [unsigned(one["body"]) for one in github.comments] == [TEXT]


def test_two_runs_at_once_leave_one_comment(ports, github):
    github.before["POST issues/7/comments"] = lambda: github.add_comment(f"{MARKER}\nthe other run's")
    assert post(ports) == ["updated"]
    assert [unsigned(one["body"]) for one in github.comments] == [TEXT]


def test_two_runs_at_once_leave_one_open_issue(ports, github):
    github.on_push("failure")
    write_alerts(ports, alert())
    github.before["POST issues"] = lambda: github.add_issue(f"{FAILED}\nthe other run's")
    assert post(ports) == ["updated"]
    assert [one["state"] for one in github.issues] == ["open", "closed"]
    assert unsigned(github.issues[0]["body"]) == alert()["body"]


@pytest.mark.parametrize(
    "pull",
    [
        {"head": {"sha": "d" * 40, "repo": {"full_name": "fork/coder"}}},
        {"head": {"sha": "c" * 40, "repo": {"full_name": "other/coder"}}},
        {"head": {"sha": "c" * 40, "repo": None}},
        {"state": "closed"},
    ],
)
@pytest.mark.parametrize("words", [(), ("--pull-request", "7")])
def test_a_pull_request_that_is_not_the_runs_gets_no_comment(ports, github, pull, words):
    github.pull |= pull
    (said,) = post(ports, *words)
    assert said.startswith("none: no open pull request has the run's commit")
    assert github.writes() == []


@pytest.mark.parametrize(("status", "hint"), [(403, "pull-requests: write"), (422, "takes no such text")])
def test_a_refusal_says_what_is_lacking(ports, github, status, hint):
    github.faults.append(("POST", "comments", answer(status, {"message": "Validation Failed"})))
    post(ports, code=3)
    assert hint in ports.stderr.getvalue()


def test_a_rate_limit_ends_it_and_the_next_try_goes_on(ports, github):
    github.faults.append(("POST", "comments", answer(429, {"message": "slow down"}, retry_after="3600")))
    post(ports, code=3)
    assert post(ports) == ["created"]


@pytest.mark.parametrize("event", ["pull_request", "push"])
def test_a_dry_run_writes_nothing(ports, github, event):
    if event == "push":
        github.on_push("failure")
        github.add_issue(f"{FAILED}\nold")
    github.add_comment(f"{MARKER}\nold")
    assert post(ports, "--dry-run") == ["updated"]
    assert github.writes() == []


def test_a_failed_push_opens_one_issue_renews_it_and_closes_it_when_green(ports, github):
    github.on_push("failure")
    write_alerts(ports, alert())
    assert post(ports) == ["opened"]
    assert github.issues[0]["labels"] == ["ci", "ci-failed"]
    assert post(ports) == ["unchanged"]
    write_alerts(ports, alert(body=f"{FAILED}\nanother log"))
    assert post(ports) == ["updated"]
    github.on_push("success")
    write_alerts(ports)
    assert post(ports) == ["closed: over"]
    assert [one["state"] for one in github.issues] == ["closed"]


def test_a_green_run_closes_no_issue_that_is_not_ours_or_not_of_its_event(ports, github):
    github.on_push("success")
    write_alerts(ports)
    github.add_issue(f"{FAILED}\nx", "mallory")
    github.add_issue("a report")
    github.add_issue(f"{alert_marker('ci-failed-release')}\nx")
    github.add_issue(f"{FAILED}\nx", pull_request={})
    assert post(ports) == []
    assert github.writes() == []


def test_a_benchmark_is_over_only_where_a_green_run_has_measured(ports, github):
    github.on_push("success")
    github.add_issue(f"{SLOW}\nx")
    assert post(ports) == []
    write_alerts(ports)
    assert post(ports) == ["closed: over"]


def test_a_run_that_failed_without_a_summary_is_an_alert_too(ports, github):
    github.on_push("startup_failure")
    assert post(ports) == ["opened"]
    assert "ended as startup_failure, without a summary" in github.issues[0]["body"]


def test_an_artifact_makes_up_no_failure_of_a_green_run(ports, github):
    github.on_push("success")
    write_alerts(ports, alert())
    assert post(ports) == []
    assert github.writes() == []


@pytest.mark.parametrize(
    "changed",
    [
        {"head_repository": {"full_name": "fork/coder"}},
        {"head_branch": "topic"},
        {"event": "schedule"},
        {"conclusion": None},
        {"head_repository": None},
    ],
)
def test_only_an_ended_push_to_the_default_branch_raises_alerts(ports, github, changed):
    github.on_push("failure")
    github.run |= changed
    write_alerts(ports, alert())
    assert post(ports)[0].startswith("none: ")
    assert github.writes() == []


def test_alerts_in_the_artifact_of_a_pull_request_are_not_read(ports, github):
    write_alerts(ports, alert())
    assert post(ports) == ["created"]
    assert github.issues == []


@pytest.mark.parametrize(
    "data",
    [
        b"no marker",
        b"x\n" + MARKER.encode(),
        MARKER.encode() + b"\n\xff",
        MARKER.encode() + b"\n\0",
        MARKER.encode() + b"\n" + b"x" * 65_536,
        MARKER.encode() + b"\n" + b"x" * 400_000,
    ],
)
def test_a_text_that_is_not_ours_or_too_large_is_refused(ports, github, data):
    (ports.cwd / "texts" / "comment.md").write_bytes(data)
    post(ports, code=4)
    assert github.writes() == []


def test_a_link_to_another_file_is_refused(ports, github):
    secret = ports.cwd / "secret"
    secret.write_text(TEXT)
    text = ports.cwd / "texts" / "comment.md"
    text.unlink()
    text.symlink_to(secret)
    post(ports, code=4)
    text.unlink()
    text.hardlink_to(secret)
    post(ports, code=4)
    assert github.writes() == []


def test_a_text_mentions_nobody_and_keeps_addresses(ports, github):
    (ports.cwd / "texts" / "comment.md").write_text(f"{MARKER}\n@team (@nanna/all) a@sha256:1")
    assert post(ports) == ["created"]
    assert unsigned(github.comments[0]["body"]) == f"{MARKER}\n@\u200bteam (@\u200bnanna/all) a@sha256:1"


@pytest.mark.parametrize(
    "bad",
    [
        {"key": ""},
        {"key": 7},
        {"title": "a\nb"},
        {"title": "x" * 201},
        {"title": "\u202ex"},
        {"labels": ["admin"]},
        {"labels": "ci"},
        {"body": "no marker"},
        {"body": f"{SLOW}\nof another key"},
        {"body": None},
    ],
)
def test_alerts_that_break_their_schema_are_refused(ports, github, bad):
    github.on_push("failure")
    write_alerts(ports, alert() | bad)
    post(ports, code=4)
    assert github.writes() == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"schemaVersion":2,"alerts":[]}',
        b'{"schemaVersion":1}',
        b'{"schemaVersion":1,"alerts":[1]}',
        b"[" * 5000,
        json.dumps({"schemaVersion": 1, "alerts": [alert(), alert()]}).encode(),
        json.dumps({"schemaVersion": 1, "alerts": [alert(f"benchmark-{n}") for n in range(21)]}).encode(),
    ],
)
def test_files_of_alerts_that_are_malformed_are_refused(ports, github, data):
    github.on_push("failure")
    (ports.cwd / "texts" / "alerts.json").write_bytes(data)
    post(ports, code=4)
    assert github.writes() == []


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--run", "0"),
        ("--run", "x"),
        ("--run", "9" * 19),
        ("--pull-request", "-1"),
        ("--from", "nowhere"),
        ("--repository", "nanna"),
    ],
)
def test_flags_that_make_no_sense_are_usage_errors(ports, github, flag, value):
    post(ports, f"{flag}={value}", code=2)
    assert github.sent == []


def test_without_a_token_nothing_can_be_posted(ports, github):
    del ports.environ["GITHUB_TOKEN"]
    post(ports, code=2)
    assert github.sent == []


def test_the_comment_of_a_newer_run_is_left_alone(ports, github):
    newer = github.add_comment(of_run(MARKER, 51))
    assert post(ports) == ["left alone: it is of a newer run"]
    assert newer["body"] == of_run(MARKER, 51)
    assert github.writes() == []


@pytest.mark.parametrize(("number", "attempt", "workflow"), [(49, 9, 3), (50, 1, 3), (51, 1, 4)])
def test_the_comment_of_an_older_run_or_of_another_workflow_is_renewed(ports, github, number, attempt, workflow):
    github.add_comment(of_run(MARKER, number, attempt, workflow))
    assert post(ports) == ["updated"]


def test_a_later_attempt_of_the_same_run_is_newer(ports, github):
    github.add_comment(of_run(MARKER, 50, 2))
    assert post(ports) == ["left alone: it is of a newer run"]
    github.run["run_attempt"] = 3
    assert post(ports) == ["updated"]


def test_a_newer_run_that_posts_at_the_same_time_stays(ports, github):
    github.before["POST issues/7/comments"] = lambda: github.add_comment(of_run(MARKER, 51))
    assert post(ports) == ["left alone: it is of a newer run"]
    assert [one["body"] for one in github.comments] == [of_run(MARKER, 51)]


def test_a_text_cannot_say_that_it_is_of_another_run(ports, github):
    (ports.cwd / "texts" / "comment.md").write_text(of_run(MARKER, 10**17))
    assert post(ports) == ["created"]
    github.run["run_number"] = 51
    assert post(ports) == ["updated"]


def test_a_text_as_long_as_github_takes_stays_so_with_its_line(ports, github):
    (ports.cwd / "texts" / "comment.md").write_text(f"{MARKER}\n" + "@a " * 21_000)
    assert post(ports) == ["created"]
    assert len(github.comments[0]["body"]) == 65_536


@pytest.mark.parametrize("conclusion", ["success", "failure"])
def test_an_issue_of_a_newer_run_is_neither_renewed_nor_closed(ports, github, conclusion):
    github.on_push(conclusion)
    issue = github.add_issue(of_run(FAILED, 51))
    assert post(ports) == ["left alone: it is of a newer run"]
    assert (issue["state"], issue["body"]) == ("open", of_run(FAILED, 51))
    assert github.writes() == []


@pytest.mark.parametrize("conclusion", ["success", "failure"])
def test_an_older_run_of_main_that_ends_late_raises_and_closes_nothing(ports, github, conclusion):
    github.on_push(conclusion)
    github.runs = [{"head_branch": "main", "event": "push", "run_number": number} for number in (51, 50, 49)]
    github.add_issue(f"{FAILED}\nof before there were lines")
    assert post(ports) == ["none: run number 51 of 'main' is newer, and has ended"]
    assert github.writes() == []


def test_runs_of_other_branches_and_events_are_no_newer_ones(ports, github):
    github.on_push("failure")
    github.runs = [
        {"head_branch": "topic", "event": "push", "run_number": 60},
        {"head_branch": "main", "event": "schedule", "run_number": 61},
    ]
    assert post(ports) == ["opened"]


def test_a_tag_whose_run_failed_is_an_alert_and_the_next_tag_closes_it(ports, github):
    github.on_tag("failure")
    write_alerts(ports, alert("ci-failed-release"), alert("ci-failed-push"))
    assert post(ports) == ["opened"]
    assert github.issues[0]["body"].startswith(alert_marker("ci-failed-release"))
    github.on_push("success")
    write_alerts(ports)
    assert post(ports) == []
    github.on_tag("success", "v1.2.4")
    assert post(ports) == ["closed: over"]


def test_a_release_that_fails_after_the_summary_is_an_alert_too(ports, github):
    github.on_tag("failure")
    write_alerts(ports)
    assert post(ports) == ["opened"]
    assert "see the jobs after it" in github.issues[0]["body"]


def test_a_branch_that_is_called_like_a_tag_of_another_commit_raises_no_alert(ports, github):
    github.on_tag("failure")
    github.tags["v1.2.3"] = "d" * 40
    assert post(ports)[0].startswith("none: alerts are for pushes")
