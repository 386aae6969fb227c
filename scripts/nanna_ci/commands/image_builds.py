"""Images of the flake, built: what `publish-images` pushes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nanna_ci.errors import GateFailed, NannaError
from nanna_ci.pipeline.evaluation import Unavailable, parse_evaluation, pipeline_attribute
from nanna_ci.pipeline.images import image_attribute
from nanna_ci.store.nix import Nix

if TYPE_CHECKING:
    from nanna_ci.outcome import Context


def build_images(wanted: Sequence[tuple[str, str]], context: Context) -> Mapping[tuple[str, str], Path]:
    """The output of each (image, architecture), from one `nix build`.

    Raises NannaError where the toolkit cannot make one, with its reason; GateFailed where a build fails; ConfigError
    where the flake has no such image.
    """
    nix = Nix(context.ports.run, environ=context.ports.environ)
    host = nix.current_system()
    attribute = pipeline_attribute(host)
    evaluation = parse_evaluation(nix.evaluate(attribute), f"{nix.flake}#{attribute}")
    derivations = {}
    for name, architecture in wanted:
        found = evaluation.locate(image_attribute(name, architecture, host))
        if isinstance(found, Unavailable):
            raise NannaError(
                f"{name} for {architecture} cannot be made here: {found.reason}", hint="name the images to publish"
            )
        derivations[name, architecture] = found
    context.say(f"building {len(derivations)} image{'' if len(derivations) == 1 else 's'}")
    result = nix.build([f"{path}^out" for path in dict.fromkeys(derivations.values())], keep_going=True)
    outputs = {}
    for one in result.results:
        path = one.outputs["out"]
        if not one.state.there or path is None:
            raise GateFailed(f"{one.derivation.name}: {one.reason}", hint=f"nix log {one.derivation}")
        outputs[one.derivation] = Path(str(path))
    return {image: outputs[derivation] for image, derivation in derivations.items()}
