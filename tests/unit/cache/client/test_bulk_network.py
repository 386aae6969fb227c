"""How the bulk client gets to a cache: TLS, IPv6, proxies, credentials."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import ConfigError, ServiceUnavailable
from support.bulk_queries import BulkClient, put, target
from support.fake_store_paths import path
from support.stand_in_cache import CACHE_INFO, CacheStandIn, ProxyStandIn, make_certificate, proxying, says, serving


@pytest.fixture
def cache() -> Iterator[CacheStandIn]:
    with serving() as cache:
        yield cache


@pytest.fixture
def proxy(cache: CacheStandIn) -> Iterator[ProxyStandIn]:
    with proxying(cache) as proxy:
        yield proxy


def with_environ(**environ: str) -> BulkClient:
    bulk_client = BulkClient()
    bulk_client.environ |= environ
    return bulk_client


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "NIX_SSL_CERT_FILE"])
def test_a_cache_over_tls_is_queried_when_its_authority_is_trusted(tmp_path: Path, variable: str) -> None:
    context, authority = make_certificate(tmp_path)
    with serving(tls=context) as cache:
        paths = [put(cache, f"p{number}") for number in range(40)]
        result = with_environ(**{variable: str(authority)}).query(cache.url, [*paths, path("absent")], concurrency=4)
    assert (set(result.found), result.missing) == (set(paths), {path("absent")})
    assert result.peak_connections == 4


def test_a_certificate_of_an_unknown_authority_is_refused_at_once(tmp_path: Path) -> None:
    context, _ = make_certificate(tmp_path)
    with serving(tls=context) as cache:
        put(cache, "here")
        bulk_client = BulkClient()
        result = bulk_client.query(cache.url, [path("here")])
        assert cache.requests == []
    assert isinstance(result.error, ServiceUnavailable)
    assert "the certificate is not trusted" in result.error.message
    assert bulk_client.slept == []


def test_a_certificate_for_another_host_is_refused(tmp_path: Path) -> None:
    context, authority = make_certificate(tmp_path, names="DNS:cache.example.org")
    with serving(tls=context) as cache:
        error = with_environ(SSL_CERT_FILE=str(authority)).query(cache.url, []).error
    assert error is not None
    assert "the certificate is not trusted" in error.message


def test_a_server_that_speaks_no_tls_is_an_error_that_says_so(cache: CacheStandIn) -> None:
    error = BulkClient().query(cache.url.replace("http:", "https:"), []).error
    assert error is not None
    assert "no TLS with 127.0.0.1" in error.message


def test_certificates_that_cannot_be_read_are_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name in ("absent", "empty"):
        with pytest.raises(ConfigError, match=r"NIX_SSL_CERT_FILE: .*no certificates"):
            with_environ(NIX_SSL_CERT_FILE=str(tmp_path / name)).query("https://cache.example.org", [])


def test_a_cache_with_an_ipv6_address_is_queried() -> None:
    with serving(host="::1") as cache:
        here = put(cache, "here")
        assert set(BulkClient().query(cache.url, [here]).found) == {here}
    assert cache.requests[0].headers["host"].startswith("[::1]:")


def test_a_name_is_tried_at_its_next_address_if_nothing_listens_at_one(cache: CacheStandIn) -> None:
    here = put(cache, "here")
    url = cache.url.replace("127.0.0.1", "localhost")  # ::1 too, on most machines
    assert set(BulkClient().query(url, [here]).found) == {here}


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_gets_whole_urls(cache: CacheStandIn, proxy: ProxyStandIn, variable: str) -> None:
    here = put(cache, "here")
    result = with_environ(**{variable: proxy.url}).query("http://cache.example.invalid:81", [here])
    assert set(result.found) == {here}
    assert {request.target for request in proxy.requests} == {
        "http://cache.example.invalid:81/nix-cache-info",
        f"http://cache.example.invalid:81{target(here)}",
    }
    assert {request.headers["host"] for request in proxy.requests} == {"cache.example.invalid:81"}


def test_behind_a_proxy_a_cache_is_not_near(cache: CacheStandIn, proxy: ProxyStandIn) -> None:
    paths = [path(f"p{number}") for number in range(200)]
    assert BulkClient().query(cache.url, paths).peak_connections >= 64
    assert with_environ(http_proxy=proxy.url).query("http://10.1.2.3", paths).peak_connections <= 50


def test_a_proxy_gets_its_password_and_the_cache_does_not(cache: CacheStandIn, proxy: ProxyStandIn) -> None:
    url = proxy.url.replace("//", "//user:p%40ss@")
    with_environ(http_proxy=url).query("http://cache.example.invalid", [])
    (request,) = proxy.requests
    assert base64.b64decode(request.headers["proxy-authorization"].removeprefix("Basic ")) == b"user:p@ss"
    assert "authorization" not in request.headers


@pytest.mark.parametrize("excepted", ["127.0.0.1", "*", "10.0.0.0/8,127.0.0.0/8", "example.org, 127.0.0.1"])
def test_a_host_excepted_from_the_proxy_is_queried_directly(
    cache: CacheStandIn, proxy: ProxyStandIn, excepted: str
) -> None:
    here = put(cache, "here")
    assert set(with_environ(HTTP_PROXY=proxy.url, NO_PROXY=excepted).query(cache.url, [here]).found) == {here}
    assert proxy.requests == []


def test_tls_goes_through_a_proxy_that_only_passes_it_on(tmp_path: Path) -> None:
    context, authority = make_certificate(tmp_path, names="DNS:cache.example.invalid")
    with serving(tls=context) as cache, proxying(cache) as proxy:
        here = put(cache, "here")
        bulk_client = with_environ(HTTPS_PROXY=proxy.url.replace("//", "//user:pass@"), SSL_CERT_FILE=str(authority))
        result = bulk_client.query("https://cache.example.invalid", [here], concurrency=1)
    assert set(result.found) == {here}
    (request,) = proxy.requests
    assert (request.method, request.target) == ("CONNECT", "cache.example.invalid:443")
    assert request.headers["proxy-authorization"].startswith("Basic ")
    assert {one.headers["host"] for one in cache.requests} == {"cache.example.invalid"}
    assert not any("proxy-authorization" in one.headers for one in cache.requests)


@pytest.mark.parametrize(("status", "attempts"), [(407, 1), (403, 1), (502, 5)])
def test_a_proxy_that_refuses_is_named(cache: CacheStandIn, proxy: ProxyStandIn, status: int, attempts: int) -> None:
    proxy.refuses = status
    error = with_environ(HTTPS_PROXY=proxy.url).query("https://cache.example.invalid", []).error
    assert isinstance(error, ServiceUnavailable)
    assert f"the proxy 127.0.0.1 answers CONNECT with HTTP {status}" in error.message
    assert error.attempts == attempts == len(proxy.requests)


@pytest.mark.parametrize("value", ["socks5://127.0.0.1:1080", "http://", "http://a:port", "https://proxy.example.org"])
def test_a_proxy_of_another_kind_is_a_configuration_error(value: str) -> None:
    with pytest.raises(ConfigError, match="HTTP_PROXY: names no HTTP proxy"):
        with_environ(HTTP_PROXY=value).query("http://cache.example.invalid", [])


def password_of(headers: dict[str, str]) -> str:
    return base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode()


def test_netrc_says_who_we_are(cache: CacheStandIn, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine other.example.org login a password b\nmachine 127.0.0.1\nlogin me password secret\n")
    BulkClient().query(cache.url, [path("a")], netrc=netrc)
    assert [password_of(request.headers) for request in cache.requests] == ["me:secret", "me:secret"]


def test_credentials_stay_with_the_server_they_are_for(cache: CacheStandIn, tmp_path: Path) -> None:
    """Both are 127.0.0.1, but a redirect never leaves the port."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    with serving() as stranger:
        cache.always = says(302, location=f"{stranger.url}/x")
        result = BulkClient().query(cache.url, [path("a")], netrc=netrc)
        assert stranger.requests == []
    assert path("a") in result.failed


def test_a_netrc_file_that_is_not_there_is_not_an_error_and_a_broken_one_is(
    cache: CacheStandIn, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    assert BulkClient().query(cache.url, [], netrc=netrc).error is None
    netrc.write_text("nonsense\n")
    with pytest.raises(ConfigError, match="is not a netrc file"):
        BulkClient().query(cache.url, [], netrc=netrc)


def test_a_cachix_cache_gets_the_token_of_the_environment(cache: CacheStandIn) -> None:
    cache.files["/api/v1/cache/mine/nix-cache-info"] = CACHE_INFO
    with_environ(CACHIX_AUTH_TOKEN="hunter2").query(f"{cache.url}/api/v1/cache/mine", [])
    assert [password_of(request.headers) for request in cache.requests] == ["cachix:hunter2"]


def test_the_token_goes_to_no_other_machine_unencrypted(cache: CacheStandIn, proxy: ProxyStandIn) -> None:
    bulk_client = with_environ(CACHIX_AUTH_TOKEN="hunter2", http_proxy=proxy.url)
    bulk_client.query("http://cache.example.invalid/api/v1/cache/mine", [])
    assert proxy.requests
    assert not any("authorization" in request.headers for request in proxy.requests)
