"""Laws of evidence: no byte of a folder can change unseen, and a NAR is what its tree is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.store.nar import NarEntry, NarKind, hash_nar
from nanna_ci.supply_chain.evidence.chain import decide_chain
from nanna_ci.supply_chain.evidence.evidence_reader import read_evidence
from nanna_ci.supply_chain.evidence.folder_links import check_folder
from nanna_ci.supply_chain.evidence.roles import INDEX, Role, role_of
from support.fake_evidence import index_again, make_evidence

# what other links than the index hold, so that a new index covers nothing up
HELD = frozenset(Role) - {Role.SBOM, Role.SARIF, Role.SCAN, Role.BASELINE}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    root = Path(tempfile.mkdtemp())
    yield make_evidence(root)
    shutil.rmtree(root)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@given(data=st.data(), mask=st.integers(1, 255))
def test_any_changed_byte_of_any_file_breaks_the_chain_and_is_named(
    folder: Path, data: st.DataObject, mask: int
) -> None:
    file = data.draw(st.sampled_from(files(folder)))
    before = file.read_bytes()
    offset = data.draw(st.integers(0, len(before) - 1))
    changed = bytearray(before)
    changed[offset] ^= mask
    try:
        file.write_bytes(bytes(changed))
        links = tuple(check_folder(read_evidence(folder)))
        assert decide_chain(links) is Verdict.FAIL
        assert str(file.relative_to(folder)) in {check.subject for link in links for check in link.troubles}
    finally:
        file.write_bytes(before)


@given(data=st.data(), mask=st.integers(1, 255))
def test_a_change_of_what_other_links_hold_is_seen_under_a_new_index_too(
    folder: Path, data: st.DataObject, mask: int
) -> None:
    held = [file for file in files(folder) if role_of(str(file.relative_to(folder))) in HELD]
    file = data.draw(st.sampled_from(held))
    before, index = file.read_bytes(), (folder / INDEX).read_bytes()
    changed = bytearray(before)
    changed[data.draw(st.integers(0, len(before) - 1))] ^= mask
    try:
        file.write_bytes(bytes(changed))
        index_again(folder)
        assert decide_chain(tuple(check_folder(read_evidence(folder)))) is Verdict.FAIL
    finally:
        file.write_bytes(before)
        (folder / INDEX).write_bytes(index)


@given(data=st.data())
def test_a_folder_cut_short_anywhere_breaks_the_chain(folder: Path, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(files(folder)))
    before = file.read_bytes()
    try:
        file.write_bytes(before[: data.draw(st.integers(0, len(before) - 1))])
        assert decide_chain(tuple(check_folder(read_evidence(folder)))) is Verdict.FAIL
    finally:
        file.write_bytes(before)


names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=5).filter(
    lambda name: name not in {".", ".."}
)


@st.composite
def trees(draw: st.DrawFn) -> dict[str, tuple[NarKind, bytes]]:
    """A tree: path → kind and content."""
    tree: dict[str, tuple[NarKind, bytes]] = {"": (NarKind.DIRECTORY, b"")}
    for _ in range(draw(st.integers(0, 6))):
        parent = draw(st.sampled_from([path for path, (kind, _) in tree.items() if kind is NarKind.DIRECTORY]))
        name = draw(names)
        path = f"{parent}/{name}" if parent else name
        if path not in tree:
            tree[path] = (draw(st.sampled_from(NarKind)), draw(st.binary(max_size=20)))
    return tree


def hashed(tree: dict[str, tuple[NarKind, bytes]]) -> str:
    entries = [
        NarEntry(path, kind, len(content), content.hex() if kind is NarKind.SYMLINK else "")
        for path, (kind, content) in tree.items()
    ]
    return str(hash_nar(entries, lambda entry: [tree[entry.path][1]], "a tree").hash)


@given(trees(), st.randoms())
def test_the_order_of_a_list_is_not_part_of_a_nar(tree: dict[str, tuple[NarKind, bytes]], random: Random) -> None:
    items = list(tree.items())
    random.shuffle(items)
    assert hashed(dict(items)) == hashed(tree)


@given(trees(), st.data())
def test_another_kind_content_or_name_is_another_nar(
    tree: dict[str, tuple[NarKind, bytes]], data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(sorted(tree)))
    kind, content = tree[path]
    leaf = not any(other.startswith(f"{path}/") or (path == "" and other) for other in tree)
    kinds = [one for one in NarKind if one is not kind and (leaf or one is NarKind.DIRECTORY)]
    changes: list[dict[str, tuple[NarKind, bytes]]] = [{**tree, path: (one, content)} for one in kinds]
    if kind is not NarKind.DIRECTORY:
        changes.append({**tree, path: (kind, content + b"x")})
    for changed in changes:
        assert hashed(changed) != hashed(tree)


@given(names)
def test_a_file_without_its_folder_is_no_tree(name: str) -> None:
    with pytest.raises(MalformedData):
        hash_nar([NarEntry("", NarKind.DIRECTORY), NarEntry(f"lost/{name}", NarKind.DIRECTORY)], lambda _: [], "x")
