"""A stand-in for a container engine: containers in memory, answered for by real HTTP servers on loopback."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nanna_ci.containers.engine.container_spec import ContainerSpec
from nanna_ci.containers.engine.engine import Engine, EngineFacts, Executed
from nanna_ci.containers.engine.inspection import ContainerState, ImageState, NetworkState
from nanna_ci.containers.engine.limits import Controllers
from nanna_ci.containers.image.oci_layout import Layout
from nanna_ci.foundation.errors import CommandFailed


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = self.server.answer(self.path)  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Quiet."""


class Server(http.server.ThreadingHTTPServer):
    """Answers paths as `answer` says: (status, body)."""

    daemon_threads = True

    def __init__(self, answer: Callable[[str], tuple[int, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is not an error."""

    def end(self) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()


@dataclass
class FakeContainer:
    """A container of the stand-in."""

    spec: ContainerSpec
    state: ContainerState
    server: Server | None = None


@dataclass
class Behaviour:
    """What the containers do. `start_errors` are an engine's words for the next starts that fail.

    `ends_with` and `never_ends` are a program's, `can_wait` lets it be seen before it starts.
    """

    answer: Callable[[str], tuple[int, bytes]] = lambda path: (200, b"{}")
    start_errors: list[str] = field(default_factory=list)
    ends_with: int | None = None
    never_ends: bool = False
    can_wait: bool = False
    out_of_memory: bool = False
    stop_code: int | None = 0
    writable_helps: bool = False
    changes: tuple[str, ...] = ()
    log: str = ""
    executed: Executed = field(default_factory=lambda: Executed(0, ""))
    remove_errors: list[str] = field(default_factory=list)


class FakeEngine(Engine):
    """Containers in memory. `calls` are the names of what was done, in order."""

    name = "podman"

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        super().__init__(lambda *_, **__: None, environ={})  # type: ignore[arg-type, return-value, unused-ignore]
        self.behaviour = behaviour or Behaviour()
        self.containers: dict[str, FakeContainer] = {}
        self.networks: dict[str, NetworkState] = {}
        self.images: dict[str, ImageState] = {}
        self.specs: list[ContainerSpec] = []
        self.calls: list[str] = []

    def facts(self) -> EngineFacts:
        return EngineFacts("podman", "0", Controllers(memory=True, pids=True))

    def load(self, layout: Layout, tag: str) -> None:
        self.calls.append("load")
        before = self.images.get(layout.config_digest, ImageState(layout.config_digest, (), 5))
        self.images[layout.config_digest] = replace(before, tags=(*before.tags, tag))

    def find_image(self, *image_ids: str) -> ImageState | None:
        return next((self.images[one] for one in image_ids if one in self.images), None)

    def create_network(self, name: str, labels: Mapping[str, str]) -> None:
        self.networks[name] = NetworkState(name, dict(labels))

    def remove_network(self, name: str) -> None:
        if any(one.spec.network == name for one in self.containers.values()):
            raise CommandFailed(["podman"], 125, f"Error: network {name} is being used")
        self.calls.append("remove network")
        del self.networks[name]

    def create(self, spec: ContainerSpec) -> str:
        assert spec.name not in {one.spec.name for one in self.containers.values()}, "a name twice"
        self.calls.append(" ".join(["create", *spec.command]))
        self.specs.append(spec)
        identity = f"id{len(self.specs)}"
        state = ContainerState(
            identity,
            running=False,
            exit_code=0,
            out_of_memory=False,
            error="",
            pid=None,
            labels=dict(spec.labels),
            ports={},
        )
        self.containers[identity] = FakeContainer(spec, state)
        return identity

    def prepare(self, container: str) -> None:
        self.calls.append("prepare")
        one = self.containers[container]
        if self.behaviour.can_wait:
            one.state = replace(one.state, pid=1)

    def start(self, container: str) -> None:
        self.calls.append("start")
        if self.behaviour.start_errors:
            raise CommandFailed(["podman"], 125, f"Error: {self.behaviour.start_errors.pop(0)}")
        one = self.containers[container]
        helped = self.behaviour.writable_helps and one.spec.writable
        if one.spec.command:
            code = 0 if helped else self.behaviour.ends_with or 0
            out_of_memory = self.behaviour.out_of_memory
            running = self.behaviour.never_ends
            one.state = replace(one.state, running=running, exit_code=code, out_of_memory=out_of_memory, pid=None)
            return
        if self.behaviour.ends_with is not None and not helped:
            one.state = replace(
                one.state, exit_code=self.behaviour.ends_with, out_of_memory=self.behaviour.out_of_memory
            )
            return
        one.server = Server(self.behaviour.answer)
        assert one.spec.port is not None, "a server has one"
        port = one.server.server_address[1]
        one.state = replace(one.state, running=True, pid=1, ports={one.spec.port: port})

    def kill(self, container: str, signal: str) -> None:
        self.calls.append(f"kill {signal}")
        if not self.containers[container].state.running:
            raise CommandFailed(["podman"], 125, "Error: can only kill running containers")
        if signal == "KILL":
            self._end(container, 137)

    def wait(self, container: str, timeout_s: float) -> int | None:
        one = self.containers[container]
        if one.spec.command:
            return None if self.behaviour.never_ends else one.state.exit_code
        if self.behaviour.stop_code is not None:
            self._end(container, self.behaviour.stop_code)
        return self.behaviour.stop_code

    def execute(self, container: str, argv: Sequence[str], timeout_s: float) -> Executed:
        self.calls.append(f"exec {' '.join(argv)}")
        return self.behaviour.executed

    def inspect(self, container: str) -> ContainerState:
        return self.containers[container].state

    def inspect_text(self, container: str) -> bytes:
        return b"[]"

    def logs(self, container: str) -> str:
        return self.behaviour.log

    def changed_paths(self, container: str) -> tuple[str, ...]:
        return self.behaviour.changes

    def remove(self, container: str) -> None:
        self.calls.append("remove")
        if self.behaviour.remove_errors:
            raise CommandFailed(["podman"], 125, f"Error: {self.behaviour.remove_errors.pop(0)}")
        self._end(container, 137)
        del self.containers[container]

    def remove_tag(self, tag: str) -> None:
        self.images.pop(f"sha256:{tag}", None)
        for identity, image in list(self.images.items()):
            if tag in image.tags:
                left = tuple(other for other in image.tags if other != tag)
                if left:
                    self.images[identity] = replace(image, tags=left)
                else:
                    del self.images[identity]

    def our_containers(self, run: str | None = None) -> tuple[ContainerState, ...]:
        return tuple(one.state for one in self.containers.values())

    def our_networks(self, run: str | None = None) -> tuple[NetworkState, ...]:
        return tuple(self.networks.values())

    def our_tags(self) -> tuple[str, ...]:
        return tuple(tag for image in self.images.values() for tag in image.tags)

    def _end(self, container: str, code: int) -> None:
        one = self.containers[container]
        if one.server is not None:
            one.server.end()
            one.server = None
        one.state = replace(one.state, running=False, exit_code=code, ports={})
