"""One connection to a cache: opened by way of proxy and TLS, one request at a time, its answer read as it comes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import Final, Protocol

from nanna_ci.cache.client.background import run_in_daemon
from nanna_ci.cache.client.request import CacheRequest
from nanna_ci.cache.client.route import Proxy, ProxyRoute
from nanna_ci.cache.client.wire import HEAD_LIMIT_BYTES, AnswerReader, BrokenAnswer, WireAnswer, parse_head
from nanna_ci.foundation.retry import TRANSIENT_STATUSES

_NEXT_ADDRESS_S: Final = 2.0  # time limit of an address if there is another one
Address = tuple[socket.AddressFamily, tuple[str | int, ...] | tuple[int, bytes]]  # and what connect() takes


class ConnectFailed(Exception):
    """There is no connection. `may_pass`: another try may get one."""

    def __init__(self, problem: str, *, may_pass: bool) -> None:
        super().__init__(problem)
        self.may_pass = may_pass


class ConnectionListener(Protocol):
    """Who is notified about a connection."""

    def answered(self, connection: Connection, request: CacheRequest, answer: WireAnswer) -> None:
        """The request that was sent is answered; none is in flight now."""

    def broke(self, connection: Connection, problem: str, *, may_pass: bool) -> None:
        """The connection is unusable. `connection.request` is the one that was not answered, or None."""


class Connection(asyncio.Protocol):
    """A connection. `request` is the one in flight; `sent_s` and `deadline_s`, on the loop's clock, are its times.

    `served` counts the requests that were answered.
    """

    def __init__(self, listener: ConnectionListener) -> None:
        self._listener = listener
        self._reader = AnswerReader()
        self._transport: asyncio.Transport | None = None
        self.request: CacheRequest | None = None
        self.served = 0
        self.sent_s = 0.0
        self.deadline_s = 0.0

    @property
    def is_stale(self) -> bool:
        """Whether it was reused and no part of an answer has come: the server may have closed it meanwhile."""
        return self.served > 0 and not self._reader.has_begun

    def send(self, request: CacheRequest, sent_s: float, deadline_s: float) -> None:
        """Send a request; none may be in flight."""
        assert self._transport is not None
        self.request = request
        self.sent_s = sent_s
        self.deadline_s = deadline_s
        owner = request.owner
        owner.tally.requests += 1
        self._reader.to_head = request.archive is not None
        self._transport.write(owner.message(request))

    def drop(self) -> None:
        """End it at once, notifying nobody."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Some of an answer."""
        request = self.request
        if self._transport is None:
            return
        if request is None:
            self._listener.broke(self, "sent an unsolicited answer", may_pass=True)
            return
        request.owner.tally.received_bytes += len(data)
        try:
            answer = self._reader.feed(data)
        except BrokenAnswer as error:
            self._listener.broke(self, str(error), may_pass=error.may_pass)
            return
        if answer is not None:
            self._answered(request, answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """The server ended it, or the network did."""
        if self._transport is None:
            return
        try:
            request, answer = self.request, self._reader.end() if exc is None else None
        except BrokenAnswer as error:
            self._listener.broke(self, str(error), may_pass=error.may_pass)
            return
        if request is not None and answer is not None:
            self._answered(request, answer)
        else:
            problem = "the connection ended before the answer was whole"
            self._listener.broke(self, f"the connection broke: {exc}" if exc else problem, may_pass=True)

    def _answered(self, request: CacheRequest, answer: WireAnswer) -> None:
        self.request = None
        self.served += 1
        self._listener.answered(self, request, answer)


async def query_addresses(route: ProxyRoute) -> tuple[Address, ...]:
    """The addresses of the host to connect to.

    Raises:
        ConnectFailed: its name does not resolve.
    """
    host, port = route.endpoint
    try:
        found = await run_in_daemon(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        raise ConnectFailed(
            f"cannot resolve {host}: {getattr(error, 'strerror', None) or error}", may_pass=True
        ) from None
    return tuple(dict.fromkeys((family, address) for family, _, _, _, address in found))


async def open_connection(
    route: ProxyRoute,
    addresses: Sequence[Address],
    tls: ssl.SSLContext | None,
    timeout_s: float,
    listener: ConnectionListener,
) -> Connection:
    """Connect to the first address that answers; with a proxy and TLS, through it.

    Raises:
        ConnectFailed: there is no connection within the time limit.
    """
    loop = asyncio.get_running_loop()
    host = route.endpoint[0]
    try:
        async with asyncio.timeout(timeout_s):
            connected = await _connect(addresses)
            try:
                if route.is_tunnel and route.proxy is not None:
                    await _tunnel(connected, route, route.proxy)
                _, connection = await loop.create_connection(
                    lambda: Connection(listener),
                    sock=connected,
                    ssl=tls if route.origin.is_tls else None,
                    server_hostname=route.origin.host if route.origin.is_tls else None,
                )
            except BaseException:
                connected.close()
                raise
            return connection
    except TimeoutError:
        raise ConnectFailed(f"cannot connect to {host} within {timeout_s:g} s", may_pass=True) from None
    except ssl.SSLCertVerificationError as error:
        raise ConnectFailed(f"the certificate is not trusted: {error.verify_message}", may_pass=False) from None
    except ssl.SSLError as error:
        raise ConnectFailed(f"no TLS with {route.origin.host}: {error.reason or error}", may_pass=False) from None
    except OSError as error:
        raise ConnectFailed(f"cannot connect to {host}: {error.strerror or error}", may_pass=True) from None


async def _connect(addresses: Sequence[Address]) -> socket.socket:
    loop = asyncio.get_running_loop()
    problem: OSError = OSError("no address")
    for number, (family, address) in enumerate(addresses, start=1):
        connecting = socket.socket(family, socket.SOCK_STREAM)
        try:
            connecting.setblocking(False)
            async with asyncio.timeout(None if number == len(addresses) else _NEXT_ADDRESS_S):
                await loop.sock_connect(connecting, address)
        except OSError as error:  # TimeoutError is one
            connecting.close()
            problem = error
        except BaseException:
            connecting.close()
            raise
        else:
            return connecting
    raise problem


async def _tunnel(connected: socket.socket, route: ProxyRoute, proxy: Proxy) -> None:
    """Have the proxy pass bytes on to the origin."""
    loop = asyncio.get_running_loop()
    host = f"[{route.origin.host}]" if ":" in route.origin.host else route.origin.host
    lines = [f"CONNECT {host}:{route.origin.port} HTTP/1.1", f"Host: {host}:{route.origin.port}"]
    lines += [f"Proxy-Authorization: {proxy.authorization}"] if proxy.authorization else []
    await loop.sock_sendall(connected, "\r\n".join([*lines, "", ""]).encode("ascii"))
    data = b""
    while b"\r\n\r\n" not in data:
        part = await loop.sock_recv(connected, 4096)
        if not part or len(data) > HEAD_LIMIT_BYTES:
            raise ConnectFailed(f"the proxy {proxy.host} does not answer CONNECT", may_pass=True)
        data += part
    head, _, rest = data.partition(b"\r\n\r\n")
    try:
        status = parse_head(head + b"\r\n").status
    except BrokenAnswer as error:
        raise ConnectFailed(f"the proxy {proxy.host}: {error}", may_pass=error.may_pass) from None
    if status != 200 or rest:
        raise ConnectFailed(
            f"the proxy {proxy.host} answers CONNECT with HTTP {status}", may_pass=status in TRANSIENT_STATUSES
        )
