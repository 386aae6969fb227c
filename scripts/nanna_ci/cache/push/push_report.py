"""The result of a push: the answer, its JSON, and the report for people. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, assert_never

from nanna_ci.cache.push.destination import Destination
from nanna_ci.cache.push.push_plan import PushPlan
from nanna_ci.cache.push.receipt import Receipt
from nanna_ci.cache.push.selection import Selection
from nanna_ci.cache.push.sending import Sent
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.blocks import Block, Cell, Code, Document, Facts, Notice, Paragraph, Table, Tone
from nanna_ci.report.units import bytes_text, names_text, seconds_text
from nanna_ci.store.store_path import StorePath

_ROWS: Final = 100


@dataclass(frozen=True, slots=True)
class Watched:
    """The command around which was watched; its exit code is negative for a signal."""

    argv: tuple[str, ...]
    exit_code: int
    seconds: float


class Skip(Enum):
    """Why nothing was sent, for people."""

    NO_RIGHTS = "cachix has no token: nothing was pushed; pulling needs none"
    NOTHING_BUILT = "nothing was built meanwhile that is still here"
    ALL_FILTERED = "the filter excludes all of it"
    NOTHING_NAMED = "standard input names no path"
    NOTHING_HERE = "no output of the pipeline's pure jobs is here: run them first"


@dataclass(frozen=True, slots=True)
class PushReport:
    """A push from its list to its receipt; None for a stage that was not reached, or not requested."""

    destination: Destination
    patterns: tuple[str, ...]
    seconds: float = 0.0
    watched: Watched | None = None
    selection: Selection | None = None
    plan: PushPlan | None = None
    sent: Sent | None = None
    receipt: Receipt | None = None
    recorded_as: str | None = None
    skipped: Skip | None = None

    @property
    def failures(self) -> dict[StorePath, str]:
        """Every path that should be in the cache and is not, or is not as it should be, with the reason."""
        absent = {} if self.plan is None else dict.fromkeys(self.plan.absent, "is not in the local store")
        unbuilt = (
            {} if self.selection is None else dict.fromkeys(self.selection.unbuilt, "has no output here: build it")
        )
        failed = {} if self.sent is None else dict(self.sent.failed)
        problems = {} if self.receipt is None else dict(self.receipt.problems)
        return dict(sorted((problems | failed | absent | unbuilt).items()))

    @property
    def pushed(self) -> tuple[StorePath, ...]:
        """The paths that the program took and that the receipt found, with all that they need."""
        if self.plan is None or self.sent is None or self.receipt is None:
            return ()
        broken = self.plan.needing(self.receipt.problems)
        return tuple(path for path in self.sent.accepted if path not in broken)


def decide_reason(report: PushReport) -> str | None:
    """Why it failed, or why nothing was sent; None if all was."""
    reasons = [] if report.skipped is None else [report.skipped.value]
    if report.watched is not None and report.watched.exit_code != 0:
        command = shlex.join(report.watched.argv)
        reasons.append(f"`{command}` exited with {report.watched.exit_code}")
    if report.failures:
        first, why = next(iter(report.failures.items()))
        more = f", and {len(report.failures) - 1} more" if len(report.failures) > 1 else ""
        reasons.append(f"{first} {why}{more}")
    return "; ".join(reasons) or None


def decide_verdict(report: PushReport) -> Verdict:
    """Whether all that should be in the cache is there; unavailable if there was nothing to push with."""
    if report.failures or (report.watched is not None and report.watched.exit_code != 0):
        return Verdict.FAIL
    match report.skipped:
        case None | Skip.NOTHING_BUILT | Skip.ALL_FILTERED:
            return Verdict.PASS
        case Skip.NO_RIGHTS:
            return Verdict.UNAVAILABLE
        case Skip.NOTHING_NAMED | Skip.NOTHING_HERE:
            return Verdict.FAIL
        case _:
            assert_never(report.skipped)


def push_to_json(report: PushReport, *, dry_run: bool) -> dict[str, Any]:
    """The JSON body; see schemas/cache-push.json."""
    plan, receipt, watched = report.plan, report.receipt, report.watched
    return {
        "to": report.destination.shown,
        "route": report.destination.route.value,
        "dryRun": dry_run,
        "filter": list(report.patterns),
        "planned": [] if plan is None else [str(path) for path in plan.push],
        "pushed": [str(path) for path in report.pushed],
        "failed": _problems_to_json(report.failures),
        "filtered": []
        if plan is None
        else [{"storePath": str(path), "pattern": pattern} for path, pattern in plan.filtered.items()],
        "dragged": []
        if plan is None
        else [
            {"storePath": str(path), "pattern": one.pattern, "neededBy": [str(other) for other in one.needed_by]}
            for path, one in plan.filtered_but_required.items()
        ],
        "unknownBuilds": [] if report.selection is None else [str(path) for path in report.selection.unknown_builds],
        "closure": None if plan is None else {"paths": len(plan.closure), "narBytes": plan.nar_bytes},
        "receipt": None if receipt is None else _receipt_to_json(receipt),
        "watched": None
        if watched is None
        else {"argv": list(watched.argv), "exitCode": watched.exit_code, "seconds": round(watched.seconds, 3)},
        "recordedAs": report.recorded_as,
        "seconds": round(report.seconds, 3),
        "reason": decide_reason(report),
    }


def _problems_to_json(problems: Mapping[StorePath, str]) -> list[dict[str, str]]:
    return [{"storePath": str(path), "reason": reason} for path, reason in problems.items()]


def _receipt_to_json(receipt: Receipt) -> dict[str, Any]:
    return {
        "asked": receipt.requested,
        "verified": len(receipt.verified),
        "rebuilt": sorted(str(path) for path in receipt.rebuilt),
        "elsewhere": sorted(str(path) for path in receipt.elsewhere),
        "problems": _problems_to_json(dict(sorted(receipt.problems.items()))),
        "untrusted": receipt.untrusted,
        "rounds": receipt.rounds,
        "seconds": round(receipt.seconds, 3),
    }


def render_push(report: PushReport, *, dry_run: bool) -> Document:
    """The report for people, failures first."""
    planned = 0 if report.plan is None else len(report.plan.push)
    shown = report.destination.shown
    came = "nothing sent" if report.sent is None else f"{len(report.pushed)} of {planned}"
    title = f"Push to {shown}: {'plan, nothing sent' if dry_run else came}"
    blocks = [*_notices(report), _facts(report)]
    blocks += _table(
        ("Not there", "Why"),
        ((Cell(path.name, Tone.BAD), Cell(f"{path} {why}")) for path, why in report.failures.items()),
    )
    if report.plan is not None:
        blocks += _table(
            ("Filtered", "Pattern", "Comes along for"),
            (
                (Cell(path.name, Tone.WARN), Cell(one.pattern), Cell(_names(one.needed_by)))
                for path, one in report.plan.filtered_but_required.items()
            ),
        )
        blocks += _table(
            ("Filtered", "Pattern"),
            ((Cell(path.name), Cell(pattern)) for path, pattern in report.plan.filtered.items()),
        )
        blocks += _listing("Would be pushed" if dry_run else "Pushed", report.plan.push if dry_run else report.pushed)
    return Document(title, tuple(blocks))


def _notices(report: PushReport) -> list[Block]:
    notices: list[Block] = []
    reason = decide_reason(report)
    if reason is not None:
        tones = {Verdict.PASS: Tone.NEUTRAL, Verdict.UNAVAILABLE: Tone.WARN, Verdict.FAIL: Tone.BAD}
        notices.append(Notice(tones[decide_verdict(report)], f"{reason[0].upper()}{reason[1:]}."))
    if report.selection is not None and report.selection.unknown_builds:
        names = _names(report.selection.unknown_builds)
        notices.append(
            Notice(Tone.WARN, f"Only their run-time closure is pushed, their derivation is not here: {names}")
        )
    if report.receipt is not None and report.receipt.rebuilt:
        names = _names(tuple(sorted(report.receipt.rebuilt)))
        text = f"Another build of the same derivation was there first, with other content, signed and kept: {names}"
        notices.append(Notice(Tone.WARN, text))
    if report.receipt is not None and report.receipt.untrusted:
        count = report.receipt.untrusted
        text = f"{count} of {len(report.receipt.verified)} paths carry no signature that Nix here would trust"
        notices.append(Notice(Tone.WARN, f"{text}: sign them (?secret-key=FILE), and trust the key in pipeline.toml."))
    return notices


def _facts(report: PushReport) -> Facts:
    plan, receipt, watched = report.plan, report.receipt, report.watched
    items: list[tuple[str, str | None]] = []
    if watched is not None:
        items.append(("Command", f"exit code {watched.exit_code} after {seconds_text(watched.seconds)}"))
    if plan is not None:
        size = None if plan.nar_bytes is None else f"{len(plan.closure)} paths, {bytes_text(plan.nar_bytes)}"
        items += [
            ("Paths to push", str(len(plan.push))),
            ("With their closure", size),
            ("Filtered", f"{len(plan.filtered)}, and {len(plan.filtered_but_required)} that are filtered but required"),
        ]
    if receipt is not None:
        elsewhere = f", {len(receipt.elsewhere)} in other caches" if receipt.elsewhere else ""
        rounds = "once" if receipt.rounds == 1 else f"{receipt.rounds} times"
        found = f"{len(receipt.verified) + len(receipt.rebuilt)} of {receipt.requested} are there{elsewhere}"
        items.append(("Receipt", f"{found}; queried {rounds} in {seconds_text(receipt.seconds)}"))
    if report.recorded_as is not None:
        items.append(("Kept as", report.recorded_as))
    return Facts((*items, ("Took", seconds_text(report.seconds))))


def _table(header: tuple[str, ...], rows: Iterable[tuple[Cell, ...]]) -> list[Block]:
    """A table of the first rows, and how many there are more; nothing for no rows."""
    every = tuple(rows)
    if not every:
        return []
    more = len(every) - _ROWS
    return [
        Table(header, every[:_ROWS]),
        *([Paragraph(f"… and {more} more: --format json has all")] if more > 0 else []),
    ]


def _listing(title: str, paths: tuple[StorePath, ...]) -> list[Block]:
    if not paths:
        return []
    more = [f"… and {len(paths) - _ROWS} more"] if len(paths) > _ROWS else []
    return [Paragraph(f"{title}:"), Code("\n".join([*map(str, paths[:_ROWS]), *more]))]


def _names(paths: tuple[StorePath, ...]) -> str:
    return names_text([path.name for path in paths], 5)
