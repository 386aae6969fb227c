from __future__ import annotations

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.supply_chain.bill.debian_packages import debian_component, parse_status

LIBC = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc
Version: 2.41-12+deb13u1
Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>
Description: GNU C Library: Shared libraries
 Homepage: of a description, not a field
Homepage: https://www.gnu.org/software/libc/libc.html
"""
GONE = "Package: old\nStatus: deinstall ok config-files\nVersion: 1.0\nArchitecture: all\n"


def test_installed_packages_are_read_and_removed_ones_are_not() -> None:
    found = parse_status(f"{LIBC}\n{GONE}\nPackage: tzdata\nVersion: 2026a\n".encode(), "status")
    assert [(one.name, one.version, one.architecture) for one in found] == [
        ("libc6", "2.41-12+deb13u1", "amd64"),
        ("tzdata", "2026a", "all"),
    ]


def test_a_package_is_a_component_under_its_purl() -> None:
    component = debian_component(parse_status(LIBC.encode(), "status")[0])
    assert component.ref == component.purl == "pkg:deb/debian/libc6@2.41-12%2Bdeb13u1?arch=amd64"
    assert component.creator == "debian-glibc@lists.debian.org"
    assert component.properties == (("nanna-ci:deb:source", "glibc"),)


@pytest.mark.parametrize(
    "record", ["Package: A B\nVersion: 1", "Package: a", "Version: 1", "Package: aa\nVersion: 1 2"]
)
def test_a_record_that_names_no_package_is_refused(record: str) -> None:
    with pytest.raises(MalformedData, match="a record of package"):
        parse_status(record.encode(), "status")


def test_an_empty_record_has_no_packages() -> None:
    assert parse_status(b"\n \n\n", "status") == []
