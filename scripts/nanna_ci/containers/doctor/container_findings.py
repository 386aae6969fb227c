"""Findings from the facts about a project's containers: one per check, each with its fix. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nanna_ci.containers.engine.limits import BASE_BYTES, Controllers
from nanna_ci.containers.registry.registry_credentials import FILE_VARIABLE, PASSWORD_VARIABLE, USERNAME_VARIABLE
from nanna_ci.foundation.finding import Finding, Health
from nanna_ci.report.units import bytes_text

_COPIES: Final = 3  # of a model: in the Nix store, in the image's layout, in the engine
_LOGIN_FIX: Final = (
    f"set {USERNAME_VARIABLE} and {PASSWORD_VARIABLE}, or {FILE_VARIABLE} to a file that `skopeo login` wrote"
)
_LOCK_COMMAND: Final = "nix run .#lock-models"


@dataclass(frozen=True, slots=True)
class EngineSeen:
    """An engine that works. `private`: podman in private namespaces, which alone know what it can limit."""

    name: str
    version: str
    private: bool
    controllers: Controllers


class PushAnswer(enum.Enum):
    """A registry's answer to a push to a repository."""

    TAKEN = "taken"
    REFUSED = "refused"  # the login
    DENIED = "denied"  # the login is known, and may not push there; ghcr.io says the same to one that is not
    ABSENT = "absent"  # there is no such repository, and none is made
    LOGIN_NEEDED = "login needed"


@dataclass(frozen=True, slots=True)
class LoginFacts:
    """The login that a push would find.

    `source` is where it is, None if there is none; `broken` why it cannot be used at all; `untried` why the registry
    could not be queried. `answers` are those for each repository.
    """

    registry: str
    on_github: bool
    source: str | None = None
    broken: str | None = None
    untried: str | None = None
    answers: Mapping[str, PushAnswer] | None = None


@dataclass(frozen=True, slots=True)
class LockFacts:
    """pipeline.toml's models, and the bytes of each that is locked; None: there is no lock. `problem`: not a lock.

    `images` has the models of each image that carries some.
    """

    file: str
    models: tuple[str, ...]
    images: Mapping[str, tuple[str, ...]]
    locked_bytes: Mapping[str, int] | None
    problem: str | None = None

    @property
    def sizes(self) -> Mapping[str, int]:
        """What is known of the models' sizes, in bytes."""
        return {} if self.locked_bytes is None else self.locked_bytes

    @property
    def missing(self) -> tuple[str, ...]:
        """The models that are not locked."""
        return tuple(name for name in self.models if name not in self.sizes)


def check_engine(engine: EngineSeen | None, installed: Sequence[str], reason: str) -> Finding:
    """Whether images can be tested here. `installed` are the engines whose programs are there."""
    if engine is not None:
        private = ", in private namespaces, with a store for each run" if engine.private else ""
        return Finding("container engine", engine.name, Health.GOOD, f"{engine.name} {engine.version} works{private}")
    fixes = []
    if not installed:
        fixes.append("install podman, or docker and its daemon")
    if "podman" in installed:
        fixes.append("fix what `podman info` reports, or run as root")
    if "docker" in installed:
        fixes.append("start docker's daemon (`sudo systemctl start docker`), and be in the group docker")
    says = f"none works, so container-test is unavailable: {reason}"
    return Finding("container engine", None, Health.WARN, says, "; or ".join(fixes))


def check_limits(engine: EngineSeen | None) -> Finding:
    """Whether a container's memory and processes can be limited."""
    check = "container limits"
    if engine is None:
        return Finding(check, None, Health.UNAVAILABLE, "there is no engine to query")
    if engine.private:
        says = "only podman's own namespaces show them: container-test reports each limit"
        return Finding(check, engine.name, Health.UNAVAILABLE, says)
    flags = {"memory": engine.controllers.memory, "processes": engine.controllers.pids}
    if lacking := [name for name, flag in flags.items() if flag is False]:
        return Finding(
            check,
            engine.name,
            Health.WARN,
            f"it cannot limit {' and '.join(lacking)}: a test may take all of this machine's",
            "delegate the control groups (`Delegate=memory pids` in /etc/systemd/system/user@.service.d/delegate.conf),"
            " or boot with cgroup_enable=memory where the kernel has none",
        )
    if None in flags.values():
        return Finding(check, engine.name, Health.UNAVAILABLE, "the engine does not say what it can limit")
    return Finding(check, engine.name, Health.GOOD, "it can limit memory and processes")


def check_login(facts: LoginFacts | None) -> Finding:
    """Whether publish-images will find a login, and what the registry says to it. None: no registry is known."""
    check = "registry login"
    if facts is None:
        return Finding(check, None, Health.UNAVAILABLE, "no registry is known here: give --to REGISTRY/OWNER")
    subject, answers = facts.registry, facts.answers or {}
    if facts.broken is not None:
        return Finding(check, subject, Health.BAD, facts.broken, _LOGIN_FIX)
    taken = bool(answers) and set(answers.values()) == {PushAnswer.TAKEN}
    if facts.source is None:
        if taken:
            return Finding(check, subject, Health.GOOD, "the registry takes pushes without a login")
        fix = _LOGIN_FIX
        if facts.on_github:
            values = f"{USERNAME_VARIABLE}: ${{{{ github.actor }}}} and {PASSWORD_VARIABLE}: ${{{{ github.token }}}}"
            fix = f"give the step {values}; a fork needs none"
        return Finding(check, subject, Health.WARN, "no login: no image can be pushed from here", fix)
    if facts.untried is not None:
        says = f"there is one ({facts.source}), not tried: {facts.untried}"
        return Finding(check, subject, Health.UNAVAILABLE, says)
    if taken:
        says = f"accepted ({facts.source}), and may push to {_count(len(answers), 'repository', 'repositories')}"
        return Finding(check, subject, Health.GOOD, says)
    return _unwelcome(subject, facts, answers)


def _unwelcome(subject: str, facts: LoginFacts, answers: Mapping[str, PushAnswer]) -> Finding:
    """The worst of the answers."""

    def those(answer: PushAnswer) -> str:
        return ", ".join(name for name, one in answers.items() if one is answer)

    check = "registry login"
    if denied := those(PushAnswer.DENIED):
        fix = "use a valid login that may push (on ghcr.io: a token with write:packages)"
        if facts.on_github:
            fix = (
                "give the job `permissions: packages: write`; where a package is there already, give this repository"
                " write access in the package's own settings (Manage Actions access)"
            )
        says = f"the registry does not let it ({facts.source}) push to {denied}"
        return Finding(check, subject, Health.BAD, says, fix)
    if absent := those(PushAnswer.ABSENT):
        says = f"the registry has no {absent}, and makes none for a push"
        return Finding(check, subject, Health.BAD, says, "make the repository at the registry, or give another --to")
    says = f"the registry refuses it ({facts.source})"
    return Finding(check, subject, Health.BAD, says, f"use a valid user and password or token: {_LOGIN_FIX}")


def check_locks(facts: LockFacts) -> Finding:
    """Whether each model of pipeline.toml is locked. What the tags name now is checked by lock-models."""
    check = "model locks"
    if facts.problem is not None:
        return Finding(check, facts.file, Health.BAD, facts.problem, f"write it anew: `{_LOCK_COMMAND}`")
    if facts.locked_bytes is None:
        says = "there is no lock here: only models that Nanna CI itself locks can be fetched"
        return Finding(check, facts.file, Health.WARN, says, f"`{_LOCK_COMMAND}`")
    if facts.missing:
        says = f"not locked, so no image can have it: {', '.join(facts.missing)}"
        return Finding(check, facts.file, Health.BAD, says, f"`{_LOCK_COMMAND}`")
    says = (
        f"{len(facts.models)} of {len(facts.models)} models are locked; whether a tag has moved since, "
        f"`{_LOCK_COMMAND} -- --dry-run` asks the registry"
    )
    return Finding(check, facts.file, Health.GOOD, says)


def check_architectures(image: str, reasons: Mapping[str, str | None]) -> Finding:
    """Whether an image can be made here for each of its architectures. `reasons`: None if it can, else why not."""
    check = "image architectures"
    if lacking := {name: reason for name, reason in reasons.items() if reason is not None}:
        says = "; ".join(f"not for {name}: {reason}" for name, reason in lacking.items())
        fix = f"build {', '.join(lacking)} on a machine that can, or take it out of the [[image]]'s architectures"
        return Finding(check, image, Health.WARN, says, fix)
    return Finding(check, image, Health.GOOD, f"can be made here for {' and '.join(reasons)}")


def check_disk(folder: str, free_bytes: int | None, lock: LockFacts) -> Finding:
    """The free space of the file system that holds `folder` against what all models need."""
    total = sum(lock.sizes[name] for name in lock.models if name in lock.sizes)
    return _check_space(
        ("disk for images", folder),
        lock,
        free_bytes=free_bytes,
        need_bytes=_COPIES * total,
        what=f"{bytes_text(total)} of models {_COPIES} times (store, layout, engine)",
        fix="free some space: `nix store gc`, `podman system prune`, `docker system prune`",
    )


def check_memory(available_bytes: int | None, lock: LockFacts) -> Finding:
    """The memory that is free against what the largest image needs: images are tested one after the other."""
    largest = max((sum(lock.sizes.get(name, 0) for name in names) for names in lock.images.values()), default=0)
    return _check_space(
        ("memory for images", None),
        lock,
        free_bytes=available_bytes,
        need_bytes=largest + BASE_BYTES,
        what=f"{bytes_text(largest)} of models in the largest image, {bytes_text(BASE_BYTES)} besides",
        fix="end other programs, or test images with smaller models here: `container-test IMAGE`",
    )


def _check_space(
    check: tuple[str, str | None], lock: LockFacts, *, free_bytes: int | None, need_bytes: int, what: str, fix: str
) -> Finding:
    """What is free against what is needed; `check` is the check and its subject."""
    if all(name not in lock.sizes for name in lock.models):
        return Finding(*check, Health.UNAVAILABLE, "no model is locked, so what images need is not known")
    if free_bytes is None:
        return Finding(*check, Health.UNAVAILABLE, "this machine does not say what is free")
    more = f", and {_count(len(lock.missing), 'model', 'models')} not locked" if lock.missing else ""
    says = f"{bytes_text(free_bytes)} free, {bytes_text(need_bytes)} needed: {what}{more}"
    if free_bytes < need_bytes:
        return Finding(*check, Health.WARN, says, fix)
    return Finding(*check, Health.GOOD, says)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
