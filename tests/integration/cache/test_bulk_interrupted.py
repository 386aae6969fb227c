"""The bulk client in a process of its own, interrupted while it waits for a cache."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nanna_ci
from support.fake_store_paths import path
from support.stand_in_cache import CacheStandIn, is_silent, serving

PROGRAM = """
import logging, signal, sys
from nanna_ci.foundation import process
from nanna_ci.cache.client.bulk import query
from nanna_ci.cache.substituters import parse_substituter
from nanna_ci.foundation.errors import Interrupted
from nanna_ci.store.store_path import parse_store_path

logging.getLogger("asyncio").setLevel(logging.ERROR)  # it also warns of a step that a busy machine makes slow
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, process.handle_signal)
try:
    query([parse_substituter(sys.argv[1])], [parse_store_path(sys.argv[2])], environ={}, log=print)
except Interrupted as error:
    sys.exit(128 + error.signal_number)
"""


def wait_until_asked(cache: CacheStandIn) -> None:
    end_s = time.monotonic() + 30
    while not cache.targets():
        assert time.monotonic() < end_s, "the query never began"
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_query_at_once_without_a_warning(number: signal.Signals, code: int) -> None:
    environ = {**os.environ, "PYTHONPATH": str(Path(nanna_ci.__file__).parents[1])}
    with serving() as cache:
        cache.always = is_silent
        argv = [sys.executable, "-X", "dev", "-c", PROGRAM, cache.url, str(path("a"))]
        with subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
            wait_until_asked(cache)
            begun = time.monotonic()
            child.send_signal(number)
            output = child.communicate(timeout=30)[0]
    assert (child.returncode, output) == (code, b"")
    assert time.monotonic() - begun < 10
