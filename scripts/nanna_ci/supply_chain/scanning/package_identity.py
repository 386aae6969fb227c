"""What a package is: its package URL, or its CPE. A name alone is no identity: two ecosystems may share it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

# where a package is from, where that is not its type's usual registry: another package then
_ORIGINS: Final = ("repository_url", "vcs_url", "download_url")
_UNESCAPED: Final = re.compile(r"(?<!\\):")
# types whose names are the same in any case (purl-spec, types)
_ANY_CASE: Final = frozenset({"deb", "github", "bitbucket", "composer", "hex", "oci"})


@dataclass(frozen=True, slots=True)
class PackageUrl:
    """A package URL. `version` is None where it names no single one; `origin` says another source than the usual."""

    kind: str
    namespace: str
    name: str
    version: str | None
    origin: tuple[tuple[str, str], ...] = ()

    @property
    def package(self) -> tuple[str, str, str, tuple[tuple[str, str], ...]]:
        """What two package URLs of one package share, whatever their versions."""
        return self.kind, self.namespace, self.name, self.origin


@dataclass(frozen=True, slots=True)
class CpeName:
    """The parts of a CPE 2.3 name that are compared; `*` stands for any."""

    part: str
    vendor: str
    product: str
    version: str
    target_software: str

    @property
    def is_definite(self) -> bool:
        """Whether vendor and product are named."""
        return "*" not in {self.vendor, self.product} and "-" not in {self.vendor, self.product}


def parse_package_url(text: str) -> PackageUrl | None:
    """Read `pkg:TYPE/NAMESPACE/NAME@VERSION?QUALIFIERS#SUBPATH`; None for what is none."""
    scheme, colon, rest = text.strip().partition(":")
    if scheme.lower() != "pkg" or not colon:
        return None
    rest, _, query = rest.partition("#")[0].partition("?")
    kind, slash, path = rest.strip("/").partition("/")
    if not slash or re.fullmatch(r"[A-Za-z.+-][A-Za-z0-9.+-]*", kind) is None:
        return None
    place, at, version = path.rpartition("@")
    if not at or "/" in version:  # the @ of an npm scope
        place, version = path, ""
    parts = [unquote(part) for part in place.split("/") if part]
    if not parts:
        return None
    kind = kind.lower()
    if kind in _ANY_CASE:
        parts = [part.lower() for part in parts]
    pairs = dict(pair.partition("=")[::2] for pair in query.split("&"))
    origin = tuple((key, unquote(pairs[key])) for key in _ORIGINS if pairs.get(key))
    return PackageUrl(kind, "/".join(parts[:-1]), parts[-1], unquote(version) or None, origin)


def parse_cpe(text: str) -> CpeName | None:
    """Read a CPE 2.3 name in its formatted form; None for what is none."""
    parts = _UNESCAPED.split(text.strip().lower())
    if parts[:2] != ["cpe", "2.3"] or len(parts) != 13 or parts[2] not in {"a", "o", "h", "*"}:
        return None
    clean = [re.sub(r"\\(.)", r"\1", part) for part in parts]
    return CpeName(clean[2], clean[3], clean[4], clean[5], clean[10])


def component_name(purl: str) -> str:
    """A purl for findings and the baseline, without architecture, output, distribution: they say where a copy lies."""
    head, _, query = purl.partition("#")[0].partition("?")
    kept = "&".join(pair for pair in query.split("&") if pair.partition("=")[0] in _ORIGINS)
    return f"{head}?{kept}" if kept else head
