"""A picture of a page of the running app: `python scripts/screenshot.py URL OUT.png [--full]`.

The README's picture is made with it. It waits until Streamlit has stopped drawing.
"""

import argparse
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

# What a headless Chromium needs inside a container, and what keeps it from calling home.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """The Chromium of this machine, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def wait_until_drawn(page: Page) -> None:
    """Until the app has finished its run and every chart has its size."""
    page.wait_for_selector("[data-testid='stApp'][data-test-script-state='notRunning']")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=20_000)
    page.wait_for_timeout(700)


def screenshot(url: str, out: Path, width: int, height: int, *, full: bool) -> None:
    """Writes a PNG of `url` in the light theme."""
    executable = chromium()
    if executable is None:
        raise SystemExit("no chromium: install the package 'chromium'")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        page = browser.new_page(
            viewport={"width": width, "height": height}, color_scheme="light", locale="en-GB"
        )
        page.goto(url)
        wait_until_drawn(page)
        if full:
            # Streamlit scrolls an inner element: the window must be as tall as its content.
            tall = page.evaluate(
                "Math.max(...[...document.querySelectorAll('[data-testid=stMain]')]"
                ".map(element => element.scrollHeight))"
            )
            page.set_viewport_size({"width": width, "height": int(tall) + 20})
            wait_until_drawn(page)
        page.screenshot(path=str(out))
        browser.close()


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("out", type=Path)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--full", action="store_true", help="the whole page, not one screen")
    given = parser.parse_args(argv)
    screenshot(given.url, given.out, given.width, given.height, full=given.full)
    return 0


if __name__ == "__main__":
    sys.exit(main())
