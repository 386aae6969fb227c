"""The newest releases of the actions that the workflows use, in the workflows and in the table of actions."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nanna_ci.forge.github_api import RateLimited
from nanna_ci.foundation.errors import GateFailed, Interrupted, MalformedData, NannaError, ServiceUnavailable
from nanna_ci.updates.action_releases import ActionReleases
from nanna_ci.updates.newer_pins import find_newer_pin
from nanna_ci.updates.pin_rewriting import rewrite_table, rewrite_workflow
from nanna_ci.updates.updated_part import Moved, PartName, UpdatedPart, UpdateProblem, read_present
from nanna_ci.workflow.pin_table import ActionPin, parse_policy

WORKFLOWS: Final = ".github/workflows"
TABLE: Final = ".github/workflow.toml"


def update_actions(
    folder: Path, releases: ActionReleases, now: datetime.datetime, say: Callable[[str], None], *, any_major: bool
) -> UpdatedPart:
    """The table and the workflows with every action that has a newer release; an action that fails stays as it is.

    The table comes last, so that a rerun after an interruption finds the same newer releases. Raises ConfigError for
    a table that cannot be read, MalformedData for a workflow, NannaError for what cannot be rewritten.
    """
    table = _text(folder, TABLE)
    if table is None:
        return UpdatedPart(PartName.ACTIONS, note=f"there is no {TABLE} here")
    policy = parse_policy(table.encode(), TABLE)
    newer: dict[str, ActionPin] = {}
    problems = []
    for action, pin in policy.pins.items():
        if policy.is_of_pipeline(action):  # at the commit that flake.lock has: `workflow check --fix` moves it
            continue
        say(f"{action}: asking for its releases")
        try:
            found = find_newer_pin(pin, releases, now, policy.minimum_age_days, any_major=any_major)
        except Interrupted:
            raise
        except (RateLimited, ServiceUnavailable) as error:  # it would say the same of each
            problems.append(UpdateProblem(f"{action} and those after it: {error.message}"))
            break
        except NannaError as error:
            problems.append(UpdateProblem(f"{action}: {error.message}", isinstance(error, GateFailed)))
        else:
            newer |= {} if found is None else {action: found}
    if not newer:
        return UpdatedPart(PartName.ACTIONS, problems=tuple(problems))
    paths = sorted(path for path in (folder / WORKFLOWS).glob("*") if path.suffix in {".yml", ".yaml"})
    files = {}
    for name in (path.relative_to(folder).as_posix() for path in paths):
        text = _text(folder, name) or ""
        if (rewritten := rewrite_workflow(text, name, newer)) != text:
            files[name] = rewritten.encode()
    files[TABLE] = rewrite_table(table, TABLE, newer).encode()
    moved = tuple(_moved(policy.pins[action], pin) for action, pin in newer.items())
    return UpdatedPart(PartName.ACTIONS, files, moved, tuple(problems))


def _moved(old: ActionPin, new: ActionPin) -> Moved:
    repository = "/".join(new.action.split("/")[:2])
    page = f"https://github.com/{repository}/compare/{old.commit}...{new.commit}"
    return Moved(new.action, old.version, new.version, page)


def _text(folder: Path, name: str) -> str | None:
    """Line ends as they are; None if there is no such file."""
    data = read_present(folder, name)
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError as error:
        raise MalformedData(name, f"is not UTF-8 at byte {error.start}") from None
