"""Empty stand-ins for a workspace's own crates, so that cargo builds their dependencies and nothing else."""

import tomllib
from pathlib import Path
from typing import Any

# documented, since a workspace may deny missing documentation
EMPTY = "//! A stand-in.\n"
EMPTY_MAIN = EMPTY + "fn main() {}\n"


def manifests(source: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Every Cargo.toml with a [package] below the source, with its content."""
    found = []
    for path in sorted(source.rglob("Cargo.toml")):
        if path.relative_to(source).parts[0] == "target":
            continue
        manifest = tomllib.loads(path.read_text(encoding="utf-8"))
        if "package" in manifest:
            found.append((path, manifest))
    return found


def member_names(source: Path) -> list[str]:
    """The names of the packages below the source that the lock file knows: the workspace's members."""
    lock = tomllib.loads((source / "Cargo.lock").read_text(encoding="utf-8"))
    # a package of the lock without a source is one of the workspace's own
    local = {package["name"] for package in lock["package"] if "source" not in package}
    return [manifest["package"]["name"] for _, manifest in manifests(source) if manifest["package"]["name"] in local]


def stub(path: Path, text: str) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def write_stubs(source: Path) -> None:
    """A library, a program and every declared target for each package: empty, but enough for cargo."""
    for path, manifest in manifests(source):
        folder = path.parent
        library = manifest.get("lib", {})
        stub(folder / library.get("path", "src/lib.rs"), EMPTY)
        binaries = manifest.get("bin", [])
        if not binaries:
            stub(folder / "src" / "main.rs", EMPTY_MAIN)
        for kind, default in (("bin", "src/bin"), ("test", "tests"), ("bench", "benches"), ("example", "examples")):
            for target in manifest.get(kind, []):
                name = target.get("name", manifest["package"]["name"])
                if "path" in target:
                    stub(folder / target["path"], EMPTY_MAIN)
                elif kind == "bin" and name == manifest["package"]["name"]:
                    stub(folder / "src" / "main.rs", EMPTY_MAIN)
                else:
                    stub(folder / default / f"{name}.rs", EMPTY_MAIN)
        script = manifest["package"].get("build", "build.rs")
        if (manifest.get("build-dependencies") or "build" in manifest["package"]) and isinstance(script, str):
            stub(folder / script, EMPTY_MAIN)
