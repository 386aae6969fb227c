"""Findings from the facts about a project's caches: one per check, each with its fix. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from nanna_ci.cache.push_filter import PushFilter
from nanna_ci.foundation.finding import Finding, Health
from nanna_ci.report.units import bytes_text
from nanna_ci.store.store_path import StorePath
from nanna_ci.store.trust import Trust

_SLOW_S: Final = 0.5  # a job needs hundreds of narinfo files: half a second each adds up to minutes
_SKEW_WARN_S: Final = 60.0
_SKEW_BAD_S: Final = 300.0  # tokens and certificates are refused, and TTLs count wrong
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Probe:
    """What some requests for a cache's nix-cache-info showed.

    `seconds` of each request (empty for a folder), `skew_s` the server's clock less ours, None if it does not say;
    `error` if it could not be queried.
    """

    url: str
    seconds: tuple[float, ...]
    skew_s: float | None
    error: str | None


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """Public keys (`name:base64`): those of pipeline.toml, and those that the cache itself names; None: not known."""

    cache_name: str
    configured: tuple[str, ...]
    announced: tuple[str, ...] | None
    problem: str | None


def check_keys(facts: KeyFacts) -> Finding:
    """Whether pipeline.toml trusts the key that the cache signs with."""
    subject = facts.cache_name
    if not facts.configured:
        known = f'"{facts.announced[0]}"' if facts.announced else "its key (`cachix use` shows it)"
        return Finding(
            "public key",
            subject,
            Health.BAD,
            "no public key is configured: Nix refuses every path of the cache",
            f"put {known} into [cache] public_keys of pipeline.toml",
        )
    if facts.announced is None:
        why = facts.problem or "the cache does not say"
        return Finding("public key", subject, Health.UNAVAILABLE, f"cannot be compared with the cache's: {why}")
    missing = [key for key in facts.announced if key not in facts.configured]
    if facts.announced and len(missing) == len(facts.announced):
        return Finding(
            "public key",
            subject,
            Health.BAD,
            f"none of the {len(facts.configured)} configured keys is the cache's",
            f'put "{missing[0]}" into [cache] public_keys of pipeline.toml',
        )
    return Finding("public key", subject, Health.GOOD, "the configured key is the cache's")


def check_token(variable: str, *, is_set: bool, permission: str | None, refused: bool) -> Finding:
    """Whether pushing will work. `permission` is what the cache grants: Read, Write, Admin; None: not queried."""
    if not is_set:
        return Finding(
            "token",
            variable,
            Health.WARN,
            "not set: this machine can pull, not push",
            f"set {variable} (on GitHub: a secret of the repository); a fork has none, and needs none",
        )
    if refused:
        return Finding(
            "token", variable, Health.BAD, "the cache refuses it", f"make a new token and set {variable} to it"
        )
    if permission == "Read":
        return Finding(
            "token", variable, Health.BAD, "it may read, not push", "make a token with write permission for this cache"
        )
    if permission is None:
        return Finding("token", variable, Health.UNAVAILABLE, "set; the cache could not be queried for its permissions")
    return Finding("token", variable, Health.GOOD, f"set, and grants {permission}")


def check_probe(probe: Probe) -> tuple[Finding, ...]:
    """Whether a substituter answers, how fast, and whether its clock is ours."""
    if probe.error is not None:
        fix = "check the URL, the network, and HTTPS_PROXY; Nix goes on without it only with `fallback = true`"
        return (Finding("substituter", probe.url, Health.BAD, probe.error, fix),)
    if not probe.seconds:
        return (Finding("substituter", probe.url, Health.GOOD, "a folder that can be read"),)
    middle = median(probe.seconds)
    took = f"answers in {middle * 1000:.0f} ms (median of {len(probe.seconds)})"
    if middle > _SLOW_S:
        fix = "raise http-connections in nix.conf, or use a cache that is nearer"
        speed = Finding("substituter", probe.url, Health.WARN, took, fix)
    else:
        speed = Finding("substituter", probe.url, Health.GOOD, took)
    return (speed, _check_skew(probe.url, probe.skew_s))


def _check_skew(url: str, skew_s: float | None) -> Finding:
    if skew_s is None:
        return Finding("clock", url, Health.UNAVAILABLE, "the server does not say its time")
    ahead = "ahead of" if skew_s > 0 else "behind"
    says = f"the server's clock is {abs(skew_s):.0f} s {ahead} ours"
    if abs(skew_s) <= _SKEW_WARN_S:
        return Finding("clock", url, Health.GOOD, "the server's clock agrees with ours, to the minute")
    health = Health.BAD if abs(skew_s) > _SKEW_BAD_S else Health.WARN
    return Finding("clock", url, health, says, "set this machine's clock: `timedatectl set-ntp true`")


def check_signatures(url: str, judged: Sequence[Trust], key_names: frozenset[str]) -> Finding:
    """Whether what the cache holds of our outputs is signed by a key that is trusted; `key_names` signed them."""
    if not judged:
        return Finding("signatures", url, Health.UNAVAILABLE, "it has none of the current outputs to look at")
    counts = Counter(judged)
    bad = len(judged) - sum(count for trust, count in counts.items() if trust.is_trusted)
    if bad == 0:
        return Finding("signatures", url, Health.GOOD, f"{len(judged)} of {len(judged)} paths are trusted")
    worst = max((trust for trust in counts if not trust.is_trusted), key=lambda trust: counts[trust])
    names = ", ".join(sorted(key_names))
    fixes = {
        Trust.UNSIGNED: "sign what is pushed: `nix copy --to 'URL?secret-key=FILE'`, or push through cachix",
        Trust.UNKNOWN_KEY: f"if they are yours, put {names or 'their key'} into [cache] public_keys",
        Trust.BAD_SIGNATURE: "delete these paths from the cache and push them again; find out who changed them",
    }
    what = worst.value.replace("-", " ")
    return Finding("signatures", url, Health.BAD, f"{bad} of {len(judged)} paths are not trusted: {what}", fixes[worst])


def check_filter(
    outputs: Sequence[StorePath], patterns: Sequence[str], job_outputs: frozenset[StorePath], problem: str | None
) -> Finding:
    """What the push filter does to the current outputs. `job_outputs`: results of jobs, which should be pushed.

    `problem`: why the outputs are not known.
    """
    if not outputs:
        says = problem or "nothing is built here yet that it could be tried on"
        return Finding("push filter", None, Health.UNAVAILABLE, says)
    push_filter = PushFilter(patterns)
    filtered = {path: pattern for path in outputs if (pattern := push_filter.matching(path.name)) is not None}
    kept_back = sorted(path for path in filtered if path in job_outputs)
    says = f"of {len(outputs)} current outputs {len(outputs) - len(filtered)} are pushed, {len(filtered)} are not"
    if len(filtered) == len(outputs):
        fix = f"{filtered[outputs[0]]!r} filters all of them: narrow [cache] push_filter"
        return Finding("push filter", None, Health.BAD, says, fix)
    if kept_back:
        names = ", ".join(path.name for path in kept_back[:_SHOWN])
        fix = f"{filtered[kept_back[0]]!r} filters results of jobs ({names}): narrow [cache] push_filter"
        return Finding("push filter", None, Health.WARN, says, fix)
    return Finding("push filter", None, Health.GOOD, says)


def check_size(url: str, size_bytes: int | None, limit_bytes: int) -> Finding:
    """A cache's size against the limit."""
    if size_bytes is None:
        return Finding("size", url, Health.UNAVAILABLE, "the service does not say how much it stores")
    says = f"{bytes_text(size_bytes)} of {bytes_text(limit_bytes)}"
    fix = f"collect it: nanna-ci cache-gc --store {url} --max-size {limit_bytes} --execute"
    if size_bytes > limit_bytes:
        return Finding("size", url, Health.BAD, says, fix)
    if size_bytes > 0.9 * limit_bytes:
        return Finding("size", url, Health.WARN, says, fix)
    return Finding("size", url, Health.GOOD, says)


def check_negative(url: str, hidden: Mapping[StorePath, float], problem: str | None) -> Finding:
    """Paths that the cache has and Nix here believes absent; seconds until it asks again.

    `problem`: why there may be more.
    """
    if not hidden and problem is not None:
        return Finding("negative entries", url, Health.UNAVAILABLE, problem)
    if not hidden:
        return Finding("negative entries", url, Health.GOOD, "Nix's own cache hides nothing that is there")
    names = ", ".join(path.name for path in sorted(hidden)[:_SHOWN])
    return Finding(
        "negative entries",
        url,
        Health.WARN,
        f"{len(hidden)} paths are there, and Nix will not see them for {max(hidden.values()):.0f} s: {names}",
        "run Nix once with `--option narinfo-cache-negative-ttl 0`; `cache-setup` keeps it to a minute",
    )


def check_settings(wanted: Mapping[str, Sequence[str]], settings: Mapping[str, object] | None) -> tuple[Finding, ...]:
    """Whether Nix runs with the values (setting → words) that pipeline.toml requires; None: no Nix."""
    if settings is None:
        return (Finding("nix settings", None, Health.UNAVAILABLE, "there is no nix here to query"),)
    found = []
    for name, words in wanted.items():
        value = settings.get(name)
        present = {str(word).rstrip("/") for word in value} if isinstance(value, list) else set()
        lacking = [word for word in words if word.rstrip("/") not in present]
        if lacking:
            says, fix = f"lacks {', '.join(lacking)}", "put what `nix run .#cache-setup` prints into nix.conf"
            found.append(Finding("nix settings", name, Health.BAD, says, fix))
        else:
            found.append(Finding("nix settings", name, Health.GOOD, "has what pipeline.toml asks for"))
    return tuple(found)
