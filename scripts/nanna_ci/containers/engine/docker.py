"""The docker program, and the daemon that it talks to."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from nanna_ci.containers.engine.container_spec import ContainerSpec
from nanna_ci.containers.engine.docker_archive import archive_chunks
from nanna_ci.containers.engine.engine import LOAD_S, QUICK_S, Engine, EngineFacts, reason_of
from nanna_ci.containers.engine.limits import Controllers
from nanna_ci.containers.image.oci_layout import Layout
from nanna_ci.errors import CommandFailed, CommandTimedOut, ToolMissing
from nanna_ci.json_data import as_object, as_text, as_texts, load_json

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
