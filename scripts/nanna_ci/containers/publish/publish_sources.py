"""What `publish-images` publishes: images from files or from the flake, and what is attested of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nanna_ci.containers.image.architecture import Architecture
from nanna_ci.containers.image.image_builds import NotBuilt, build_images
from nanna_ci.containers.image.oci_layout import Layout, open_image
from nanna_ci.containers.publish.attestation import Attestation, read_provenance, read_sbom
from nanna_ci.containers.publish.image_plan import ImagePlan, plan_image
from nanna_ci.containers.publish.publish_request import PublishRequest
from nanna_ci.containers.registry.skopeo import Skopeo
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import GateFailed, NannaError, UsageError, shorten

Layouts = dict[Architecture, Layout]


def plan_images(request: PublishRequest, skopeo: Skopeo, context: Context, scratch: Path) -> list[ImagePlan]:
    """A plan for every image, the layouts verified; what nix2container wrote becomes a layout in `scratch`.

    Raises what opening and verifying them raises, GateFailed for an image that is not what was requested or must not be
    published, or whose build fails, UsageError if --from leaves an architecture out, NannaError for what cannot be
    built.
    """
    declared = {
        image.name: [one for one in Architecture if one.value in image.architectures] for image in request.images
    }
    layouts = _given(request, declared, skopeo, scratch)
    wanted = [(name, one.value) for name, every in declared.items() if not layouts[name] for one in every]
    for number, ((name, architecture), path) in enumerate(_built(wanted, context).items()):
        layouts[name][Architecture(architecture)] = skopeo.layout_of(open_image(path), scratch / f"built-{number}")
    return [
        plan_image(name, request.repository(name), layouts[name], request.revision, request.release)
        for name in declared
    ]


def _given(
    request: PublishRequest, declared: Mapping[str, Sequence[Architecture]], skopeo: Skopeo, scratch: Path
) -> dict[str, Layouts]:
    """What --from names, by the architecture that each image itself says; all of an image's or none."""
    layouts: dict[str, Layouts] = {name: {} for name in declared}
    for number, (name, path) in enumerate(request.sources):
        layout = skopeo.layout_of(open_image(path), scratch / f"given-{number}")
        about = f"--from {name}: {path} is for {layout.config.architecture}"
        found = next((one for one in declared[name] if one.go == layout.config.architecture), None)
        if found is None:
            raise GateFailed(f"{about}, which pipeline.toml does not declare")
        if found in layouts[name]:
            raise UsageError(f"{about}, which was given already")
        layouts[name][found] = layout
    for name, found_layouts in layouts.items():
        missing = [one.value for one in declared[name] if one not in found_layouts]
        if found_layouts and missing:
            raise UsageError(f"--from {name}: {missing[0]} is missing", hint="give every architecture, or none")
    return layouts


def _built(wanted: Sequence[tuple[str, str]], context: Context) -> dict[tuple[str, str], Path]:
    """What the flake builds; all of it or nothing, for an index that lacks a part is another index."""
    paths = {}
    for (name, architecture), made in build_images(wanted, context).items():
        if not isinstance(made, NotBuilt):
            paths[name, architecture] = made
        elif made.failed:
            raise GateFailed(f"{name} for {architecture}: {made.reason}")
        else:
            hint = "name the images to publish, or give this one with --from"
            raise NannaError(f"{name} for {architecture} cannot be made here: {made.reason}", hint=hint)
    return paths


def read_attestations(request: PublishRequest, plans: Sequence[ImagePlan]) -> Mapping[str, list[Attestation]]:
    """What is attested, by image. A part goes by its tags' names: `harness`, `harness-arm64`."""
    parts: dict[str, tuple[str, str]] = {}
    for plan in plans:
        for architecture, layout in plan.parts.items():
            parts[plan.name + architecture.suffix] = (plan.name, layout.manifest_digest)
    found: dict[str, list[Attestation]] = {plan.name: [] for plan in plans}
    for flag, pairs, read in (
        ("--sbom", request.sboms, read_sbom),
        ("--provenance", request.provenances, read_provenance),
    ):
        names = [part for part, _ in pairs]
        for part, file in pairs:
            if part not in parts:
                hint = f"known: {', '.join(parts)}"
                raise UsageError(f"{flag} {shorten(part)}: no such image is published", hint=hint)
            if names.count(part) > 1:
                raise UsageError(f"{flag} {part} is given twice", hint="one would replace the other in the registry")
            image, digest = parts[part]
            found[image].append(read(file, digest))
    return found
