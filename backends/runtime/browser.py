"""A headless Chromium with a page of its own, through Playwright."""

from __future__ import annotations

import functools
import importlib
import shutil
from collections.abc import Callable
from typing import Any

from tflgpuc.ir.errors import DeviceError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--no-sandbox", "--enable-unsafe-webgpu")
# A secure origin, which WebGPU needs; no request for it leaves the browser.
ORIGIN = "http://localhost:9"
TYPES = {"js": "text/javascript", "html": "text/html"}


@functools.cache
def playwright() -> Any:
    """The process's only Playwright: a second one would find the first one's event loop running."""
    try:
        api = importlib.import_module("playwright.sync_api")
    except ImportError as error:
        raise DeviceError("chromium needs Playwright: pip install 'tflgpuc[web]'") from error
    return api.sync_playwright().start()


def launched(*flags: str) -> Any:
    """A browser of its own; raises DeviceError where Playwright or Chromium is missing."""
    started = playwright()
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        raise DeviceError(f"no Chromium is installed: none of {', '.join(NAMES)}")
    try:
        return started.chromium.launch(executable_path=program, args=[*FLAGS, *flags])
    except Exception as error:  # Playwright has a class of its own for each of many reasons
        raise DeviceError(f"{program} doesn't start: {error}") from error


@functools.cache
def shared_browser() -> Any:
    """The browser of all runners in the process."""
    return launched()


class Page:
    """A page that sees the files that ``read`` has, by their paths."""

    def __init__(self, read: Callable[[str], bytes | None]) -> None:
        self._read = read
        self._page = shared_browser().new_page()
        self._page.set_default_timeout(0)
        self._page.route("**/*", self._answer)
        self._page.goto(f"{ORIGIN}/index.html")

    def _answer(self, route: Any) -> None:
        path = route.request.url.removeprefix(f"{ORIGIN}/")
        found = b"<!doctype html>" if path == "index.html" else self._read(path)
        if found is None:
            route.fulfill(status=404)
        else:
            kind = TYPES.get(path.rpartition(".")[2], "application/octet-stream")
            route.fulfill(body=found, content_type=kind)

    def expose(self, name: str, function: Callable[..., Any]) -> None:
        """Makes a function of the page's window that calls ``function``."""
        self._page.expose_function(name, function)

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """What a script's promise resolves to; raises DeviceError with what it throws."""
        try:
            return self._page.evaluate(script, argument)
        except Exception as error:
            text = str(error).removeprefix("Page.evaluate: ").removeprefix("Error: ")
            raise DeviceError(f"chromium: {text.split('    at ')[0].strip()}") from error

    def close(self) -> None:
        """Closes the page."""
        self._page.close()
