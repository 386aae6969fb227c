"""A registry with TLS and a login, one with neither, key pairs, and `publish-images` run in this process."""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cli import main
from nanna_ci.foundation import process
from nanna_ci.foundation.context import Ports
from support import json_schemas, local_registry
from support.fake_layered_images import content, write_layered
from support.publish_runs import PIPELINE, REVISION, Answer, Publish


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> local_registry.Certificates:
    return local_registry.make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two key pairs, ours and other; their password is `pw`."""
    folder = tmp_path_factory.mktemp("keys")
    for prefix in ("ours", "other"):
        subprocess.run(
            ["cosign", "generate-key-pair", "--output-key-prefix", prefix],
            cwd=folder,
            env={**os.environ, "COSIGN_PASSWORD": "pw"},
            check=True,
            capture_output=True,
            timeout=60,
        )
    return folder


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[local_registry.Registry]:
    """Without TLS and login."""
    with local_registry.running(tmp_path / "registry") as registry:
        yield registry


@pytest.fixture
def guarded(tmp_path: Path, certificates: local_registry.Certificates) -> Iterator[local_registry.Registry]:
    """With TLS, by a CA of the test, and a login."""
    with local_registry.running(tmp_path / "guarded", certificates=certificates, login=True) as registry:
        yield registry


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    """Layouts: `amd64` and `arm64` of app, `lone`."""
    base = content(1, 300_000)
    labels = {"org.opencontainers.image.source": "https://example.org/w", "org.opencontainers.image.revision": REVISION}
    return {
        "amd64": write_layered(tmp_path / "amd64", [base, content(2, 20_000)], labels=labels),
        "arm64": write_layered(
            tmp_path / "arm64", [content(3, 300_000), content(4, 20_000)], architecture="arm64", labels=labels
        ),
        "lone": write_layered(tmp_path / "lone", [content(5, 100_000), content(6, 50_000)], compress=False),
    }


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment with a home and a temporary folder of its own, both empty."""
    for name in ("home", "temporary"):
        (tmp_path / name).mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "temporary"),
        "COSIGN_PASSWORD": "pw",
    }


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "pipeline.toml").write_text(PIPELINE)
    return folder


@pytest.fixture
def publish(
    work: Path, environment: dict[str, str], images: dict[str, Path], keys: Path, monkeypatch: pytest.MonkeyPatch
) -> Publish:
    """Publishes `app` from its layouts, signed by our key, by default; checks the answer's schema."""
    monkeypatch.setenv("TMPDIR", environment["TMPDIR"])
    monkeypatch.setattr("tempfile.tempdir", None)

    def run(
        to: str, *words: str, image: str = "app", key: str | None = "ours", revision: str = REVISION,
        environ: Mapping[str, str] | None = None, sources: Mapping[str, Path] | None = None,
    ) -> Answer:  # fmt: skip
        argvs: list[tuple[str, ...]] = []
        environs: list[Mapping[str, str]] = []

        def recorded(argv: Any, **options: Any) -> process.Completed:
            argvs.append(tuple(argv))
            environs.append(options["env"])
            return process.run(argv, **options)

        layouts = sources if sources is not None else images
        given = [layouts[name] for name in (("amd64", "arm64") if image == "app" else (image,)) if name in layouts]
        flags = [word for path in given for word in ("--from", f"{image}={path}")]
        flags += [] if key is None else ["--key", str(keys / f"{key}.key")]
        stdout, stderr = io.StringIO(), io.StringIO()
        ports = Ports(environ={**environment, **(environ or {})}, stdout=stdout, stderr=stderr, cwd=work, run=recorded)
        code = main(
            ["publish-images", image, "--to", to, "--revision", revision, "--format", "json", *flags, *words], ports
        )
        data = json.loads(stdout.getvalue())
        if "error" not in data:
            json_schemas.check(data)
        return Answer(code, data, stdout.getvalue() + stderr.getvalue(), argvs, environs)

    return run
