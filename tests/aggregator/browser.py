"""Chromium without a window, driven through its own pipe (https://chromedevtools.github.io/devtools-protocol/)."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Literal

Scheme = Literal["light", "dark"]

_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_COMMAND_FD, _ANSWER_FD = 3, 4
"""Where --remote-debugging-pipe reads and writes."""


def find_chromium() -> str | None:
    """The browser's path; None where there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def open_browser(program: str, profile: Path) -> Iterator["Tab"]:
    """A browser with an empty profile and one tab."""
    from_us, to_it = os.pipe()
    from_it, to_us = os.pipe()

    def as_it_expects() -> None:
        os.dup2(os.dup(from_us), _COMMAND_FD)
        os.dup2(os.dup(to_us), _ANSWER_FD)

    process = subprocess.Popen(
        [program, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"],
        preexec_fn=as_it_expects,
        close_fds=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(from_us)
    os.close(to_us)
    try:
        with os.fdopen(to_it, "wb", buffering=0) as commands, os.fdopen(from_it, "rb", buffering=0) as answers:
            yield Tab(commands, answers)
    finally:
        process.terminate()
        process.wait(20)


class Tab:
    """One page. Commands wait for their answer; events are passed over."""

    def __init__(self, commands: Any, answers: Any) -> None:
        self._commands, self._answers, self._numbers = commands, answers, count(1)
        self._session: str | None = None
        self._unread = b""
        targets = self._send("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self._send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        self._send("Page.enable")

    def show(
        self, page: Path, *, width: int, scheme: Scheme = "light", media: Literal["screen", "print"] = "screen"
    ) -> None:
        """Load a file, in as wide a window as asked for."""
        self._send("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._send("Emulation.setEmulatedMedia", media=media, features=features)
        self._send("Page.navigate", url=page.absolute().as_uri())
        self.run("new Promise(done => document.readyState == 'complete' ? done() : addEventListener('load', done))")

    def run(self, script: str) -> Any:
        """The value of an expression, awaited where it is a promise."""
        answer = self._send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description"))
        return answer["result"].get("value")

    def press(self, key: Literal["Tab", "ArrowRight"]) -> None:
        """A key, down and up."""
        code = {"Tab": 9, "ArrowRight": 39}[key]
        for kind in ("keyDown", "keyUp"):
            self._send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def picture(self) -> bytes:
        """PNG of the whole page."""
        return base64.b64decode(self._send("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def printed(self) -> bytes:
        """PDF of the page on A4, as a browser prints it unless told to print backgrounds."""
        paper = {"paperWidth": 8.27, "paperHeight": 11.69}
        return base64.b64decode(self._send("Page.printToPDF", **paper)["data"])

    def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        self._commands.write(json.dumps(command).encode() + b"\0")
        while True:
            answer = json.loads(self._read())
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])

    def _read(self) -> bytes:
        while b"\0" not in self._unread:
            chunk = self._answers.read(2**16)
            if not chunk:
                raise RuntimeError("the browser ended")
            self._unread += chunk
        answer, _, self._unread = self._unread.partition(b"\0")
        return answer
