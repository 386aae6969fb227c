"""The podman program."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Final

from nanna_ci.containers.engine.container_spec import ContainerSpec
from nanna_ci.containers.engine.engine import LOAD_S, QUICK_S, Engine, EngineFacts, reason_of
from nanna_ci.containers.engine.limits import Controllers
from nanna_ci.containers.image.oci_layout import INDEX_TYPE, Layout
from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, NannaError, ToolMissing
from nanna_ci.foundation.json_data import as_object, as_text, as_texts, load_json
from nanna_ci.foundation.process import Completed

# Each call takes a tenth of a second, a fifth of that to collect garbage: none is, until there are 256 MiB.
_SHORT_LIVED: Final = {"GOGC": "off", "GOMEMLIMIT": "256MiB"}
_REMOTE: Final = ("CONTAINER_HOST", "CONTAINER_CONNECTION")
_REF_NAME: Final = "org.opencontainers.image.ref.name"


class Podman(Engine):
    """podman, with the user's own store; with `store` a folder that holds all that it knows.

    `cgroup_parent` is the control group that containers are put into; None: podman's own choice.
    """

    name: ClassVar[str] = "podman"

    def __init__(
        self,
        run: Callable[..., Completed],
        *,
        environ: Mapping[str, str],
        store: Path | None = None,
        cgroup_parent: str | None = None,
    ) -> None:
        # a store of our own is this machine's, whatever service the user's calls are for
        kept = {name: text for name, text in environ.items() if store is None or name not in _REMOTE}
        super().__init__(run, environ={**_SHORT_LIVED, **kept})
        self._store = store
        self._cgroup_parent = cgroup_parent

    def words(self) -> list[str]:
        """podman, and where its store is."""
        if self._store is None:
            return ["podman"]
        return ["podman", "--root", str(self._store / "storage"), "--network-config-dir", str(self._store / "networks")]

    def extra_create_words(self, spec: ContainerSpec) -> list[str]:
        """No folders that are writable by default; and an end by podman itself, should we not live to see to it."""
        words = ["--timeout", str(round(spec.limits.time_s)), "--log-driver", "k8s-file", "--log-opt", "max-size=16mb"]
        if not spec.writable:
            words += ["--read-only-tmpfs=false"]
        if self._cgroup_parent is not None:
            words += ["--cgroup-parent", self._cgroup_parent]
        return words

    def facts(self) -> EngineFacts:
        """podman's version and what it can limit."""
        source = "podman info"
        try:
            info = as_object(load_json(self.call("info", "--format", "json").stdout, source), source, "the answer")
        except CommandFailed as error:
            raise ToolMissing("podman", reason_of(error)) from error
        except CommandTimedOut as error:
            raise ToolMissing("podman", f"does not answer within {QUICK_S:g} s") from error
        host = as_object(info.get("host"), source, "host")
        version = as_object(info.get("version"), source, "version")
        release = as_text(version.get("Version"), source, "version.Version")
        if host.get("serviceIsRemote") is True:
            raise ToolMissing("podman", "it is a client of another machine's service: its ports are not reached")
        if re.match(r"[0-3]\.", release):
            raise ToolMissing("podman", f"{release} is too old: 4 or newer is needed")
        names = as_texts(host.get("cgroupControllers") or [], source, "host.cgroupControllers")
        return EngineFacts(
            name=self.name,
            version=release,
            controllers=Controllers(memory="memory" in names, pids="pids" in names),
        )

    def prepare(self, container: str) -> None:
        """podman can: what holds a program back can then be read, however soon it ends."""
        self.call("init", container, finish=True)

    def remove(self, container: str) -> None:
        """Remove a container. Without a time podman would ask it to stop, and wait."""
        self.call("rm", "--force", "--time", "0", "--volumes", container, finish=True)

    def load(self, layout: Layout, tag: str) -> None:
        """Copy the layout's image into the store.

        It gets its tag in the same step, so that nothing is left without one, whenever we end. podman takes the tag
        from the index, so it reads one of our own beside the layout's blobs.
        """
        try:
            with tempfile.TemporaryDirectory(prefix="nanna-ci-layout-") as name:
                self._pull(layout, tag, Path(name))
        except OSError as error:
            place = error.filename or tempfile.gettempdir()
            raise NannaError(f"{place}: {error.strerror}", hint="set TMPDIR") from error

    def _pull(self, layout: Layout, tag: str, view: Path) -> None:
        entry = {
            "mediaType": layout.manifest.media_type,
            "digest": layout.manifest.digest,
            "size": layout.manifest.size_bytes,
            "annotations": {_REF_NAME: tag},
        }
        index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]}
        (view / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (view / "index.json").write_text(json.dumps(index))
        (view / "blobs").symlink_to((layout.path / "blobs").absolute(), target_is_directory=True)
        environ = {**self._environ, "TMPDIR": str(view)}  # what a pull that is stopped leaves goes with it
        self.call("pull", "--quiet", f"oci:{view}:{tag}", timeout_s=LOAD_S, env=environ)
