from __future__ import annotations

import pytest

from nanna_ci.supply_chain.bill.licence import Licence, parse_licence


@pytest.mark.parametrize(
    ("stated", "expression"),
    [
        ("MIT", "MIT"),
        ("mit OR apache-2.0", "MIT OR Apache-2.0"),
        ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
        ("MIT / Apache-2.0", "MIT OR Apache-2.0"),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", "(MIT OR Apache-2.0) AND Unicode-3.0"),
        ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT"),
        ("GPL-2.0+", "GPL-2.0+"),
        ("LicenseRef-ours", "LicenseRef-ours"),
        ("DocumentRef-a:LicenseRef-b", "DocumentRef-a:LicenseRef-b"),
        ("  MIT \n", "MIT"),
    ],
)
def test_an_spdx_expression_is_told_and_spelled_as_the_list_has_it(stated: str, expression: str) -> None:
    assert parse_licence(stated) == Licence(expression, is_expression=True)


@pytest.mark.parametrize(
    "stated",
    [
        "Proprietary",
        "SEE LICENSE IN LICENSE.txt",
        "MIT AND",
        "MIT or Apache-2.0",  # SPDX has operators in capitals
        "OR MIT",
        "(MIT",
        "MIT)",
        "MIT Apache-2.0",
        "MIT WITH Apache-2.0",
        "LLVM-exception",
        "MIT, Apache-2.0",
        "MIT OR <b>",
        "",
        "(" * 100 + "MIT" + ")" * 100,
        "MIT OR " * 1000 + "MIT",
    ],
)
def test_what_is_no_spdx_expression_stays_the_name_that_was_stated(stated: str) -> None:
    licence = parse_licence(stated)
    assert licence == Licence(" ".join(stated.split()), is_expression=False)
