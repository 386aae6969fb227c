"""What the token of a job may do, and that a called workflow gets no more of it than its caller has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.rehearsal.known_nodes import mapping_at, scalar_at
from nanna_ci.workflow.yaml_nodes import YamlNode, YamlScalar

_LEVELS: Final = ("none", "read", "write")
SCOPES: Final = frozenset(
    {
        *("actions", "artifact-metadata", "attestations", "checks", "contents", "deployments", "discussions"),
        *("id-token", "issues", "models", "packages", "pages", "pull-requests", "repository-projects"),
        *("security-events", "statuses"),
    }
)
DEFAULT: Final[Mapping[str, str]] = {"contents": "read", "packages": "read"}
"""Of a repository that restricts its token, as GitHub does by default; `metadata` is always readable."""


def read_permissions(node: YamlNode | None, path: str) -> Mapping[str, str] | None:
    """Scope -> level as written; None where nothing is said. MalformedData for scopes and levels that are not known."""
    if node is None:
        return None
    if isinstance(node, YamlScalar) and node.text in {"read-all", "write-all"}:
        level = node.text.removesuffix("-all")
        return dict.fromkeys(SCOPES, level)
    levels = {}
    for key, value in mapping_at(node, path, "permissions").entries:
        level = scalar_at(value, path, f"permission {key.text}").text
        if key.text not in SCOPES or level not in _LEVELS:
            raise MalformedData(
                f"{path}:{key.line}",
                f"the permission {shorten(f'{key.text}: {level}')} is not known",
                hint=f"levels are {', '.join(_LEVELS)}; scopes are {', '.join(sorted(SCOPES))}",
            )
        levels[key.text] = level
    return levels


def refuse_more(wanted: Mapping[str, str], allowed: Mapping[str, str], path: str, line: int, job: str) -> None:
    """MalformedData for a job that wants more than the job that calls its workflow has: GitHub starts no such run."""
    for scope, level in wanted.items():
        had = allowed.get(scope, "none")
        if _LEVELS.index(level) > _LEVELS.index(had):
            raise MalformedData(
                f"{path}:{line}",
                f"job {job} wants {scope}: {level}, but the job that calls this workflow has {scope}: {had}",
                hint="give the calling job the permission, or take it from the called one",
            )


def read_only(granted: Mapping[str, str]) -> Mapping[str, str]:
    """What a fork's pull request has of it: nothing may be written, and there is no identity."""
    return {scope: "read" if level == "write" else level for scope, level in granted.items() if scope != "id-token"}
