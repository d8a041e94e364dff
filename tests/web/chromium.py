"""Chromium without a window, driven over its debugging pipe: what a person does at a page, and what
comes of it. https://chromedevtools.github.io/devtools-protocol/ has the commands."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

OPTIONS = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars"


class Page:
    """A browser with one page. |events| holds everything that it told unasked."""

    def __init__(self, program: str, profile: Path) -> None:
        to_browser, self.commands = os.pipe()
        self.answers, from_browser = os.pipe()
        line = (
            f"exec '{program}' {OPTIONS} --remote-debugging-pipe --user-data-dir='{profile}' "
            f"about:blank 3<&{to_browser} 4>&{from_browser}"
        )
        self.browser = subprocess.Popen(
            ["sh", "-c", line],
            pass_fds=(to_browser, from_browser),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_browser)
        os.close(from_browser)
        self.events: list[dict[str, Any]] = []
        self.rest = b""
        self.count = 0
        self.session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "DOM"):
            self.call(domain + ".enable")

    def receive(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            more = os.read(self.answers, 1 << 20)
            if not more:
                raise RuntimeError("Chromium ended")
            self.rest += more
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") != self.count:
                self.events.append(answer)
            elif "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']}")
            else:
                return answer["result"]

    def run(self, script: str) -> Any:
        """The value of an expression in the page, awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def open(self, file: Path, width: int = 1200) -> None:
        self.size(width)
        self.call("Page.navigate", url=file.resolve().as_uri())
        self.wait("document.readyState === 'complete'")

    def size(self, width: int, height: int = 900) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def scheme(self, name: str) -> None:
        """light or dark."""
        feature = {"name": "prefers-color-scheme", "value": name}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def wait(self, condition: str, seconds: float = 60) -> float:
        """Until the expression is true; the seconds that it took."""
        start = time.monotonic()
        while not self.run(condition):
            if time.monotonic() - start > seconds:
                raise RuntimeError(f"not within {seconds:.0f} s: {condition}")
            time.sleep(0.02)
        return time.monotonic() - start

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def key(self, name: str, code: int, control: bool = False) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=name,
                windowsVirtualKeyCode=code,
                modifiers=2 if control else 0,
            )

    def choose(self, selector: str, file: Path) -> None:
        """Opens |file| in the page's field for files."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(file.resolve())])

    def picture(self, file: Path, whole: bool = True) -> None:
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(answer["data"]))

    def close(self) -> None:
        """Ends the browser and its other processes, which outlive it and write into the profile."""
        os.close(self.commands)
        os.close(self.answers)
        self.browser.terminate()
        self.browser.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.browser.pid, signal.SIGKILL)
