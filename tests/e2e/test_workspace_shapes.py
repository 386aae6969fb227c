"""Shapes that public workspaces have, built for real: the builder's steps over tests/data/workspaces.

The steps run as in Nix's sandbox but without it; what only the sandbox has is tested with the last workspace, by nixw.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.fake_workspaces import DEBIAN, WORKSPACES, Builder, FakeCrates, compiled, manifests_of, run_job, write

# what tests/data/workspaces/shapes holds, by the tests that can only pass where it is built right
UNIT = {
    "a_dash_has_a_program_with_an_underscore",
    "an_example_is_tested",
    "a_member_is_a_procedural_macro_and_a_path_dependency_is_not_a_member",
    "files_outside_of_the_package_are_read",
    "the_configuration_counts",
    "a_profile_of_its_own_for_tests_counts",
    "links_are_links",
    "odd_names_modes_and_empty_folders_survive",
    "a_folder_called_target_is_not_cargos_by_its_name",
    "programs_are_called_at_build_time",
    "a_member_is_deep_in_the_tree",
    "a_member_is_in_a_member",
}
INTEGRATION = {
    "the_default_program_runs",
    "a_package_may_be_tests_alone",
    "two_versions_of_one_crate_and_a_git_dependency_are_built",
    "a_patch_by_path_reaches_a_crate_of_the_registry",
}


MEMBER = '[package]\nname = "member"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nleaf = "2"\n'


def add_what_git_keeps_badly(source: Path) -> None:
    """Links to nowhere, names that are not UTF-8, a manifest that is not even text."""
    (source / "links").mkdir()
    for name, target in {"dangling": "nowhere", "absolute": "/nowhere/at/all", "cyclic": "cyclic", "up": ".."}.items():
        (source / "links" / name).symlink_to(target)
    (source / "odd" / "empty").mkdir(parents=True)
    for odd in (b"a \n'\"* name", b"latin-\xe9", b"program"):
        Path(os.fsdecode(os.fsencode(source / "odd") + b"/" + odd)).write_text("x")
    (source / "odd" / "program").chmod(0o755)
    Path(os.fsdecode(os.fsencode(source / "odd") + b"/latin-\xe9")).chmod(0o444)
    strange = Path(os.fsdecode(os.fsencode(source / "odd") + b"/folder-\xe9\n"))
    strange.mkdir()
    (strange / "Cargo.toml").write_bytes(b"\x00\xff not text")
    for folder in ("target", "deep/target"):
        (source / folder).mkdir()
        (source / folder / "kept.txt").write_text("kept\n")


@pytest.fixture(scope="module")
def builders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Builder]:
    fake_crates = FakeCrates(tmp_path_factory.mktemp("fake_crates"))
    fake_crates.make()
    folders = {"shapes": ".", "folder": "service", "linked-member": "."}
    sources = {}
    for name, folder in folders.items():
        if name == "linked-member":
            # cargo locks it through the link, too
            sources[name] = shutil.copytree(WORKSPACES / name, fake_crates.folder / name)
            (sources[name] / "member").symlink_to("elsewhere")
            (sources[name] / "Cargo.lock").write_text(
                'version = 4\n\n[[package]]\nname = "member"\nversion = "0.1.0"\n', encoding="utf-8"
            )
        else:
            sources[name] = fake_crates.copy(name, folder)
    add_what_git_keeps_badly(sources["shapes"])
    found = manifests_of(sources)
    return {
        name: Builder(fake_crates.folder / "steps" / name, sources[name], found[name], fake_crates.crates, folder)
        for name, folder in folders.items()
    }


@pytest.fixture(scope="module")
def logs(builders: dict[str, Builder]) -> dict[str, str]:
    """The steps of the workspace with many shapes; each must end well."""
    builder = builders["shapes"]
    steps: dict[str, Callable[[], subprocess.CompletedProcess[str]]] = {
        "deps": builder.deps,
        "lint": lambda: builder.deps("lint"),
        "tests": builder.tests,
        "unit": lambda: builder.run("unit"),
        "integration": lambda: builder.run("integration"),
        "clippy": lambda: builder.check("clippy"),
        "doc": lambda: builder.check("doc"),
        "fmt": lambda: builder.check("fmt"),
    }
    said = {}
    for name, step in steps.items():
        done = step()
        said[name] = done.stdout + done.stderr
        assert done.returncode == 0, f"{name}: {said[name]}"
    return said


@pytest.mark.parametrize("name", sorted(UNIT))
def test_a_shape_is_held_by_a_unit_test(logs: dict[str, str], builders: dict[str, Builder], name: str) -> None:
    assert name in builders["shapes"].passed("unit")


@pytest.mark.parametrize("name", sorted(INTEGRATION))
def test_a_shape_is_held_by_an_integration_test(logs: dict[str, str], builders: dict[str, Builder], name: str) -> None:
    assert name in builders["shapes"].passed("integration")


def test_no_test_is_run_that_is_not_expected(logs: dict[str, str], builders: dict[str, Builder]) -> None:
    assert builders["shapes"].passed("unit") == UNIT
    assert builders["shapes"].passed("integration") == INTEGRATION


def test_dependencies_are_compiled_once_and_members_are_not_among_them(logs: dict[str, str]) -> None:
    registry = {"leaf 1.0.0", "leaf 2.0.0", "for-tests 1.0.0", "from-git 1.0.0", "needs-programs 1.0.0"}
    assert registry <= compiled(logs["deps"])
    assert not registry & compiled(logs["tests"])


def test_tests_are_compiled_once_for_unit_and_integration(logs: dict[str, str]) -> None:
    assert "reader 0.1.0" in compiled(logs["tests"])
    assert compiled(logs["unit"]) == compiled(logs["integration"]) == set()


def test_a_dependency_on_the_workspaces_own_code_is_built_by_each_check_and_noted(
    logs: dict[str, str], builders: dict[str, Builder]
) -> None:
    note = builders["shapes"].note()
    assert note is not None
    assert "needs-patched" in note
    assert f"nanna-ci: {note.strip()}" in logs["clippy"].splitlines()


def test_programs_are_found_by_cargos_messages_wherever_they_are(builders: dict[str, Builder]) -> None:
    builder = builders["shapes"]
    assert builder.deps("release").returncode == 0
    done = builder.build(["under_score", "first", "second"])
    assert done.returncode == 0, done.stderr
    programs = sorted((builder.top / "programs" / "bin").iterdir())
    assert [path.name for path in programs] == ["first", "second", "under_score"]
    said = subprocess.run([programs[1]], check=True, capture_output=True, text=True)
    assert said.stdout == "second\n"


def test_a_workspace_may_be_in_a_folder_and_its_target_configured(builders: dict[str, Builder]) -> None:
    builder = builders["folder"]
    for done in (
        builder.deps(),
        builder.tests(),
        builder.run("unit"),
        builder.deps("release"),
        builder.build(["server"]),
    ):
        assert done.returncode == 0, done.stderr
    assert (builder.note(), builder.note("release")) == (None, None)
    assert builder.passed("unit") == {"a_workspace_may_be_in_a_folder"}
    said = subprocess.run([builder.top / "programs" / "bin" / "server"], check=True, capture_output=True, text=True)
    assert said.stdout == "shared 2\n"


def test_without_stand_ins_checks_still_build_and_say_so_with_cargos_words(
    builders: dict[str, Builder],
) -> None:
    builder = builders["linked-member"]
    for done in (builder.deps(), builder.tests(), unit := builder.run("unit")):
        assert done.returncode == 0, done.stderr
    note = builder.note()
    assert note is not None
    assert "failed to load manifest for workspace member" in note
    assert len(note.splitlines()) == 1
    assert note.strip() in unit.stderr
    assert builder.passed("unit") == {"a_member_may_be_behind_a_link"}


def test_a_lock_that_does_not_fit_is_the_checks_failure_in_cargos_words(builders: dict[str, Builder]) -> None:
    builder = builders["linked-member"]
    lock = builder.source / "Cargo.lock"
    good = lock.read_text()
    lock.write_text(good.replace("0.1.0", "0.0.9"))
    try:
        failed = builder.check("clippy")
    finally:
        lock.write_text(good)
    assert failed.returncode == 101
    assert "--locked" in failed.stderr
    assert "builder error" not in failed.stderr


def test_a_fault_of_the_builder_is_called_so_and_has_an_exit_code_of_its_own(builders: dict[str, Builder]) -> None:
    failed = builders["linked-member"].step("checks.check", "odd", run="nextest", layers=[])
    assert failed.returncode == 70
    last = failed.stderr.splitlines()[-1]
    assert last.startswith("nanna-ci builder error: checks.check: KeyError: 'nextest' (checks.py:")


def test_within_cranes_derivations_the_same_layers_are_built_and_used(tmp_path: Path) -> None:
    fake_crates = FakeCrates(tmp_path / "fake_crates")
    fake_crates.make()
    source = fake_crates.folder / "workspace"
    write(source / "Cargo.toml", MEMBER)
    write(source / "src" / "lib.rs", '#[test]\nfn two() { assert_eq!(leaf::VERSION, "2"); }\n')
    fake_crates.lock(source)
    manifests = manifests_of({"it": source})["it"]
    build, dependencies, tests = (tmp_path / name for name in ("build", "dependencies", "tests"))

    def unpack(tree: Path) -> None:
        shutil.rmtree(build, ignore_errors=True)
        subprocess.run(["cp", "-r", "--preserve=timestamps", tree, build], check=True)
        subprocess.run(["chmod", "-R", "u+w", build], check=True)

    def run(*argv: str | Path) -> str:
        locking = str(fake_crates.folder / "locking")
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CARGO_HOME": locking}
        done = subprocess.run(argv, cwd=build, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    step: list[str | Path] = [sys.executable, "-I", "-B", DEBIAN / "builder" / "crane.py", "."]
    flags = ["--workspace", "--locked"]
    unpack(Path(manifests["path"]))
    assert "leaf 2.0.0" in compiled(run(*step, "dependencies", dependencies, manifests["targets"], "dev", *flags))
    unpack(source)
    run(*step, "inherit", dependencies)
    assert compiled(run(*step, "tests", tests, *flags)) == {"member 0.1.0"}
    unpack(source)
    run(*step, "inherit", dependencies, tests)
    said = run("cargo", "test", "--workspace", "--locked", "--offline", "--lib")
    assert compiled(said) == set()
    assert "test two ... ok" in said


def test_crates_that_are_vendored_in_the_tree_are_dependencies_like_others(tmp_path: Path) -> None:
    fake_crates = FakeCrates(tmp_path / "fake_crates")
    fake_crates.make()
    source = fake_crates.folder / "workspace"
    write(source / "Cargo.toml", MEMBER)
    write(source / "src" / "lib.rs", "pub use leaf::VERSION;\n")
    shutil.copytree(fake_crates.crates / "vendor", source / "third-party")
    write(
        source / ".cargo" / "config.toml",
        '[source.crates-io]\nreplace-with = "in-tree"\n[source.in-tree]\ndirectory = "third-party"\n',
    )
    fake_crates.lock(source)
    builder = Builder(tmp_path / "steps", source, manifests_of({"it": source})["it"], fake_crates.crates)
    done, tests = builder.deps(), builder.tests()
    assert (done.returncode, tests.returncode, builder.note()) == (0, 0, None), done.stderr
    assert "leaf 2.0.0" in compiled(done.stderr)
    assert compiled(tests.stderr) == {"member 0.1.0"}


def test_what_clippy_and_doc_read_of_dependencies_is_made_once_and_not_for_tests(logs: dict[str, str]) -> None:
    checked = {
        name: set(re.findall(r"^ *(?:Compiling|Checking) (\S+)", log, re.MULTILINE)) for name, log in logs.items()
    }
    assert "leaf" in checked["deps"]
    assert "leaf" in checked["lint"]
    assert not re.findall(r"^ *Checking ", logs["deps"], re.MULTILINE)
    assert "leaf" not in checked["clippy"] | checked["doc"] | checked["tests"]


def test_no_edit_of_code_and_no_more_tests_make_new_dependencies(tmp_path: Path) -> None:
    sources = {}
    for name in ("before", "after", "first"):
        sources[name] = shutil.copytree(WORKSPACES / "shapes", tmp_path / name)
    (sources["after"] / "crates/user/src/lib.rs").write_text("// another text\n")
    (sources["after"] / "crates/programs/src/bin/third.rs").write_text("fn main() {}\n")
    (sources["after"] / "crates/programs/tests/more.rs").write_text("")
    (sources["after"] / "target").mkdir()
    (sources["after"] / "target" / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55")
    (sources["after"] / "target" / "Cargo.toml").write_text("")
    (sources["first"] / "crates/user/tests").mkdir()
    (sources["first"] / "crates/user/tests/first.rs").write_text("")
    found = manifests_of(sources)
    assert found["before"] == found["after"]
    # development dependencies may have been none before
    assert found["first"] != found["before"]


@pytest.fixture(scope="module")
def sandboxed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = shutil.copytree(WORKSPACES / "sandboxed", tmp_path_factory.mktemp("sandboxed") / "source")
    for name, target in {"dangling": "target/not-built", "absolute": "/etc/passwd", "cyclic": "cyclic"}.items():
        (source / name).symlink_to(target)
    return source


def test_tests_find_links_a_user_folders_a_time_zone_and_no_terminal_in_the_sandbox(
    sandboxed: Path, tmp_path: Path
) -> None:
    done = run_job(sandboxed, "unit-x86_64-linux-stable", tmp_path / "unit")
    assert done.returncode == 0, done.stderr + done.stdout
    assert json.loads(done.stdout)["job"]["evidence"]["tests"]["passed"] == 8


def test_a_test_that_needs_the_network_fails_and_the_network_is_named(sandboxed: Path, tmp_path: Path) -> None:
    done = run_job(sandboxed, "integration-x86_64-linux-stable", tmp_path / "integration")
    assert done.returncode == 1
    assert json.loads(done.stdout)["job"]["verdict"] == "fail"
    said = "nanna-ci: there is no network in the sandbox, and these tests failed asking for one:"
    assert f"{said} sandboxed::network asks_a_name_server" in (tmp_path / "integration" / "log.txt").read_text()


@pytest.mark.parametrize("check", ["clippy", "fmt"])
def test_an_alias_of_the_workspaces_configuration_answers_for_no_check(
    builders: dict[str, Builder], tmp_path: Path, check: str
) -> None:
    source = tmp_path / "source"
    write(source / "Cargo.toml", MEMBER.replace('[dependencies]\nleaf = "2"\n', ""))
    write(source / "src" / "lib.rs", "pub fn   not_formatted() { let unused = 1; }\n")
    write(source / ".cargo" / "config.toml", f'[alias]\n{check} = "version"\n')
    write(source / "Cargo.lock", 'version = 4\n\n[[package]]\nname = "member"\nversion = "0.1.0"\n')
    crates = builders["shapes"].crates
    builder = Builder(tmp_path / "steps", source, manifests_of({"it": source})["it"], crates)
    assert builder.deps().returncode == 0
    assert builder.check(check).returncode != 0
    crane: list[str | Path] = [sys.executable, "-I", "-B", DEBIAN / "builder" / "crane.py", ".", "refuse-alias", check]
    refused = subprocess.run(crane, cwd=source, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert f"replaces cargo {check}" in refused.stderr
