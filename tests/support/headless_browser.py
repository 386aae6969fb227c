"""A real Chromium without a window, driven over its debugging pipe with the standard library."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROGRAM = "chromium-headless-shell"
FLAGS = (
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
_LIMIT_S = 60.0
_KEY_CODES = {"Tab": 9, "Enter": 13}


class BrowserFailed(Exception):
    """The browser did not start, or did not do what it was told."""


def find_browser() -> str | None:
    """The program, None where there is none."""
    return shutil.which(PROGRAM)


class Page:
    """One page. `said` is what it logged: errors, violations of its policy, exceptions."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.call(method, parameters, self._session)

    @property
    def said(self) -> list[str]:
        names = {"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"}
        return [
            json.dumps(event["params"])
            for event in self._browser.events
            if event["method"] in names and event.get("sessionId") == self._session
        ]

    def look(self, *, scheme: str = "light", width: int = 1200, height: int = 900, scripts: bool = True) -> None:
        """How the next page is shown."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)

    def open(self, path: Path) -> None:
        """Go to a file, and wait until it is loaded."""
        self._browser.events.clear()
        answer = self.call("Page.navigate", url=path.as_uri())
        if "errorText" in answer:
            raise BrowserFailed(f"{path}: {answer['errorText']}")
        self._browser.wait_for("Page.loadEventFired", self._session)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserFailed(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """A key on the keyboard, with the text that it gives."""
        text = {"text": "\r"} if key == "Enter" else {}
        code = _KEY_CODES[key]
        for kind in ("keyDown", "keyUp"):
            given = text if kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **given)

    def type(self, text: str) -> None:
        """Text into what has the focus."""
        self.call("Input.insertText", text=text)

    def drawn_s(self) -> float:
        """Seconds from the start of loading until two frames of the whole page were drawn."""
        frames = (
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"
        )
        return float(self.evaluate(frames)) / 1000

    def print_pdf(self) -> bytes:
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def screenshot(self, *, whole: bool = True) -> bytes:
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"])


class Browser:
    """The process and its pipe: messages are JSON, with a NUL behind each."""

    def __init__(self, program: str, profile: Path) -> None:
        self.events: list[dict[str, Any]] = []
        self._ids = itertools.count(1)
        self._rest = b""
        commands_out, self._commands = os.pipe()
        self._answers, answers_in = os.pipe()
        # the program reads from 3 and writes to 4: away from those first, one might be the other
        pipes = [os.dup2(commands_out, 203), os.dup2(answers_in, 204)]
        quiet = os.open(os.devnull, os.O_RDWR)
        actions = [(os.POSIX_SPAWN_DUP2, pipes[0], 3), (os.POSIX_SPAWN_DUP2, pipes[1], 4)]
        actions += [(os.POSIX_SPAWN_DUP2, quiet, number) for number in (0, 1, 2)]
        argv = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._pid = os.posix_spawn(program, argv, os.environ, file_actions=actions, setpgroup=0)
        for descriptor in (commands_out, answers_in, *pipes, quiet):
            os.close(descriptor)

    def page(self) -> Page:
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        return Page(self, self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"])

    def call(self, method: str, parameters: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                if "error" in answer:
                    raise BrowserFailed(f"{method}: {answer['error']}")
                return dict(answer["result"])
            if "method" in answer:
                self.events.append(answer)

    def wait_for(self, event: str, session: str) -> None:
        while not any(one["method"] == event and one.get("sessionId") == session for one in self.events):
            answer = self._next()
            if "method" in answer:
                self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + _LIMIT_S
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, until - time.monotonic()))
            data = os.read(self._answers, 1 << 20) if ready else b""
            if not data:
                raise BrowserFailed("the browser ended" if ready else f"no answer within {_LIMIT_S:g} s")
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(message))

    def close(self) -> None:
        with contextlib.suppress(OSError, BrowserFailed):
            self.call("Browser.close", {})
        for descriptor in (self._commands, self._answers):
            os.close(descriptor)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


@contextlib.contextmanager
def running_browser(program: str, profile: Path) -> Iterator[Browser]:
    """A browser with a new profile; it ends with the block."""
    browser = Browser(program, profile)
    try:
        yield browser
    finally:
        browser.close()
