"""The flake's attribute `legacyPackages.SYSTEM.pipeline`: a derivation for each pure job, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nanna_ci.foundation.errors import ConfigError, MalformedData
from nanna_ci.store.store_path import StorePath, parse_store_path


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The toolkit cannot make it, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one evaluation says of the attributes of one system: `checks.SYSTEM.NAME`, `packages.SYSTEM.NAME`."""

    source: str
    derivations: Mapping[str, StorePath]
    unavailable: Mapping[str, str]

    def locate(self, attribute: str) -> StorePath | Unavailable:
        """The derivation behind an attribute. ConfigError if the flake has none: a mistake, not a reason to skip."""
        if attribute in self.derivations:
            return self.derivations[attribute]
        if attribute in self.unavailable:
            return Unavailable(self.unavailable[attribute])
        raise ConfigError(
            self.source,
            f"the plan needs the attribute {attribute}, which the flake does not have",
            hint="pipeline.toml and the flake must come from the same source tree",
        )


def pipeline_attribute(system: str) -> str:
    """Where the flake says it."""
    return f"legacyPackages.{system}.pipeline"


def parse_evaluation(value: Any, source: str) -> Evaluation:
    """Read the evaluated attribute. Raises MalformedData if it has another shape."""
    if not isinstance(value, dict):
        raise MalformedData(source, "not an attribute set")
    derivations = _texts(value.get("derivations"), source, "derivations")
    unavailable = _texts(value.get("unavailable"), source, "unavailable")
    if both := sorted(derivations.keys() & unavailable.keys()):
        raise MalformedData(source, f"{both[0]} is both a derivation and unavailable")
    paths = {attribute: parse_store_path(text, f"{source}: {attribute}") for attribute, text in derivations.items()}
    if wrong := [attribute for attribute, path in paths.items() if not path.is_derivation]:
        raise MalformedData(source, f"{wrong[0]} is {paths[wrong[0]]}, which is not a derivation")
    return Evaluation(source, paths, unavailable)


def _texts(value: object, source: str, name: str) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise MalformedData(source, f"{name} is not a set of strings")
    return value
