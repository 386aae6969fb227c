"""Asks a container's server over HTTP, on this machine's loopback: once, without patience."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nanna_ci.containers.probe import Answer
from nanna_ci.errors import MalformedData
from nanna_ci.web import ServiceUnavailable, WebClient

HOST: Final = "127.0.0.1"
_ANY_STATUS: Final = frozenset(range(100, 600))
_BODY_BYTES: Final = 16 * 1024 * 1024


class HttpProbe:
    """A server on a port of loopback. Close it, or use it in a `with` statement."""

    def __init__(self, port: int) -> None:
        self._base = f"http://{HOST}:{port}"
        self._clients: dict[float, WebClient] = {}

    def __enter__(self) -> HttpProbe:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def get(self, path: str, timeout_s: float) -> Answer:
        """The answer to GET, of whatever status."""
        return self._ask("GET", path, timeout_s, None, {})

    def post_json(self, path: str, body: bytes, timeout_s: float) -> Answer:
        """The answer to POST with a JSON body."""
        return self._ask("POST", path, timeout_s, body, {"content-type": "application/json"})

    def _ask(self, method: str, path: str, timeout_s: float, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        client = self._clients.get(timeout_s)
        if client is None:
            client = self._clients[timeout_s] = WebClient(
                timeout_s=timeout_s, deadline_s=timeout_s, attempts=1, direct=True, body_limit_bytes=_BODY_BYTES
            )
        try:
            answer = client.request(method, self._base + path, content=body, headers=headers, accept=_ANY_STATUS)
        except ServiceUnavailable as error:
            return Answer(None, problem=error.message.removeprefix(f"{HOST}: ").removesuffix(" (1 attempt)"))
        except MalformedData as error:
            return Answer(None, problem=error.message)
        return Answer(answer.status, answer.body)
