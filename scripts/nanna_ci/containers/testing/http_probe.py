"""Asks servers on this machine's loopback over HTTP: once, without retries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self

from nanna_ci.containers.testing.server_answers import ProbeAnswer
from nanna_ci.foundation.errors import MalformedData, ServiceUnavailable
from nanna_ci.foundation.web import WebClient

HOST: Final = "127.0.0.1"
_NOBODY: Final = 9  # a port that nobody serves: to be refused takes no time
_ANY_STATUS: Final = frozenset(range(100, 1000))
_BODY_BYTES: Final = 16 * 1024 * 1024


class HttpProbe:
    """Servers on ports of loopback. Close it, or use it in a `with` statement."""

    def __init__(self) -> None:
        self._clients: dict[float, WebClient] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def warm_up(self, timeout_s: float) -> None:
        """Load what the first request with this time limit loads, so that no server's start-up time includes it."""
        self.get(_NOBODY, "/", timeout_s)

    def get(self, port: int, path: str, timeout_s: float) -> ProbeAnswer:
        """The answer to GET, of whatever status."""
        return self._ask("GET", _url(port, path), timeout_s, None, {})

    def post_json(self, port: int, path: str, body: bytes, timeout_s: float) -> ProbeAnswer:
        """The answer to POST with a JSON body."""
        return self._ask("POST", _url(port, path), timeout_s, body, {"content-type": "application/json"})

    def _ask(
        self, method: str, url: str, timeout_s: float, body: bytes | None, headers: Mapping[str, str]
    ) -> ProbeAnswer:
        client = self._clients.get(timeout_s)
        if client is None:
            client = self._clients[timeout_s] = WebClient(
                timeout_s=timeout_s, deadline_s=timeout_s, attempts=1, direct=True, body_limit_bytes=_BODY_BYTES
            )
        try:
            answer = client.request(method, url, content=body, headers=headers, accept=_ANY_STATUS)
        except ServiceUnavailable as error:
            return ProbeAnswer(None, problem=error.message.removeprefix(f"{HOST}: ").removesuffix(" (1 attempt)"))
        except MalformedData as error:
            return ProbeAnswer(None, problem=error.message)
        return ProbeAnswer(answer.status, answer.body)


def _url(port: int, path: str) -> str:
    return f"http://{HOST}:{port}{path}"
