"""Trust judged as Nix does: signatures and content addresses that a real nix made, then the same, tampered with.

Needs `nix` on PATH, 2.26 or later, that may build.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nanna_ci.store.narinfo import NarInfo, parse_narinfo
from nanna_ci.store.store_path import StorePath, parse_store_path
from nanna_ci.store.trust import PublicKey, Trust, TrustedKeys, parse_public_key

EXPRESSION = """
rec {
  text = builtins.toFile "text-@salt@" "a text";
  referring = builtins.toFile "referring-@salt@" "a text that names ${text}";
  built = derivation {
    name = "built-@salt@";
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-c" "echo $out ${referring} > $out" ];
  };
}
"""

Nix = Callable[..., str]


@pytest.fixture(name="nix")
def _nix(tmp_path: Path) -> Nix:
    assert shutil.which("nix"), "these tests need `nix` on PATH: run them with `./nixw run .#test`"
    environ = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "NO_COLOR": "1"}

    def run(*words: str, stdin: str = "") -> str:
        argv = ["nix", "--extra-experimental-features", "nix-command ca-derivations", *words]
        done = subprocess.run(
            argv, input=stdin.encode(), capture_output=True, check=False, timeout=120, env=environ, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout.decode().strip()

    return run


@pytest.fixture(name="made")
def _made(nix: Nix, tmp_path: Path) -> dict[str, StorePath]:
    """Paths of every kind that nix makes, in its store; their names are fresh."""
    salt = uuid.uuid4().hex
    (tmp_path / "file").write_text(salt)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text(salt)
    expression = tmp_path / "made.nix"
    expression.write_text(EXPRESSION.replace("@salt@", salt))
    paths = {
        "recursive": nix("store", "add", "--name", f"recursive-{salt}", "folder"),
        "flat": nix("store", "add", "--mode", "flat", "--name", f"flat-{salt}", "file"),
        "text": nix("eval", "--raw", "--file", str(expression), "text"),
        "referring": nix("eval", "--raw", "--file", str(expression), "referring"),
        "built": nix("build", "--no-link", "--print-out-paths", "--file", str(expression), "built"),
    }
    return {name: parse_store_path(path) for name, path in paths.items()}


def key_pair(nix: Nix, folder: Path, name: str) -> tuple[Path, PublicKey]:
    secret = folder / f"{name}.secret"
    secret.write_text(nix("key", "generate-secret", "--key-name", name))
    return secret, parse_public_key(nix("key", "convert-secret-to-public", stdin=secret.read_text()), "nix key")


def cached(nix: Nix, path: StorePath, folder: Path, query: str) -> NarInfo:
    nix("copy", "--to", f"file://{folder}{query}", str(path))
    file = folder / f"{path.hash}.narinfo"
    return parse_narinfo(file.read_bytes(), str(file))


def test_a_signature_that_nix_made_holds_and_a_changed_one_does_not(
    nix: Nix, made: dict[str, StorePath], tmp_path: Path
) -> None:
    secret, public = key_pair(nix, tmp_path, "made-by-nix-1")
    info = cached(nix, made["built"], tmp_path / "signed", f"?secret-key={secret}")
    assert info.references == tuple(sorted([made["built"], made["referring"]], key=str))
    keys = TrustedKeys([public])
    assert keys.judge(info) is Trust.SIGNED
    assert keys.judge(replace(info, references=info.references[:1])) is Trust.BAD_SIGNATURE
    assert keys.judge(replace(info, nar_size_bytes=info.nar_size_bytes + 1)) is Trust.BAD_SIGNATURE
    _, stranger = key_pair(nix, tmp_path, "stranger-1")
    assert TrustedKeys([stranger]).judge(info) is Trust.UNKNOWN_KEY
    assert TrustedKeys([replace(stranger, name="made-by-nix-1")]).judge(info) is Trust.BAD_SIGNATURE


def test_without_a_signature_only_content_addressed_paths_are_trusted(
    nix: Nix, made: dict[str, StorePath], tmp_path: Path
) -> None:
    judged = {name: TrustedKeys([]).judge(cached(nix, path, tmp_path / name, "")) for name, path in made.items()}
    expected = dict.fromkeys(["recursive", "flat", "text", "referring"], Trust.CONTENT_ADDRESSED)
    assert judged == {**expected, "built": Trust.UNSIGNED}


def test_a_path_that_was_made_content_addressed_and_refers_to_itself_is_trusted(
    nix: Nix, made: dict[str, StorePath], tmp_path: Path
) -> None:
    rewritten = nix("store", "make-content-addressed", "--json", str(made["built"]))
    path = next(
        parse_store_path(word) for word in rewritten.split('"') if "-built-" in word and word != str(made["built"])
    )
    info = cached(nix, path, tmp_path / "own", "")
    assert path in info.references
    assert TrustedKeys([]).judge(info) is Trust.CONTENT_ADDRESSED
    assert TrustedKeys([]).judge(replace(info, references=info.references[:1])) is Trust.UNSIGNED


def test_what_nix_itself_takes_and_refuses_is_what_is_judged(
    nix: Nix, made: dict[str, StorePath], tmp_path: Path
) -> None:
    """`nix copy` into a store of one's own asks the very question that `judge` answers."""
    secret, public = key_pair(nix, tmp_path, "made-by-nix-1")
    signed, unsigned = tmp_path / "signed", tmp_path / "unsigned"
    keys = TrustedKeys([public])

    def take_from(folder: Path) -> None:
        store = tmp_path / f"store-of-{folder.name}"
        copy = ["copy", "--from", f"file://{folder}", "--to", f"local?root={store}", str(made["built"])]
        nix(*copy, "--option", "trusted-public-keys", str(public))

    assert keys.judge(cached(nix, made["built"], signed, f"?secret-key={secret}")).is_trusted
    take_from(signed)
    assert not keys.judge(cached(nix, made["built"], unsigned, "")).is_trusted
    with pytest.raises(AssertionError, match="lacks a signature by a trusted key"):
        take_from(unsigned)
