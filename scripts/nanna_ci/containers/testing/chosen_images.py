"""The images that `container-test` tests: chosen, built, and turned into what a test takes."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nanna_ci.binaries.targets import host_system
from nanna_ci.containers.image.architecture import Architecture
from nanna_ci.containers.image.image_builds import NotBuilt, build_images
from nanna_ci.containers.image.oci_layout import ImageForm, open_image
from nanna_ci.containers.registry.skopeo import Skopeo
from nanna_ci.containers.testing.checks import (
    Check,
    CheckKind,
    CheckResult,
    Companion,
    FailureCause,
    ImageFacts,
    ImageResult,
    ImageUnderTest,
    Service,
    Status,
)
from nanna_ci.containers.testing.hand_over import ImageTestsRequest
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import CommandFailed, MalformedData, UsageError
from nanna_ci.pipeline.definition import Image, Pipeline
from nanna_ci.pipeline.images import choose_images, needed_images, parse_image_files


@dataclass(frozen=True, slots=True)
class FoundImages:
    """What can be tested, with the images that call model servers, and the results of what cannot."""

    subjects: tuple[ImageUnderTest, ...]
    companions: tuple[Companion, ...]
    unbuilt: tuple[ImageResult, ...]
    machine: str

    def request(self, folder: Path) -> ImageTestsRequest:
        """What the engine is to test; a failure leaves its files in `folder`."""
        known = next((one.go for one in Architecture if one.value == self.machine), self.machine)
        return ImageTestsRequest(self.subjects, self.companions, known, folder)


def parse_sources(pipeline: Pipeline, chosen: Sequence[Image], words: Sequence[str], cwd: Path) -> dict[str, Path]:
    """The images given with --from IMAGE=PATH. Raises UsageError, also for one that no test of `chosen` takes."""
    sources = dict(parse_image_files(words, "--from", cwd))
    needed = [image.name for image in needed_images(pipeline, chosen)]
    choose_images(pipeline, list(sources))
    for name in sources:
        if name not in needed:
            raise UsageError(f"--from {name}: no test takes this image", hint=f"tested: {', '.join(needed)}")
    return sources


def find_images(
    pipeline: Pipeline, chosen: Sequence[Image], sources: Mapping[str, Path], layouts: Path, context: Context
) -> FoundImages:
    """Build what was not given, and arrange it. Raises ConfigError if the flake lacks an image."""
    paths: dict[str, Path | NotBuilt] = dict(sources)
    needed = needed_images(pipeline, chosen)
    paths |= _build([image for image in needed if image.name not in sources], _machine(), context)
    return arrange_images(pipeline, chosen, paths, layouts, context)


def arrange_images(
    pipeline: Pipeline,
    chosen: Sequence[Image],
    paths: Mapping[str, Path | NotBuilt],
    layouts: Path,
    context: Context,
) -> FoundImages:
    """What a test takes, from the output of each of the `needed_images`, or why there is none.

    An image that nix2container wrote becomes a layout below `layouts`.
    """
    needed = {image.name: image for image in needed_images(pipeline, chosen)}
    made = {name: _layout(name, paths[name], layouts, context) for name in needed}
    subjects = {
        name: _subject(needed[name], layout, pipeline) for name, layout in made.items() if isinstance(layout, Path)
    }
    return FoundImages(
        subjects=tuple(subjects[image.name] for image in chosen if image.name in subjects),
        companions=tuple(
            _companion(image, made[name], subjects) for name, image in needed.items() if image.model_command is not None
        ),
        unbuilt=tuple(
            _unbuilt(image.name, layout) for image in chosen if isinstance(layout := made[image.name], NotBuilt)
        ),
        machine=_machine(),
    )


def _machine() -> str:
    """This machine's architecture, by pipeline.toml's name of it if there is one."""
    host = host_system(sys.platform, platform.machine())
    return platform.machine() if host is None else host.value.partition("-")[0]


def _companion(image: Image, made: Path | NotBuilt, subjects: Mapping[str, ImageUnderTest]) -> Companion:
    return Companion(image.name, subjects.get(image.name), made.reason if isinstance(made, NotBuilt) else None)


def _unbuilt(name: str, why: NotBuilt) -> ImageResult:
    status, cause = (Status.FAILED, FailureCause.NOT_BUILT) if why.failed else (Status.UNAVAILABLE, None)
    check = CheckResult(Check(CheckKind.BUILD), status, why.seconds, cause, why.reason)
    return ImageResult(name, (check,), ImageFacts(), why.seconds)


def _subject(image: Image, layout: Path, pipeline: Pipeline) -> ImageUnderTest:
    service = None
    if image.port is not None and image.health_path is not None and image.health_timeout_s is not None:
        service = Service(image.port, image.health_path, image.health_timeout_s)
    return ImageUnderTest(
        name=image.name,
        layout=layout,
        service=service,
        probe_paths=image.probe_paths,
        probe_commands=image.probe_commands,
        models=tuple(model.name for model in pipeline.models if model.image == image.name),
        model_command=image.model_command,
    )


def _build(images: Sequence[Image], machine: str, context: Context) -> dict[str, Path | NotBuilt]:
    """Each image for this machine, or why there is none."""
    here = [(image.name, machine) for image in images if machine in image.architectures]
    made: dict[str, Path | NotBuilt] = {
        image.name: NotBuilt(f"it is declared for {', '.join(image.architectures)}, this machine is {machine}")
        for image in images
        if machine not in image.architectures
    }
    made |= {name: one for (name, _), one in build_images(here, context).items()}
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
        return NotBuilt(f"it is not a layout: {error.message}", failed=True)
