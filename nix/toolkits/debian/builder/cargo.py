"""What all steps share that run cargo, offline, over crates that were vendored before."""

import os
from pathlib import Path

from archive import copy_source, source_time, unpack
from plain import Attributes, run
from warm import Place
from watched import run_or_end

# every step unpacks to the same place: cargo's fingerprints and rustc's metadata hold absolute paths
TOP = Path(os.environ.get("NIX_BUILD_TOP", "/build"))
SOURCE = TOP / "source"
CROSS = "aarch64-linux-gnu"
PKG_CONFIG_LIBDIR = f"/usr/lib/{CROSS}/pkgconfig:/usr/share/pkgconfig"


# for crates that would else build a copy of their own
LIBRARY_VARIABLES = {
    "libssh2": "LIBSSH2_SYS_USE_PKG_CONFIG",
    "openssl": "OPENSSL_NO_VENDOR",
    "sqlite3": "LIBSQLITE3_SYS_USE_PKG_CONFIG",
}


def folder_of(attributes: Attributes) -> Path:
    """Where the workspace's manifest is: the source itself, or a folder in it."""
    return SOURCE / str(attributes.get("folder", "."))


def target_of(attributes: Attributes) -> Path:
    return folder_of(attributes) / "target"


def place_of(attributes: Attributes, values: dict[str, str]) -> Place:
    return Place(SOURCE, folder_of(attributes), target_of(attributes), values, attributes["flags"])


def environment(attributes: Attributes) -> dict[str, str]:
    """What cargo, rustc and build scripts read: the same in each step, or everything is built twice."""
    triple, target = attributes["triple"], str(target_of(attributes))
    values = {
        **os.environ,
        **attributes["environment"],
        "CARGO_HOME": str(TOP / "cargo"),
        # the workspace's own configuration may set other folders, in which nothing would be found again
        "CARGO_TARGET_DIR": target,
        "CARGO_BUILD_BUILD_DIR": target,
        # and a compiler cache that is not here, and has no network
        "RUSTC_WRAPPER": "",
        "CARGO_INCREMENTAL": "0",
        "CARGO_NET_OFFLINE": "true",
        "CARGO_TERM_COLOR": "never",
        "CARGO_BUILD_JOBS": os.environ.get("NIX_BUILD_CORES", "1"),
        **{LIBRARY_VARIABLES[module]: "1" for module in attributes["modules"] if module in LIBRARY_VARIABLES},
    }
    if attributes["profile"] == "dev":
        # backtraces keep their lines; full debug information doubles the time to compile, unpack and link
        values |= {"CARGO_PROFILE_DEV_DEBUG": "line-tables-only", "RUST_BACKTRACE": "1"}
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


def person() -> dict[str, str]:
    """What programs need of their environment: a name, empty folders of their own, a time zone, no terminal."""
    home, runtime = TOP / "home", TOP / "run"
    for folder in (home, runtime):
        folder.mkdir(mode=0o700, exist_ok=True)
    # as the sandbox calls its user
    name = {"USER": "nixbld", "LOGNAME": "nixbld"}
    return {**name, "HOME": str(home), "XDG_RUNTIME_DIR": str(runtime), "TZ": "UTC", "TERM": "dumb"}


def prepare(attributes: Attributes) -> dict[str, str]:
    """Unpacks source, what was built before, and cargo's configuration; answers the environment."""
    source, folder = Path(attributes["src"]), attributes.get("folder", ".")
    built = [f"{place}target" for place in {"", "" if folder == "." else f"{folder}/"}]
    # git's folder, and what cargo left: a folder that is only called target stays
    leave_out = [".git", *(path for path in built if (source / path / "CACHEDIR.TAG").is_file())]
    layers = attributes["layers"]
    copy_source(source, SOURCE, leave_out, changed_s=source_time(layers))
    unpack(layers, target_of(attributes))
    home = TOP / "cargo"
    home.mkdir()
    configuration = (Path(attributes["crates"]) / "config.toml").read_text(encoding="utf-8")
    (home / "config.toml").write_text(configuration.replace("@crates@", attributes["crates"]), encoding="utf-8")
    return environment(attributes)


def require_libraries(attributes: Attributes, values: dict[str, str]) -> None:
    """A missing system library is said here, by name, and not by a linker a thousand lines later."""
    libdir = {"PKG_CONFIG_LIBDIR": PKG_CONFIG_LIBDIR} if attributes["cross"] else {}
    for module in attributes["modules"]:
        run(["pkg-config", "--print-errors", "--exists", module], env={**values, **libdir})


def cargo(attributes: Attributes, arguments: list[str], values: dict[str, str]) -> None:
    """Runs cargo in the workspace's folder; its failure is the build's.

    clippy and fmt are programs of their own. They are called as cargo calls them, for cargo would take an alias of the
    workspace's configuration first, which answers whatever it likes.
    """
    program = [f"cargo-{arguments[0]}"] if arguments[0] in {"clippy", "fmt"} else ["cargo"]
    run_or_end([*program, *arguments], cwd=folder_of(attributes), env=values)
