"""Images of the flake, built: what `publish-images` pushes and `container-test` tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nanna_ci.foundation.context import Context
from nanna_ci.pipeline.evaluation import Unavailable, parse_evaluation, pipeline_attribute
from nanna_ci.pipeline.images import image_attribute
from nanna_ci.store.build_result import DerivationResult
from nanna_ci.store.nix import Nix


@dataclass(frozen=True, slots=True)
class NotBuilt:
    """Why there is no image: it cannot be made here, or its build `failed`, after so many seconds."""

    reason: str
    failed: bool = False
    seconds: float = 0.0


def build_images(wanted: Sequence[tuple[str, str]], context: Context) -> dict[tuple[str, str], Path | NotBuilt]:
    """The output of each (image, architecture), or why there is none, in the order given; from one `nix build`.

    Raises ConfigError if the flake has no such image, and what Nix raises. Nothing is run if nothing is wanted.
    """
    if not wanted:
        return {}
    nix = Nix(context.ports.run, environ=context.ports.environ)
    host = nix.current_system()
    attribute = pipeline_attribute(host)
    evaluation = parse_evaluation(nix.evaluate(attribute), f"{nix.flake}#{attribute}")
    places = {image: evaluation.locate(image_attribute(*image, host)) for image in wanted}
    installables = dict.fromkeys(f"{place}^out" for place in places.values() if not isinstance(place, Unavailable))
    built = {}
    if installables:
        context.say(f"building {len(installables)} image{'' if len(installables) == 1 else 's'}")
        built = {one.derivation: one for one in nix.build(list(installables), keep_going=True).results}
    return {
        image: NotBuilt(place.reason) if isinstance(place, Unavailable) else _judge(built[place])
        for image, place in places.items()
    }


def _judge(result: DerivationResult) -> Path | NotBuilt:
    output = result.outputs.get("out")
    if result.state.there and output is not None:
        return Path(str(output))
    why = f"{result.reason or 'nix does not say why'}; nix log {result.derivation}"
    return NotBuilt(why, failed=True, seconds=result.seconds or 0.0)
