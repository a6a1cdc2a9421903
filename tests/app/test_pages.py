"""Every page, in both languages, on every kind of snapshot."""

import json
from pathlib import Path

import pytest
from published_snapshot import AS_OF, SMALL, Open, write_snapshot
from streamlit.testing.v1 import AppTest

from app.i18n import LANGUAGES, TEXTS

PAGES = ["overview", "runs", "run", "bill", "anomalies", "calibration", "data_quality"]
EURO = {"en": "€45.00", "fr": "45,00 €"}
UNKNOWN = {"en": "unknown", "fr": "inconnu"}


def written(app: AppTest) -> str:
    """Everything a page says in words."""
    kinds = ("title", "subheader", "markdown", "caption", "info", "warning", "success", "text")
    texts = [element.value for kind in kinds for element in app.get(kind)]
    return "\n".join(map(str, texts + [f"{m.label} {m.value}" for m in app.metric]))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    ("snapshot", "run_id"), [("small", "r1"), ("rich", "train-shelf-20261118"), ("nulls", "n1")]
)
def test_a_page_opens_without_an_error(
    open_page: Open, snapshot: str, run_id: str, page: str, language: str
) -> None:
    query = {"run_id": run_id} if page == "run" else {}
    app = open_page(snapshot, page, lang=language, **query)
    assert not app.exception, app.exception[0].message
    titles = {"overview": "overview.title", "data_quality": "quality.title"}
    title = titles.get(page, f"{page}.title")
    assert app.title[0].value == TEXTS[language][title]


def test_a_run_opens_by_the_name_it_has_at_its_scheduler(open_page: Open) -> None:
    by_its_own = open_page("small", "run", run_id="r1")
    by_the_job = open_page("small", "run", run_id="slurm:lyra:11")
    assert by_the_job.subheader[0].value == by_its_own.subheader[0].value


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("snapshot", ["empty", "missing"])
def test_no_data_is_a_sentence_that_says_what_to_do(
    open_page: Open, snapshot: str, page: str, language: str
) -> None:
    app = open_page(snapshot, page, lang=language, run_id="anything")
    assert not app.exception, app.exception[0].message
    assert "observatory" in "\n".join(e.value for e in [*app.info, *app.warning])


def test_the_overview_answers_in_one_sentence_with_units(open_page: Open) -> None:
    said = written(open_page("small", lang="en")).replace("\u00a0", " ")
    assert (
        "From 23 Oct 2026 to 21 Nov 2026, **5 runs** used **66.0 kWh**, emitted **5.40 kg CO₂e** "
        "(location-based) and cost **€420.00**." in said
    )
    # Half of r2's bill of waste comes from its attempts (4 kWh), r3 failed as a whole (6 kWh).
    assert "**10.0 kWh** of it went into runs that failed" in said


def test_the_overview_names_what_stood_idle(open_page: Open) -> None:
    said = written(open_page("small", lang="en")).replace("\u00a0", " ")
    assert (
        "Idle, and paid by no run: 3.50 kWh, 175 g CO₂e, on 2 known hosts of which runs used "
        "12.0 kWh." in said
    )
    # What stands idle is no team's.
    assert "paid by no run" not in written(open_page("small", lang="en", team="text"))


def test_the_overview_compares_with_the_period_before(open_page: Open) -> None:
    app = open_page("small", lang="en")
    energy = next(metric for metric in app.metric if metric.label == "Energy, facility")
    assert energy.delta == "+175%"  # 66 kWh against 24 kWh
    assert "90% interval" in energy.help


def test_no_change_is_shown_where_the_period_before_is_not_fully_known(open_page: Open) -> None:
    app = open_page("small", lang="en", period="90d")
    assert {metric.delta for metric in app.metric} == {""}


@pytest.mark.parametrize("language", LANGUAGES)
def test_nulls_are_unknown_and_never_zero(open_page: Open, language: str) -> None:
    for page, query in (("overview", {}), ("run", {"run_id": "n1"})):
        app = open_page("nulls", page, lang=language, **query)
        values = [metric.value for metric in app.metric]
        assert values.count(UNKNOWN[language]) >= 4, values
        figures = [value for value in values if not value.startswith("0")]
        assert len(figures) >= len(values) - 4  # the four coverages are truly 0 %
    run = open_page("nulls", "run", lang=language, run_id="n2")
    assert "no duration" in written(run)


def test_french_numbers_are_french(open_page: Open) -> None:
    said = written(open_page("small", lang="fr"))
    assert "66,0\u00a0kWh" in said and "420,00\u00a0€" in said and "Vue" not in said.split("\n")[0]


def test_an_unknown_run_is_a_helpful_sentence(open_page: Open) -> None:
    app = open_page("rich", "run", lang="en", run_id="train-shelf-20261199")
    assert "There is no run `train-shelf-20261199`" in app.warning[0].value
    assert "Did you mean" in written(app)


def test_a_run_shows_its_derivation(open_page: Open) -> None:
    app = open_page("small", "run", lang="en", run_id="r1")
    said = written(app).replace("\u00a0", " ").replace("\\", "")
    assert "10.00 kWh × PUE 1.2 = **12.00 kWh**" in said
    assert "12.00 kWh × 50.00 g CO₂e/kWh = **600.0 g CO₂e**" in said
    assert "source national-operator, year 2025, published on 1 Feb 2026" in said
    assert "events/2026-11.jsonl, row 7" in said
    considered = said.partition("Methods considered, the best first:")[2]
    assert "measured: no counter\nmodel at the observed use: taken" in considered
    assert "96 * 2 * 5.2083 / 1000 = 1.0 kWh" in [block.value for block in app.code]
    helps = {metric.label: metric.help for metric in app.metric}
    assert "11.0\u00a0kWh to 13.0\u00a0kWh" in helps["Energy, facility"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_run_says_how_sure_it_is_and_why(open_page: Open, language: str) -> None:
    app = open_page("small", "run", lang=language, run_id="r1")
    texts = TEXTS[language]
    said = written(app).replace("\u00a0", " ")
    assert texts["run.step.uncertainty"] in said
    energy = {"en": "11.0 kWh to 13.0 kWh", "fr": "11,0 kWh à 13,0 kWh"}[language]
    assert texts["interval_90"].format(interval=energy) in said
    (table,) = (table.value for table in app.table if texts["column.log_sd"] in table.value.columns)
    cells = {name: [text.replace("\\", "") for text in table[name]] for name in table}
    # The largest share of the emissions' variance first; manufacture has a variance of its own.
    assert cells[texts["column.source_of_error"]] == [
        f"{texts['source_of_error.intensity']} · FR",
        f"{texts['source_of_error.energy']} · meter",
        f"{texts['source_of_error.embodied']} · server:p4d",
    ]
    shares = {"en": ["96%", "3.8%", "0%"], "fr": ["96\u202f%", "3,8\u202f%", "0\u202f%"]}
    assert cells[texts["column.emissions_variance"]] == shares[language]
    words = texts["log_sd.expert judgement"]
    assert cells[texts["column.log_sd_source"]] == [words, f"{words}: a note", words]


def test_a_run_without_sources_of_error_says_so(open_page: Open) -> None:
    said = written(open_page("nulls", "run", lang="en", run_id="n1"))
    assert TEXTS["en"]["no_interval"] in said


def test_the_table_of_runs_has_intervals(open_page: Open) -> None:
    app = open_page("small", "runs", lang="en")
    (table,) = (frame.value for frame in app.dataframe if "job_name" in frame.value)
    bounds = table.set_index("job_name")["facility_energy_kwh_bounds"]
    assert "11 – 13" in bounds.to_list()
    assert bounds.isna().loc["batch-score"]


def test_a_run_shows_its_manufacture_beside_its_emissions(open_page: Open) -> None:
    app = open_page("small", "run", lang="en", run_id="r1")
    said = written(app).replace("\u00a0", " ").replace("\\", "")
    assert "4 · Manufacture of the hardware" in said
    assert "Not part of the emissions above" in said
    code = [block.value for block in app.code]
    assert "1200.0 * 1000 * 0.125 * 2 / 35040 = 8.5616438 g" in code
    assert "Published figures from 164 to 575.1 kg" in said
    assert "Method: listed server, by its components" in said
    # Of use: 12 kWh × 50 g.
    assert "12.00 kWh × 50.00 g CO₂e/kWh = **600.0 g CO₂e**" in said


def test_a_run_shows_its_water_and_its_intensity(open_page: Open) -> None:
    said = written(open_page("small", "run", lang="en", run_id="r1")).replace("\u00a0", " ")
    assert "10.00 kWh × 0.2 L/kWh = **2.000 L**" in said
    assert "source provider-report, year 2025" in said.replace("\\", "")
    assert "(600.0 g CO₂e + 25.00 g CO₂e) ÷ 5,000,000 tokens = **125.0 µg CO₂e/token**" in said
    zero = written(open_page("small", "run", lang="en", run_id="r2"))
    assert "**unknown: zero functional units**" in zero
    none = written(open_page("small", "run", lang="en", run_id="r3"))
    assert "Software carbon intensity" not in none


def test_unknown_manufacture_and_water_say_why(open_page: Open) -> None:
    app = open_page("small", "run", lang="en", run_id="r4")
    helps = {metric.label: metric.help for metric in app.metric}
    assert helps["Manufacture of hardware"].startswith("unknown: unknown instance type.")
    assert helps["Water on site"].startswith("unknown: unknown instance type.")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_overview_shows_manufacture_as_a_figure_of_its_own(
    open_page: Open, language: str
) -> None:
    app = open_page("small", lang=language)
    tiles = {metric.label: metric for metric in app.metric}
    label = {"en": "Manufacture of hardware", "fr": "Fabrication du matériel"}[language]
    assert tiles[label].value.replace("\u00a0", " ") == "100 g CO₂e"
    coverage = {"en": "Runs with manufacture", "fr": "Exécutions avec fabrication"}[language]
    assert tiles[coverage].value.startswith("80")
    assert "4" in tiles[coverage].help and "5" in tiles[coverage].help
    emissions = next(metric for metric in app.metric if metric.label.startswith("Émissions")
                     or metric.label.startswith("Emissions"))  # fmt: skip
    assert emissions.value.replace("\u00a0", " ").replace(",", ".") == "5.40 kg CO₂e"


def test_a_filter_of_the_url_narrows_every_number(open_page: Open) -> None:
    app = open_page("small", lang="en", team="text")
    assert "**1 run** used **6.00\u00a0kWh**" in written(app)
    assert app.query_params["team"] == "text"


def test_a_value_the_snapshot_lacks_matches_nothing_and_says_so(open_page: Open) -> None:
    app = open_page("small", lang="en", team="gone")
    assert "No run matches these filters" in app.info[0].value


def test_filters_survive_a_change_of_page(open_page: Open) -> None:
    app = open_page("small", lang="en", team="text", period="7d")
    app.switch_page("views/runs.py")
    app.query_params.clear()  # the browser clears the URL when the page changes
    app.run()
    assert app.query_params["team"] == "text" and app.query_params["period"] == "7d"
    assert "1 run ·" in written(app)


def test_text_that_looks_like_sql_is_only_text(open_page: Open) -> None:
    app = open_page("small", "runs", lang="en", text="'; drop view runs; --")
    assert not app.exception
    assert "No run matches" in app.info[0].value


def test_the_language_is_kept_in_the_url(open_page: Open) -> None:
    app = open_page("small", lang="fr", team="text")
    app.segmented_control(key="lang_widget").set_value("en").run()
    assert app.query_params["lang"] == "en" and app.query_params["team"] == "text"
    assert app.title[0].value.startswith("What did")


def test_a_failed_night_is_a_banner(open_page: Open, tmp_path: Path) -> None:
    night = {"status": "failed", "failed_tests": ["assert_allocated_cost_equals_the_bill"]}
    folder = write_snapshot(tmp_path / "published", SMALL, night=night)
    app = open_page(folder, lang="en")
    assert "Numbers of 22\u00a0Nov\u00a02026. The last night failed" in app.warning[0].value
    assert "`assert_allocated_cost_equals_the_bill`" in app.warning[0].value


@pytest.mark.parametrize("page", ["overview", "data_quality"])
def test_old_factors_are_told_kind_by_kind_with_the_remedy(open_page: Open, page: str) -> None:
    said = [warning.value for warning in open_page("small", page, lang="en").warning]
    assert said == [
        "Grid factors more than 2 years older than the runs that take them: aws us-east-1 (2023). "
        "`observatory factors update` lands newer ones.",
        "PUE more than 2 years older than the runs that take it: gcp europe-west1 (2021), "
        "aws us-east-1 (2022). `observatory factors update` lands newer ones.",
    ]
    french = [warning.value for warning in open_page("small", page, lang="fr").warning]
    assert "en retard de plus de 2 ans" in french[0] and "us-east-1 (2023)" in french[0]
    elsewhere = open_page("small", page, lang="en", region="eu-west-3")
    assert not elsewhere.warning


def test_old_numbers_say_so(open_page: Open, tmp_path: Path) -> None:
    about = {"as_of": "2026-11-01T02:00:00Z"}
    app = open_page(write_snapshot(tmp_path / "published", SMALL, about=about), lang="en")
    assert "21\u00a0d old" in app.info[0].value


def test_a_broken_status_file_is_told_not_hidden(open_page: Open, tmp_path: Path) -> None:
    folder = write_snapshot(tmp_path / "published", SMALL)
    (folder / "status.json").write_text("{", encoding="utf-8")
    app = open_page(folder, lang="en")
    assert "cannot be read" in app.warning[0].value


def test_a_new_version_is_shown_at_the_next_rerun(open_page: Open, tmp_path: Path) -> None:
    folder = write_snapshot(tmp_path / "published", SMALL, version="v1")
    app = open_page(folder, lang="en")
    assert "5 runs" in written(app)
    more = SMALL | {"fct_runs": [*SMALL["fct_runs"], SMALL["fct_runs"][-1] | {"run_id": "new"}]}
    write_snapshot(folder, more, version="v2")
    app.run()
    assert "6 runs" in written(app)
    assert json.loads((folder / "current" / "version.json").read_text())["version"] == "v2"


def test_anomalies_say_what_multiplies_to_the_ratio(open_page: Open) -> None:
    app = open_page("small", "anomalies", lang="en")
    said = written(app).replace("\u00a0", " ")
    assert "2 flagged among 3" in said
    assert "36.0 kWh against 9.00 kWh: × 4.00" in said
    assert "No anomaly has this state" in written(
        open_page("small", "anomalies", lang="en", state="fixed")
    )


def test_a_calibration_says_how_far_off_before_and_after(open_page: Open) -> None:
    app = open_page("small", "calibration", lang="en")
    said = written(app).replace("\u00a0", " ")
    assert "Of 3 calibrations **1** are better than the model" in said
    assert "**25% off before, 4% after**" in said
    assert "0.800 × model − 4.00 W/accelerator" in said
    left_out, accuracy, advice = (frame.value for frame in app.dataframe)
    assert list(left_out["run"]) == ["m4"]
    assert list(accuracy["before"]) == ["25%", "40%", "25%"]
    assert list(accuracy["after"]) == ["4%", "unknown", "30%"]
    assert list(advice["job"]) == ["train-vision", "score"]
    assert advice["learned"][0].replace("\u00a0", " ") == "21.2 kWh"


def test_hardware_without_a_calibration_says_why(open_page: Open) -> None:
    app = open_page("small", "calibration", lang="en", hardware="cpu: aws/m5.xlarge")
    assert not app.exception
    said = written(app)
    assert "**40% off**, and no calibration: too few runs are metered" in said


def test_data_quality_adds_up(open_page: Open) -> None:
    said = written(open_page("small", "data_quality", lang="en"))
    assert "135 rows came in: 133 landed, 2 were rejected" in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_restated_months_are_listed_with_their_causes(open_page: Open, language: str) -> None:
    texts = TEXTS[language]
    app = open_page("small", "data_quality", lang=language)
    (table,) = (frame.value for frame in app.dataframe if "why" in frame.value)
    assert list(table["why"]) == [
        texts["restated.cause.provider_restatement"],
        texts["restated.cause.late_data"],
        texts["restated.cause.factor_version"],
    ]
    assert set(table["month"]) == {"2026-10"}
    assert table["before"][0] == UNKNOWN[language]
    changes = [text.replace("\u00a0", " ") for text in table["change"]]
    plus, minus = {"en": ("+2.00 kWh (+10%)", "−1.00 kWh"), "fr": ("+2,00 kWh", "−1,00 kWh")}[
        language
    ]
    assert changes[1].startswith(plus)
    assert changes[2].startswith(minus)
    assert "observatory compare 20261120T020000Z 20261121T020000Z" in written(app)


def test_no_restated_month_is_a_sentence(open_page: Open) -> None:
    assert TEXTS["en"]["restated.empty"] in written(open_page("nulls", "data_quality", lang="en"))


def test_a_name_with_markup_stays_a_name(open_page: Open, tmp_path: Path) -> None:
    name = "[click](https://example.org) *now*"
    runs = [run | {"job_name": name} for run in SMALL["fct_runs"]]
    folder = write_snapshot(tmp_path / "published", SMALL | {"fct_runs": runs})
    app = open_page(folder, "run", lang="en", run_id="r1")
    assert not app.exception
    assert app.subheader[0].value.startswith("\\[click\\]\\(https\\:")


def test_rows_that_landed_after_the_last_run_are_counted(open_page: Open, tmp_path: Path) -> None:
    landed = SMALL["fct_data_quality"][0] | {"day": AS_OF.date(), "rows_in": 7, "rows_landed": 7}
    folder = write_snapshot(tmp_path / "published", SMALL | {"fct_data_quality": [landed]})
    assert "7 rows came in: 7 landed, 0 were rejected" in written(
        open_page(folder, "data_quality", lang="en")
    )


def test_the_versions_of_the_factors_may_be_a_list(open_page: Open, tmp_path: Path) -> None:
    about = {"factor_versions": [{"factor_table": "pue", "source_id": "x", "version": None}]}
    folder = write_snapshot(tmp_path / "published", SMALL, about=about)
    app = open_page(folder, "data_quality", lang="en")
    assert not app.exception
    assert any("pue" in str(frame.value) for frame in app.dataframe)


def test_the_bill_says_what_it_came_to_and_whose_it_is(open_page: Open) -> None:
    app = open_page("small", "bill", lang="en")
    said = written(app).replace("\u00a0", " ")
    assert (
        "Nov 2026 · the bill came to **€200.00** (effective cost), with usage until 21 Nov 2026: "
        "50% on runs, 40% machine learning on no run, 15% not machine learning, "
        "5% on idle machines, −10% shared by all." in said
    )
    tiles = {metric.label: metric.value for metric in app.metric}
    assert tiles["The bill"] == "€200.00" and tiles["Shared"] == "−€20.00"
    assert tiles["On no run"] == "€80.00" and tiles["Idle machines"] == "€10.00"


def test_the_bill_as_invoiced_and_in_another_month_and_currency(open_page: Open) -> None:
    billed = open_page("small", "bill", lang="en", basis="billed")
    assert "**€225.00** (billed cost)" in written(billed)
    october = written(open_page("small", "bill", lang="en", month="2026-10"))
    assert "**€50.00**" in october and "a code of later" in october
    dollars = written(open_page("small", "bill", lang="en", currency="USD"))
    assert "**$7.00**".replace("$", "\\$") in dollars and "€" not in dollars
    every = written(open_page("small", "bill", lang="en", month="all"))
    assert "All months · the bill came to **€250.00**" in every


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_bill_names_what_is_on_no_run_and_what_fixes_it(open_page: Open, language: str) -> None:
    app = open_page("small", "bill", lang=language)
    said = written(app).replace("\u00a0", " ").replace("\\", "")
    texts = TEXTS[language]
    assert f"**i-0a** · Amazon EC2 · aws · 111 · eu-west-3: **{EURO[language]}**. " in said
    add = texts["bill.fix.add_run_or_job_tag"]
    assert f"{add} {texts['bill.fix.team']}" in said
    known = texts["bill.fix.run_tag_names_no_known_run"].format(value="train-[9]")
    # It has a team tag.
    assert f"{known}\n" in said
    narrowed = written(open_page("small", "bill", lang=language, fix="no_run_at_the_time"))
    assert "jobs" not in narrowed and "**7**" in narrowed and "i\\-0a" not in narrowed


def test_the_bill_by_team(open_page: Open) -> None:
    app = open_page("small", "bill", lang="en", by="team")
    table = next(frame.value for frame in app.dataframe if "unallocated_cost" in frame.value)
    assert table["name"].to_list() == ["vision", "unknown", "text"]
    assert table["cost_ratio"].to_list() == pytest.approx([0.55, 0.35, 0.1])
    assert table["method"].to_list()[2] == "100% the cost"


def test_a_filter_of_the_bill_narrows_it_and_one_that_matches_nothing_says_so(
    open_page: Open,
) -> None:
    app = open_page("small", "bill", lang="en", provider="gcp")
    assert "**€20.00**" in written(app)
    assert app.query_params["provider"] == "gcp"
    assert not app.exception
    none = open_page("small", "bill", lang="en", team="gone")
    assert TEXTS["en"]["bill.nothing"] in none.info[0].value


def test_a_month_that_a_filter_takes_away_is_not_kept(open_page: Open) -> None:
    app = open_page("small", "bill", lang="en", month="2026-10")
    app.multiselect(key="provider:en").set_value(["gcp"]).run()
    assert not app.exception, app.exception[0].message
    assert "Nov\u00a02026 · the bill came to **€20.00**" in written(app)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_bill_and_an_older_snapshot_are_sentences(
    open_page: Open, tmp_path: Path, language: str
) -> None:
    said = written(open_page("empty", "bill", lang=language))
    assert TEXTS[language]["bill.empty"] in said
    older = SMALL | {"fct_unallocated_resources": []}
    said = written(open_page(write_snapshot(tmp_path / "p", older), "bill", lang=language))
    assert TEXTS[language]["bill.unallocated.unlisted"] in said


def test_a_bill_that_is_all_on_runs_says_so(open_page: Open, tmp_path: Path) -> None:
    lines = [row for row in SMALL["fct_billing_daily"] if row["allocation"] != "unallocated"]
    folder = write_snapshot(tmp_path / "published", {"fct_billing_daily": lines})
    app = open_page(folder, "bill", lang="en")
    assert app.success[0].value == TEXTS["en"]["bill.unallocated.none"]


def test_the_overview_leads_to_what_is_on_no_run(open_page: Open) -> None:
    app = open_page("small", lang="en")
    said = written(app).replace("\\", "")
    assert "Of the bill’s **€200.00** of these days (effective cost), **40%** (€80.00)" in said
    assert "Of the bill’s **$7.00** of these days (effective cost), **100%** ($7.00)" in said
    none = written(open_page("empty", lang="en"))
    assert "of these days (effective cost)" not in none


def test_a_run_shows_its_lines_of_the_bill(open_page: Open) -> None:
    app = open_page("small", "run", lang="en", run_id="r1")
    (table,) = (frame.value for frame in app.dataframe if "Of a cost of" in frame.value)
    assert table["Cost"].to_list() == ["€80.00", "$25.00"]
    assert table["Resource"].to_list() == ["i-0c", "node-1"]
    assert table["Days"][0].replace("\u00a0", " ") == "20 Nov – 21 Nov 2026"
    none = open_page("small", "run", lang="en", run_id="r2")
    assert TEXTS["en"]["run.step.cost.parts"] not in written(none)
