"""BulkClient servers on loopback."""

from __future__ import annotations

import socket
import threading

import pytest

from nanna_ci.containers.testing.http_probe import HttpProbe
from nanna_ci.containers.testing.server_answers import ProbeAnswer
from support.fake_engine import Server


@pytest.fixture
def server():
    made = Server(lambda path: (200, b"ok") if path == "/health" else (404, b""))
    yield made
    made.end()


def test_any_status_is_an_answer(server):
    port = server.server_address[1]
    with HttpProbe() as http:
        assert http.get(port, "/health", 5) == ProbeAnswer(200, b"ok")
        assert http.get(port, "/other", 5).status == 404


def test_nobody_there_is_an_answer_too():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with HttpProbe() as http:
        answer = http.get(port, "/", 5)
    assert answer.status is None
    assert answer.summary.startswith("cannot connect: ")


def test_a_server_that_is_silent_is_given_up_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent, HttpProbe() as http:
        answer = http.get(silent.getsockname()[1], "/", 0.2)
    assert answer.status is None
    assert "0.2 s" in answer.summary


def test_no_proxy_is_queried(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with HttpProbe() as http:
        assert http.get(server.server_address[1], "/health", 5).status == 200


def test_warming_up_harms_nobody():
    with HttpProbe() as http:
        http.warm_up(5)


@pytest.mark.parametrize("location", ["/health", "http://127.0.0.1:9/", "http://["])
def test_a_redirect_is_an_answer_and_not_followed(location):
    with socket.create_server(("127.0.0.1", 0)) as listening, HttpProbe() as http:
        thread = threading.Thread(target=redirect_once, args=(listening, location))
        thread.start()
        answer = http.get(listening.getsockname()[1], "/moved", 5)
        thread.join()
    assert answer.status == 302


def redirect_once(listening: socket.socket, location: str) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(f"HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode())
