"""What was tested is what is published: the digests that tests left in their results, against those of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.containers.image.architecture import Architecture
from nanna_ci.containers.publish.image_plan import ImagePlan
from nanna_ci.foundation.errors import GateFailed, MalformedData
from nanna_ci.foundation.guarded_read import MEBIBYTE, FileRefused, read_file
from nanna_ci.foundation.json_data import JsonObject, as_object, as_text, load_json

_RESULTS: Final = "**/jobs/container-test-*/result.json"


@dataclass(frozen=True, slots=True)
class TestedImage:
    """One test of an image: its verdict, and which image it was; None if the test did not come so far."""

    __test__ = False

    source: Path
    name: str
    verdict: str
    architecture: str | None
    manifest_digest: str | None
    config_digest: str | None


def read_tested(folder: Path) -> tuple[TestedImage, ...]:
    """Every container test below a folder, as `run-job` leaves them, also in artifacts that were downloaded.

    Raises MalformedData for a file that is not one.
    """
    return tuple(_read(path) for path in sorted(folder.glob(_RESULTS)))


def _read(path: Path) -> TestedImage:
    source = str(path)
    try:
        body = as_object(load_json(read_file(path, 64 * MEBIBYTE, follow_links=False), source), source, "the result")
    except FileRefused as error:
        raise MalformedData(source, f"cannot be read: {error.strerror}") from None
    name = path.parent.name.removeprefix("container-test-")
    image: JsonObject = {}
    evidence = as_object(body.get("evidence", {}), source, "evidence")
    if "image" in evidence:
        image = as_object(evidence["image"], source, "evidence.image")
        name = as_text(image.get("name"), source, "evidence.image.name")
    return TestedImage(
        path,
        name,
        as_text(body.get("verdict"), source, "verdict"),
        _text(image, "architecture"),
        _text(image, "manifestDigest"),
        _text(image, "imageId"),
    )


def _text(image: JsonObject, key: str) -> str | None:
    value = image.get(key)
    return value if isinstance(value, str) else None


def check_tested(plans: Sequence[ImagePlan], tested: Sequence[TestedImage]) -> tuple[str, ...]:
    """Check every image against its tests; returns the parts that no machine tested, such as another architecture's.

    Raises GateFailed if an image has no test that passed, one that did not, or is another build than was tested.
    """
    return tuple(part for plan in plans for part in _check(plan, [one for one in tested if one.name == plan.name]))


def _check(plan: ImagePlan, tests: Sequence[TestedImage]) -> Iterator[str]:
    if not tests:
        raise GateFailed(f"{plan.name}: it has no test result", hint="publish what has been tested")
    covered: dict[Architecture, None] = {}
    for one in tests:
        if one.verdict != "pass":
            raise GateFailed(f"{plan.name}: its test says {one.verdict} ({one.source})")
        architecture = next((a for a in plan.parts if one.architecture in {a.value, a.go}), None)
        if architecture is None:
            raise GateFailed(f"{plan.name}: what was tested, for {one.architecture}, is not published")
        part = plan.parts[architecture]
        # a manifest also names how layers were packed; the configuration names their content
        if part.manifest_digest != one.manifest_digest and part.config_digest != one.config_digest:
            raise GateFailed(
                f"{plan.name} for {architecture.value} is not the build that was tested: "
                f"{part.manifest_digest}, not {one.manifest_digest}",
                hint="publish the tested build, or test this one",
            )
        covered[architecture] = None
    yield from (f"{plan.name} for {architecture.value}" for architecture in plan.parts if architecture not in covered)
