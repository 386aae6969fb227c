"""The images that `container-test` tests: chosen, built, and turned into what a test takes."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nanna_ci.commands.image_builds import image_attribute
from nanna_ci.containers.image_tests import ARCHITECTURES, Request
from nanna_ci.containers.oci_layout import ImageForm, open_image
from nanna_ci.containers.scenario import (
    Cause,
    Check,
    CheckKind,
    CheckResult,
    Companion,
    Facts,
    ImageResult,
    Service,
    Status,
    Subject,
)
from nanna_ci.containers.skopeo import Skopeo
from nanna_ci.errors import CommandFailed, MalformedData, UsageError
from nanna_ci.pipeline.evaluation import Unavailable, parse_evaluation, pipeline_attribute
from nanna_ci.store.nix import Nix

if TYPE_CHECKING:
    from nanna_ci.outcome import Context
    from nanna_ci.pipeline.definition import Image, Pipeline

_MACHINES: Final = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class NotBuilt:
    """Why there is no image to test: the machine or the toolkit cannot make it, or its build failed (`cause`)."""

    reason: str
    cause: Cause | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class FoundImages:
    """What can be tested, with the images that talk to model servers, and the results of what cannot."""

    subjects: tuple[Subject, ...]
    companions: tuple[Companion, ...]
    unbuilt: tuple[ImageResult, ...]
    machine: str

    def request(self, folder: Path) -> Request:
        """What the engine is to test; a failure leaves its files in `folder`."""
        return Request(self.subjects, self.companions, ARCHITECTURES.get(self.machine, self.machine), folder)


def choose_images(pipeline: Pipeline, names: Sequence[str]) -> tuple[Image, ...]:
    """The images with these names, all where there are none. Raises UsageError for a name that is not declared."""
    import difflib  # noqa: PLC0415 - only for a mistake

    known = {image.name: image for image in pipeline.images}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"pipeline.toml has: {', '.join(known) or 'none'}"
            raise UsageError(f"{name}: no such image in pipeline.toml", hint=hint)
    return tuple(known[name] for name in dict.fromkeys(names or known))


def parse_sources(pipeline: Pipeline, words: Sequence[str], cwd: Path) -> dict[str, Path]:
    """The images given with --from IMAGE=PATH. Raises UsageError."""
    sources = {}
    for word in words:
        name, _, path = word.partition("=")
        if not path:
            raise UsageError(f"--from {word}: not IMAGE=PATH")
        choose_images(pipeline, [name])
        sources[name] = cwd / path
    return sources


def find_images(
    pipeline: Pipeline, chosen: Sequence[Image], sources: Mapping[str, Path], layouts: Path, context: Context
) -> FoundImages:
    """Build what was not given, and what talks to the models of what was chosen.

    An image that nix2container wrote becomes a layout below `layouts`. Raises ConfigError where the flake lacks one.
    """
    machine = _MACHINES.get(platform.machine().lower(), platform.machine())
    served = {model.image for model in pipeline.models}
    clients = [image for image in pipeline.images if image.model_command is not None]
    needed = {image.name: image for image in chosen}
    if any(image.name in served for image in chosen):
        needed |= {image.name: image for image in clients}
    paths: dict[str, Path | NotBuilt] = dict(sources)
    paths |= _build([image for image in needed.values() if image.name not in sources], machine, context)
    made = {name: _layout(name, paths[name], layouts, context) for name in needed}
    subjects = {
        name: _subject(needed[name], layout, pipeline) for name, layout in made.items() if isinstance(layout, Path)
    }
    return FoundImages(
        subjects=tuple(subjects[image.name] for image in chosen if image.name in subjects),
        companions=tuple(_companion(image, made[image.name], subjects) for image in clients if image.name in made),
        unbuilt=tuple(
            _unbuilt(image.name, layout) for image in chosen if isinstance(layout := made[image.name], NotBuilt)
        ),
        machine=machine,
    )


def _companion(image: Image, made: Path | NotBuilt, subjects: Mapping[str, Subject]) -> Companion:
    return Companion(image.name, subjects.get(image.name), made.reason if isinstance(made, NotBuilt) else None)


def _unbuilt(name: str, why: NotBuilt) -> ImageResult:
    status = Status.UNAVAILABLE if why.cause is None else Status.FAILED
    check = CheckResult(Check(CheckKind.BUILD), status, why.seconds, why.cause, why.reason)
    return ImageResult(name, (check,), Facts(), why.seconds)


def _subject(image: Image, layout: Path, pipeline: Pipeline) -> Subject:
    service = None
    if image.port is not None and image.health_path is not None and image.health_timeout_s is not None:
        service = Service(image.port, image.health_path, image.health_timeout_s)
    return Subject(
        name=image.name,
        layout=layout,
        service=service,
        probe_paths=image.probe_paths,
        probe_commands=image.probe_commands,
        models=tuple(model.name for model in pipeline.models if model.image == image.name),
        model_command=image.model_command,
    )


def _build(images: Sequence[Image], machine: str, context: Context) -> dict[str, Path | NotBuilt]:
    """The output of each image, from one `nix build`, or why there is none."""
    made: dict[str, Path | NotBuilt] = {}
    for image in images:
        if machine not in image.architectures:
            made[image.name] = NotBuilt(
                f"it is declared for {', '.join(image.architectures)}, this machine is {machine}"
            )
    wanted = [image.name for image in images if image.name not in made]
    if not wanted:
        return made
    nix = Nix(context.ports.run, environ=context.ports.environ)
    host = nix.current_system()
    attribute = pipeline_attribute(host)
    evaluation = parse_evaluation(nix.evaluate(attribute), f"{nix.flake}#{attribute}")
    derivations = {}
    for name in wanted:
        place = evaluation.locate(image_attribute(name, machine, host))
        if isinstance(place, Unavailable):
            made[name] = NotBuilt(place.reason)
        else:
            derivations[name] = place
    if not derivations:
        return made
    context.say(f"building {', '.join(derivations)}")
    result = nix.build([f"{path}^out" for path in dict.fromkeys(derivations.values())], keep_going=True)
    results = {one.derivation: one for one in result.results}
    for name, derivation in derivations.items():
        one = results[derivation]
        output = one.outputs.get("out")
        if one.state.there and output is not None:
            made[name] = Path(str(output))
        else:
            told = f"{one.reason or 'nix does not say why'}; nix log {derivation}"
            made[name] = NotBuilt(told, Cause.NOT_BUILT, one.seconds or 0.0)
    return made


def _layout(name: str, made: Path | NotBuilt, layouts: Path, context: Context) -> Path | NotBuilt:
    """The image as an OCI layout, which the test itself verifies."""
    if isinstance(made, NotBuilt):
        return made
    source = open_image(made)
    if source.form is ImageForm.OCI_LAYOUT:
        return source.path
    layouts.mkdir(parents=True, exist_ok=True)
    skopeo = Skopeo(context.ports.run, environ=context.ports.environ)
    try:
        return skopeo.layout_of(source, layouts / name).path
    except (CommandFailed, MalformedData) as error:
        return NotBuilt(f"it is no layout: {error.message}", Cause.NOT_BUILT)
