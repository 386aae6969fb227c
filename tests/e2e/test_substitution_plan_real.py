"""What Nix would download and build: the same as `nix build --dry-run` says, for graphs, caches and installables.

Needs `nix` on PATH, 2.26 or later, that may build. Every test has a store of its own.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from nanna_ci.store.derivation import parse_derivations
from nanna_ci.store.store_path import parse_store_path
from support.analytics_with_nix import Sandbox, fill, plan_of, serving, write_flakes


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    assert shutil.which("nix"), "these tests need `nix` on PATH: run them with `./nixw run .#test`"
    return Sandbox(tmp_path)


def test_a_derivation_file_says_what_nix_shows_of_it(sandbox: Sandbox) -> None:
    root = sandbox.instantiate("top")
    shown = sandbox.nix("derivation", "show", "--recursive", str(root)).encode()
    assert sandbox.graph(root) == parse_derivations(shown, "nix derivation show")


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5, 7])
def test_the_plan_is_that_of_the_dry_run(sandbox: Sandbox, seed: int) -> None:
    source = random.Random(seed)
    root = sandbox.instantiate("top")
    graph = sandbox.graph(root)
    fill(sandbox.cache, graph, (0.5, 0.7, 0.9)[seed % 3], source)
    if seed >= 3:
        sandbox.build(source.choice(["lib", "tool", "app"]))
    url, options = f"file://{sandbox.cache}?trusted=true", []
    if seed == 5:
        options = ["--option", "always-allow-substitutes", "true"]
        sandbox.environ["NIX_CONFIG"] = "always-allow-substitutes = true"
    plans = []
    for outputs in ("out", "doc", "*"):
        installable = f"{root}^{outputs}"
        answer = sandbox.analyse(installable, "--substituter", url)
        plans.append(sandbox.dry_run(installable, "--option", "substituters", url, *options))
        assert plan_of(answer) == plans[-1]
    assert any(build for build, _, _ in plans)
    assert any(fetch for _, fetch, _ in plans)


def test_over_http_two_caches_and_the_order_of_their_priorities(sandbox: Sandbox) -> None:
    root = sandbox.instantiate("top")
    other = sandbox.folder / "other"
    other.mkdir()
    (other / "nix-cache-info").write_text("StoreDir: /nix/store\nPriority: 10\n")
    fill(sandbox.cache, sandbox.graph(root), 0.5, random.Random(7))
    fill(other, sandbox.graph(root), 0.5, random.Random(8))
    with serving(sandbox.cache) as one, serving(other) as two:
        words = ["--substituter", f"{one}?trusted=true", "--substituter", f"{two}?trusted=true"]
        answer = sandbox.analyse(f"{root}^*", *words)
        assert plan_of(answer) == sandbox.dry_run(f"{root}^*", "--option", "substituters", f"{one} {two}")
        both = [answer["substituters"][0]["present"], answer["substituters"][1]["present"]]
        assert answer["combined"]["present"] < sum(both)
        assert [one["priority"] for one in answer["substituters"]] == [0, 10]


def test_installables_mean_what_nix_build_takes_them_for(sandbox: Sandbox) -> None:
    _, new = write_flakes(sandbox)
    url = f"file://{sandbox.cache}?trusted=true"
    fill(
        sandbox.cache,
        sandbox.graph(parse_store_path(sandbox.nix("eval", "--raw", f"{new}#top.drvPath"))),
        0.7,
        random.Random(3),
    )
    for installable in (new, f"{new}#top", f"{new}#top^doc", f"{new}#top^*", f"{new}#lib-dev", f"{new}#lib.dev"):
        answer = sandbox.analyse(installable, "--substituter", url)
        assert plan_of(answer) == sandbox.dry_run(installable, "--option", "substituters", url), installable
    outputs = [
        sandbox.analyse(f"{new}#{name}", "--substituter", url)["installables"][0]["outputs"]
        for name in ("lib", "lib-dev")
    ]
    assert outputs == [["out"], ["dev"]]
    assert sandbox.analyse(new, "--substituter", url)["installables"][0]["outputs"] == ["out", "doc"]
