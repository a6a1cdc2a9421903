"""Published footprints, through the models, beside what was published."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
CASES = PROJECT.parent / "shared" / "crosscheck" / "published.csv"
sys.path.insert(0, str(PROJECT / "scripts"))

import crosscheck  # noqa: E402

pytestmark = pytest.mark.skipif(not CASES.exists(), reason="the published cases are not here")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> crosscheck.Crosscheck:
    folder = tmp_path_factory.mktemp("crosscheck")
    return crosscheck.run(crosscheck.read_cases(CASES), folder, datetime.now(UTC))


def test_every_figure_is_within_its_tolerance_or_its_cause_is_written_down(
    found: crosscheck.Crosscheck,
) -> None:
    off = {o.case["case_id"] for o in found.outcomes if not o.is_within}
    assert off == set(crosscheck.CAUSES)
    # Two per cent is what rounding in a paper explains; more is an error of ours.
    assert all(abs(o.ratio - 1) < 0.02 or o.is_within for o in found.outcomes)


def test_every_case_is_compared_or_says_what_it_lacks(found: crosscheck.Crosscheck) -> None:
    every = {case["case_id"] for case in crosscheck.read_cases(CASES)}
    compared = {o.case["case_id"] for o in found.outcomes}
    incomplete = {case["case_id"] for case, _ in found.not_reproducible}
    assert compared | incomplete == every
    assert len(compared) >= 23


def test_the_page_is_what_the_command_prints(found: crosscheck.Crosscheck) -> None:
    page = (PROJECT / "docs" / "crosscheck.md").read_text(encoding="utf-8")
    assert page == "\n".join(crosscheck.as_markdown(found)) + "\n"


def test_measured_and_modelled_cases_take_their_rungs(found: crosscheck.Crosscheck) -> None:
    rungs = {o.case["case_id"]: o.energy_method for o in found.outcomes}
    assert rungs["t5-11b-gross"] == "measured"
    assert rungs["bloom-176b-dynamic"] == "utilization"
    assert {o.energy_method for o in found.unaided} == {"allocation"}
