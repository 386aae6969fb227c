"""What a job's log must not show: the values of secrets and of `add-mask`, as GitHub's runner hides them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from nanna_ci.foundation.secret_forms import forms_of

MASK: Final = "***"
_SHORTEST_ENCODED: Final = 4  # an encoding of less is in too many texts that have nothing to do with it


class SecretMasks:
    """Values that are hidden from here on, as they are and encoded; of several lines, each line too."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: dict[str, None] = {}
        self._pattern: re.Pattern[bytes] | None = None
        for value in values:
            self.add(value)

    def add(self, value: str) -> None:
        """Hide a value. What holds nothing but blanks hides nothing."""
        parts = [value, *(line.strip() for line in re.split(r"[\r\n]", value))]
        new = [part for part in parts if part.strip() and part not in self._values]
        if not new:
            return
        self._values.update(dict.fromkeys(new))
        forms = {part.encode("utf-8", "surrogateescape") for part in self._values}
        forms.update(forms_of(value for value in self._values if _is_encoded(value)))
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile(b"|".join(map(re.escape, longest_first)))

    def hide(self, data: bytes) -> bytes:
        """The data with each hidden value replaced by three asterisks."""
        return data if self._pattern is None else self._pattern.sub(MASK.encode(), data)

    def hide_text(self, text: str) -> str:
        """`hide` for a string."""
        return self.hide(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def finds(self, text: str) -> bool:
        """Whether any hidden value is in a text."""
        return self._pattern is not None and bool(self._pattern.search(text.encode("utf-8", "surrogateescape")))


def _is_encoded(value: str) -> bool:
    """Whether other forms are looked for: those of a text with blanks in it come without the blanks."""
    return len(value) >= _SHORTEST_ENCODED and not re.search(r"\s", value)
