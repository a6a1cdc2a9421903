"""The app as a reader meets it: a real browser against a real server, nothing but loopback."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from screenshot import wait_until_drawn

pytestmark = pytest.mark.browser

PAGES = {
    "overview": "",
    "runs": "runs",
    "run": "run?run_id=train-shelf-20261118",
    "bill": "bill",
    "anomalies": "anomalies",
    "calibration": "calibration",
    "data_quality": "data_quality",
}
UNIT = re.compile(r"\d[\d.,\s]*(kWh|MWh|kg CO₂e|t CO₂e|g CO₂e|€|%|years|tests|rows|ans)")


@dataclass
class Visit:
    """A page, and everything it did that it should not."""

    page: Page
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def open(self, url: str) -> str:
        """Goes there and returns what the page says."""
        self.page.goto(url)
        wait_until_drawn(self.page)
        return self.page.get_by_test_id("stMain").inner_text()

    def is_clean(self) -> bool:
        """No console error, no exception, no request that left the machine."""
        shown = self.page.get_by_test_id("stException").count()
        return not (self.errors or self.elsewhere or shown)


def _note(found: Visit, message: ConsoleMessage) -> None:
    # Opened at /runs, Streamlit first looks for its own endpoints under /runs/_stcore, then at /.
    probes = "/_stcore/" in str(message.location.get("url", ""))
    if message.type == "error" and not probes:
        found.errors.append(message.text)


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    width, height = getattr(request, "param", (1280, 900))
    # A reader far from UTC, so that a day drawn in local time would show.
    context = browser.new_context(
        viewport={"width": width, "height": height},
        timezone_id="America/Los_Angeles",
        locale="en-GB",
    )
    found = Visit(context.new_page())
    found.page.on("console", lambda message: _note(found, message))
    found.page.on("pageerror", lambda error: found.errors.append(str(error)))
    found.page.on(
        "request",
        lambda r: (
            found.elsewhere.append(r.url)
            if urlsplit(r.url).hostname not in (None, "127.0.0.1")
            else None
        ),
    )
    yield found
    context.close()


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_clean_with_numbers_and_units(
    visit: Visit, server: str, name: str, language: str
) -> None:
    path = PAGES[name]
    text = visit.open(f"{server}/{path}{'&' if '?' in path else '?'}lang={language}")
    assert visit.is_clean(), (visit.errors, visit.elsewhere)
    assert UNIT.search(text.replace("\u00a0", " ").replace("\u202f", " ")) or name == "runs", text
    if name == "runs":
        expect(visit.page.get_by_test_id("stDataFrame")).to_be_visible()


@pytest.mark.parametrize("visit", [(1280, 900), (390, 844)], indirect=True)
@pytest.mark.parametrize("name", PAGES)
def test_no_page_scrolls_sideways(visit: Visit, server: str, name: str) -> None:
    visit.open(f"{server}/{PAGES[name]}")
    overflow = visit.page.evaluate(
        "(() => { const main = document.querySelector('[data-testid=stMain]');"
        " return main.scrollWidth - main.clientWidth; })()"
    )
    assert overflow <= 0


def test_a_filter_lives_in_the_url_and_survives_a_reload(visit: Visit, server: str) -> None:
    visit.open(f"{server}/?lang=en")
    visit.page.get_by_role("combobox", name="Team").click()
    visit.page.get_by_role("option", name="vision").click()
    visit.page.wait_for_url("**team=vision**")
    wait_until_drawn(visit.page)
    before = visit.page.get_by_test_id("stMetric").all_inner_texts()
    visit.page.reload()
    wait_until_drawn(visit.page)
    assert parse_qs(urlsplit(visit.page.url).query)["team"] == ["vision"]
    assert visit.page.get_by_test_id("stMetric").all_inner_texts() == before
    visit.page.get_by_role("link", name="Runs").click()
    visit.page.wait_for_url("**/runs?**team=vision**")
    assert visit.is_clean(), (visit.errors, visit.elsewhere)


def test_a_row_of_the_list_opens_its_run(visit: Visit, server: str) -> None:
    visit.open(f"{server}/runs?lang=en&sort=energy")
    table = visit.page.get_by_test_id("stDataFrame")
    box = table.bounding_box()
    assert box is not None
    visit.page.mouse.click(box["x"] + 90, box["y"] + 52)  # the first row, in the column Job
    visit.page.wait_for_url("**/run?**run_id=train-shelf-20261118**")
    wait_until_drawn(visit.page)
    expect(visit.page.get_by_role("heading", name="train-shelf")).to_be_visible()
    expect(visit.page.get_by_text("Where the numbers come from")).to_be_visible()
    assert visit.is_clean(), (visit.errors, visit.elsewhere)


def test_the_days_of_a_chart_are_utc_days(visit: Visit, server: str) -> None:
    visit.open(f"{server}/?lang=en&period=7d")
    # 15 to 21 November: in Los Angeles local time the first would read 14 Nov.
    labels = visit.page.locator("[data-testid=stVegaLiteChart] svg text").all_text_contents()
    assert "15 Nov" in labels and "14 Nov" not in labels
    assert visit.is_clean(), (visit.errors, visit.elsewhere)


def test_an_anomaly_leads_to_its_run(visit: Visit, server: str) -> None:
    visit.open(f"{server}/anomalies?lang=en")
    visit.page.get_by_text("Open the run · ").click()
    visit.page.wait_for_url("**/run?**run_id=train-shelf-**")
    wait_until_drawn(visit.page)
    assert visit.is_clean(), (visit.errors, visit.elsewhere)


def test_two_clicks_tell_where_the_money_on_no_run_goes_and_what_fixes_it(
    visit: Visit, server: str
) -> None:
    visit.open(f"{server}/?lang=en")
    visit.page.get_by_role("link", name="Where it goes, and what fixes it").click()
    visit.page.wait_for_url("**/bill?**")
    wait_until_drawn(visit.page)
    expect(visit.page.get_by_text("On no run, and what fixes it")).to_be_visible()
    expect(visit.page.get_by_text("tiny-llm").first).to_be_visible()
    visit.page.get_by_text("add a tag · ").click()
    visit.page.wait_for_url("**fix=add_run_or_job_tag**")
    wait_until_drawn(visit.page)
    said = visit.page.get_by_test_id("stMain").inner_text()
    assert "i-0f3c11d2a7" in said and "tiny-llm" not in said
    assert "No tag names its run or job: add one of the keys" in said
    visit.page.reload()
    wait_until_drawn(visit.page)
    assert "tiny-llm" not in visit.page.get_by_test_id("stMain").inner_text()
    assert visit.is_clean(), (visit.errors, visit.elsewhere)


def test_what_is_on_no_run_can_be_downloaded(visit: Visit, server: str) -> None:
    visit.open(f"{server}/bill?lang=en&month=2026-10")
    with visit.page.expect_download() as waiting:
        visit.page.get_by_role("button", name=re.compile("Download all 6")).click()
    assert waiting.value.suggested_filename == "unallocated-2026-10.csv"
    rows = list(csv.DictReader(waiting.value.path().open(encoding="utf-8")))
    assert len(rows) == 6 and rows[0]["fix"].startswith("No tag names its run")
    assert {row["cost_currency"] for row in rows} == {"EUR"}
