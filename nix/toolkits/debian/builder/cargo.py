"""The steps that run cargo, offline, over crates that were vendored before."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from plain import Attributes, run
from stubs import member_names, write_stubs

# every step unpacks to the same place: cargo's fingerprints and rustc's metadata hold absolute paths
SOURCE = Path("/build/source")
TARGET = SOURCE / "target"
ARCHIVE = "target.tar.zst"
CROSS = "aarch64-linux-gnu"
PKG_CONFIG_LIBDIR = f"/usr/lib/{CROSS}/pkgconfig:/usr/share/pkgconfig"


def environment(attributes: Attributes) -> dict[str, str]:
    """What cargo, rustc and build scripts read: the same for dependencies and checks, or everything is built twice."""
    triple = attributes["triple"]
    values = {
        **os.environ,
        "CARGO_HOME": "/build/cargo",
        "CARGO_TARGET_DIR": str(TARGET),
        "CARGO_INCREMENTAL": "0",
        "CARGO_NET_OFFLINE": "true",
        "CARGO_TERM_COLOR": "never",
        "CARGO_BUILD_JOBS": os.environ.get("NIX_BUILD_CORES", "1"),
        # backtraces keep their lines; full debug information doubles the time to compile, unpack and link
        "CARGO_PROFILE_DEV_DEBUG": "line-tables-only",
        "OPENSSL_NO_VENDOR": "1",
        "LIBSSH2_SYS_USE_PKG_CONFIG": "1",
    }
    if attributes["cross"]:
        upper, lower = triple.upper().replace("-", "_"), triple.replace("-", "_")
        values |= {
            "CARGO_BUILD_TARGET": triple,
            f"CARGO_TARGET_{upper}_LINKER": f"{CROSS}-gcc",
            f"CC_{lower}": f"{CROSS}-gcc",
            f"CXX_{lower}": f"{CROSS}-g++",
            f"AR_{lower}": f"{CROSS}-ar",
            "PKG_CONFIG_ALLOW_CROSS": "1",
            f"PKG_CONFIG_LIBDIR_{lower}": PKG_CONFIG_LIBDIR,
        }
    return values


def prepare(attributes: Attributes) -> dict[str, str]:
    """Unpacks source, dependencies and cargo's configuration; answers the environment."""
    SOURCE.mkdir(parents=True)
    source = attributes["src"]
    shutil.copytree(source, SOURCE, dirs_exist_ok=True, copy_function=shutil.copy, ignore=_ignore_at_top(source))
    run(["chmod", "-R", "u+w", str(SOURCE)])
    if attributes.get("deps"):
        # shutil.copy gave the sources today's time, so the stubs that the dependencies were built with are older
        run(["tar", "--extract", "--zstd", "--file", f"{attributes['deps']}/{ARCHIVE}", "--directory", str(SOURCE)])
    home = Path("/build/cargo")
    home.mkdir()
    configuration = (Path(attributes["crates"]) / "config.toml").read_text()
    (home / "config.toml").write_text(configuration.replace("@crates@", attributes["crates"]))
    values = environment(attributes)
    # a missing system library is said here, by name, and not by a linker a thousand lines later
    libdir = {"PKG_CONFIG_LIBDIR": PKG_CONFIG_LIBDIR} if attributes["cross"] else {}
    for module in attributes["modules"]:
        run(["pkg-config", "--print-errors", "--exists", module], env={**values, **libdir})
    return values


def _ignore_at_top(source: str) -> Callable[[str, list[str]], list[str]]:
    """Leaves out git's and cargo's folders at the top; below, `target` may be a module."""
    return lambda folder, names: [name for name in names if folder == source and name in {".git", "target"}]


def cargo(arguments: list[str], values: dict[str, str]) -> None:
    run(["cargo", *arguments], cwd=SOURCE, env=values)


def profile_flags(attributes: Attributes) -> list[str]:
    return ["--release"] if attributes["profile"] == "release" else []


def deps(attributes: Attributes, out: Path) -> None:
    """The dependencies alone, built over empty stubs of the workspace's crates: one archive for every check."""
    values = prepare(attributes)
    write_stubs(SOURCE)
    flags = ["--workspace", "--locked", *profile_flags(attributes)]
    if attributes["profile"] == "release":
        cargo(["build", *flags], values)
    else:
        cargo(["test", "--no-run", *flags], values)
        cargo(["clippy", "--all-targets", *flags], values)
        # what rustdoc reads: without the features that tests bring in
        cargo(["check", *flags], values)
    TARGET.mkdir(exist_ok=True)
    packages = [argument for name in member_names(SOURCE) for argument in ("--package", name)]
    cargo(["clean", *profile_flags(attributes), *packages], values)
    out.mkdir()
    run(["tar", "--create", "--zstd", "--file", str(out / ARCHIVE), "--directory", str(SOURCE), "target"])


def build(attributes: Attributes, out: Path) -> None:
    """The workspace's binaries in bin/."""
    values = prepare(attributes)
    cargo(["build", "--release", "--locked", "--workspace", "--bins"], values)
    folder = TARGET / attributes["triple"] / "release" if attributes["cross"] else TARGET / "release"
    (out / "bin").mkdir(parents=True)
    for name in attributes["binaries"]:
        if not (folder / name).is_file():
            made = sorted(path.name for path in folder.iterdir() if path.is_file() and os.access(path, os.X_OK))
            built = ", ".join(made) or "none"
            sys.exit(f"pipeline.toml names the binary {name}, which cargo did not build; it built {built}")
        shutil.copy(folder / name, out / "bin" / name)


def check(attributes: Attributes, out: Path) -> None:
    """One check over the built dependencies; its evidence in out."""
    values = prepare(attributes)
    out.mkdir()
    match attributes["run"]:
        case "clippy":
            cargo(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"], values)
        case "fmt":
            cargo(["fmt", "--all", "--", "--check"], values)
        case "doc":
            cargo(["doc", "--workspace", "--no-deps", "--locked"], {**values, "RUSTDOCFLAGS": "-D warnings"})
        case "nextest":
            nextest(attributes, values, out)


def nextest(attributes: Attributes, values: dict[str, str], out: Path) -> None:
    """Every test of a kind, none left out after a failure; JUnit in out."""
    settings = Path("/build/nextest.toml")
    # a profile of our own: the workspace's may say other things of JUnit, and its default profile still counts
    settings.write_text('nextest-version = "0.9.50"\n[profile.nanna-ci.junit]\npath = "junit.xml"\n')
    # by filter, not by cargo's --lib and --test: those fail in a workspace that has no such target
    kind = {"unit": "not kind(test)", "integration": "kind(test)"}[attributes["kind"]]
    home = Path("/build/home")
    home.mkdir()
    options = ["--workspace", "--locked", "--no-fail-fast", "--no-tests=pass", "-E", kind]
    argv = [
        attributes["nextest"],
        "nextest",
        "run",
        *options,
        "--profile=nanna-ci",
        f"--tool-config-file=nanna-ci:{settings}",
    ]
    # Nix gives builders a terminal, on which nextest draws a bar and, the terminal being dumb, nothing else
    run(argv, cwd=SOURCE, env={**values, "HOME": str(home), "NEXTEST_SHOW_PROGRESS": "none"})
    shutil.copy(TARGET / "nextest" / "nanna-ci" / "junit.xml", out / "junit.xml")
