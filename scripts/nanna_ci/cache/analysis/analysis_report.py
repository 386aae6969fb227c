"""The answer of `cache-analytics` for people: what hits, where the bytes are, why the rest missed."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence

from nanna_ci.cache.analysis.hits import Holdings, Weights
from nanna_ci.cache.analysis.misses import Miss, MissCause, Reason
from nanna_ci.cache.analysis.values import Analysis
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.report.blocks import (
    Bars,
    Block,
    Cell,
    Document,
    Facts,
    Heading,
    Notice,
    Paragraph,
    Stacks,
    Table,
    Tone,
)
from nanna_ci.report.units import bytes_text, seconds_text
from nanna_ci.store.store_path import StorePath

_ROWS = 20
_LARGEST = 10
_PARTS = (("hit", Tone.GOOD), ("untrusted", Tone.WARN), ("missing", Tone.BAD), ("unknown", Tone.NEUTRAL))


def render_document(analysis: Analysis) -> Document:
    """The report, what must be fixed first."""
    rate = percent(analysis.rate.paths)
    title = "Cache hit rate: " + ("not known" if rate is None else f"{rate} of {_count(analysis.tally.paths, 'path')}")
    blocks: list[Block] = [*_notices(analysis), _facts(analysis), _hits_and_misses(analysis)]
    blocks += [Heading("Substituters"), _substituters(analysis), *_where_the_bytes_are(analysis)]
    blocks += [*_misses(analysis.misses), *_unknown(analysis)]
    return Document(title, tuple(blocks))


def percent(share: float | None) -> str | None:
    """`85.0 %`; 100 % and 0 % only for all and nothing."""
    if share is None:
        return None
    shown = round(share * 100, 1)
    if shown in {0.0, 100.0} and share not in {0.0, 1.0}:
        shown = 99.9 if share > 0.5 else 0.1
    return f"{shown:.1f} %"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _notices(analysis: Analysis) -> Iterator[Notice]:
    tally, gate = analysis.tally, analysis.gate
    for one in analysis.holdings:
        if one.error is not None:
            url = one.result.substituter.url
            tone = Tone.BAD if tally.unknown else Tone.WARN
            yield Notice(tone, f"{url} could not be queried: {one.error}")
    if gate is not None:
        tone = Tone.GOOD if gate.verdict is Verdict.PASS else Tone.BAD
        measured = percent(gate.measured) or "not known"
        yield Notice(tone, f"Hit rate {measured}, at least {percent(gate.minimum)} is required: {gate.reason}.")
    if not tally.paths:
        yield Notice(Tone.BAD, "No data: nothing was requested.")
    if any(one.unknown and one.error is None for one in analysis.holdings) and tally.unknown:
        path, problem = next(iter(sorted(tally.unknown.items())))
        yield Notice(Tone.BAD, f"{_count(len(tally.unknown), 'answer')} not known, {path.name} first: {problem}")
    if tally.untrusted:
        what = _count(len(tally.untrusted), "path")
        planned = f"; {analysis.refused:,} that its dry run downloads must be built instead" if analysis.refused else ""
        yield Notice(Tone.WARN, f"{what} without a trusted signature, which Nix will not take{planned}.")
    hidden = sum(miss.reason is Reason.HIDDEN for miss in analysis.misses)
    if hidden:
        what = _count(hidden, "hit")
        yield Notice(Tone.WARN, f"{what} hidden from Nix on this machine: its own narinfo cache says absent.")
    limit = analysis.limit_bytes
    for one, size in zip(analysis.holdings, analysis.store_sizes, strict=True):
        if limit is not None and size.size_bytes is not None and size.size_bytes > limit:
            url = one.result.substituter.url
            said = f"{url} weighs {bytes_text(size.size_bytes)}, over its limit of {bytes_text(limit)}"
            yield Notice(Tone.WARN, f"{said}: nanna-ci cache-gc --store {url}")
    yield from (Notice(Tone.WARN, note) for note in analysis.notes)


def _facts(analysis: Analysis) -> Facts:
    plan, rate = analysis.plan, analysis.rate
    download = _count(len(plan.download), "path")
    if plan.download:
        packed = "n/a" if plan.download_bytes is None else bytes_text(plan.download_bytes)
        download += f" ({packed}, {bytes_text(plan.nar_bytes)} unpacked)"
    items: list[tuple[str, str | None]] = [
        ("Hit rate, paths", percent(rate.paths)),
        ("Hit rate, bytes", percent(rate.bytes)),
        ("Hit rate, build time", percent(rate.build_seconds)),
        ("Target", percent(analysis.target)),
        ("Nix would download", None if analysis.tally.unknown else download),
    ]
    if analysis.subject.graph:
        items.append(("Nix would build", None if analysis.tally.unknown else _count(len(plan.build), "derivation")))
    if any(one.present and not one.result.has_archives for one in analysis.holdings):
        items.append(("Archives", "not looked at over HTTP: a narinfo does not prove them, --verify-archives asks"))
    if analysis.baseline is not None:
        items.append(("Baseline", analysis.baseline.source))
    for one, size in zip(analysis.holdings, analysis.store_sizes, strict=True):
        if size.size_bytes is not None:
            grown = "" if size.growth_bytes is None else f", {_signed(size.growth_bytes)} since the baseline"
            limit = "" if analysis.limit_bytes is None else f" of {bytes_text(analysis.limit_bytes)}"
            items.append((f"Size of {one.result.substituter.url}", f"{bytes_text(size.size_bytes)}{limit}{grown}"))
    return Facts((*items, ("Took", seconds_text(analysis.seconds))))


def _signed(size_bytes: int) -> str:
    return ("+" if size_bytes >= 0 else "-") + bytes_text(abs(size_bytes))


def _hits_and_misses(analysis: Analysis) -> Stacks:
    tally, sizes, seconds = analysis.tally, analysis.sizes, analysis.seconds_to_build
    paths = tuple(map(len, (tally.present, tally.untrusted, tally.missing, tally.unknown)))
    items: list[tuple[str, tuple[float, ...] | None, str]] = [
        ("Paths", paths, f"{paths[0]:,} of {tally.paths:,}"),
    ]
    if sizes.hit or sizes.absent:
        untrusted = float(sum(analysis.view[path].nar_size_bytes for path in tally.untrusted))
        parts = (sizes.hit, untrusted, sizes.absent - untrusted)
        caption = _share(sizes, lambda size: bytes_text(int(size)), "size")
        items.append(("Bytes, unpacked", _drawn(parts, sizes), caption))
    if seconds.hit or seconds.absent:
        parts = (seconds.hit, 0.0, seconds.absent)
        items.append(("Build time", _drawn(parts, seconds), _share(seconds, seconds_text, "time")))
    for one in analysis.holdings if len(analysis.holdings) > 1 else ():
        counts = tuple(map(len, (one.present, one.untrusted, one.missing, one.unknown)))
        items.append((one.result.substituter.url, counts, f"{counts[0]:,} of {sum(counts):,}"))
    return Stacks(_PARTS, tuple(items), "Hits against misses")


def _drawn(parts: tuple[float, ...], weights: Weights) -> tuple[float, ...]:
    """Nothing if a part of the whole is not known: a bar would hide that."""
    return () if weights.unweighed else parts


def _share(weights: Weights, show: Callable[[float], str], what: str) -> str:
    if weights.unweighed:
        return f"{show(weights.hit)} hit, {weights.unweighed:,} of unknown {what}"
    return f"{show(weights.hit)} of {show(weights.hit + weights.absent)}"


def _substituters(analysis: Analysis) -> Table:
    header = ("Substituter", "Hits", "Missing", "Untrusted", "Unknown", "Download", "Requests", "Seconds")
    return Table(header, tuple(_substituter(one) for one in analysis.holdings), frozenset(range(1, len(header))))


def _substituter(one: Holdings) -> tuple[Cell, ...]:
    result, download = one.result, one.download_bytes
    return (
        Cell(result.substituter.url),
        Cell(f"{len(one.present):,}", Tone.GOOD if one.present else Tone.NEUTRAL),
        Cell(f"{len(one.missing):,}"),
        Cell(f"{len(one.untrusted):,}", Tone.WARN if one.untrusted else Tone.NEUTRAL),
        Cell(f"{len(one.unknown):,}", Tone.BAD if one.unknown else Tone.NEUTRAL),
        Cell(None if download is None else bytes_text(download)),
        Cell(f"{result.requests:,}"),
        Cell(f"{result.seconds:.2f}"),
    )


def _where_the_bytes_are(analysis: Analysis) -> Iterator[Bars]:
    """The largest paths that a cache has, and what becomes of them."""
    view, present = analysis.view, analysis.tally.present
    largest = heapq.nlargest(_LARGEST, view.values(), key=lambda info: info.nar_size_bytes)
    if largest:
        items = tuple(
            (
                info.store_path.name,
                float(info.nar_size_bytes),
                f"{bytes_text(info.nar_size_bytes)}, {'hit' if info.store_path in present else 'untrusted'}",
            )
            for info in largest
        )
        yield Bars(items, f"Where the bytes are: the largest {_count(len(items), 'path')}, unpacked")


def _misses(misses: Sequence[Miss]) -> Iterator[Block]:
    if not misses:
        return
    roots = [miss for miss in misses if miss.cause is MissCause.ROOT]
    cascade = len(misses) - len(roots)
    yield Heading("Why the rest missed")
    yield Paragraph(f"{_count(len(roots), 'root cause')}; {_count(cascade, 'path')} only follow.")
    shown = misses[:_ROWS]
    rows = tuple(
        (Cell(miss.store_path.name), Cell(miss.cause.value, _tone(miss)), Cell(miss.because)) for miss in shown
    )
    yield Table(("Path", "Cause", "Because"), rows)
    if len(misses) > len(shown):
        yield Paragraph(f"and {len(misses) - len(shown):,} more; --format json has all")


def _tone(miss: Miss) -> Tone:
    return Tone.BAD if miss.cause is MissCause.ROOT else Tone.NEUTRAL


def _unknown(analysis: Analysis) -> Iterator[Block]:
    unknown: list[tuple[StorePath, str]] = sorted(analysis.tally.unknown.items())
    if not unknown or all(one.error is not None for one in analysis.holdings):
        return
    yield Heading("Unknown answers")
    yield Table(("Path", "Problem"), tuple((Cell(path.name), Cell(problem)) for path, problem in unknown[:_ROWS]))
    if len(unknown) > _ROWS:
        yield Paragraph(f"and {len(unknown) - _ROWS:,} more; --format json has all")
