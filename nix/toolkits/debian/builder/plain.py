"""The steps that need no cargo: the Python application, its commands and tests, single binaries."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

Attributes = dict[str, Any]


def say_command(argv: list[str]) -> None:
    print("+", shlex.join(argv), file=sys.stderr, flush=True)


def run(argv: list[str], **options: Any) -> None:
    """Runs a program; its failure is the build's failure, with its own exit code and no Python traceback after it."""
    say_command(argv)
    end_like(subprocess.run(argv, check=False, **options).returncode)


def end_like(code: int) -> None:
    """Ends the build as a program ended that failed; goes on if it did not. Negative: a signal."""
    if code:
        sys.exit(code if code > 0 else 128 - code)


def write_program(path: Path, text: str) -> None:
    """Writes an executable text file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def python_application(attributes: Attributes, out: Path) -> None:
    """The package with byte code, and bin/nanna-ci in front of it."""
    library = out / "lib" / "nanna_ci"
    shutil.copytree(Path(attributes["src"]) / "nanna_ci", library, ignore=shutil.ignore_patterns("__pycache__"))
    run(["chmod", "-R", "u+w", str(library)])
    # checked by hash, since every file in the store has the same time
    run(["python3", "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(library)])
    write_program(
        out / "bin" / "nanna-ci",
        f"#!/usr/bin/python3 -I\nimport sys\nsys.path.insert(0, {str(out / 'lib')!r})\n"
        "from nanna_ci.cli import entry\n\nentry()\n",
    )


def command(attributes: Attributes, out: Path) -> None:
    """bin/NAME: the application's subcommand NAME, with the environment where the caller has not set it."""
    name, application = attributes["name"], attributes["application"]
    defaults = "".join(
        f"os.environ.setdefault({key!r}, {value!r})\n" for key, value in sorted(attributes["environment"].items())
    )
    program = f"{application}/bin/nanna-ci"
    write_program(
        out / "bin" / name,
        f"#!/usr/bin/python3 -I\nimport os\nimport sys\n{defaults}"
        f"os.execv({program!r}, [{program!r}, {name!r}, *sys.argv[1:]])\n",
    )


def workflow_check(attributes: Attributes, out: Path) -> None:
    """`workflow check` over a repository; what it says is in the log, and the output."""
    argv = [f"{attributes['application']}/bin/nanna-ci", "workflow", "check", "--config", attributes["config"]]
    say_command(argv)
    done = subprocess.run(argv, check=False, cwd=attributes["src"], stdout=subprocess.PIPE)
    sys.stderr.buffer.write(done.stdout)
    sys.stderr.flush()
    end_like(done.returncode)
    out.write_bytes(done.stdout)


def python_tests(attributes: Attributes, out: Path) -> None:
    """The suite's own tests that need no Nix, no network and no container."""
    source = Path(os.environ["NIX_BUILD_TOP"]) / "source"
    shutil.copytree(attributes["src"], source)
    run(["chmod", "-R", "u+w", str(source)])
    tools = attributes["tools"]
    out.mkdir()
    home = source.parent / "home"
    home.mkdir()
    environment = {
        **os.environ,
        "HOME": str(home),
        "PATH": f"{tools}/bin:{os.environ['PATH']}",
        "PYTHONPATH": f"{tools}/python",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    folders = [f"tests/{name}" for name in ("unit", "property", "integration") if (source / "tests" / name).is_dir()]
    junit = out / "junit.xml"
    run(
        ["python3", "-m", "pytest", "-q", "-n", os.environ["NIX_BUILD_CORES"], f"--junit-xml={junit}", *folders],
        cwd=source,
        env=environment,
    )


def binary(attributes: Attributes, out: Path) -> None:
    """Only bin/NAME of a package."""
    (out / "bin").mkdir(parents=True)
    source = Path(attributes["package"]) / "bin" / attributes["name"]
    if not source.exists():
        sys.exit(
            f"{source.parent.parent} has no bin/{attributes['name']}: pipeline.toml names a binary that is not built"
        )
    shutil.copy(source, out / "bin" / attributes["name"])
