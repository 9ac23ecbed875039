"""Open a page in headless Chromium, over the pipe of its DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--remote-debugging-pipe"),
)
PATIENCE = 60  # seconds
# A figure or table that scrolls within the page may be wider than it.
MEASURE = """(() => {
  const all = [...document.querySelectorAll('#content *')].filter((e) => e.offsetParent);
  const wide = all.filter((e) =>
    e.getBoundingClientRect().right > WIDTH + 1 && !e.closest('.scroll, figure'));
  const texts = all.filter((e) => [...e.childNodes].some(
    (n) => n.nodeType === 3 && n.textContent.trim()) && e.tagName !== 'SCRIPT');
  return JSON.stringify([
    document.documentElement.scrollWidth,
    wide.map((e) => e.tagName + '.' + e.className).slice(0, 10),
    Math.min(...texts.map((e) => parseFloat(getComputedStyle(e).fontSize)))]);
})()"""


@dataclass
class Opened:
    """What a browser says of a page."""

    width: int = 0  # of the document, CSS pixels
    too_wide: list[str] = field(default_factory=list)  # elements that stick out of the window
    messages: list[str] = field(default_factory=list)  # of the console, and exceptions
    requests: list[str] = field(default_factory=list)  # addresses other than the file and data
    smallest_text: float = 0.0  # CSS pixels
    screenshot: bytes = b""


def find() -> str | None:
    """Where Chromium is, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def opened(page: Path | str, width: int, *, screenshot: bool = False) -> Opened:
    """Open a page in a window of `width` CSS pixels."""
    with session(page, width) as browser:
        return browser.look(screenshot=screenshot)


@contextmanager
def session(page: Path | str, width: int, *, downloads: Path | None = None) -> Iterator[_Browser]:
    """Open a page to click, type and look; what it saves goes to the folder `downloads`."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = _Browser(find(), profile)
        try:
            browser.open(Path(page).resolve().as_uri(), width, downloads)
            yield browser
        finally:
            browser.close()


class _Browser:
    def __init__(self, command: str, profile: str):
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        # Chromium reads from descriptor 3 and writes to 4.
        line = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", line, "bash", command, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(theirs_in, theirs_out),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._buffer, self._n, self._events = b"", 0, []

    def open(self, address: str, width: int, downloads: Path | None) -> None:
        if downloads is not None:
            place = {"behavior": "allow", "downloadPath": str(downloads), "eventsEnabled": True}
            self._call("Browser.setDownloadBehavior", **place)
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self._address, self._width = address, width
        self._call("Page.navigate", url=address)
        self.wait_for("Page.loadEventFired")
        time.sleep(0.5)  # what scripts do after loading

    def look(self, *, screenshot: bool = False) -> Opened:
        """Return what can be said of the page as it is now."""
        found = json.loads(self.evaluate(MEASURE.replace("WIDTH", str(self._width))))
        page = Opened(width=found[0], too_wide=found[1], smallest_text=found[2])
        for event in self._events:
            self._note(page, event["method"], event["params"], self._address)
        if screenshot:
            shot = self._call("Page.captureScreenshot", captureBeyondViewport=True)
            page.screenshot = base64.b64decode(shot["data"])
        return page

    def evaluate(self, script: str) -> Any:
        """Return what an expression comes to in the page."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def click(self, selector: str) -> None:
        """Click with the mouse in the middle of an element."""
        x, y = self.evaluate(
            f"(() => {{const e = document.querySelector({selector!r}); e.scrollIntoView();"
            "const r = e.getBoundingClientRect();"
            "return [r.x + r.width / 2, r.y + r.height / 2];})()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            where = {"x": x, "y": y, "button": "left", "clickCount": 1}
            self._call("Input.dispatchMouseEvent", type=kind, **where)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other; ``"Enter"`` or single characters."""
        for key in keys:
            text = {"text": "\r" if key == "Enter" else key}
            code = {"windowsVirtualKeyCode": 13} if key == "Enter" else {}
            self._call("Input.dispatchKeyEvent", type="keyDown", key=key, **text, **code)
            self._call("Input.dispatchKeyEvent", type="keyUp", key=key, **code)

    def _note(self, page: Opened, method: str, params: dict, address: str) -> None:
        if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            page.messages.append(str([a.get("value", a) for a in params["args"]]))
        elif method == "Runtime.exceptionThrown":
            page.messages.append(str(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            page.messages.append(str(params["entry"]))
        elif method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if url != address and not url.startswith(("data:", "blob:")):
                page.requests.append(url)

    def _call(self, method: str, **params: Any) -> dict:
        self._n += 1
        message: dict[str, Any] = {"id": self._n, "method": method, "params": params}
        if hasattr(self, "_session"):
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._n:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def wait_for(self, method: str, **params: Any) -> None:
        """Wait until an event with these parameters has come."""
        while not any(
            event["method"] == method and params.items() <= event["params"].items()
            for event in self._events
        ):
            self._read()

    def _read(self) -> dict:
        """Return the next message; events are kept."""
        until = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0, until - time.monotonic()))
            chunk = os.read(self._in, 1 << 20) if ready else b""
            if not chunk:
                raise RuntimeError("Chromium gave no answer, or ended.")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(line)
        if "method" in message:
            self._events.append(message)
        return message

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)
