"""A container engine, by its command line: what podman and docker have in common."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from nanna_ci.containers.engine.container_spec import ContainerSpec, create_words
from nanna_ci.containers.engine.inspection import (
    ContainerState,
    ImageState,
    NetworkState,
    parse_containers,
    parse_images,
    parse_networks,
)
from nanna_ci.containers.engine.limits import Controllers
from nanna_ci.containers.engine.run_mark import REPOSITORY, RUN_LABEL
from nanna_ci.containers.image.oci_layout import Layout
from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut, MalformedData, shorten
from nanna_ci.foundation.process import Completed
from nanna_ci.foundation.program_output import Tail

QUICK_S: Final = 60.0
LOAD_S: Final = 900.0
LOG_BYTES: Final = 1024 * 1024
_OUTPUT_BYTES: Final = 1024 * 1024
_INSPECTIONS: Final = 5
_ANY_CODE: Final = frozenset(range(-64, 256))


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What an engine says about itself."""

    name: str
    version: str
    controllers: Controllers


@dataclass(frozen=True, slots=True)
class Executed:
    """A program that ran inside a container; `output` is what it wrote, cut to its end."""

    returncode: int
    output: str


class Engine(abc.ABC):
    """Runs an engine's program. `run` has the signature of `process.run`; `environ` is the environment of every call.

    Containers, networks and images are known by the names or IDs that were given. Every method may raise ToolMissing,
    CommandFailed, CommandTimedOut, and MalformedData for an invalid answer.
    """

    name: ClassVar[str]

    def __init__(self, run: Callable[..., Completed], *, environ: Mapping[str, str]) -> None:
        self._run = run
        self._environ = dict(environ)

    @abc.abstractmethod
    def facts(self) -> EngineFacts:
        """Check whether the engine works. Raises ToolMissing, with the reason, if it does not."""

    @abc.abstractmethod
    def load(self, layout: Layout, tag: str) -> None:
        """Put an image into the engine under a tag, layers that it has not being read."""

    def words(self) -> list[str]:
        """The program, and what all its calls take."""
        return [self.name]

    def extra_create_words(self, spec: ContainerSpec) -> list[str]:  # noqa: ARG002 - for those who have some
        """What this engine needs besides `create_words`."""
        return []

    def create_network(self, name: str, labels: Mapping[str, str]) -> None:
        """A network for containers that find each other by name."""
        flags = [word for label, value in labels.items() for word in ("--label", f"{label}={value}")]
        self.call("network", "create", *flags, name, finish=True)

    def remove_network(self, name: str) -> None:
        """Remove a network, which no container may use any more."""
        self.call("network", "rm", name, finish=True)

    def create(self, spec: ContainerSpec) -> str:
        """Create a container and give its ID."""
        image = spec.image_id.removeprefix("sha256:")
        words = [*create_words(spec), *self.extra_create_words(spec), image, *spec.command[1:]]
        return self.call("create", *words, finish=True).text().strip().rpartition("\n")[2]

    def prepare(self, container: str) -> None:  # noqa: B027 - docker cannot
        """Let a created container's first process wait, confined and limited, for `start`; nothing if none can."""

    def start(self, container: str) -> None:
        """Start a container, for the first time or again."""
        self.call("start", container, finish=True)

    def kill(self, container: str, signal: str) -> None:
        """Send a signal, such as TERM, to its first process."""
        self.call("kill", "--signal", signal, container)

    def wait(self, container: str, timeout_s: float) -> int | None:
        """Its exit code once it has ended; None if it has not after the time."""
        try:
            text = self.call("wait", container, timeout_s=timeout_s).text().strip()
        except CommandTimedOut:
            return None
        if not text.isdecimal():
            raise MalformedData(f"{self.name} wait", f"{text!r:.40} is not an exit code")
        return int(text)

    def execute(self, container: str, argv: Sequence[str], timeout_s: float) -> Executed:
        """Run a program inside a running container."""
        tail = Tail(_OUTPUT_BYTES)

        def keep(line: bytes) -> None:
            tail.add(line + b"\n")

        completed = self.call(
            "exec", container, *argv, timeout_s=timeout_s, accept=_ANY_CODE, on_stdout=keep, on_stderr=keep
        )
        return Executed(completed.returncode, tail.text())

    def inspect(self, container: str) -> ContainerState:
        """A container's state."""
        source = f"{self.name} inspect"
        states = parse_containers(self.inspect_text(container), source)
        if len(states) != 1:
            raise MalformedData(source, f"{len(states)} containers, but one was requested")
        return states[0]

    def inspect_text(self, container: str) -> bytes:
        """All that the engine knows about a container, as JSON."""
        return self.call("container", "inspect", container).stdout

    def logs(self, container: str) -> str:
        """What its programs wrote, at most the last MiB."""
        tail = Tail(LOG_BYTES)

        def keep(line: bytes) -> None:
            tail.add(line + b"\n")

        self.call("logs", container, on_stdout=keep, on_stderr=keep)
        return tail.text()

    def changed_paths(self, container: str) -> tuple[str, ...]:
        """The paths that differ from the image's: `A /state`, `C /etc`."""
        return tuple(self.call("diff", container).text().splitlines())

    def remove(self, container: str) -> None:
        """Remove a container, running or not, and what it wrote."""
        self.call("rm", "--force", "--volumes", container, finish=True)

    def find_image(self, *image_ids: str) -> ImageState | None:
        """The first of these IDs that the engine has as an image; None if it has none of them."""
        wanted = [image_id.removeprefix("sha256:") for image_id in image_ids]

        def listed() -> list[str]:
            known = self.call("images", "--quiet", "--all", "--no-trunc").text().split()
            present = {line.removeprefix("sha256:") for line in known}
            return [short for short in wanted if short in present][:1]

        data = self._inspect("image", listed)
        return None if data is None else parse_images(data, f"{self.name} image inspect")[0]

    def remove_tag(self, tag: str) -> None:
        """Remove an image's tag, and the image if it was the last one."""
        self.call("rmi", tag, finish=True)

    def our_containers(self, run: str | None = None) -> tuple[ContainerState, ...]:
        """Containers with our label: of one run, or of any."""
        words = ("ps", "--all", "--quiet", "--no-trunc", "--filter", self._filter(run))
        data = self._inspect("container", lambda: self.call(*words).text().split())
        return () if data is None else parse_containers(data, f"{self.name} inspect")

    def our_networks(self, run: str | None = None) -> tuple[NetworkState, ...]:
        """Networks with our label: of one run, or of any."""
        words = ("network", "ls", "--quiet", "--filter", self._filter(run))
        data = self._inspect("network", lambda: self.call(*words).text().split())
        return () if data is None else parse_networks(data, f"{self.name} network inspect")

    def _inspect(self, kind: str, listed: Callable[[], list[str]]) -> bytes | None:
        """What the engine says of those that are listed; None for none. Other runs remove theirs meanwhile."""
        for attempt in range(1, _INSPECTIONS + 1):
            names = listed()
            if not names:
                return None
            try:
                return self.call(kind, "inspect", *names).stdout
            except CommandFailed:
                if attempt == _INSPECTIONS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def our_tags(self) -> tuple[str, ...]:
        """Tags of images in our own repository, of any run."""
        listed = self.call("images", "--format", "{{.Repository}}:{{.Tag}}").text().split()
        return tuple(dict.fromkeys(tag for tag in listed if tag.startswith(f"{REPOSITORY}:")))

    def call(self, *words: str, timeout_s: float = QUICK_S, **options: object) -> Completed:
        """Run the engine's program; `options` are those of `process.run`."""
        return self._run([*self.words(), *words], timeout_s=timeout_s, **{"env": self._environ, **options})

    @staticmethod
    def _filter(run: str | None) -> str:
        return f"label={RUN_LABEL}" if run is None else f"label={RUN_LABEL}={run}"


def reason_of(error: CommandFailed) -> str:
    """An engine's own words, without the headings that each puts before them, and what docker says below them."""
    lines = [line.strip() for line in error.stderr_tail.splitlines() if line.strip()]
    # docker names the container last, after the reason
    empty = ("time=", "Error: failed to start containers: ", "failed to start containers: ")
    said = [line for line in lines if not line.startswith(empty)] or lines or [error.message]
    last = said[-1]
    for heading in ("Error response from daemon: ", "Error: ", "docker: "):
        last = last.removeprefix(heading)
    return last


def last_line(log: str) -> str:
    """The last line that says something, for a sentence."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return shorten(lines[-1]) if lines else ""
