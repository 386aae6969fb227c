"""`cache-analytics` with the real nix: signed caches, walks, hidden hits, earlier reports, revisions of a flake.

Needs `nix` on PATH, 2.26 or later, that may build. Every test has a store of its own.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from support.analytics_with_nix import Sandbox, Signed, serving, write_flakes


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    assert shutil.which("nix"), "these tests need `nix` on PATH: run them with `./nixw run .#test`"
    return Sandbox(tmp_path)


@pytest.fixture
def signed(sandbox: Sandbox) -> Signed:
    return Signed(sandbox)


def by_name(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {miss["storePath"][44:]: miss for miss in answer["misses"]}


def test_a_signed_cache_that_has_all(signed: Signed) -> None:
    answer = signed.analyse("--minimum-hit-rate", "1")
    outputs = sum(len(one.outputs) for one in signed.graph.values())
    assert (answer["verdict"], answer["hitRate"]["paths"], answer["hitRate"]["bytes"]) == ("pass", 1.0, 1.0)
    assert answer["closure"]["paths"] == answer["combined"]["present"] == outputs
    assert answer["misses"] == []
    assert answer["plan"]["build"] == []


def test_missing_and_untrusted_paths_and_what_nix_will_do_then(signed: Signed) -> None:
    tool, lib, app = signed.output("tool"), signed.output("lib"), signed.output("app")
    signed.narinfo(tool).unlink()
    text = signed.narinfo(lib).read_text()
    head, _, signature = text.partition("Sig: ours-1:")
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    signed.narinfo(lib).write_text(f"{head}Sig: ours-1:{flipped}")
    other = signed.narinfo(app).read_text()
    signed.narinfo(app).write_text(re.sub(r"Sig: .*\n", "", other))
    answer = signed.analyse("--minimum-hit-rate", "0.9", code=1)
    misses = by_name(answer)
    assert {name: miss["reason"] for name, miss in misses.items()} == {
        "tool": "never-pushed",
        "lib": "untrusted",
        "app": "untrusted",
    }
    assert "signature that does not verify" in misses["lib"]["because"]
    assert "without a signature" in misses["app"]["because"]
    assert misses["tool"]["because"] == "never pushed: this machine built it, and no cache has it"
    assert answer["substituters"][0]["untrusted"] == 2
    assert answer["plan"]["download"]["untrusted"] == 0  # it is valid here, so that Nix does not ask for it


def test_a_cache_signed_by_another_key_has_only_what_needs_no_signature(signed: Signed) -> None:
    answer = signed.analyse(key="theirs-1")
    assert [name[33:] for name in answer["present"]] == ["fetched.tar.gz"]  # its name follows from its content
    assert {miss["reason"] for miss in answer["misses"]} == {"untrusted"}
    assert all("signed by ours-1, not a trusted key" in miss["because"] for miss in answer["misses"])


def test_the_plan_tells_what_of_it_nix_will_not_take(signed: Signed) -> None:
    """A second store, which has the derivations and nothing else, builds what is not trusted."""
    lib = signed.output("lib")
    text = signed.narinfo(lib).read_text()
    signed.narinfo(lib).write_text(re.sub(r"Sig: .*\n", "", text))
    second = f"local?root={signed.sandbox.folder}/second"
    root = signed.sandbox.run("nix-instantiate", "default.nix", "-A", "top", NIX_REMOTE=second)[0]
    assert root == str(signed.root)
    with serving(signed.sandbox.cache) as url:
        flags = ["--substituter", url, "--trusted-key", signed.keys["ours-1"]]
        plan = signed.sandbox.analyse(f"{root}^*", *flags, NIX_REMOTE=second)["plan"]
        _, stderr = signed.sandbox.run(
            *("nix", "--extra-experimental-features", "nix-command", "build", "--no-link", f"{root}^*"),
            *("--option", "substituters", url, "--option", "trusted-public-keys", signed.keys["ours-1"], "-L", "-v"),
            NIX_REMOTE=second,
        )
    assert (plan["build"], plan["download"]["untrusted"]) == ([], 1)
    assert str(lib) in plan["download"]["storePaths"]
    copied = set(re.findall(r"copying path '(/nix/store/[^']+)'", stderr))
    assert str(lib) not in copied
    assert re.search(r"building '/nix/store/[^']+-lib.drv'", stderr)


def test_a_walk_finds_the_run_time_closure(signed: Signed) -> None:
    closure = signed.sandbox.run("nix-store", "-qR", str(signed.output("top")))[0].split()
    with serving(signed.sandbox.cache) as url:
        flags = ["--substituter", url, "--trusted-key", signed.keys["ours-1"]]
        answer = signed.sandbox.analyse("--walk", f"{signed.root}^out", *flags)
        listed = signed.sandbox.analyse("--walk", str(signed.output("top")), *flags)
    assert answer["closure"]["paths"] == len(closure)
    assert {f"/nix/store/{name}" for name in answer["present"]} == set(closure)
    assert listed["present"] == answer["present"]


def test_a_hit_that_nix_has_noted_as_absent_is_reported(signed: Signed) -> None:
    tool = signed.output("tool")
    data = signed.narinfo(tool).read_bytes()
    signed.narinfo(tool).unlink()
    with serving(signed.sandbox.cache) as url:
        flags = ["--substituter", url, "--trusted-key", signed.keys["ours-1"]]
        words = ("nix", "--extra-experimental-features", "nix-command", "path-info", "--store", url, str(tool))
        signed.sandbox.run(*words, code=1)
        signed.narinfo(tool).write_bytes(data)
        answer = signed.sandbox.analyse(f"{signed.root}^*", *flags)
    assert answer["hitRate"]["paths"] == 1.0
    (miss,) = answer["misses"]
    assert (miss["storePath"], miss["reason"]) == (str(tool), "hidden")
    assert re.fullmatch(rf"hidden: {url} has it, but Nix here .*, and asks again in 3[0-9]{{3}} s", miss["because"])


def test_a_changed_input_is_named_against_an_earlier_report(signed: Signed) -> None:
    before = signed.analyse()
    (signed.sandbox.folder / "before.json").write_text(json.dumps(before))
    changes = {
        "flags": ("lib", "changed: environment value flags"),
        "text": ("app", "changed: source files main-source"),
    }
    for argument, (name, because) in changes.items():
        root = signed.sandbox.instantiate("top", "--argstr", argument, "other")
        with serving(signed.sandbox.cache) as url:
            flags = ["--substituter", url, "--trusted-key", signed.keys["ours-1"], "--baseline", "before.json"]
            misses = signed.sandbox.analyse(f"{root}^*", *flags)["misses"]
        roots = [miss for miss in misses if miss["cause"] == "root"]
        assert {miss["derivation"][44:] for miss in roots} == {f"{name}.drv"}
        assert {miss["because"] for miss in roots} == {because}
        cascade = [miss for miss in misses if miss["cause"] == "cascade"]
        assert {miss["because"] for miss in cascade} == {f"follows {name} ({because.removeprefix('changed: ')})"}
        assert all(miss["roots"] == [roots[0]["derivation"]] for miss in cascade)


def test_another_revision_of_the_flake_is_a_baseline(sandbox: Sandbox) -> None:
    old, new = write_flakes(sandbox)
    url = f"file://{sandbox.cache}?trusted=true"
    by_word = sandbox.analyse(f"{new}#top", "--substituter", url, "--baseline", old)
    jobs = sandbox.analyse("--substituter", url, "--baseline", old, NANNA_CI_FLAKE=new)
    assert [one["installable"] for one in jobs["installables"]] == [
        "checks.x86_64-linux.clippy",
        "checks.x86_64-linux.unit",
    ]
    for answer in (by_word, jobs):
        roots = {miss["derivation"][44:]: miss for miss in answer["misses"] if miss["cause"] == "root"}
        assert roots["lib.drv"]["because"] == "changed: environment value flags"
        assert roots.keys() == {"lib.drv", "fetched.tar.gz.drv"}
        assert roots["fetched.tar.gz.drv"]["reason"] == "filtered"
        follows = {miss["derivation"][44:] for miss in answer["misses"] if miss["reason"] == "follows"}
        assert follows >= {"top.drv", "tool.drv", "app.drv"}
    assert by_word["baseline"] == old


def test_words_that_name_no_derivation(sandbox: Sandbox) -> None:
    _, new = write_flakes(sandbox)
    url = f"file://{sandbox.cache}"
    argv = [sys.executable, "-m", "nanna_ci", "cache-analytics", "--substituter", url]
    for words, said in (
        ([f"{new}#nothere"], "cannot be evaluated"),
        ([f"{new}#top^nothere"], "has no output nothere"),
        (
            [str(sandbox.graph(sandbox.instantiate("tool"))[sandbox.instantiate("tool")].outputs["out"].path)],
            "--walk follows",
        ),
        ([f"{new}#top", "--baseline", "gone.json"], "there is no such file"),
        ([str(sandbox.instantiate("tool")), "--baseline", new], "is not an attribute of a flake"),
    ):
        _, stderr = sandbox.run(*argv, *words, code=2)
        assert said in stderr
