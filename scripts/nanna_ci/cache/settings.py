"""What [cache] of pipeline.toml needs of Nix, as lines of nix.conf, and how they are merged into NIX_CONFIG. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.cache.substituters import named_cache_url, parse_substituter

NEGATIVE_TTL_S: Final = 60  # a fresh push shows within a minute; with 0 every nix would query every miss again
_SUBSTITUTERS: Final = "substituters"
_KEYS: Final = "trusted-public-keys"
_TARBALL_TTL: Final = "tarball-ttl"
_NEGATIVE_TTL: Final = "narinfo-cache-negative-ttl"
_LISTS: Final = {
    _SUBSTITUTERS: _SUBSTITUTERS,
    "binary-caches": _SUBSTITUTERS,
    _KEYS: _KEYS,
    "binary-cache-public-keys": _KEYS,
}


@dataclass(frozen=True, slots=True)
class Setting:
    """A line of nix.conf. `name` may begin with `extra-`: the words are then added to what other lines say."""

    name: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} = {' '.join(self.words)}"


@dataclass(frozen=True, slots=True)
class MergedConfig:
    """A NIX_CONFIG in which all takes effect. `kept`: what it said before, and still says, against pipeline.toml."""

    text: str
    kept: tuple[Setting, ...]


def plan_settings(
    cache_name: str | None, public_keys: Sequence[str], substituters: Sequence[str], tarball_ttl_s: int
) -> tuple[Setting, ...]:
    """The settings that [cache] needs: caches to take from, keys to trust, and how long answers count.

    Raises:
        UsageError: a substituter cannot be one.
    """
    urls: dict[str, str] = {}
    for text in [*([] if cache_name is None else [named_cache_url(cache_name)]), *substituters]:
        urls.setdefault(parse_substituter(text).url, text)
    lists = ((_SUBSTITUTERS, tuple(urls.values())), (_KEYS, tuple(dict.fromkeys(public_keys))))
    return (
        *(Setting(f"extra-{name}", words) for name, words in lists if words),
        Setting(_TARBALL_TTL, (str(tarball_ttl_s),)),
        Setting(_NEGATIVE_TTL, (str(NEGATIVE_TTL_S),)),
    )


def render_nix_config(settings: Sequence[Setting]) -> str:
    """The settings as nix.conf and NIX_CONFIG take them, a line each."""
    return "".join(f"{setting}\n" for setting in settings)


def merge_nix_config(existing: str, settings: Sequence[Setting]) -> MergedConfig:
    """`existing`, every line as it is, and after it what it lacks; merged once more it stays the same.

    A list gets the words that are not in it. A single value that is there stays: it was set for this run.
    """
    said = _read(existing)
    added, kept = [], []
    for setting in settings:
        present = said.get(setting.name.removeprefix("extra-"))
        if setting.name.startswith("extra-"):
            have = {word.rstrip("/") for word in present or ()}
            words = tuple(word for word in setting.words if word.rstrip("/") not in have)
            added += [Setting(setting.name, words)] if words else []
        elif present is None:
            added.append(setting)
        elif present != setting.words:
            kept.append(Setting(setting.name, present))
    gap = "\n" if existing and not existing.endswith("\n") and added else ""
    return MergedConfig(existing + gap + render_nix_config(added), tuple(kept))


def _read(text: str) -> dict[str, tuple[str, ...]]:
    """The effective values of a configuration, by Nix's rules; invalid lines are left to Nix to report."""
    said: dict[str, tuple[str, ...]] = {}
    for line in text.split("\n"):
        name, *rest = line.partition("#")[0].split() or [""]
        if rest[:1] != ["="]:
            continue
        words = tuple(rest[1:])
        plain = name.removeprefix("extra-")
        plain = _LISTS.get(plain, plain)
        said[plain] = (*said.get(plain, ()), *words) if name.startswith("extra-") else words
    return said


def find_ignored(settings: Sequence[Setting], own: Mapping[str, Any]) -> tuple[Setting, ...]:
    """What a daemon that does not trust the user ignores; `own` are the settings of its nix.conf.

    Such a daemon takes substituters that its trusted-substituters name, and no keys. Tarballs are not its business.
    """
    return tuple(_ignored(settings, own))


def _ignored(settings: Sequence[Setting], own: Mapping[str, Any]) -> Iterator[Setting]:
    accepted = {
        _SUBSTITUTERS: {*_words(own, _SUBSTITUTERS), *_words(own, "trusted-substituters")},
        _KEYS: set(_words(own, _KEYS)),
        _NEGATIVE_TTL: set(_words(own, _NEGATIVE_TTL)),
    }
    for setting in settings:
        plain = setting.name.removeprefix("extra-")
        if plain in accepted:
            taken = accepted[plain]
            words = tuple(word for word in setting.words if word not in taken and f"{word}/" not in taken)
            if words:
                yield Setting(setting.name, words)


def _words(own: Mapping[str, Any], name: str) -> list[str]:
    value = own.get(name)
    return [str(word) for word in value] if isinstance(value, list) else [str(value)]
