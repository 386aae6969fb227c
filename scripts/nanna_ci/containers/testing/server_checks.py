"""The test of a server's image: healthy, tried, stopped, healthy again; and its clients beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from nanna_ci.containers.engine.engine import Engine, last_line
from nanna_ci.containers.engine.limits import report_limits
from nanna_ci.containers.image.oci_layout import load_layout
from nanna_ci.containers.testing.checks import (
    Check,
    CheckKind,
    Companion,
    FailureCause,
    ImageUnderTest,
    Service,
    model_words,
)
from nanna_ci.containers.testing.diagnosis import (
    CheckFailed,
    UnhealthyServer,
    decide_confined,
    decide_stop,
    diagnose,
    diagnose_program,
    may_need_writing,
    with_writing,
)
from nanna_ci.containers.testing.image_checks import CheckUnavailable, ImageChecks
from nanna_ci.containers.testing.live_container import Bench
from nanna_ci.containers.testing.program_container import COMMAND_S, ProgramContainer
from nanna_ci.containers.testing.server_answers import (
    COMPLETION_PATH,
    MODELS_PATH,
    OLLAMA_TAGS_PATH,
    OLLAMA_VERSION_PATH,
    completion_request,
    decide_completion,
    decide_models,
    decide_path,
    decide_tags,
    is_ollama,
)
from nanna_ci.containers.testing.server_container import ServerContainer, Unhealthy
from nanna_ci.foundation.errors import CommandTimedOut, MalformedData
from nanna_ci.report.units import seconds_text

GRACE_S: Final = 10.0  # as engines have it
_ANSWER_S: Final = 10.0
_COMPLETION_S: Final = 120.0
_STEADY_S: Final = 10.0  # a server that is at work may miss an answer or two
_WRITABLE_S: Final = 20.0  # a server that needs its root writable is ready soon once it is


class ServerChecks(ImageChecks):
    """Of an image with this service."""

    def __init__(
        self, subject: ImageUnderTest, service: Service, companions: Sequence[Companion], bench: Bench, machine: str
    ) -> None:
        super().__init__(subject, bench, machine)
        self._service = service
        self._companions = {companion.name: companion for companion in companions}
        self._server: ServerContainer | None = None
        self._started = self._begun

    def _make(self, check: Check) -> str | None:
        match check.kind:
            case CheckKind.START:
                self._start_server()
            case CheckKind.HEALTH:
                self._await_health()
            case CheckKind.CONFINED:
                return decide_confined(self._live.confinement())
            case CheckKind.TOGETHER:
                name, model = check.subject.split(" ", 1)
                self._together(self._companions[name], model)
            case CheckKind.STEADY:
                self._await_steady()
            case CheckKind.STOP:
                decide_stop(self._live.stop(GRACE_S), GRACE_S)
            case CheckKind.RESTART:
                self._restart()
            case _:
                try:
                    return perform_check(check, self._live, self._bench.engine)
                except CheckFailed as problem:
                    raise self._live.explain(problem) from problem
        return None

    @property
    def _live(self) -> ServerContainer:
        assert self._server is not None, "START comes first"
        return self._server

    def _start_server(self) -> None:
        self._bench.engine.create_network(self._network, self._bench.session.mark.labels)
        self._server = self._start(self._new_server)
        limits = report_limits(self._limits, self._given, self._server.effective_limits(), self._refusal)
        self._facts = replace(self._facts, limits=limits)

    def _new_server(self) -> ServerContainer:
        self._started = self._bench.clock()
        return ServerContainer(self._bench, self._spec(self._subject, self._image_id), self._service)

    def _await_health(self) -> None:
        try:
            self._live.await_health()
        except Unhealthy as problem:
            self._live.keep_evidence()
            raise diagnose(self._with_writing(problem.seen)) from None
        self._facts = replace(self._facts, start_s=self._bench.clock() - self._started)

    def _with_writing(self, seen: UnhealthyServer) -> UnhealthyServer:
        """The facts; if it may help, with those of a second container whose root can be written to."""
        if not may_need_writing(seen):
            return seen
        spec = replace(self._spec(self._subject, self._image_id, "-writable"), writable=True)
        container = ServerContainer(self._bench, spec, self._service)
        try:
            container.start()
            container.await_health(_WRITABLE_S)
            return with_writing(seen, self._bench.engine.changed_paths(container.id))
        except (CheckFailed, Unhealthy):
            return seen

    def _await_steady(self) -> None:
        try:
            self._live.await_health(_STEADY_S)
        except Unhealthy as problem:
            reason = f"it was healthy, and no longer is: {problem.seen.answer}"
            raise self._live.explain(CheckFailed(FailureCause.NOT_STEADY, reason)) from None

    def _restart(self) -> None:
        self._live.start_again()
        try:
            self._live.await_health()
        except Unhealthy as problem:
            raise CheckFailed(FailureCause.NOT_HEALTHY_AGAIN, diagnose(problem.seen).message) from None

    def _remove(self) -> None:
        if self._server is not None:
            self._facts = replace(self._facts, peak_memory_bytes=self._server.peak_memory_bytes)
        super()._remove()

    def _together(self, companion: Companion, model: str) -> None:
        """A companion on the same network asks this server for a completion, under the server's name there."""
        client = companion.subject
        if client is None or client.model_command is None:
            raise CheckUnavailable(f"{companion.name}: {companion.reason}")
        words = model_words(client.model_command, f"http://{self._subject.name}:{self._service.port}", model)
        try:
            image = self._checked_load(load_layout(client.layout), client.name)
            self._ask_as(client, image.id, words)
        except Unhealthy as problem:
            raise CheckFailed(FailureCause.NOT_TOGETHER, f"{client.name}: {diagnose(problem.seen).message}") from None
        except (CheckFailed, MalformedData) as error:
            raise CheckFailed(FailureCause.NOT_TOGETHER, f"{client.name}: {error.message}") from error

    def _ask_as(self, client: ImageUnderTest, image_id: str, words: tuple[str, ...]) -> None:
        """Run a client's command in its container: in a healthy server, or as all that a program does."""
        spec = self._spec(client, image_id)
        container: ServerContainer | ProgramContainer
        if client.service is None:
            container = ProgramContainer(self._bench, replace(spec, command=words))
        else:
            container = ServerContainer(self._bench, spec, client.service)
        try:
            container.start()
            if isinstance(container, ServerContainer):
                container.await_health()
                run_command(container, self._bench.engine, words)
            elif (ended := container.await_end()).exit_code != 0:
                raise diagnose_program(ended)
        except (CheckFailed, Unhealthy):
            container.keep_evidence()
            raise
        finally:
            container.remove()


def perform_check(check: Check, container: ServerContainer, engine: Engine) -> str | None:
    """Make one of these checks; a remark on it, or None. Raises CheckFailed."""
    match check.kind:
        case CheckKind.PATH:
            decide_path(container.get(check.subject, _ANSWER_S), check.subject)
        case CheckKind.COMMAND:
            run_command(container, engine, check.subject.split(" "))
        case CheckKind.MODEL:
            return _decide_model(check.subject, container)
        case CheckKind.COMPLETION:
            answer = container.post_json(COMPLETION_PATH, completion_request(check.subject), _COMPLETION_S)
            return f"{decide_completion(answer)} tokens"
        case _:
            raise AssertionError(f"{check.kind.value} is not a question")
    return None


def run_command(container: ServerContainer, engine: Engine, words: Sequence[str]) -> None:
    """A command inside the container exits with 0. Raises CheckFailed."""
    shown = " ".join(words)
    try:
        executed = engine.execute(container.id, words, COMMAND_S)
    except CommandTimedOut as error:
        reason = f"`{shown}` did not end within {seconds_text(COMMAND_S)}"
        raise CheckFailed(FailureCause.COMMAND_FAILED, reason) from error
    if executed.returncode != 0:
        reason = f"`{shown}` exited with {executed.returncode}: {last_line(executed.output) or 'no output'}"
        raise CheckFailed(FailureCause.COMMAND_FAILED, reason)


def _decide_model(model: str, container: ServerContainer) -> str | None:
    decide_models(container.get(MODELS_PATH, _ANSWER_S), model)
    if not is_ollama(container.get(OLLAMA_VERSION_PATH, _ANSWER_S)):
        return None
    decide_tags(container.get(OLLAMA_TAGS_PATH, _ANSWER_S), model)
    return "Ollama lists it too"
