"""The receipt of a push: every pushed path, and all that it refers to, queried again as a fresh client.

A cache over HTTP may show a path some seconds after it took it: what is not there is queried again, a few times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.path_info import PathInfo
from nanna_ci.store.store_path import StorePath
from nanna_ci.store.trust import Trust

WAITS_S: Final = (1.0, 2.0, 4.0, 8.0)  # between the rounds of questions to a cache over HTTP
NOT_THERE: Final = "is not there"

Remote = NarInfo | PathInfo


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    """A store's answer: what it knows, what is contradictory, what was not answered; it lacks the rest."""

    found: Mapping[StorePath, Remote]
    wrong: Mapping[StorePath, str] = field(default_factory=dict)
    failed: Mapping[StorePath, str] = field(default_factory=dict)


StoreQuery = Callable[[Sequence[StorePath]], StoreAnswer]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was there. Every path that was requested is in one of these four.

    `verified`: as it is here. `rebuilt`: another build of the same derivation, which a trusted key vouches for; it was
    there first, and the derivation is not reproducible. `elsewhere`: another cache has it. `problems`: with the reason.
    `trust` counts the verified paths by what their signatures are worth here; empty if nothing could be judged.
    """

    verified: frozenset[StorePath]
    rebuilt: frozenset[StorePath]
    elsewhere: frozenset[StorePath]
    problems: Mapping[StorePath, str]
    trust: Mapping[Trust, int]
    rounds: int
    seconds: float

    @property
    def requested(self) -> int:
        """How many paths were requested."""
        return len(self.verified) + len(self.rebuilt) + len(self.elsewhere) + len(self.problems)

    @property
    def untrusted(self) -> int:
        """How many of the verified paths Nix here would refuse to take from the cache."""
        return sum(count for worth, count in self.trust.items() if not worth.is_trusted)


def query_receipt(
    closure: Mapping[StorePath, PathInfo],
    query: StoreQuery,
    *,
    roots: Collection[StorePath],
    unsent: Collection[StorePath],
    query_others: StoreQuery | None,
    judge: Callable[[NarInfo], Trust] | None,
    waits_s: Sequence[float],
    sleep: Callable[[float], None],
    clock: Callable[[], float],
    log: Callable[[str], None],
) -> Receipt:
    """Query all of `closure`, as the local store knows it, and compare.

    `query_others` queries the user's other caches; what they have need not be in this one, except for `roots`.
    `waits_s` are the pauses after which what is not there is queried again, except for `unsent`.
    """
    begun = clock()
    verified: dict[StorePath, Remote] = {}
    problems: dict[StorePath, str] = {}
    rebuilt: set[StorePath] = set()
    elsewhere: frozenset[StorePath] = frozenset()
    pending = sorted(closure)
    rounds = 0
    for wait_s in (0.0, *waits_s):
        if not pending:
            break
        if rounds:
            log(f"{len(pending)} of {len(closure)} paths are not there yet; querying again in {wait_s:g} s")
            sleep(wait_s)
        answer = query(pending)
        rounds += 1
        for path in pending:
            problem = _problem(path, closure[path], answer)
            if problem is not None and _is_vouched_for(answer.found.get(path), judge):
                rebuilt.add(path)
                problems.pop(path, None)
            elif problem is None:
                verified[path] = answer.found[path]
                problems.pop(path, None)
            else:
                problems[path] = problem
        absent = [path for path in pending if path not in answer.found and path not in answer.wrong]
        if rounds == 1 and query_others is not None:
            elsewhere = _elsewhere(query_others, closure, [path for path in absent if path not in roots])
            problems = {path: problem for path, problem in problems.items() if path not in elsewhere}
        pending = [path for path in absent if path not in elsewhere and path not in unsent]
    trust = {} if judge is None else _judged(verified, judge)
    bad = {
        path: "has a signature that does not match it" for path, worth in trust.items() if worth is Trust.BAD_SIGNATURE
    }
    return Receipt(
        verified=frozenset(verified) - bad.keys(),
        rebuilt=frozenset(rebuilt),
        elsewhere=elsewhere,
        problems=problems | bad,
        trust=Counter(worth for path, worth in trust.items() if path not in bad),
        rounds=rounds,
        seconds=clock() - begun,
    )


def _problem(path: StorePath, local: PathInfo, answer: StoreAnswer) -> str | None:
    """What is wrong with a path by this answer, or None."""
    if path in answer.wrong:
        return answer.wrong[path]
    if path not in answer.found:
        return answer.failed.get(path, NOT_THERE)
    return _difference(local, answer.found[path])


def _is_vouched_for(remote: Remote | None, judge: Callable[[NarInfo], Trust] | None) -> bool:
    """Whether somebody who is trusted signed what is there, so that it is not damage to our push."""
    return isinstance(remote, NarInfo) and judge is not None and judge(remote).is_trusted


def _difference(local: PathInfo, remote: Remote) -> str | None:
    """What is wrong with a path that is there, or None."""
    if remote.nar_hash != local.nar_hash:
        return (
            f"is there with the content {remote.nar_hash}, here it has {local.nar_hash}: "
            "another build of the same derivation, or damaged"
        )
    sizes = (remote.nar_size_bytes, local.nar_size_bytes)
    if None not in sizes and sizes[0] != sizes[1]:
        return f"is there with {sizes[0]} bytes, here it has {sizes[1]}"
    if set(remote.references) != set(local.references):
        names = ", ".join(path.name for path in sorted(set(remote.references) ^ set(local.references)))
        return f"is there with other references than here: {names}"
    return None


def _elsewhere(
    query: StoreQuery, closure: Mapping[StorePath, PathInfo], paths: Sequence[StorePath]
) -> frozenset[StorePath]:
    if not paths:
        return frozenset()
    found = query(paths).found
    return frozenset(path for path in paths if path in found and _difference(closure[path], found[path]) is None)


def _judged(verified: Mapping[StorePath, Remote], judge: Callable[[NarInfo], Trust]) -> dict[StorePath, Trust]:
    return {path: judge(info) for path, info in verified.items() if isinstance(info, NarInfo)}
