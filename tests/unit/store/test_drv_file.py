"""Derivation files: what Nix writes is read, anything else is refused; the files of a whole graph."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.foundation.errors import MalformedData, ToolMissing
from nanna_ci.store.derivation import Output
from nanna_ci.store.drv_file import DerivationFiles, parse_drv_file, parse_drv_head
from nanna_ci.store.store_path import parse_store_path

TOP = parse_store_path("/nix/store/cda6mpwpiv703ibips4vapbdccjcdsjs-top-1.drv")
LOW = parse_store_path("/nix/store/wk5kwaiha04c9kj804wcvp0rns7gap9y-low.drv")
SOURCE = parse_store_path("/nix/store/8ksrwbis4ipvny4n96rh0bswrgypsx01-source")
OUT = parse_store_path("/nix/store/j8g3q3y9l5crb02nkvd2pjagh6bli3gw-top-1")
DEV = parse_store_path("/nix/store/xihni471nxi2nkmbpsxjvcib0s8h446j-top-1-dev")
TEXT = (
    f'Derive([("dev","{DEV}","",""),("out","{OUT}","","")],[("{LOW}",["dev","out"])],["{SOURCE}"],'
    '"x86_64-linux","/bin/sh",["-c","echo \\"\\\\n\\"\\n"],[("empty",""),("lines","a\\n\\tb\\r"),("odd","\\a[(,)]")])'
)
LOW_TEXT = f'Derive([("out","{DEV}","r:sha256","00ff")],[],[],"builtin","builtin:fetchurl",[],[])'


def parse(text: str) -> object:
    return parse_drv_file(text.encode(), TOP)


def test_a_file_is_read() -> None:
    derivation = parse_drv_file(TEXT.encode(), TOP)
    assert (derivation.path, derivation.name) == (TOP, "top-1")
    assert (derivation.system, derivation.builder) == ("x86_64-linux", "/bin/sh")
    assert derivation.arguments == ("-c", 'echo "\\n"\n')
    assert derivation.environment == {"empty": "", "lines": "a\n\tb\r", "odd": "a[(,)]"}
    assert derivation.outputs == {"dev": Output(DEV, is_fixed=False), "out": Output(OUT, is_fixed=False)}
    assert derivation.input_derivations == {LOW: ("dev", "out")}
    assert derivation.input_sources == (SOURCE,)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (f'("out","{OUT}","sha256","00ff")', Output(OUT, is_fixed=True)),
        ('("out","","r:sha256","")', Output(None, is_fixed=False)),
        ('("out","","r:sha256","impure")', Output(None, is_fixed=False)),
        ('("out","","","")', Output(None, is_fixed=False)),
    ],
    ids=["fixed", "floating", "impure", "deferred"],
)
def test_outputs_of_every_kind(output: str, expected: Output) -> None:
    text = f'Derive([{output}],[],[],"s","b",[],[])'
    assert parse_drv_file(text.encode(), TOP).outputs == {"out": expected}


def test_the_head_of_a_file_has_its_outputs_and_the_variables_that_are_wanted() -> None:
    head = parse_drv_head(TEXT.encode(), TOP, ["lines", "empty", "absent"])
    assert head.environment == {"lines": "a\n\tb\r", "empty": ""}
    assert head.outputs == parse_drv_file(TEXT.encode(), TOP).outputs
    with pytest.raises(MalformedData, match="is not a derivation as Nix writes it"):
        parse_drv_head(b"<html></html>", TOP, [])


def test_bytes_that_are_not_utf_8_are_kept() -> None:
    data = LOW_TEXT.replace('"builtin:fetchurl",[],[]', '"b",[],[("x","@")]').encode().replace(b"@", b"\xff\xfe")
    assert parse_drv_file(data, LOW).environment["x"].encode("utf-8", "surrogateescape") == b"\xff\xfe"


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[:-1],
        TEXT + "\n",
        TEXT.replace("Derive(", "Derive (", 1),
        TEXT.replace('"x86_64-linux",', "", 1),
        TEXT.replace('["-c",', '["-c"', 1),
        TEXT.replace(f'["{SOURCE}"]', f'["{SOURCE}",]', 1),
        TEXT.replace('("empty","")', '("empty")', 1),
        TEXT.replace(str(SOURCE), "/nix/store/short-source"),
        TEXT.replace(str(SOURCE), "/etc/passwd"),
        TEXT.replace(str(LOW), str(SOURCE)),
        'Derive([],[],[],"s","b",[],[])',
        "<html></html>",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(MalformedData, match=r"top-1\.drv"):
        parse(text)


def test_dynamic_inputs_are_named_in_the_refusal() -> None:
    with pytest.raises(MalformedData, match="dynamic inputs"):
        parse('DrvWithVersion("xp-dyn-drv",[],[],[],"s","b",[],[])')


def test_a_hostile_text_takes_no_longer_than_its_length() -> None:
    for text in ('Derive([("' + "\\" * 200_001, "Derive([" + '("a","b","c","d"),' * 20_000, 'Derive([],["' * 20_000):
        with pytest.raises(MalformedData):
            parse(text)


def test_a_graph_is_read_with_all_below_its_roots(tmp_path: Path) -> None:
    (tmp_path / TOP.base_name).write_text(TEXT)
    (tmp_path / LOW.base_name).write_text(LOW_TEXT)
    graph = DerivationFiles(tmp_path).read_closure([TOP, TOP])
    assert list(graph) == [TOP, LOW]
    assert graph[LOW].outputs["out"].is_fixed


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / TOP.base_name).write_text(TEXT)
    files = DerivationFiles(tmp_path)
    assert (files.holds(TOP), files.holds(LOW)) == (True, False)
    with pytest.raises(ToolMissing, match=str(LOW)):
        files.read_closure([TOP])


def test_a_link_in_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(LOW_TEXT)
    (tmp_path / LOW.base_name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ToolMissing):
        DerivationFiles(tmp_path).read_closure([LOW])
