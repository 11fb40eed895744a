"""A real browser for tests of pages, where one is installed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def started_browser() -> Iterator[Any]:
    """A browser of playwright; the test is skipped where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is in the dev group")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed; `apt-get install chromium` brings one")
    with api.sync_playwright() as playwright:
        # Root in a container may not have the sandbox; the page is our own.
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()
