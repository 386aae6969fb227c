"""What GitHub would say of an event: the github context, the payload, and what the filters of workflows look at."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from nanna_ci.rehearsal.event_filters import Occasion
from nanna_ci.rehearsal.expressions.expression_value import Value
from nanna_ci.rehearsal.rehearsed_repository import PULL_REQUEST, RehearsedRepository

RUN_ID: Final = 1_000_000_001
FORK_OWNER: Final = "rehearsed-fork"
_SERVER: Final = "https://github.com"
_ZEROS: Final = "0" * 40
_OWNER_ID: Final = 1
_REPOSITORY_ID: Final = 2


class RehearsedEvent(enum.StrEnum):
    """What is rehearsed; `fork` is a pull request from another repository, `nightly` is GitHub's schedule."""

    PUSH = "push"
    PULL_REQUEST = "pull_request"
    FORK = "fork"
    MERGE_GROUP = "merge_group"
    TAG = "tag"
    NIGHTLY = "nightly"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class StartedEvent:
    """An event that has happened: `commit` is what its workflows check out, and where they are read.

    `github` is the context but for what differs from workflow to workflow. `is_fork`: its token can only read, and
    there are no secrets. `shown` says what is rehearsed, in a line.
    """

    occasion: Occasion
    commit: str
    github: Mapping[str, Value]
    is_fork: bool
    shown: str


def start_event(event: RehearsedEvent, repository: RehearsedRepository, api: str, now: float) -> StartedEvent:
    """Make the event's refs in the clone, and say what GitHub would. `api` is the REST API, `now` seconds since 1970.

    Raises UsageError for a pull request with conflicts.
    """
    maker = _Maker(repository, datetime.datetime.fromtimestamp(now, datetime.UTC).isoformat(), api)
    match event:
        case RehearsedEvent.PUSH:
            return maker.push()
        case RehearsedEvent.TAG:
            return maker.tag()
        case RehearsedEvent.PULL_REQUEST:
            return maker.pull_request(is_fork=False)
        case RehearsedEvent.FORK:
            return maker.pull_request(is_fork=True)
        case RehearsedEvent.MERGE_GROUP:
            return maker.merge_group()
        case RehearsedEvent.NIGHTLY:
            return maker.nightly()
        case RehearsedEvent.RELEASE:
            return maker.release()


@dataclass(frozen=True, slots=True)
class _Maker:
    repository: RehearsedRepository
    time: str
    api: str

    def push(self) -> StartedEvent:
        here = self.repository
        payload = self._payload(
            ref=f"refs/heads/{here.default_branch}",
            before=here.base,
            after=here.head,
            created=False,
            deleted=False,
            forced=False,
            base_ref=None,
            compare=f"{self._url}/compare/{here.base}...{here.head}",
            commits=[self._commit(here.head)],
            head_commit=self._commit(here.head),
            pusher={"name": self._owner, "email": "rehearsal@localhost"},
        )
        return self._started(
            "push",
            f"refs/heads/{here.default_branch}",
            here.head,
            payload,
            f"a push of {here.head[:12]} to {here.default_branch}",
            changed=lambda: here.changed_paths(here.base, here.head),
        )

    def tag(self) -> StartedEvent:
        here = self.repository
        name = self._version_tag()
        payload = self._payload(
            ref=f"refs/tags/{name}",
            before=_ZEROS,
            after=here.head,
            created=True,
            deleted=False,
            forced=False,
            base_ref=f"refs/heads/{here.default_branch}",
            compare=f"{self._url}/compare/{name}",
            commits=[],
            head_commit=self._commit(here.head),
            pusher={"name": self._owner, "email": "rehearsal@localhost"},
        )
        return self._started(
            "push", f"refs/tags/{name}", here.head, payload, f"a push of the tag {name} at {here.head[:12]}"
        )

    def pull_request(self, *, is_fork: bool) -> StartedEvent:
        here = self.repository
        commit = here.merge_head()
        ref = f"refs/pull/{PULL_REQUEST}/merge"
        here.set_ref(ref, commit)
        here.set_ref(f"refs/pull/{PULL_REQUEST}/head", here.head)
        here.set_ref(f"refs/heads/{here.default_branch}", here.base)
        if not is_fork:
            here.set_ref(f"refs/heads/{here.branch}", here.head)
        owner = FORK_OWNER if is_fork else self._owner
        full_name = f"{owner}/{here.name.partition('/')[2]}"
        pull: dict[str, Value] = {
            "number": PULL_REQUEST,
            "id": PULL_REQUEST,
            "state": "open",
            "title": f"Rehearse {here.branch}",
            "body": None,
            "draft": False,
            "merged": False,
            "mergeable": True,
            "merge_commit_sha": commit,
            "html_url": f"{self._url}/pull/{PULL_REQUEST}",
            "user": self._user(owner),
            "author_association": "NONE" if is_fork else "OWNER",
            "labels": [],
            "head": self._side(here.branch, here.head, full_name, is_fork=is_fork),
            "base": self._side(here.default_branch, here.base, here.name, is_fork=False),
        }
        payload = self._payload(action="synchronize", number=PULL_REQUEST, pull_request=pull, before=here.base)
        started = self._started(
            "pull_request",
            ref,
            commit,
            payload,
            f"a pull request {'from a fork ' if is_fork else ''}of {here.head[:12]} to {here.default_branch}",
            changed=lambda: here.changed_paths(f"{here.base}...{here.head}", "--"),
            action="synchronize",
            branch=here.default_branch,
        )
        github = {
            **started.github,
            "head_ref": here.branch,
            "base_ref": here.default_branch,
            "ref_name": f"{PULL_REQUEST}/merge",
            "actor": owner,
            "triggering_actor": owner,
        }
        return replace(started, github=github, is_fork=is_fork)

    def merge_group(self) -> StartedEvent:
        here = self.repository
        commit = here.merge_head()
        ref = f"refs/heads/gh-readonly-queue/{here.default_branch}/pr-{PULL_REQUEST}-{here.base}"
        here.set_ref(ref, commit)
        here.set_ref(f"refs/heads/{here.default_branch}", here.base)
        group: dict[str, Value] = {
            "head_sha": commit,
            "head_ref": ref,
            "base_sha": here.base,
            "base_ref": f"refs/heads/{here.default_branch}",
            "head_commit": self._commit(commit),
        }
        payload = self._payload(action="checks_requested", merge_group=group)
        return self._started(
            "merge_group",
            ref,
            commit,
            payload,
            f"the merge queue with {here.head[:12]} before {here.default_branch}",
            action="checks_requested",
            branch=here.default_branch,
        )

    def nightly(self) -> StartedEvent:
        here = self.repository
        ref = f"refs/heads/{here.default_branch}"
        return self._started(
            "schedule", ref, here.head, self._payload(), f"the schedule on {here.default_branch} at {here.head[:12]}"
        )

    def release(self) -> StartedEvent:
        here = self.repository
        name = self._version_tag()
        release: dict[str, Value] = {
            "id": 1,
            "tag_name": name,
            "name": name,
            "target_commitish": here.default_branch,
            "draft": False,
            "prerelease": False,
            "body": "",
            "assets": [],
            "author": self._user(self._owner),
            "created_at": self.time,
            "published_at": self.time,
            "html_url": f"{self._url}/releases/tag/{name}",
            "upload_url": f"{self.api}/repos/{here.name}/releases/1/assets{{?name,label}}",
            "url": f"{self.api}/repos/{here.name}/releases/1",
        }
        return self._started(
            "release",
            f"refs/tags/{name}",
            here.head,
            self._payload(action="published", release=release),
            f"the publication of release {name} at {here.head[:12]}",
            action="published",
        )

    def _version_tag(self) -> str:
        """The tag of the version, made in the clone if it is not there or is another commit's."""
        name = f"v{self.repository.version or '0.0.0'}"
        self.repository.set_ref(f"refs/tags/{name}", self.repository.head)
        return name

    def _started(
        self,
        name: str,
        ref: str,
        commit: str,
        payload: dict[str, Value],
        shown: str,
        *,
        changed: Callable[[], Sequence[str]] = lambda: (),
        action: str = "",
        branch: str | None = None,
    ) -> StartedEvent:
        here = self.repository
        is_tag = ref.startswith("refs/tags/")
        github: dict[str, Value] = {
            "event_name": name,
            "event": payload,
            "ref": ref,
            "ref_name": ref.removeprefix("refs/heads/").removeprefix("refs/tags/"),
            "ref_type": "tag" if is_tag else "branch",
            "ref_protected": False,
            "sha": commit,
            "head_ref": "",
            "base_ref": "",
            "repository": here.name,
            "repository_id": str(_REPOSITORY_ID),
            "repository_owner": self._owner,
            "repository_owner_id": str(_OWNER_ID),
            "repositoryUrl": f"git://github.com/{here.name}.git",
            "repository_visibility": "public",
            "actor": self._owner,
            "actor_id": str(_OWNER_ID),
            "triggering_actor": self._owner,
            "run_id": str(RUN_ID),
            "run_number": "1",
            "run_attempt": "1",
            "retention_days": "90",
            "secret_source": "Actions",
            "server_url": _SERVER,
            "api_url": self.api,
            "graphql_url": f"{self.api}/graphql",
        }
        tag = github["ref_name"] if is_tag else None
        into = branch if branch is not None or is_tag else ref.removeprefix("refs/heads/")
        occasion = Occasion(name, action, into, tag if isinstance(tag, str) else None, changed)
        return StartedEvent(occasion, commit, github, is_fork=False, shown=shown)

    @property
    def _owner(self) -> str:
        return self.repository.name.partition("/")[0]

    @property
    def _url(self) -> str:
        return f"{_SERVER}/{self.repository.name}"

    def _payload(self, **members: Value) -> dict[str, Value]:
        return {
            **members,
            "repository": self._repository(self.repository.name, is_fork=False),
            "sender": self._user(self._owner),
        }

    def _user(self, login: str) -> Value:
        return {"login": login, "id": _OWNER_ID, "type": "User", "html_url": f"{_SERVER}/{login}"}

    def _repository(self, full_name: str, *, is_fork: bool) -> Value:
        owner, _, name = full_name.partition("/")
        return {
            "id": _REPOSITORY_ID,
            "name": name,
            "full_name": full_name,
            "private": False,
            "fork": is_fork,
            "owner": self._user(owner),
            "html_url": f"{_SERVER}/{full_name}",
            "clone_url": f"{_SERVER}/{full_name}.git",
            "url": f"{self.api}/repos/{full_name}",
            "default_branch": self.repository.default_branch,
            "visibility": "public",
        }

    def _side(self, branch: str, commit: str, full_name: str, *, is_fork: bool) -> Value:
        return {
            "ref": branch,
            "sha": commit,
            "label": f"{full_name.partition('/')[0]}:{branch}",
            "user": self._user(full_name.partition("/")[0]),
            "repo": self._repository(full_name, is_fork=is_fork),
        }

    def _commit(self, commit: str) -> Value:
        message = self.repository.git.text("log", "-1", "--format=%B", commit)
        name = {"name": "rehearsal", "email": "rehearsal@localhost", "username": self._owner}
        return {
            "id": commit,
            "tree_id": self.repository.git.text("rev-parse", f"{commit}^{{tree}}"),
            "message": message,
            "timestamp": self.time,
            "url": f"{self._url}/commit/{commit}",
            "author": dict(name),
            "committer": dict(name),
        }


def followed_by_workflow_run(
    event: StartedEvent, workflow: str, path: str, conclusion: str, commit: str
) -> StartedEvent:
    """The workflow_run that GitHub sends once a workflow of the event has ended; `commit` is the default branch's."""
    github, payload = event.github, event.github["event"]
    assert isinstance(payload, dict)
    pull = payload.get("pull_request")
    head = pull.get("head") if isinstance(pull, dict) else None
    own = payload["repository"]
    branch = head["ref"] if isinstance(head, dict) else github["ref_name"]
    run: dict[str, Value] = {
        "id": RUN_ID,
        "name": workflow,
        "path": path,
        "event": github["event_name"],
        "status": "completed",
        "conclusion": conclusion,
        "head_branch": branch,
        "head_sha": head["sha"] if isinstance(head, dict) else github["sha"],
        "head_repository": head["repo"] if isinstance(head, dict) else own,
        "repository": own,
        "run_attempt": 1,
        "run_number": 1,
        "html_url": f"{_SERVER}/{github['repository']}/actions/runs/{RUN_ID}",
        "pull_requests": [] if pull is None or event.is_fork else [{"number": PULL_REQUEST}],
    }
    default = own["default_branch"] if isinstance(own, dict) else "main"
    later: dict[str, Value] = {
        **github,
        "event_name": "workflow_run",
        "event": {
            "action": "completed",
            "workflow_run": run,
            "workflow": {"name": workflow, "path": path},
            "repository": own,
            "sender": payload["sender"],
        },
        "ref": f"refs/heads/{default}",
        "ref_name": default,
        "ref_type": "branch",
        "sha": commit,
        "head_ref": "",
        "base_ref": "",
        "actor": github["repository_owner"],
        "triggering_actor": github["repository_owner"],
        "run_id": str(RUN_ID + 1),
    }
    occasion = Occasion(
        "workflow_run", "completed", branch if isinstance(branch, str) else "", None, lambda: (), workflow
    )
    return replace(event, occasion=occasion, commit=commit, github=later, is_fork=False, shown=f"the end of {workflow}")
