"""The way to a cache: origins, proxies and their exceptions, redirects, near and far."""

from __future__ import annotations

import pytest

from nanna_ci.cache.client.route import (
    HttpOrigin,
    Proxy,
    decide_route,
    follow_redirect,
    is_excepted,
    is_near,
    parse_origin,
    parse_target,
)
from nanna_ci.foundation.errors import UsageError

CACHE = HttpOrigin("https", "cache.example.org", 443)


@pytest.mark.parametrize(
    ("url", "origin", "authority"),
    [
        ("http://Cache.Example.org/x", HttpOrigin("http", "cache.example.org", 80), "cache.example.org"),
        ("https://cache.example.org:443", CACHE, "cache.example.org"),
        ("http://cache.example.org:443", HttpOrigin("http", "cache.example.org", 443), "cache.example.org:443"),
        ("http://[::1]:8080/", HttpOrigin("http", "::1", 8080), "[::1]:8080"),
        ("https://bücher.example", HttpOrigin("https", "xn--bcher-kva.example", 443), "xn--bcher-kva.example"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: HttpOrigin, authority: str) -> None:
    assert parse_origin(url) == origin
    assert origin.authority == authority
    assert str(origin) == f"{origin.scheme}://{authority}"


@pytest.mark.parametrize(
    "url", ["", "cache.example.org", "ftp://a/b", "http://", "http://a:x", "http://[::1", "file:///"]
)
def test_what_is_not_an_http_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        parse_origin(url)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://a", ""),
        ("http://a/b/c", "/b/c"),
        ("http://a/b%20c?d=e&f=/?", "/b%20c?d=e&f=/?"),
        ("http://a/ü b\r\nX: y", "/%C3%BC%20bX:%20y"),
    ],
)
def test_a_target_is_one_word_of_ascii(url: str, target: str) -> None:
    assert parse_target(url) == target


@pytest.mark.parametrize(
    ("no_proxy", "host", "excepted"),
    [
        ("", "a.example.org", False),
        ("*", "a.example.org", True),
        ("example.org", "a.example.org", True),
        ("example.org", "example.org", True),
        (".example.org", "a.example.org", True),
        ("*.example.org", "a.example.org", True),
        ("example.org", "badexample.org", False),
        ("xample.org", "example.org", False),
        ("one.org,  EXAMPLE.org two.org", "a.example.org", True),
        ("example.org:443", "example.org", True),
        ("example.org:80", "example.org", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("0.1.2.3", "10.1.2.3", False),
        ("::1", "::1", True),
        ("[::1]", "::1", True),
        ("[::1]:80", "::1", False),
        ("fe80::/10", "fe80::5", True),
        ("nonsense/99, :, //", "10.1.2.3", False),
    ],
)
def test_who_is_excepted_from_the_proxy(no_proxy: str, host: str, excepted: bool) -> None:
    assert is_excepted(HttpOrigin("https", host, 443), no_proxy) is excepted


@pytest.mark.parametrize(
    ("environ", "host"),
    [
        ({}, None),
        ({"https_proxy": "http://one:1"}, "one"),
        ({"HTTPS_PROXY": "http://one:1"}, "one"),
        ({"https_proxy": "http://one:1", "HTTPS_PROXY": "http://two:1"}, "one"),
        ({"http_proxy": "http://one:1"}, None),
        ({"ALL_PROXY": "http://one:1"}, "one"),
        ({"ALL_PROXY": "http://one:1", "HTTPS_PROXY": "http://two:1"}, "two"),
        ({"HTTPS_PROXY": "http://one:1", "NO_PROXY": "example.org"}, None),
        ({"HTTPS_PROXY": " "}, None),
        ({"HTTPS_PROXY": "one:3128"}, "one"),
    ],
)
def test_the_proxy_is_the_environments(environ: dict[str, str], host: str | None) -> None:
    proxy = decide_route(CACHE, environ).proxy
    assert (None if proxy is None else proxy.host) == host


def test_where_to_connect_and_what_to_say_there() -> None:
    proxy = {"all_proxy": "http://proxy.example.org:3128"}
    direct, tunnel = decide_route(CACHE, {}), decide_route(CACHE, proxy)
    plain = decide_route(HttpOrigin("http", "cache.example.org", 80), proxy)
    assert (direct.endpoint, direct.is_tunnel, direct.is_absolute) == (("cache.example.org", 443), False, False)
    assert (tunnel.endpoint, tunnel.is_tunnel, tunnel.is_absolute) == (("proxy.example.org", 3128), True, False)
    assert (plain.endpoint, plain.is_tunnel, plain.is_absolute) == (("proxy.example.org", 3128), False, True)
    assert tunnel.proxy == Proxy("proxy.example.org", 3128, None)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/x?y=z", "/x?y=z"),
        ("x", "/a/x"),
        ("../x", "/x"),
        ("https://cache.example.org/x", "/x"),
        ("https://CACHE.example.org:443/x", "/x"),
    ],
)
def test_a_redirect_on_the_same_server_is_followed(location: str, target: str) -> None:
    assert follow_redirect(CACHE, "/a/b", location) == target


@pytest.mark.parametrize(
    "location",
    [
        "http://cache.example.org/x",
        "https://cache.example.org:444/x",
        "https://other.example.org/x",
        "//other/x",
        "ftp:x",
    ],
)
def test_a_redirect_to_another_server_or_without_tls_is_refused(location: str) -> None:
    with pytest.raises(UsageError, match=r"^redirects"):
        follow_redirect(CACHE, "/a/b", location)


@pytest.mark.parametrize(
    ("addresses", "near"),
    [
        (["127.0.0.1"], True),
        (["::1", "127.0.0.1"], True),
        (["192.168.1.5"], True),
        (["fe80::1%eth0"], True),
        (["151.101.2.217"], False),
        (["127.0.0.1", "151.101.2.217"], False),
        ([], False),
        (["localhost"], False),
    ],
)
def test_near_is_this_machine_and_private_networks(addresses: list[str], near: bool) -> None:
    assert is_near(addresses) is near
