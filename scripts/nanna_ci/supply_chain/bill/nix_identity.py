"""What a store path is: name, version, output, CPE and patches, from its derivation or else from its name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.store.derivation import Derivation, DerivationHead
from nanna_ci.store.store_path import StorePath
from nanna_ci.supply_chain.bill.bill_of_materials import Patch
from nanna_ci.supply_chain.bill.known_cpes import known_cpe

# Nix's own rule (builtins.parseDrvName): the version begins at the first hyphen that no letter follows.
_VERSION: Final = re.compile(r"-(?=[^A-Za-z])(.*)", re.DOTALL)
_OUTPUTS: Final = re.compile(r"-(bin|data|debug|dev|devdoc|dist|doc|info|lib|libgcc|man|static|terminfo|tools)$")
_ADVISORY: Final = re.compile(
    r"CVE-\d{4}-\d{4,7}|GHSA(?:-[0-9a-z]{4}){3}|RUSTSEC-\d{4}-\d{4}|DSA-\d{4,5}(?:-\d+)?", re.IGNORECASE
)
_STORE_NAME: Final = re.compile(r"^/nix/store/[0-9a-z]{32}-")

VARIABLES: Final = ("pname", "version", "patches", "cpe", "homepage", "__json")  # all that is looked at


@dataclass(frozen=True, slots=True)
class NixIdentity:
    """A package as far as it is known. `output` is `out` where nothing says another."""

    pname: str
    version: str | None
    output: str
    cpe: str | None
    patches: tuple[Patch, ...]
    website: str | None


def identify(path: StorePath, deriver: StorePath | None, derivation: DerivationHead | None) -> NixIdentity:
    """What a store path is. `deriver` is what the store says made it, `derivation` that file, where it is at hand."""
    package = path.name if deriver is None else deriver.name.removesuffix(".drv")
    output = _output_of(path, package, derivation, is_known=deriver is not None)
    if deriver is None and output != "out":
        package = package.removesuffix(f"-{output}")
    environment = {} if derivation is None else attributes_of(derivation)
    pname, version = split_name(package)
    stated = environment.get("pname"), environment.get("version")
    if isinstance(stated[0], str) and stated[0]:
        pname, version = stated[0], None
        if isinstance(stated[1], str) and stated[1]:
            version = stated[1]
        elif package.startswith(f"{pname}-"):
            version = package.removeprefix(f"{pname}-")
    elif isinstance(stated[1], str) and stated[1] and package.endswith(f"-{stated[1]}"):
        pname, version = package.removesuffix(f"-{stated[1]}"), stated[1]
    given = environment.get("cpe")
    homepage = environment.get("homepage")
    return NixIdentity(
        pname=pname,
        version=version,
        output=output,
        cpe=given if isinstance(given, str) and given.startswith("cpe:2.3:") else known_cpe(pname, version),
        patches=tuple(_patches(environment)),
        website=homepage if isinstance(homepage, str) and homepage.startswith("https://") else None,
    )


def identify_derivation(derivation: Derivation) -> NixIdentity:
    """What a derivation makes, in the build-time closure."""
    return identify(derivation.path, derivation.path, head_of(derivation))


def head_of(derivation: Derivation) -> DerivationHead:
    """What is looked at of a derivation that was read whole."""
    return DerivationHead(derivation.outputs, derivation.environment)


def attributes_of(derivation: DerivationHead) -> Mapping[str, Any]:
    """The attributes that a derivation was made with: its environment, or its structured attributes."""
    structured = derivation.environment.get("__json")
    if structured is None:
        return derivation.environment
    try:
        parsed = json.loads(structured)
    except (ValueError, RecursionError):  # its builder will say so: what is read here is a bonus
        return derivation.environment
    return parsed if isinstance(parsed, dict) else derivation.environment


def split_name(name: str) -> tuple[str, str | None]:
    """Name and version, as Nix splits them: `git-minimal-2.45.1` → (`git-minimal`, `2.45.1`)."""
    match = _VERSION.search(name)
    if match is None or not match.start() or not match[1]:
        return name, None
    return name[: match.start()], match[1]


def _output_of(path: StorePath, package: str, derivation: DerivationHead | None, *, is_known: bool) -> str:
    if derivation is not None:
        for name, output in derivation.outputs.items():
            if output.path == path:
                return name
    if is_known:
        suffix = path.name.removeprefix(f"{package}-")
        return suffix if suffix != path.name else "out"
    match = _OUTPUTS.search(path.name)
    return "out" if match is None else match[1]


def _patches(environment: Mapping[str, Any]) -> Iterator[Patch]:
    value = environment.get("patches") or ()
    listed = value.split() if isinstance(value, str) else value if isinstance(value, list) else ()
    for patch in dict.fromkeys(one for one in listed if isinstance(one, str)):
        name = _STORE_NAME.sub("", patch)
        found = dict.fromkeys(_spelled(match[0]) for match in _ADVISORY.finditer(name))
        yield Patch(url=patch, resolves=tuple(found))


def _spelled(identifier: str) -> str:
    head, _, rest = identifier.partition("-")
    return f"GHSA-{rest.lower()}" if head.upper() == "GHSA" else identifier.upper()
