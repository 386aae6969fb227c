"""What `doctor` finds out about containers, if pipeline.toml has images: facts gathered, each decided apart."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from nanna_ci.containers.doctor.container_findings import (
    EngineSeen,
    LockFacts,
    LoginFacts,
    check_architectures,
    check_disk,
    check_engine,
    check_limits,
    check_locks,
    check_login,
    check_memory,
)
from nanna_ci.containers.doctor.registry_api import query_push
from nanna_ci.containers.doctor.registry_login import find_login
from nanna_ci.containers.engine.find_engine import find_working_engine
from nanna_ci.containers.engine.limits import Controllers
from nanna_ci.containers.models.model_lock import parse_lock
from nanna_ci.containers.registry.reference import Repository, choose_repository
from nanna_ci.foundation.context import Context, Ports
from nanna_ci.foundation.errors import ConfigError, NannaError
from nanna_ci.foundation.finding import Finding, Health
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.redact import Redactor
from nanna_ci.foundation.web import WebClient
from nanna_ci.pipeline.definition import Pipeline
from nanna_ci.pipeline.evaluation import Unavailable
from nanna_ci.pipeline.host_evaluation import HostEvaluation
from nanna_ci.pipeline.images import image_attribute
from nanna_ci.report.github import run_of
from nanna_ci.store.local_store import store_folder

_ENGINES: Final = ("podman", "docker")
_VERSION_S: Final = 30.0
_MEMINFO: Final = Path("/proc/meminfo")


def choose_base(to: str | None, environ: Mapping[str, str]) -> Repository | None:
    """Where publish-images would push to; None if nothing says so. Raises UsageError for a --to that cannot be one."""
    run = run_of(environ)
    return choose_repository(to, None if run is None else run.owner)


def check_containers(
    pipeline: Pipeline, base: Repository | None, evaluated: HostEvaluation | str, lock_file: str, context: Context
) -> Iterator[Finding]:
    """Everything about containers. `base` is where images would go; `evaluated` is text if it says why it is not.

    `lock_file` is the path of the models' lock below the working folder.
    """
    ports = context.ports
    context.say("looking for a container engine")
    yield from _check_engines(ports)
    yield check_login(None if base is None else _login_facts(pipeline, base, context))
    lock = _lock_facts(pipeline, lock_file, ports.cwd)
    if lock.models:
        yield check_locks(lock)
    yield from _check_architectures(pipeline, evaluated)
    folder = store_folder(ports.environ)
    folder = ports.cwd if folder is None or not folder.is_dir() else folder
    yield check_disk(str(folder), query_free_bytes(folder), lock)
    yield check_memory(query_available_memory_bytes(), lock)


def _check_engines(ports: Ports) -> Iterator[Finding]:
    engine, reason = _engine(ports)
    path = ports.environ.get("PATH", "")
    yield check_engine(engine, [name for name in _ENGINES if shutil.which(name, path=path) is not None], reason)
    yield check_limits(engine)


def _engine(ports: Ports) -> tuple[EngineSeen | None, str]:
    """The engine that container-test would use, or None and why there is none."""
    try:
        found, reason = find_working_engine("auto", ports)
    except NannaError as error:
        return None, error.message
    if found is None:
        return None, reason
    if found.facts is not None:
        return EngineSeen(found.facts.name, found.facts.version, False, found.facts.controllers), ""
    name = found.engine.name
    try:
        said = ports.run([name, "--version"], timeout_s=_VERSION_S, env=dict(ports.environ)).text()
    except NannaError as error:
        return None, error.message
    return EngineSeen(name, said.split()[-1] if said.strip() else "", True, Controllers()), ""


def _login_facts(pipeline: Pipeline, base: Repository, context: Context) -> LoginFacts:
    """The login that a push would find, and what the registry says to it."""
    registry, on_github = str(base), run_of(context.ports.environ) is not None
    try:
        repositories = [base.child(image.name) for image in pipeline.images]
        login = find_login(context.ports.environ, base)
    except NannaError as error:
        return LoginFacts(registry, on_github, broken=error.message)
    source = None if login is None else login.source
    if login is not None and login.basic is None:
        untried = "a helper has it, or it is a token that only a push can use"
        return LoginFacts(registry, on_github, source, untried=untried)
    context.say(f"asking {base.registry}")
    try:
        with WebClient(timeout_s=10.0, deadline_s=20.0, attempts=2, direct=base.plain_http) as client:
            answers = query_push(client, repositories, None if login is None else login.basic)
    except NannaError as error:
        untried = Redactor(() if login is None else login.secrets).redact_text(error.message)
        return LoginFacts(registry, on_github, source, untried=untried)
    return LoginFacts(registry, on_github, source, answers=answers)


def _lock_facts(pipeline: Pipeline, lock_file: str, cwd: Path) -> LockFacts:
    models = tuple(model.name for model in pipeline.models)
    images = {
        image.name: tuple(model.name for model in pipeline.models if model.image == image.name)
        for image in pipeline.images
    }
    locked, problem = None, None
    try:
        locked = parse_lock(read_file(cwd / lock_file, 16 * MEBIBYTE), lock_file)
    except FileNotFoundError:
        pass
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except NannaError as error:
        problem = error.message
    sizes = None if locked is None else {name: one.manifest.size_bytes for name, one in locked.items()}
    return LockFacts(lock_file, models, images, sizes, problem)


def _check_architectures(pipeline: Pipeline, evaluated: HostEvaluation | str) -> Iterator[Finding]:
    if isinstance(evaluated, str):
        yield Finding("image architectures", None, Health.UNAVAILABLE, evaluated)
        return
    for image in pipeline.images:
        reasons = {name: _reason(image.name, name, evaluated) for name in image.architectures}
        yield check_architectures(image.name, reasons)


def _reason(image: str, architecture: str, evaluated: HostEvaluation) -> str | None:
    """Why an image cannot be made here; None if it can."""
    try:
        place = evaluated.evaluation.locate(image_attribute(image, architecture, evaluated.system))
    except ConfigError:
        return f"the flake makes none on {evaluated.system}"
    return place.reason if isinstance(place, Unavailable) else None


def query_free_bytes(folder: Path) -> int | None:
    """The free space of the file system that holds `folder`; None if that is not there."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def query_available_memory_bytes(meminfo: Path = _MEMINFO) -> int | None:
    """The memory that programs can still have without swapping; None if the kernel does not say."""
    try:
        text = meminfo.read_text(errors="replace")
    except OSError:
        return None
    match = re.search(r"^MemAvailable:\s+([0-9]+) kB$", text, re.MULTILINE)
    return None if match is None else int(match[1]) * 1024
