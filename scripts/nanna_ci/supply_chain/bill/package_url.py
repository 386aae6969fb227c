"""Package URLs: `pkg:TYPE/NAMESPACE/NAME@VERSION?QUALIFIERS`, in their canonical form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~:-]*+")


def render_package_url(
    kind: str,
    name: str,
    version: str | None = None,
    *,
    namespace: str | None = None,
    qualifiers: Mapping[str, str | None] | None = None,
) -> str:
    """The purl of a package; qualifiers without a value are left out."""
    parts = [f"pkg:{kind}/"]
    if namespace:
        parts.append(f"{_quoted(namespace, '/')}/")
    parts.append(_quoted(name))
    if version:
        parts.append(f"@{_quoted(version)}")
    pairs = [f"{key}={_quoted(value, '/')}" for key, value in sorted((qualifiers or {}).items()) if value]
    return "".join(parts) + (f"?{'&'.join(pairs)}" if pairs else "")


def _quoted(text: str, safe: str = "") -> str:
    """Percent-encoded; a colon never is (purl-spec, character encoding)."""
    return text if _PLAIN.fullmatch(text) else quote(text, safe=f":{safe}")
