"""The command to copy from a failure."""

from __future__ import annotations

from pathlib import Path

from nanna_ci.pipeline.reproduce import RunOrigin

ATTRIBUTE = "checks.x86_64-linux.unit"


def origin(cwd: Path, *, flake: str = ".", overrides: tuple[tuple[str, str], ...] = (), **environ: str) -> RunOrigin:
    return RunOrigin(flake, overrides, environ, cwd)


def test_plain_nix_where_nixw_did_not_start_us(tmp_path: Path) -> None:
    assert origin(tmp_path).build_command(ATTRIBUTE) == "nix build '.#checks.x86_64-linux.unit' -L"


def test_nixw_of_the_working_folder_is_called_by_its_short_name(tmp_path: Path) -> None:
    here = origin(tmp_path, NANNA_CI_NIXW=str(tmp_path / "nixw"))
    assert here.build_command(ATTRIBUTE) == "./nixw build '.#checks.x86_64-linux.unit' -L"
    elsewhere = origin(tmp_path, NANNA_CI_NIXW="/opt/pipeline/nixw")
    assert elsewhere.build_command(ATTRIBUTE) == "/opt/pipeline/nixw build '.#checks.x86_64-linux.unit' -L"


def test_the_callers_overrides_are_in_it_and_nixws_own_are_not(tmp_path: Path) -> None:
    overrides = (
        ("nanna-coder", "path:/home/user/my project"),
        ("nixpkgs", f"path:{tmp_path}/nix/toolkits/debian"),
        ("nixpkgs/root", "path:/nix/store/abc-source"),
    )
    through_nixw = origin(tmp_path, overrides=overrides, NANNA_CI_NIXW=str(tmp_path / "nixw"))
    assert through_nixw.build_command(ATTRIBUTE) == (
        "./nixw build '.#checks.x86_64-linux.unit' -L --override-input nanna-coder 'path:/home/user/my project'"
    )
    assert (
        origin(tmp_path, overrides=overrides[:1])
        .build_command(ATTRIBUTE)
        .endswith("--override-input nanna-coder 'path:/home/user/my project'")
    )


def test_an_advisory_database_is_in_it_only_if_the_caller_gave_one(tmp_path: Path) -> None:
    debian = f"path:{tmp_path}/nix/toolkits/debian"
    for prefix in ("", "pipeline/"):
        ours = ((f"{prefix}nixpkgs", debian), (f"{prefix}advisory-db", f"{debian}/empty"))
        command = origin(tmp_path, overrides=ours, NANNA_CI_NIXW=str(tmp_path / "nixw")).build_command(ATTRIBUTE)
        assert "--override-input" not in command
        mine = (ours[0], (f"{prefix}advisory-db", "path:/home/user/advisory-db"))
        command = origin(tmp_path, overrides=mine, NANNA_CI_NIXW=str(tmp_path / "nixw")).build_command(ATTRIBUTE)
        assert command.endswith(f"-L --override-input {prefix}advisory-db path:/home/user/advisory-db")


def test_an_override_of_nixpkgs_itself_is_in_it(tmp_path: Path) -> None:
    mine = (("nixpkgs", "path:/home/user/toolkit"), ("nixpkgs/root", "path:/home/user/root"))
    command = origin(tmp_path, overrides=mine, NANNA_CI_NIXW=str(tmp_path / "nixw")).build_command(ATTRIBUTE)
    assert command.count("--override-input") == 2


def test_the_flake_is_the_working_folder_only_if_it_is_the_one_that_ran(tmp_path: Path) -> None:
    ran, here = tmp_path / "store", tmp_path / "here"
    for folder, text in ((ran, "{ one }"), (here, "{ one }")):
        folder.mkdir()
        (folder / "flake.nix").write_text(text)
    assert "'.#checks" in origin(here, flake=f"path:{ran}").build_command(ATTRIBUTE)
    (here / "flake.nix").write_text("{ another }")
    assert f"{ran}#checks" in origin(here, flake=f"path:{ran}").build_command(ATTRIBUTE)
    assert "github:o/r#checks" in origin(here, flake="github:o/r").build_command(ATTRIBUTE)


def test_the_flake_beside_nixw_is_called_by_its_folder(tmp_path: Path) -> None:
    ran, checkout, cwd = tmp_path / "store", tmp_path / "checkout", tmp_path / "cwd"
    for folder in (ran, checkout):
        folder.mkdir()
        (folder / "flake.nix").write_text("{ one }")
    command = origin(cwd, flake=f"path:{ran}", NANNA_CI_NIXW=str(checkout / "nixw")).build_command(ATTRIBUTE)
    assert command == f"{checkout}/nixw build '{checkout}#checks.x86_64-linux.unit' -L"


def test_an_app_is_run_as_it_was_started(tmp_path: Path) -> None:
    words = ("cross-build", "--system", "aarch64-linux")
    assert origin(tmp_path).run_command(*words) == "nanna-ci cross-build --system aarch64-linux"
    assert origin(tmp_path, NANNA_CI_FLAKE=".").run_command(*words) == (
        "nix run '.#cross-build' -- --system aarch64-linux"
    )
    assert origin(tmp_path, NANNA_CI_NIXW=str(tmp_path / "nixw")).run_command(*words) == (
        "./nixw run '.#cross-build' -- --system aarch64-linux"
    )
