"""The cargo program: the command line of each job, the environment of a cross build, and how both are run."""

from __future__ import annotations

import enum
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, assert_never

from nanna_ci.binaries.cargo_settings import CargoSettings
from nanna_ci.binaries.targets import BuildTarget, System
from nanna_ci.foundation.errors import CommandFailed, ConfigError, MalformedData, NannaError, ToolMissing
from nanna_ci.foundation.process import Completed
from nanna_ci.foundation.redact import without_secrets
from nanna_ci.toolchain.cargo_errors import innermost_cause
from nanna_ci.toolchain.rustup import find_missing_toolchain

JOB_TIMEOUT_S: Final = 3600.0
QUERY_TIMEOUT_S: Final = 300.0
NEXTEST_TOOL: Final = "nanna-ci"
_FAILS_FLAKY: Final = "0.9.131"  # the first nextest that has `flaky-result`

_CROSS_PREFIXES: Final = {
    "x86_64-unknown-linux-gnu": ("x86_64-linux-gnu-", "x86_64-unknown-linux-gnu-"),
    "aarch64-unknown-linux-gnu": ("aarch64-linux-gnu-", "aarch64-unknown-linux-gnu-"),
}

_LIBRARY_KINDS: Final = frozenset({"lib", "rlib", "dylib", "cdylib", "staticlib", "proc-macro"})

Run = Callable[..., Completed]


class CargoJob(enum.Enum):
    """What cargo does with the workspace: the kinds of pipeline.toml; TESTS, every test at once; DOCTESTS, the examples
    in the documentation, which belong to DOC."""

    TESTS = "tests"
    UNIT = "unit"
    INTEGRATION = "integration"
    CLIPPY = "clippy"
    FMT = "fmt"
    DOC = "doc"
    DOCTESTS = "doctests"
    AUDIT = "audit"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class CargoCommand:
    """An argument list, and variables to set on top of the environment."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NextestProfile:
    """A profile of ours, in a tool configuration of `render_nextest_config` at `config`.

    Where both define a profile the workspace's nextest.toml overrides a tool's: a name that a workspace can know, it
    can also fill, with a filter or with another place for the report. So `name` must be unguessable.
    """

    name: str
    config: Path


@dataclass(frozen=True, slots=True)
class CargoWorkspace:
    """What `cargo metadata` says: where the workspace is, its programs, whether it has libraries and a Cargo.lock."""

    root: Path
    binaries: frozenset[str]
    has_libraries: bool
    has_lock: bool = False


def plan_job(
    job: CargoJob,
    settings: CargoSettings,
    *,
    channel: str | None = None,
    nextest: NextestProfile | None = None,
    has_libraries: bool = True,
    locked: bool = False,
    fix: bool = False,
) -> CargoCommand:
    """The command of a job, in the workspace's folder.

    `channel` picks a toolchain of rustup (None: the default one). Without `nextest` it writes no JUnit, which is how a
    person types it. `has_libraries` as in CargoWorkspace: cargo refuses to look for libraries if there are none.
    `locked` fails if Cargo.lock does not fit the manifests, instead of writing a new one: a check changes nothing.
    `fix` lets clippy and fmt change the sources. Having no tests is not a nextest failure: the JUnit says it.
    """
    flags = (*settings.flags, *(["--locked"] if locked else []))
    words = _job_words(job, settings, flags, nextest, has_libraries=has_libraries, locked=locked, fix=fix)
    environment = dict(settings.environment)
    if job is CargoJob.DOC and settings.deny_doc:
        environment["RUSTDOCFLAGS"] = f"{environment.get('RUSTDOCFLAGS', '')} -D warnings".strip()
    return CargoCommand((*_cargo(channel), *words), environment)


def _cargo(channel: str | None) -> tuple[str, ...]:
    return ("cargo",) if channel is None else ("cargo", f"+{channel}")


def _job_words(
    job: CargoJob,
    settings: CargoSettings,
    flags: Sequence[str],
    nextest: NextestProfile | None,
    *,
    has_libraries: bool,
    locked: bool,
    fix: bool,
) -> tuple[str, ...]:
    test = ("nextest", "run", *flags, "--no-fail-fast", "--no-tests", "pass", *settings.test_arguments)
    if nextest is not None:
        test += ("--profile", nextest.name, "--tool-config-file", f"{NEXTEST_TOOL}:{nextest.config}")
    chosen = () if settings.filter is None else ("-E", settings.filter)
    match job:
        case CargoJob.TESTS:
            return (*test, *chosen)
        case CargoJob.UNIT:
            return (*test, *(["--lib"] if has_libraries else []), "--bins", *chosen)
        case CargoJob.INTEGRATION:
            # not `--test *`: cargo calls it an error if there are none
            kind = "kind(test)" if settings.filter is None else f"kind(test) and ({settings.filter})"
            return (*test, "--tests", "-E", kind)
        case CargoJob.CLIPPY:
            # requested by name: neither a dirty work tree nor the lack of one prevents it
            fixing = ("--fix", "--allow-dirty", "--allow-staged", "--allow-no-vcs") if fix else ()
            denied = ("-D", "warnings") if settings.deny_clippy and not fix else ()
            lints = (*denied, *settings.lints)
            return ("clippy", *flags, "--all-targets", *fixing, *(["--", *lints] if lints else []))
        case CargoJob.FMT:
            # in the workspace's folder these are its members; `--all` goes on to whatever else is there by path
            return ("fmt",) if fix else ("fmt", "--", "--check")
        case CargoJob.DOC:
            return ("doc", *flags, "--no-deps")
        case CargoJob.DOCTESTS:
            return ("test", "--doc", "--no-fail-fast", *flags)
        case CargoJob.AUDIT:
            return ("audit",)
        case CargoJob.DENY:
            return ("deny", *(["--locked"] if locked else []), "check")
        case _:
            assert_never(job)


def unguessable_profile() -> str:
    """A random name for a NextestProfile."""
    return f"{NEXTEST_TOOL}-{secrets.token_hex(8)}"


def render_nextest_config(profile: str, junit: Path, lines: Sequence[str] = ()) -> str:
    """A nextest tool configuration: a profile with these lines that writes JUnit to `junit` (absolute).

    A profile of its own, for it inherits the workspace's default one (time-outs, retries) and no more than that: a
    workspace that names another JUnit file there would else win. What nextest keeps is beside it, for its own choice is
    a target folder in the workspace, wherever cargo's is.
    """
    store = f"[store]\ndir = {json.dumps(str(junit.parent / 'nextest'))}\n"
    own = "\n".join([f"[profile.{profile}]", *lines])
    # an older one would warn of a key that it does not know, and let flaky tests pass
    least = f'nextest-version = "{_FAILS_FLAKY}"\n' if 'flaky-result = "fail"' in lines else ""
    return f"{least}{store}{own}\n[profile.{profile}.junit]\npath = {json.dumps(str(junit))}\n"


def plan_build(
    target: BuildTarget,
    binaries: Sequence[str],
    settings: CargoSettings,
    *,
    target_folder: Path,
    environment: Mapping[str, str],
) -> CargoCommand:
    """Build programs in release mode for a target; they end up in `target_folder/TRIPLE/release`.

    `environment` is that of `cross_environment`, empty if the system's own linker serves.
    """
    where = ("--target", target.triple, "--target-dir", str(target_folder))
    programs = (word for name in binaries for word in ("--bin", name))
    words = ("cargo", "build", "--release", "--locked", *settings.flags, *where, *programs)
    return CargoCommand(words, {**settings.environment, **environment})


def cross_environment(
    target: BuildTarget, environ: Mapping[str, str], which: Callable[[str], str | None], exists: Callable[[str], bool]
) -> dict[str, str] | None:
    """The variables that make cargo link for a target, and the cc and pkg-config crates of build scripts follow.

    The linker is the one that `environ` configures for cargo, else a GNU one on PATH; None if there is neither. The
    target's libraries are looked for where Debian puts them. Whatever `environ` sets already stays as it is.
    """
    lower = target.triple.replace("-", "_")
    configured = environ.get(f"CARGO_TARGET_{lower.upper()}_LINKER")
    candidates = (
        (configured,) if configured else tuple(f"{prefix}gcc" for prefix in _CROSS_PREFIXES.get(target.triple, ()))
    )
    linker = next((name for name in candidates if which(name) is not None), None)
    if linker is None:
        return None
    variables = {f"CARGO_TARGET_{lower.upper()}_LINKER": linker, f"CC_{lower}": linker}
    libraries = f"/usr/lib/{target.triple.replace('-unknown', '')}/pkgconfig"
    if exists(libraries):
        variables[f"PKG_CONFIG_ALLOW_CROSS_{lower}"] = "1"
        variables[f"PKG_CONFIG_LIBDIR_{lower}"] = f"{libraries}:/usr/share/pkgconfig"
    return {name: value for name, value in variables.items() if name not in environ}


def is_apple_to_apple(host: System | None, target: BuildTarget) -> bool:
    """Whether this machine is a Mac and the target another or the same one: Apple's tools build for both."""
    return host is not None and host.kernel == target.system.kernel == "darwin"


def cargo_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of our environment that cargo, and the build scripts and tests that it runs, get: the only secrets in it
    are the tokens for private registries."""
    return without_secrets(environ, needed="CARGO_REGISTRIES_[A-Z0-9_]+_TOKEN")


def run_cargo(
    command: CargoCommand,
    *,
    run: Run,
    environ: Mapping[str, str],
    cwd: Path,
    timeout_s: float = JOB_TIMEOUT_S,
    on_stderr: Callable[[bytes], None] | None = None,
    on_stdout: Callable[[bytes], None] | None = None,
    on_silence: Callable[[float], None] | None = None,
) -> Completed:
    """Run it in `cwd`. Raises ToolMissing, CommandFailed (cargo's 101, nextest's 100), CommandTimedOut."""
    return run(
        command.argv,
        timeout_s=timeout_s,
        env={**cargo_environment(environ), **command.environment},
        cwd=cwd,
        on_stdout=on_stdout,
        on_stderr=on_stderr,
        on_silence=on_silence,
    )


def query_workspace(*, run: Run, environ: Mapping[str, str], cwd: Path) -> CargoWorkspace:
    """The workspace in `cwd`, no dependency resolved.

    Raises ConfigError if there is none or it is broken, with the innermost cause in cargo's words; ToolMissing if
    there is no cargo, or the toolchain that the workspace is pinned to is not there.
    """
    argv = ("cargo", "metadata", "--no-deps", "--format-version", "1")
    try:
        completed = run(argv, timeout_s=QUERY_TIMEOUT_S, env=cargo_environment(environ), cwd=cwd)
    except CommandFailed as error:
        absent = find_missing_toolchain(error.stderr_tail)
        if absent is not None:
            raise ToolMissing("cargo", absent.reason, hint=absent.hint) from error
        raise ConfigError(str(cwd), _broken(error.stderr_tail)) from error
    workspace = parse_metadata(completed.stdout)
    return replace(workspace, has_lock=(workspace.root / "Cargo.lock").is_file())


def _broken(stderr: str) -> str:
    """Which manifest is broken, and the innermost cause of it; or that there is no workspace at all."""
    head, cause = (text.removeprefix("error: ") for text in (first_error(stderr), innermost_cause(stderr)))
    if head.startswith("could not find `Cargo.toml`"):
        return f"no cargo workspace: {head}"
    return f"cargo cannot read the workspace: {cause if cause.startswith(head) else f'{head}: {cause}'}"


def query_build_folders(source: Path, *, run: Run, environ: Mapping[str, str], cwd: Path) -> tuple[Path, ...]:
    """Where cargo keeps what it builds on the way (`build.build-dir`), for a target folder: by the environment, and by
    cargo itself in the workspace around that. None if unknown."""
    configured = environ.get("CARGO_BUILD_BUILD_DIR", "")
    named = [cwd / configured, source.parent / configured] if configured and "{" not in configured else []
    argv = ("cargo", "metadata", "--no-deps", "--format-version", "1", "--offline")
    try:
        completed = run(argv, timeout_s=QUERY_TIMEOUT_S, env=cargo_environment(environ), cwd=source.parent)
        body = json.loads(completed.stdout)
    except (NannaError, ValueError, RecursionError):
        return tuple(named)
    folder = body.get("build_directory") if isinstance(body, dict) else None
    return (*named, Path(folder)) if isinstance(folder, str) else tuple(named)


def parse_metadata(data: bytes) -> CargoWorkspace:
    """Read what `cargo metadata --no-deps` printed. Raises MalformedData."""
    source = "cargo metadata"
    try:
        body: Any = json.loads(data)
        kinds = [
            (kind, target["name"])
            for package in body["packages"]
            for target in package["targets"]
            for kind in target["kind"]
        ]
        root = Path(body["workspace_root"])
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise MalformedData(source, f"not what cargo writes: {error!r}") from error
    return CargoWorkspace(
        root=root,
        binaries=frozenset(name for kind, name in kinds if kind == "bin"),
        has_libraries=any(kind in _LIBRARY_KINDS for kind, _ in kinds),
    )


def first_error(stderr: str) -> str:
    """The line that says what went wrong: cargo's and rustc's first `error`, else the last line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("error")), lines[-1] if lines else "no output on stderr")


def has_standard_library(triple: str, *, run: Run, environ: Mapping[str, str], cwd: Path) -> bool:
    """Whether rustc has a standard library for the triple. Raises ToolMissing, CommandFailed for an unknown triple."""
    argv = ("rustc", "--print", "target-libdir", "--target", triple)
    folder = Path(run(argv, timeout_s=QUERY_TIMEOUT_S, env=cargo_environment(environ), cwd=cwd).text().strip())
    return any(folder.glob("libstd-*"))
