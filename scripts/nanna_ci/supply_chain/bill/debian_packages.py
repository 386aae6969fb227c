"""Debian packages, from dpkg's own records: `var/lib/dpkg/status`, or `status.d/` of an image that has no dpkg."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.supply_chain.bill.bill_of_materials import Component, ComponentKind
from nanna_ci.supply_chain.bill.package_url import render_package_url

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_MAIL: Final = re.compile(r"<([^<>\s@]+@[^<>\s@]+)>")
_GONE: Final = ("deinstall", "purge")


@dataclass(frozen=True, slots=True)
class DebianPackage:
    """An installed package. `source` is the source package that it is made of, where that has another name."""

    name: str
    version: str
    architecture: str
    maintainer: str | None
    homepage: str | None
    source: str | None


def parse_status(data: bytes, source: str) -> list[DebianPackage]:
    """Read paragraphs of dpkg's records; what is no longer installed is left out. Raises MalformedData."""
    return [
        package
        for paragraph in re.split(r"\n[ \t]*\n", data.decode("utf-8", "replace"))
        if paragraph.strip() and (package := _parse_one(paragraph, source)) is not None
    ]


def _parse_one(paragraph: str, source: str) -> DebianPackage | None:
    fields: dict[str, str] = {}
    for line in paragraph.splitlines():
        name, colon, value = line.partition(":")
        if colon and not line.startswith((" ", "\t")):
            fields.setdefault(name.lower(), value.strip())
    if fields.get("status", "").startswith(_GONE):
        return None
    name, version = fields.get("package", ""), fields.get("version", "")
    if _NAME.fullmatch(name) is None or not version or " " in version:
        raise MalformedData(source, f"a record of package {shorten(name)} in version {shorten(version)}")
    mail = _MAIL.search(fields.get("maintainer", ""))
    homepage = fields.get("homepage", "")
    return DebianPackage(
        name=name,
        version=version,
        architecture=fields.get("architecture", "all"),
        maintainer=None if mail is None else mail[1],
        homepage=homepage if re.fullmatch(r"https?://[!-~]+", homepage) else None,
        source=fields.get("source"),
    )


def debian_component(package: DebianPackage) -> Component:
    """The package as a component; its purl is its ref."""
    purl = render_package_url(
        "deb", package.name, package.version, namespace="debian", qualifiers={"arch": package.architecture}
    )
    return Component(
        ref=purl,
        kind=ComponentKind.LIBRARY,
        name=package.name,
        version=package.version,
        purl=purl,
        creator=package.maintainer,
        website=package.homepage,
        properties=(("nanna-ci:deb:source", package.source),) if package.source else (),
    )
