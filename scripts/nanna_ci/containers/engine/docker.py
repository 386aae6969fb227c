"""The docker program with its daemon, and an image as the tar that `docker load` reads."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Final

from nanna_ci.containers.engine.container_spec import ContainerSpec
from nanna_ci.containers.engine.engine import LOAD_S, QUICK_S, Engine, EngineFacts, reason_of
from nanna_ci.containers.engine.limits import Controllers
from nanna_ci.containers.image.oci_layout import INDEX_TYPE, Layout
from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, ToolMissing
from nanna_ci.foundation.json_data import as_object, as_text, as_texts, load_json

_CHUNK_BYTES: Final = 1024 * 1024
_LOCAL: Final = re.compile(r"unix://.*|npipe://.*|tcp://(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?/?")


class Docker(Engine):
    """docker, with the daemon of DOCKER_HOST or of the context in use."""

    name: ClassVar[str] = "docker"

    def facts(self) -> EngineFacts:
        """The daemon's version and limits. One on another machine does not do: its ports are not here."""
        source = "docker info"
        try:
            endpoint = self._environ.get("DOCKER_HOST") or self._context_endpoint()
            if _LOCAL.fullmatch(endpoint) is None:
                raise ToolMissing("docker", f"the daemon at {endpoint} is another machine's: its ports are not reached")
            answer = self.call("info", "--format", "{{json .}}").stdout
        except CommandFailed as error:
            raise ToolMissing("docker", reason_of(error)) from error
        except CommandTimedOut as error:
            raise ToolMissing("docker", f"the daemon does not answer within {QUICK_S:g} s") from error
        info = as_object(load_json(answer, source), source, "the answer")
        if problems := as_texts(info.get("ServerErrors") or [], source, "ServerErrors"):
            raise ToolMissing("docker", problems[0])
        return EngineFacts(
            name=self.name,
            version=as_text(info.get("ServerVersion"), source, "ServerVersion"),
            controllers=Controllers(memory=_flag(info.get("MemoryLimit")), pids=_flag(info.get("PidsLimit"))),
        )

    def extra_create_words(self, spec: ContainerSpec) -> list[str]:  # noqa: ARG002 - the same for all
        """A log that cannot fill the disk, whatever the daemon's own way is."""
        return ["--log-driver", "json-file", "--log-opt", "max-size=16m"]

    def _context_endpoint(self) -> str:
        words = ("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
        return self.call(*words).text().strip()

    def load(self, layout: Layout, tag: str) -> None:
        """Send the layout's image to the daemon, tag and all, as it is read."""
        self.call("load", "--quiet", timeout_s=LOAD_S, stdin=archive_chunks(layout, tag))


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def archive_chunks(layout: Layout, tag: str) -> Iterator[bytes]:
    """The tar as it is read, for an image may be larger than the memory.

    It is what `docker save` writes: manifest.json is for docker's own store, index.json for containerd's.
    """
    yield from _data("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    yield from _data("index.json", _index(layout, tag))
    layers = [_name(layer.digest) for layer in layout.layers]
    entry = {"Config": _name(layout.config_digest), "RepoTags": [tag], "Layers": layers}
    yield from _data("manifest.json", json.dumps([entry]).encode())
    for digest in dict.fromkeys(
        (layout.manifest.digest, layout.config_digest, *(blob.digest for blob in layout.layers))
    ):
        yield from _file(_name(digest), layout.path / _name(digest))
    yield bytes(2 * tarfile.BLOCKSIZE)


def _index(layout: Layout, tag: str) -> bytes:
    entry = {
        "mediaType": layout.manifest.media_type,
        "digest": layout.manifest.digest,
        "size": layout.manifest.size_bytes,
        "annotations": {"io.containerd.image.name": tag, "org.opencontainers.image.ref.name": tag.rpartition(":")[2]},
    }
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]}).encode()


def _name(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _data(name: str, data: bytes) -> Iterator[bytes]:
    yield _header(name, len(data))
    yield data
    yield _padding(len(data))


def _file(name: str, path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        size = path.stat().st_size
        yield _header(name, size)
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
        yield _padding(size)


def _header(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
