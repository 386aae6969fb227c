"""What input.sh makes of wheels and crates that cannot be had: a reason in the input, and everything else there.

pip and cargo are the real ones, their registries are on loopback; `nix store add` is a stand-in that copies.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from support.stand_in_debian_mirror import serving

DEBIAN = Path(__file__).resolve().parents[2] / "nix/toolkits/debian"
NIX = '#!/bin/bash\ncp -a "${@: -1}" "$STORE"\necho "$STORE"\n'


@contextmanager
def serve(answers: Mapping[str, tuple[int, bytes]]) -> Iterator[str]:
    """A server that answers each path with its status and body, and 404 to all others."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.get(self.path, (404, b""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "text/html" if self.path.startswith("/simple") else "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Silent."""

    with serving(Handler) as address:
        yield address


class Toolkit:
    """A copy of input.sh in a folder of its own, with lists of wheels of the test's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "debian"
        (self.folder / "wheels").mkdir(parents=True)
        for name in ("input.sh", "relocate.py"):
            shutil.copy(DEBIAN / name, self.folder / name)
        self.programs = folder / "programs"
        self.programs.mkdir()
        (self.programs / "nix").write_text(NIX)
        (self.programs / "nix").chmod(0o755)
        self.store = folder / "store"

    def make(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(self.folder / "input.sh"), *words],
            env={
                **os.environ,
                "PATH": f"{self.programs}:{os.environ['PATH']}",
                "STORE": str(self.store),
                "TMPDIR": str(self.folder),
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def reason(self, name: str) -> str | None:
        path = self.store / "missing" / name
        return path.read_text() if path.exists() else None


@pytest.fixture
def toolkit(tmp_path: Path) -> Toolkit:
    return Toolkit(tmp_path)


def wheel(name: str, version: str) -> bytes:
    """A wheel with one program."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        info = f"{name}-{version}.dist-info"
        program = zipfile.ZipInfo(f"{name}-{version}.data/scripts/{name}")
        program.external_attr = 0o100755 << 16
        archive.writestr(program, "#!/bin/sh\necho ran\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return data.getvalue()


def pin(toolkit: Toolkit, group: str, name: str, content: bytes) -> None:
    text = f"{name}==1.0 --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"
    (toolkit.folder / "wheels" / f"{group}.txt").write_text(text)


def index(name: str, content: bytes, *, yanked: bool = False) -> dict[str, tuple[int, bytes]]:
    file = f"{name}-1.0-py3-none-any.whl"
    attribute = ' data-yanked="broken"' if yanked else ""
    page = f'<!DOCTYPE html><html><body><a href="/files/{file}"{attribute}>{file}</a></body></html>'
    return {f"/simple/{name}/": (200, page.encode()), f"/files/{file}": (200, content)}


@pytest.mark.parametrize("yanked", [False, True])
def test_wheels_are_installed_even_if_the_pinned_version_was_yanked(toolkit: Toolkit, yanked: bool) -> None:
    content = wheel("tool", "1.0")
    pin(toolkit, "tests", "tool", content)
    with serve(index("tool", content, yanked=yanked)) as address:
        result = toolkit.make("tools", PIP_INDEX_URL=f"{address}/simple", PIP_FIND_LINKS="")
    assert result.returncode == 0, result.stderr
    assert toolkit.reason("tests") is None
    assert subprocess.run([str(toolkit.store / "bin/tool")], capture_output=True, check=True).stdout == b"ran\n"


def test_wheels_that_are_gone_cost_their_own_group_only_and_the_version_is_named(toolkit: Toolkit) -> None:
    there, gone = wheel("tool", "1.0"), wheel("runner", "1.0")
    pin(toolkit, "tests", "tool", there)
    pin(toolkit, "nextest", "runner", gone)
    with serve(index("tool", there)) as address:
        result = toolkit.make("tools", PIP_INDEX_URL=f"{address}/simple", PIP_FIND_LINKS="")
    assert result.returncode == 0, result.stderr
    assert toolkit.reason("tests") is None
    assert "runner==1.0" in (toolkit.reason("nextest") or "")
    assert (toolkit.store / "bin/tool").exists()
    assert "going on without nextest" in result.stderr


def test_a_wheel_with_another_hash_is_refused(toolkit: Toolkit) -> None:
    pin(toolkit, "tests", "tool", wheel("tool", "1.0"))
    with serve(index("tool", wheel("tool", "1.0") + b" ")) as address:
        toolkit.make("tools", PIP_INDEX_URL=f"{address}/simple", PIP_FIND_LINKS="")
    assert toolkit.reason("tests")
    assert not (toolkit.store / "bin/tool").exists()


def test_a_cargo_nextest_of_the_machine_takes_the_place_of_a_wheel_that_is_gone(
    toolkit: Toolkit, tmp_path: Path
) -> None:
    pin(toolkit, "nextest", "runner", wheel("runner", "1.0"))
    own = tmp_path / "cargo-nextest"
    own.write_text("#!/bin/sh\necho mine\n")
    own.chmod(0o755)
    with serve({}) as address:
        result = toolkit.make("tools", str(own), PIP_INDEX_URL=f"{address}/simple", PIP_FIND_LINKS="")
    assert toolkit.reason("nextest") is None
    assert (toolkit.store / "bin/cargo-nextest").read_text() == own.read_text()
    assert "taking this machine's" in result.stderr


def crate(name: str) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for path, text in {
            "Cargo.toml": f'[package]\nname = "{name}"\nversion = "1.0.0"\nedition = "2021"\n',
            "src/lib.rs": "",
        }.items():
            entry = tarfile.TarInfo(f"{name}-1.0.0/{path}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()


@pytest.mark.parametrize("status", [200, 503])
def test_a_registry_that_refuses_one_crate_leaves_the_crates_out_and_names_it(
    toolkit: Toolkit, tmp_path: Path, status: int
) -> None:
    assert shutil.which("cargo"), "these tests need cargo on PATH: run them with `./nixw run .#test`"
    contents = {name: crate(name) for name in ("good", "rare")}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    workspace = tmp_path / "workspace"
    (workspace / "src").mkdir(parents=True)
    (workspace / "src/lib.rs").write_text("")
    (workspace / "Cargo.toml").write_text(
        '[package]\nname = "w"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\ngood = "1"\nrare = "1"\n'
    )
    locked = tomllib.loads((DEBIAN.parents[2] / "tests/workspace/Cargo.lock").read_text())["package"]
    (registry,) = {package["source"] for package in locked if "source" in package}
    packages = "".join(
        f'[[package]]\nname = "{name}"\nversion = "1.0.0"\nsource = "{registry}"\nchecksum = "{sums[name]}"\n\n'
        for name in contents
    )
    own = '[[package]]\nname = "w"\nversion = "0.1.0"\ndependencies = ["good", "rare"]\n'
    (workspace / "Cargo.lock").write_text(f"version = 4\n\n{packages}{own}")
    answers: dict[str, tuple[int, bytes]] = {}
    with serve(answers) as address:
        answers["/config.json"] = (200, json.dumps({"dl": f"{address}/dl/{{crate}}"}).encode())
        for name, content in contents.items():
            line = {"name": name, "vers": "1.0.0", "deps": [], "cksum": sums[name], "features": {}, "yanked": False}
            answers[f"/{name[:2]}/{name[2:]}/{name}"] = (200, json.dumps(line).encode())
            answers[f"/dl/{name}"] = (status if name == "rare" else 200, content)
        home = tmp_path / "home"
        home.mkdir()
        (home / "config.toml").write_text(
            f'[source.crates-io]\nreplace-with = "mirror"\n[source.mirror]\nregistry = "sparse+{address}/"\n'
        )
        result = toolkit.make("crates", str(workspace), CARGO_HOME=str(home), CARGO_NET_RETRY="0")
    assert result.returncode == 0, result.stderr
    if status == 200:
        assert toolkit.reason("crates") is None
        assert (toolkit.store / "vendor/rare-1.0.0/Cargo.toml").exists()
    else:
        reason = toolkit.reason("crates") or ""
        assert "rare" in reason
        assert "503" in reason
        assert not (toolkit.store / "vendor").exists()
        assert "\n" not in reason
