"""Which paths are not pushed: patterns of the names of store paths, from pipeline.toml or flags."""

from __future__ import annotations

from collections.abc import Sequence

from nanna_ci.foundation.errors import ConfigError, shorten
from nanna_ci.foundation.name_pattern import PatternProblem, compile_name_pattern


class PushFilter:
    """Patterns that are searched in a path's name, the part after the hash.

    Raises:
        ConfigError: a text is not a pattern. Those of pipeline.toml are checked when it is read, those of flags here.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = []
        for text in patterns:
            try:
                self._patterns.append(compile_name_pattern(text))
            except PatternProblem as problem:
                raise ConfigError(f"push filter {shorten(text)}", problem.says, hint=problem.hint) from None

    def matching(self, name: str) -> str | None:
        """The first pattern that keeps a path of this name from being pushed; None if none does."""
        return next((pattern.pattern for pattern in self._patterns if pattern.search(name)), None)
