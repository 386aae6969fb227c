"""What an update did: for people, as JSON, and as the text of its pull request."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.blocks import Block, Cell, Document, Heading, Notice, Paragraph, Table, Tone
from nanna_ci.report.markdown import escape, render_block
from nanna_ci.updates.update_branch import BRANCH, ProposedCommit
from nanna_ci.updates.update_pull_request import PullRequest, PullRequestText
from nanna_ci.updates.updated_part import Moved, PartName, UpdatedPart, UpdateProblem

TITLES: Final = {PartName.INPUTS: "flake inputs", PartName.MODELS: "models", PartName.ACTIONS: "actions"}
_LONGEST, _LONGEST_NOTICES = 50_000, 10_000  # characters of a pull request's text: GitHub takes 65,536
_PLAIN_URL: Final = re.compile(r"https://github\.com/[\w./-]+")
_ABOUT: Final = "By `nanna-ci update`, which renews this branch until it is merged, unless somebody else commits to it."


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """`written` are the files of the work tree; `commit` and `pull_request` are None without --pull-request."""

    parts: tuple[UpdatedPart, ...]
    dry_run: bool
    written: tuple[str, ...] = ()
    commit: ProposedCommit | None = None
    pull_request: PullRequest | None = None
    problems: tuple[UpdateProblem, ...] = ()

    @property
    def all_problems(self) -> tuple[UpdateProblem, ...]:
        """Those of the parts, then those of the branch and the pull request."""
        return (*(one for part in self.parts for one in part.problems), *self.problems)

    @property
    def verdict(self) -> Verdict:
        """Fail for what somebody has to look at, unavailable for what could not be asked."""
        if any(one.is_refusal for one in self.all_problems):
            return Verdict.FAIL
        return Verdict.PASS if all(one.is_expected for one in self.all_problems) else Verdict.UNAVAILABLE


def update_title(parts: Sequence[UpdatedPart]) -> str:
    """The subject of the commit, and of the pull request."""
    *most, last = [TITLES[part.name] for part in parts if part.moved]
    return f"Update {', '.join(most)} and {last}" if most else f"Update {last}"


def commit_message(parts: Sequence[UpdatedPart]) -> str:
    """The subject, and a line for each thing that moved."""
    lines = [f"- {one.name}: {one.before or 'none'} -> {one.after or 'none'}" for part in parts for one in part.moved]
    return "\n".join((update_title(parts), "", *lines, ""))


def pull_request_text(parts: Sequence[UpdatedPart], problems: Sequence[UpdateProblem]) -> PullRequestText:
    """The summary of what moved, with a digest of the files: of the tree's, every commit on main would change it."""
    digest = hashlib.sha256()
    for path, data in (one for part in parts for one in part.files.items()):
        digest.update(f"{path}\0{len(data)}\0".encode() + data)
    marker = f"<!-- nanna-ci update {digest.hexdigest()} -->"
    title = update_title(parts)
    lines = []
    for part in parts:
        if part.moved:
            lines += ["", f"## {TITLES[part.name].capitalize()}", *map(_line, part.moved)]
    notices = "".join(f"\n{render_block(one)}\n" for one in _notices(problems))
    body = "\n".join(lines).strip()[:_LONGEST]
    return PullRequestText(title, f"{body}\n{notices[:_LONGEST_NOTICES]}\n{_ABOUT}\n\n{marker}\n", marker)


def update_document(report: UpdateReport) -> Document:
    """For people."""
    blocks = [*_notices(report.all_problems), *_tables(report.parts)]
    blocks += [Paragraph(f"{TITLES[part.name]}: {_quiet(part)}") for part in report.parts if not part.moved]
    if report.written:
        blocks.append(Paragraph(f"written: {', '.join(report.written)}"))
    if report.commit is not None:
        state = "unchanged" if not report.commit.is_new else "would be pushed" if report.dry_run else "pushed"
        blocks.append(Paragraph(f"branch {BRANCH}: {state}"))
    if report.pull_request is not None:
        number = "" if report.pull_request.number is None else f" {report.pull_request.number}"
        blocks.append(Paragraph(f"pull request{number}: {report.pull_request.says}"))
    count = sum(len(part.moved) for part in report.parts)
    found = f"{count or 'nothing'} {'is' if count <= 1 else 'are'} newer"
    unknown = any(part.problems for part in report.parts)  # nothing that is known is not nothing
    return Document(f"Update: {found}{', of what could be asked' if unknown else ''}", tuple(blocks))


def update_to_json(report: UpdateReport) -> dict[str, Any]:
    """The command's keys."""
    commit, pull_request = report.commit, report.pull_request
    return {
        "dryRun": report.dry_run,
        "parts": [_part_to_json(part) for part in report.parts],
        "written": list(report.written),
        "branch": None if commit is None else {"name": BRANCH, "commit": commit.commit, "isNew": commit.is_new},
        "pullRequest": None
        if pull_request is None
        else {"number": pull_request.number, "url": pull_request.page, "says": pull_request.says},
        "problems": [_problem_to_json(one) for one in report.problems],
    }


def _part_to_json(part: UpdatedPart) -> dict[str, Any]:
    return {
        "name": part.name.value,
        "files": list(part.files),
        "moved": [{"name": one.name, "before": one.before, "after": one.after, "url": one.page} for one in part.moved],
        "problems": [_problem_to_json(one) for one in part.problems],
        "note": part.note,
    }


def _problem_to_json(one: UpdateProblem) -> dict[str, Any]:
    return {"text": one.text, "isRefusal": one.is_refusal}


def _tables(parts: Sequence[UpdatedPart]) -> Iterator[Block]:
    for part in parts:
        if part.moved:
            yield Heading(TITLES[part.name].capitalize())
            rows = tuple(
                (Cell(one.name), Cell(one.before or "none"), Cell(one.after or "none", link=one.page))
                for one in part.moved
            )
            yield Table(("Name", "Before", "After"), rows)


def _line(one: Moved) -> str:
    names = f"- {escape(one.name)}: {escape(one.before or 'none')} → {escape(one.after or 'none')}"
    return names if one.page is None or _PLAIN_URL.fullmatch(one.page) is None else f"{names} ([commits]({one.page}))"


def _notices(problems: Sequence[UpdateProblem]) -> Iterator[Block]:
    for one in problems:
        yield Notice(Tone.BAD if one.is_refusal else Tone.WARN, one.text)


def _quiet(part: UpdatedPart) -> str:
    if part.note is not None:
        return part.note
    return "not all could be asked" if part.problems else "nothing is newer"
