"""The way to a cache: its host, the environment's proxy if there is one, certificates. Nothing here sends anything."""

from __future__ import annotations

import base64
import ipaddress
import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urljoin, urlsplit

from nanna_ci.foundation.errors import ConfigError, UsageError, shorten

_PORTS: Final = {"http": 80, "https": 443}
_SYSTEM_CERTIFICATES: Final = (  # where Nix looks
    "/etc/ssl/certs/ca-certificates.crt",
    "/nix/var/nix/profiles/default/etc/ssl/certs/ca-bundle.crt",
)
_SAFE: Final = "/%:@!$&'()*+,;=~"
_CERTIFICATES: Final = ("NIX_SSL_CERT_FILE", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True)
class HttpOrigin:
    """The server that requests are for. `host` is in lower case, without the brackets of an IPv6 address."""

    scheme: str
    host: str
    port: int

    @property
    def is_tls(self) -> bool:
        """Whether it is queried over TLS."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """The Host header: no port if it is the scheme's default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; `authorization` is the value of Proxy-Authorization, None if it wants none."""

    host: str
    port: int
    authorization: str | None


@dataclass(frozen=True, slots=True)
class ProxyRoute:
    """An origin, and the proxy on the way there."""

    origin: HttpOrigin
    proxy: Proxy | None

    @property
    def endpoint(self) -> tuple[str, int]:
        """Host and port to connect to."""
        nearest = self.origin if self.proxy is None else self.proxy
        return nearest.host, nearest.port

    @property
    def is_tunnel(self) -> bool:
        """Whether the proxy only passes bytes on, after a CONNECT."""
        return self.proxy is not None and self.origin.is_tls

    @property
    def is_absolute(self) -> bool:
        """Whether requests name the whole URL, because the proxy makes them."""
        return self.proxy is not None and not self.origin.is_tls


def parse_origin(url: str) -> HttpOrigin:
    """The server of an http or https URL. Raises UsageError for any other URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(f"{shorten(url)} is not a URL") from None
    if parts.scheme not in _PORTS or not host:
        raise UsageError(f"{shorten(url)} is not an http or https URL")
    return HttpOrigin(parts.scheme, _ascii(host), port or _PORTS[parts.scheme])


def parse_target(url: str) -> str:
    """What a request for an http or https URL names: the path and the query, in ASCII and without spaces."""
    parts = urlsplit(url)
    query = f"?{quote(parts.query, safe=_SAFE + '?')}" if parts.query else ""
    return quote(parts.path, safe=_SAFE) + query


def follow_redirect(origin: HttpOrigin, target: str, location: str) -> str:
    """Where `location`, in an answer to a request for `target`, leads on the same server.

    Raises:
        UsageError: it leads to another server, which gets no request from here, or is not a URL.
    """
    try:
        url = urljoin(f"{origin}{target}", location)
    except ValueError:
        raise UsageError(f"redirects to {shorten(location)}, which is not a URL") from None
    try:
        other = parse_origin(url)
    except UsageError as error:
        raise UsageError(f"redirects elsewhere: {error.message}") from None
    if other != origin:
        raise UsageError(f"redirects to another server, {other}, which is not followed")
    return parse_target(url)


def _ascii(host: str) -> str:
    try:
        return host.encode("idna").decode("ascii") if not host.isascii() else host
    except UnicodeError:
        raise UsageError(f"{shorten(host)} is not a host") from None


def decide_route(origin: HttpOrigin, environ: Mapping[str, str]) -> ProxyRoute:
    """The way to an origin: by the proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names, unless NO_PROXY excepts it.

    Names in lower case come first, as in curl.

    Raises:
        ConfigError: the proxy is not an HTTP proxy.
    """
    if is_excepted(origin, _variable(environ, "no_proxy")[1]):
        return ProxyRoute(origin, None)
    for name in (f"{origin.scheme}_proxy", "all_proxy"):
        found, value = _variable(environ, name)
        if value:
            return ProxyRoute(origin, _parse_proxy(value, found))
    return ProxyRoute(origin, None)


def _variable(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    for spelling in (name, name.upper()):
        if value := environ.get(spelling, "").strip():
            return spelling, value
    return name, ""


def _parse_proxy(value: str, variable: str) -> Proxy:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme != "http":
        raise ConfigError(variable, "names no HTTP proxy", hint="such as http://proxy.example.org:3128")
    authorization = None
    if parts.username is not None:
        authorization = basic_authorization(unquote(parts.username), unquote(parts.password or ""))
    return Proxy(host, port or _PORTS["http"], authorization)


def basic_authorization(user: str, password: str) -> str:
    """The value of an Authorization header for a user and a password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def is_excepted(origin: HttpOrigin, no_proxy: str) -> bool:
    """Whether NO_PROXY names the origin: by `*`, a domain (its subdomains too), an address, or a network; with a port
    or without."""
    address = _address(origin.host)
    for entry in re.split(r"[,\s]+", no_proxy.lower()):
        if entry == "*":
            return True
        name, port = _split_port(entry)
        if not name or port not in {None, origin.port}:
            continue
        if address is not None:
            if _is_in(address, name):
                return True
        elif origin.host == name.lstrip("*.") or origin.host.endswith("." + name.lstrip("*.")):
            return True
    return False


def _split_port(entry: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"\[(?P<v6>[^\]]*)\](:(?P<port6>[0-9]{1,5}))?|(?P<name>[^:]*):(?P<port>[0-9]{1,5})", entry)
    if match is None:
        return entry, None
    port = match["port6"] or match["port"]
    return match["v6"] or match["name"] or "", int(port) if port else None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _is_in(address: ipaddress.IPv4Address | ipaddress.IPv6Address, network: str) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def is_near(addresses: Iterable[str]) -> bool:
    """Whether all of the addresses are of this machine or of a private network."""
    found = [_address(address) for address in addresses]
    return bool(found) and all(address is not None and address.is_private for address in found)


def make_tls_context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Trust the certificates of NIX_SSL_CERT_FILE or SSL_CERT_FILE alone, as Nix does, else the system's.

    Raises:
        ConfigError: the file cannot be read, or holds no certificate.
    """
    for name in _CERTIFICATES:
        if path := environ.get(name):
            try:
                return ssl.create_default_context(cafile=path)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(name, f"{path}: no certificates: {error.strerror or error}") from None
    places = ssl.get_default_verify_paths()
    if places.cafile is None and places.capath is None:  # this Python was made for another system's folders
        found = next((place for place in _SYSTEM_CERTIFICATES if Path(place).exists()), None)
        return ssl.create_default_context(cafile=found)
    return ssl.create_default_context()
