"""A real server on a free loopback port, and a real headless Chromium."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, sync_playwright

from app.server import command

ROOT = Path(__file__).resolve().parents[2]
for folder in (ROOT / "tests" / "app", ROOT / "scripts"):
    sys.path.insert(0, str(folder))

from published_snapshot import rich, write_snapshot  # noqa: E402
from screenshot import CHROMIUM_FLAGS, chromium  # noqa: E402


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the app over a season of runs."""
    published = write_snapshot(tmp_path_factory.mktemp("browser") / "published", rich())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        command("127.0.0.1", port),
        cwd=published.parent,
        env=os.environ | {"OBSERVATORY_PATHS__PUBLISHED": str(published)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(address: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server stopped with {process.returncode}"
        try:
            with urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise AssertionError("the server did not answer within a minute")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; without one the tests are left out, and with CI=true they fail."""
    executable = chromium()
    if executable is None:
        reason = "no chromium on this machine: install the Debian package 'chromium'"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        yield launched
        launched.close()
