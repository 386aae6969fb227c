"""Which release of an action is taken, and what GitHub's answers may look like."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, cast

import pytest

from nanna_ci.forge.github_api import GithubApi
from nanna_ci.foundation.errors import GateFailed, MalformedData, RequestRefused
from nanna_ci.foundation.http_answer import Response
from nanna_ci.foundation.json_data import load_json
from nanna_ci.updates.action_releases import ActionRelease, ActionReleases, parse_version
from nanna_ci.updates.newer_pins import choose_release, find_newer_pin
from nanna_ci.workflow.pin_table import ActionPin

NOW = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)
COMMIT = "a" * 40


class FakeApi:
    """In place of GithubApi: answers by the end of the URL, bytes or an exception."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers

    def send(self, _method: str, url: str, **_options: Any) -> Response:
        found = next((value for end, value in self.answers.items() if url.endswith(end)), None)
        if found is None:
            raise RequestRefused(url, 404, "Not Found")
        return Response(200, url, {}, found)


def releases(answers: Mapping[str, bytes]) -> ActionReleases:
    return ActionReleases(cast("GithubApi", FakeApi(answers)), "http://api")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("v1.2.3", (1, 2, 3)),
        ("1.2", (1, 2, 0)),
        ("v35", (35, 0, 0)),
        ("v1.2.3-rc1", None),
        ("codeql-bundle-v2.25.6", None),
        ("v1.2.3.4", None),
        ("", None),
        ("v1\n", None),
        ("v٣", None),
    ],
)
def test_a_version_is_read_or_is_none(text, numbers):
    assert parse_version(text) == numbers


def release(version: str, days_ago: float) -> ActionRelease:
    numbers = parse_version(version)
    assert numbers is not None
    return ActionRelease(version, numbers, NOW - datetime.timedelta(days=days_ago))


@pytest.mark.parametrize(
    ("any_major", "days", "chosen"), [(False, 7, "v1.3.0"), (True, 7, "v2.0.0"), (False, 3, "v1.4.0"), (True, 90, None)]
)
def test_the_highest_version_that_is_old_enough_is_chosen(any_major, days, chosen):
    known = tuple(release(*one) for one in (("v1.3.0", 7.0), ("v2.0.0", 8), ("v1.4.0", 6.9), ("v0.9.0", 9)))
    limit = NOW - datetime.timedelta(days=days)
    found = choose_release(known, (1, 2, 0), limit, any_major=any_major)
    assert (found.version if found is not None else None) == chosen


@pytest.mark.parametrize(
    ("text", "using"),
    [
        ("runs:\n  using: node24\n", "node24"),
        ("runs:\n  main: x\n  using: 'composite' # steps\n", "composite"),
        ('runs:\r\n  using: "docker"\r\n', "docker"),
        ("inputs:\n  a:\n    description: by using: it\nruns:\n    using: node20\n", "node20"),
    ],
)
def test_what_an_action_runs_on_is_read_from_its_file(text, using):
    found = releases({f"/repos/o/a/contents/sub/action.yml?ref={COMMIT}": text.encode()})
    assert found.query_runtime("o/a/sub", COMMIT) == using


def test_an_action_may_have_the_longer_name_of_its_file():
    found = releases({f"/contents/action.yaml?ref={COMMIT}": b"runs:\n  using: node24\n"})
    assert found.query_runtime("o/a", COMMIT) == "node24"


def test_an_action_that_says_nothing_of_what_it_runs_on_is_refused():
    with pytest.raises(GateFailed, match="does not say what it runs on"):
        releases({}).query_runtime("o/a", COMMIT)


def test_a_tag_of_tags_without_end_is_refused():
    circle = b'{"object": {"type": "tag", "sha": "%s"}}' % COMMIT.encode()
    with pytest.raises(GateFailed, match="leads to no commit"):
        releases({"/git/ref/tags/v1": circle, f"/git/tags/{COMMIT}": circle}).query_commit("o/a", "v1")


@pytest.mark.parametrize("body", [b"[]", b'{"object": {"type": "commit", "sha": "main"}}', b'{"object": {}}'])
def test_an_answer_that_is_no_tag_is_malformed(body):
    with pytest.raises(MalformedData):
        releases({"/git/ref/tags/v1": body}).query_commit("o/a", "v1")


@pytest.mark.parametrize("published", ['"yesterday"', '"2026-11-10T10:00:00"', "5"])
def test_a_release_without_a_proper_time_is_malformed(published):
    body = f'[{{"tag_name": "v1", "draft": false, "prerelease": false, "published_at": {published}}}]'.encode()
    assert load_json(body, "it")
    with pytest.raises(MalformedData, match="published_at"):
        releases({"/releases?per_page=100": body}).query_releases("o/a")


def test_a_pin_whose_version_has_no_numbers_is_left_to_people():
    pin = ActionPin("o/a", "main", COMMIT, datetime.date(2026, 1, 1), "node24", 1)
    with pytest.raises(GateFailed, match="no version with numbers"):
        find_newer_pin(pin, releases({}), NOW, 7, any_major=False)
