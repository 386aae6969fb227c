"""The HTTP client against a real server on loopback."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.server
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import pytest

from nanna_ci.foundation.errors import ConfigError, MalformedData, RequestRefused, ServiceUnavailable, UsageError
from nanna_ci.foundation.http_answer import Body, BodyDigest
from nanna_ci.foundation.web import Token, WebClient, _Request

TOKEN = Token("SOME_TOKEN", "hunter2hunter2")
Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


class Server(http.server.ThreadingHTTPServer):
    """Answers come from `answers` in turn, the last one repeatedly; `requests` are (method, path, headers, body)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        """A client that hangs up is what some tests are about."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.command, self.path, headers, body))
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    do_GET = do_HEAD = do_POST = answer  # noqa: N815 - names of http.server

    def log_message(self, *_args):
        """Quiet."""


def says(status: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    return answer


def hangs_up(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def cut_short(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("content-length", "100")
    handler.end_headers()
    handler.wfile.write(b"half")
    handler.close_connection = True


def drips(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("content-length", "100000")
    handler.end_headers()
    with contextlib.suppress(OSError):
        for _ in range(300):
            handler.wfile.write(b"x")
            time.sleep(0.05)


def drips_headers(handler: http.server.BaseHTTPRequestHandler) -> None:
    with contextlib.suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
        for _ in range(300):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


class Waits:
    """A clock that goes on by what is slept, besides real time."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.log: list[str] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def clock(self) -> float:
        return time.monotonic() + sum(self.slept)


@pytest.fixture
def waits(monkeypatch) -> Waits:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return Waits()


@contextlib.contextmanager
def client(waits: Waits, **options) -> Iterator[WebClient]:
    options = {"timeout_s": 5.0, "uniform": lambda low, high: high, **options}
    with WebClient(sleep=waits.sleep, clock=waits.clock, log=waits.log.append, **options) as web:
        yield web


def test_an_answer_comes_whole_with_status_headers_and_url(server, waits):
    server.answers = [says(200, b"body", x_name="value")]
    with client(waits) as web:
        response = web.request("GET", f"{server.url}/path?query=secret")
    assert (response.status, response.body, response.headers["x-name"]) == (200, b"body", "value")
    assert response.url == f"{server.url}/path"


def test_a_request_carries_method_headers_body_and_token(server, waits):
    server.answers = [says(201)]
    with client(waits) as web:
        web.request("POST", f"{server.url}/a?b=c", headers={"X-One": "1"}, content=b"data", token=TOKEN)
    ((method, path, headers, body),) = server.requests
    assert (method, path, body) == ("POST", "/a?b=c", b"data")
    assert headers["x-one"] == "1"
    assert headers["authorization"] == "Bearer hunter2hunter2"


def test_a_connection_serves_several_requests(server, waits):
    server.answers = [says(200, b"x")]
    ports = set()
    original = Handler.answer

    def note(handler):
        ports.add(handler.client_address[1])
        original(handler)

    with pytest.MonkeyPatch.context() as patch, client(waits) as web:
        patch.setattr(Handler, "do_GET", note)
        for _ in range(3):
            web.request("GET", server.url)
    assert len(ports) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_status_that_may_pass_is_tried_again(server, waits, status):
    server.answers = [says(status), says(status), says(200, b"ok")]
    with client(waits) as web:
        assert web.request("GET", server.url).body == b"ok"
    assert waits.slept == [0.5, 1.0]
    assert [f"HTTP {status}" in line and "127.0.0.1" in line for line in waits.log] == [True, True]


@pytest.mark.parametrize("answer", [hangs_up, cut_short])
def test_a_connection_that_breaks_is_tried_again(server, waits, answer):
    server.answers = [answer, says(200, b"ok")]
    with client(waits) as web:
        assert web.request("GET", server.url).body == b"ok"


def test_attempts_are_bounded_and_the_error_names_the_host(server, waits):
    server.answers = [says(503)]
    with client(waits, attempts=3) as web, pytest.raises(ServiceUnavailable) as caught:
        web.request("GET", server.url)
    assert len(server.requests) == 3
    assert (caught.value.exit_code, caught.value.host, caught.value.attempts) == (3, "127.0.0.1", 3)


def test_nobody_listening_is_an_error_that_names_the_host(waits):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with client(waits, attempts=2) as web, pytest.raises(ServiceUnavailable, match=r"127\.0\.0\.1: cannot connect"):
            web.request("GET", url)
    assert len(waits.slept) == 1


def test_a_name_that_does_not_resolve_is_an_error_that_names_the_host(waits):
    with client(waits, attempts=2) as web, pytest.raises(ServiceUnavailable, match=r"no-such-host\.invalid"):
        web.request("GET", "http://no-such-host.invalid/")


@pytest.mark.parametrize(
    ("headers", "body", "slept"),
    [({"retry_after": "7"}, b"", 7.0), ({"retry_after": "99999999"}, b"", 120.0), ({}, b'{"retry_after": 3}', 3.0)],
)
def test_what_the_service_asks_to_wait_is_waited(server, waits, headers, body, slept):
    server.answers = [says(429, body, **headers), says(200)]
    with client(waits) as web:
        web.request("GET", server.url)
    assert waits.slept == [slept]


def test_a_wait_past_the_deadline_is_not_begun(server, waits):
    server.answers = [says(429, retry_after="100")]
    with client(waits, deadline_s=50.0) as web, pytest.raises(ServiceUnavailable, match="HTTP 429"):
        web.request("GET", server.url)
    assert waits.slept == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_a_refusal_is_not_tried_again(server, waits, status):
    server.answers = [says(status, b'{"message": "no such thing"}')]
    with client(waits) as web, pytest.raises(RequestRefused, match=f"GET .*: HTTP {status}: no such thing") as caught:
        web.request("GET", f"{server.url}/x?key=secret")
    assert len(server.requests) == 1
    assert caught.value.status == status
    assert "secret" not in caught.value.message


def test_a_status_that_the_caller_accepts_is_an_answer(server, waits):
    server.answers = [says(404), says(503)]
    with client(waits) as web:
        assert web.request("GET", server.url, accept=frozenset({200, 404})).status == 404
        assert web.request("GET", server.url, accept=frozenset({503})).status == 503


def test_401_names_the_variable_and_never_the_token(server, waits):
    server.answers = [says(401, b'{"message": "bad token hunter2hunter2"}')]
    with client(waits) as web, pytest.raises(RequestRefused) as caught:
        web.request("GET", server.url, token=TOKEN)
    assert "SOME_TOKEN" in (caught.value.hint or "")
    assert "hunter2" not in f"{caught.value.message}{caught.value.hint}{TOKEN!r}"


def test_401_without_a_token_says_which_variable_to_set(server, waits):
    server.answers = [says(401)]
    with client(waits) as web, pytest.raises(RequestRefused) as caught:
        web.request("GET", server.url, token=Token("SOME_TOKEN", None))
    assert caught.value.hint == "set SOME_TOKEN"
    assert "authorization" not in server.requests[0][2]


def test_a_post_is_not_sent_twice_after_the_service_may_have_acted(server, waits):
    server.answers = [hangs_up]
    with client(waits) as web, pytest.raises(ServiceUnavailable):
        web.request("POST", server.url, content=b"x")
    assert len(server.requests) == 1


def test_a_post_that_was_turned_away_or_may_be_repeated_is_sent_again(server, waits):
    server.answers = [says(429), says(200)]
    with client(waits) as web:
        web.request("POST", server.url, content=b"x")
        server.answers = [says(502), says(200)]
        web.request("POST", server.url, content=b"y", repeatable=True)
    assert [body for _, _, _, body in server.requests] == [b"x", b"x", b"y", b"y"]


@pytest.mark.parametrize("answer", [drips, drips_headers])
def test_an_answer_that_drips_past_the_deadline_is_given_up(server, waits, answer):
    server.answers = [answer]
    started = time.monotonic()
    with client(waits, deadline_s=0.6) as web, pytest.raises(ServiceUnavailable, match=r"within 0\.6 s"):
        web.request("GET", server.url)
    assert time.monotonic() - started < 5


def test_a_silent_service_is_given_up_after_the_time_limit(server, waits):
    release = threading.Event()
    server.answers = [lambda handler: release.wait(10)]
    with client(waits, timeout_s=0.2, attempts=2) as web, pytest.raises(ServiceUnavailable, match=r"silent for 0\.2 s"):
        web.request("GET", server.url)
    release.set()


def test_a_body_at_the_limit_passes_and_one_byte_more_is_refused(server, waits):
    server.answers = [says(200, b"x" * 1000)]
    with client(waits, body_limit_bytes=1000) as web:
        assert len(web.request("GET", server.url).body) == 1000
    with client(waits, body_limit_bytes=999) as web, pytest.raises(MalformedData, match="over 999 bytes"):
        web.request("GET", server.url)


def test_gzip_is_unpacked(server, waits):
    server.answers = [says(200, gzip.compress(b"packed" * 100), content_encoding="gzip")]
    with client(waits) as web:
        assert web.request("GET", server.url).body == b"packed" * 100


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(server, waits):
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(300)) + packer.flush()
    server.answers = [says(200, bomb, content_encoding="gzip")]
    with client(waits, body_limit_bytes=10_000) as web, pytest.raises(MalformedData, match="over 10000 bytes"):
        web.request("GET", server.url)
    assert len(server.requests) == 1
    body = Body("source", "gzip", 10_000)
    tracemalloc.start()
    with pytest.raises(MalformedData):
        body.add(bomb)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < len(bomb) + 1_000_000


@pytest.mark.parametrize("coding", ["gzip, gzip", "br", "deflate"])
def test_a_coding_that_was_not_requested_is_refused(server, waits, coding):
    server.answers = [says(200, b"x", content_encoding=coding)]
    with client(waits) as web, pytest.raises(MalformedData, match="coded as"):
        web.request("GET", server.url)


def test_invalid_gzip_is_refused_and_half_of_it_is_retried(server, waits):
    packed = gzip.compress(b"packed" * 1000)
    server.answers = [says(200, b"not gzip at all", content_encoding="gzip")]
    with client(waits) as web, pytest.raises(MalformedData, match="not valid gzip"):
        web.request("GET", server.url)
    for half in (packed[: len(packed) // 2], packed[:5]):
        server.answers = [says(200, half, content_encoding="gzip"), says(200, packed, content_encoding="gzip")]
        with client(waits) as web:
            assert web.request("GET", server.url).body == b"packed" * 1000


def test_a_redirect_on_the_same_host_keeps_the_token(server, waits):
    server.answers = [says(302, location="/there"), says(200, b"ok")]
    with client(waits) as web:
        response = web.request("GET", f"{server.url}/here", token=TOKEN)
    assert response.url == f"{server.url}/there"
    assert [headers.get("authorization") for _, _, headers, _ in server.requests] == ["Bearer hunter2hunter2"] * 2


def test_a_redirect_to_another_origin_gets_no_token(server, waits):
    with serving() as other:
        server.answers = [says(307, location=f"{other.url}/there")]
        other.answers = [says(302, location="/again"), says(200, b"ok")]
        with client(waits) as web:
            assert web.request("GET", server.url, token=TOKEN, headers={"Cookie": "c"}).body == b"ok"
        assert [("authorization" in headers, "cookie" in headers) for _, _, headers, _ in other.requests] == [
            (False, False)
        ] * 2


def test_https_to_http_on_the_same_host_is_another_origin():
    request = _Request("GET", "https://host.example/a", {"authorization": "x", "accept": "y"}, None)
    assert request.moved_to("http://host.example/a").headers == {"accept": "y"}
    assert request.moved_to("https://other.example/a").headers == {"accept": "y"}
    assert request.moved_to("https://host.example:8443/a").headers == {"accept": "y"}
    assert request.moved_to("https://host.example:443/b").headers == {"authorization": "x", "accept": "y"}


def test_a_redirect_of_a_post_is_a_refusal(server, waits):
    server.answers = [says(307, location="/there")]
    with client(waits) as web, pytest.raises(RequestRefused, match="HTTP 307"):
        web.request("POST", server.url, content=b"x")


def test_redirects_in_a_circle_end(server, waits):
    server.answers = [says(302, location="/")]
    with client(waits) as web, pytest.raises(MalformedData, match="redirects"):
        web.request("GET", server.url)
    assert len(server.requests) == 6


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://a/b"])
def test_a_redirect_to_anything_but_http_is_refused(server, waits, location):
    server.answers = [says(302, location=location)]
    with client(waits) as web, pytest.raises(MalformedData, match=r"redirects to .*not an http or https URL"):
        web.request("GET", server.url)


@pytest.mark.parametrize("location", ["http://[", "http://[::1", "http://a:x/", "mailto:a@b"])
def test_a_redirect_to_nowhere_is_an_error(server, waits, location):
    server.answers = [says(302, location=location)]
    with client(waits, attempts=1) as web, pytest.raises((ServiceUnavailable, MalformedData), match="127"):
        web.request("GET", server.url)


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "example.org/x", "http://", "http://[::1", "http://a:x/"])
def test_what_is_not_a_url_is_a_usage_error(waits, url):
    with client(waits) as web, pytest.raises(UsageError, match="not an http or https URL"):
        web.request("GET", url)


def test_json_of_the_right_type_is_given(server, waits):
    server.answers = [says(200, b'{"a": [1]}'), says(200, b"[1, 2]")]
    with client(waits) as web:
        assert web.request("GET", server.url).json_object() == {"a": [1]}
        assert web.request("GET", server.url).json_array() == [1, 2]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"[1]", {}),
        (b"null", {}),
        (b'{"a": NaN}', {}),
        (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", {}),
        (b'{"a": ' + b"[" * 100_000, {}),
        (b"\xff", {}),
        (b"", {}),
        (b"<!doctype html>", {"content_type": "text/html; charset=utf-8"}),
    ],
)
def test_anything_but_the_expected_json_is_malformed(server, waits, body, headers):
    server.answers = [says(200, body, **headers)]
    with client(waits) as web:
        response = web.request("GET", server.url)
    with pytest.raises(MalformedData) as caught:
        response.json_object()
    assert caught.value.exit_code == 4
    assert server.url in caught.value.message


def test_the_proxy_of_the_environment_is_used(server, waits, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    server.answers = [says(200, b"from the proxy")]
    with client(waits) as web:
        assert web.request("GET", "http://service.invalid/x").body == b"from the proxy"
    assert server.requests[0][1] == "http://service.invalid/x"


def test_a_direct_client_asks_no_proxy(server, waits, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    server.answers = [says(200, b"direct")]
    with WebClient(direct=True, attempts=1) as web:
        assert web.request("GET", f"{server.url}/x").body == b"direct"


@pytest.mark.parametrize("content", [None, "no certificate\n"])
def test_a_file_of_certificates_that_holds_none_is_named_with_its_variable(tmp_path, monkeypatch, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with WebClient() as client, pytest.raises(ConfigError, match=f"SSL_CERT_FILE: {file}: no certificates: "):
        client.request("GET", "https://cache.example.org")


@pytest.mark.parametrize("direct", [True, False])
def test_without_certificates_only_a_server_of_this_machine_is_queried(server, monkeypatch, direct):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setattr("certifi.where", lambda: "/no-cert-file.crt")
    server.answers = [says(200, b"yes")]
    with WebClient(direct=direct) as client:
        if direct:
            assert client.request("GET", server.url).body == b"yes"
        else:
            with pytest.raises(ConfigError, match=r"SSL_CERT_FILE: not set, .*: no certificates: "):
                client.request("GET", server.url)


def test_a_file_is_sent_as_it_is_read_with_its_length(server, waits, tmp_path):
    path = tmp_path / "large"
    path.write_bytes(b"0123456789abcdef" * 65_536)
    server.answers = [says(502), says(201)]
    with client(waits) as web:
        assert web.request("POST", server.url, content=path, repeatable=True).status == 201
    assert [body for _, _, _, body in server.requests] == [path.read_bytes()] * 2
    assert {headers["content-length"] for _, _, headers, _ in server.requests} == {"1048576"}
    assert not any("transfer-encoding" in headers for _, _, headers, _ in server.requests)


def test_a_file_that_is_no_file_is_not_sent(server, waits, tmp_path):
    with client(waits) as web, pytest.raises(OSError, match="directory"):
        web.request("PUT", server.url, content=tmp_path)
    assert server.requests == []


def test_a_body_to_hash_may_be_over_the_limit_and_is_not_kept(server, waits):
    server.answers = [says(200, b"x" * 2000)]
    with client(waits, body_limit_bytes=10) as web:
        response = web.request("GET", server.url, hash_body=True)
    assert response.body == b""
    assert response.digest == BodyDigest(hashlib.sha256(b"x" * 2000).hexdigest(), 2000)
    assert server.requests[0][2]["accept-encoding"] == "identity"


def test_a_body_to_hash_that_is_cut_or_packed_is_refused(server, waits):
    server.answers = [cut_short]
    with client(waits, attempts=2) as web, pytest.raises(ServiceUnavailable):
        web.request("GET", server.url, hash_body=True)
    server.answers = [says(200, gzip.compress(b"x"), content_encoding="gzip")]
    with client(waits) as web, pytest.raises(MalformedData, match="not requested"):
        web.request("GET", server.url, hash_body=True)


def test_a_refusal_of_a_body_to_hash_says_why(server, waits):
    server.answers = [says(404, b'{"message": "Not Found"}', content_type="application/json")]
    with client(waits) as web, pytest.raises(RequestRefused, match="Not Found"):
        web.request("GET", server.url, hash_body=True)
