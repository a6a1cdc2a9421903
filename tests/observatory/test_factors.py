"""Factor versions: delivered, listed, compared; tonight's numbers change and yesterday's do not."""

import csv
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.errors import ConfigError
from observatory import checks, cli, factors
from observatory.build import build_part
from observatory.factor_tables import factor_tables
from observatory.refresh import RefreshReport, initialise, open_landing, refresh
from observatory.settings import Settings, load_settings
from observatory.settings_landing import land_settings

Row = dict[str, Any]

SEEDS = Path(__file__).parents[2] / "seeds" / "factors"

EVENING = datetime(2026, 11, 23, 20, tzinfo=UTC)  # the shipped rows are known since that day
MORNING = datetime(2026, 11, 24, 9, tzinfo=UTC)
AFTERNOON = datetime(2026, 11, 24, 15, tzinfo=UTC)
NIGHT = datetime(2026, 11, 25, 2, tzinfo=UTC)
LATER = datetime(2026, 11, 27, 2, tzinfo=UTC)

IRELAND = {
    "zone_type": "country",
    "zone_id": "IRL",
    "country_iso3": "IRL",
    "year": 2025,
    "valid_from": "2025-01-01",
    "valid_to": "2026-01-01",
    "intensity_g_per_kwh": 240.5,
    "accounting": "lifecycle",
    "basis": "production",
    "source_id": "ember_by_cloud_region_spruce",
    "source_rank": 3,
    "factor_resolution": "country_yearly",
    "published_on": "2026-11-20",
    "version": "Ember 2026-11",
}
FLEET = {
    "provider_code": "aws",
    "region": "*",
    "year": 2026,
    "valid_from": "2026-01-01",
    "valid_to": "2027-01-01",
    "pue_ratio": 1.12,
    "pue_resolution": "fleet_yearly",
    "resolution_rank": 3,
    "source_id": "aws_sustainability_page",
    "published_on": "2026-11-20",
}


def event(run_id: str, region: str) -> str:
    return json.dumps(
        {
            "event_id": run_id,
            "event_type": "finished",
            "event_time": "2026-02-10T12:00:00Z",
            "run_id": run_id,
            "job_name": "known-case",
            "duration_s": 360000,
            "instance_type": "m5.xlarge",
            "region": region,
        }
    )


def write(path: Path, *rows: Mapping[str, Any]) -> Path:
    """A CSV file with the columns that any row has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


def query(warehouse: Path, sql: str) -> list[Row]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        cursor = connection.execute(sql)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


# ------------------------------------------------------------------------------------- deliveries


@pytest.fixture
def own_logging() -> Iterator[None]:
    """The command line logs to a stream that is closed after the test."""
    yield
    for name in ("observatory", "ingest"):
        logging.getLogger(name).handlers.clear()


@pytest.fixture
def installation(tmp_path: Path) -> Settings:
    (tmp_path / "observatory.toml").write_text('[factors]\npath = "in"\n')
    return load_settings(tmp_path / "observatory.toml")


def test_what_is_delivered_lands_once(installation: Settings, tmp_path: Path) -> None:
    write(tmp_path / "in" / "grid_intensity_yearly.csv", IRELAND)
    write(tmp_path / "in" / "deeper" / "pue_yearly.csv", FLEET)
    (tmp_path / "in" / "README.md").write_text("not a table")
    first = factors.update(installation, None, now=MORNING)
    assert (first.status, first.rejected) == ("ok", [])
    assert [(t["table"], t["status"], t["rows_landed"]) for t in first.tables] == [
        ("grid_intensity_yearly", "landed", 1),
        ("pue_yearly", "landed", 1),
    ]
    again = factors.update(installation, None, now=AFTERNOON)
    assert [(t["status"], t["rows_landed"]) for t in again.tables] == [("unchanged", 0)] * 2
    assert "nothing new" in again.message


def test_the_seeds_themselves_can_be_delivered(installation: Settings) -> None:
    """Their format is the format, recorded_on and all; and they keep what a delivery must."""
    report = factors.update(installation, SEEDS, now=MORNING)
    assert report.rejected == []
    assert {t["table"] for t in report.tables} == set(factor_tables())
    assert all(t["rows_landed"] for t in report.tables)


@pytest.mark.parametrize(
    ("wrong", "column", "reason", "remedy"),
    [
        ({"intensity_g_per_kwh": "much"}, "intensity_g_per_kwh", "wrong_type", "plain number"),
        ({"intensity_g_per_kwh": "nan"}, "intensity_g_per_kwh", "wrong_type", "plain number"),
        ({"intensity_g_per_kwh": -1}, "intensity_g_per_kwh", "value_not_allowed", "got -1"),
        ({"intensity_g_per_kwh": ""}, "intensity_g_per_kwh", "missing_value", "got nothing"),
        ({"year": "2025.5"}, "year", "wrong_type", "whole number"),
        ({"published_on": "20/11/2026"}, "published_on", "wrong_type", "2026-11-23"),
        ({"published_on": "2026-02-30"}, "published_on", "wrong_type", "2026-11-23"),
        ({"zone_type": "planet"}, "zone_type", "value_not_allowed", "planet"),
        ({"source_id": " "}, "source_id", "missing_value", "source_id"),
        ({"valid_to": "2025-01-01"}, "valid_to", "backwards_interval", "later than valid_from"),
    ],
)
def test_a_wrong_row_is_told_with_file_line_column_and_remedy(
    installation: Settings, tmp_path: Path, wrong: Row, column: str, reason: str, remedy: str
) -> None:
    name = "grid_intensity_yearly.csv"
    france = {"zone_id": "FRA", "country_iso3": "FRA"}
    write(tmp_path / "in" / name, IRELAND, {**IRELAND, **france, **wrong})
    report = factors.update(installation, None, now=MORNING)
    (told,) = report.rejected
    assert (told["source_file"], told["source_row"]) == (name, 3)
    assert (told["field"], told["reason"]) == (column, reason)
    assert remedy in told["detail"]
    assert report.status == "partial"
    assert report.tables[0]["rows_landed"] == 1, "the others land"


def test_rows_that_contradict_each_other_are_both_refused(
    installation: Settings, tmp_path: Path
) -> None:
    france = {**IRELAND, "zone_id": "FRA", "country_iso3": "FRA"}
    write(
        tmp_path / "in" / "grid_intensity_yearly.csv",
        IRELAND,
        {**IRELAND, "intensity_g_per_kwh": 241},  # the same fact, another figure
        france,
        {**france, "year": 2026, "valid_from": "2025-07-01", "valid_to": "2026-07-01"},
        {**france, "year": 2027, "valid_from": "2026-07-01", "valid_to": "2027-07-01"},
        {**france, "zone_id": "DEU", "country_iso3": "DEU"},
        {**france, "zone_id": "DEU", "country_iso3": "DEU"},  # the same row twice
    )
    report = factors.update(installation, None, now=MORNING)
    assert [(r["source_row"], r["reason"]) for r in report.rejected] == [
        (2, "duplicate_fact"),
        (3, "duplicate_fact"),
        (4, "overlapping_validity"),
        (5, "overlapping_validity"),
        (8, "duplicate_row"),
    ]
    assert report.tables[0]["rows_landed"] == 2


@pytest.mark.parametrize(
    ("content", "reason", "remedy"),
    [
        (b"", "empty_file", "header"),
        (b"\xff\xfe", "not_utf8", "UTF-8"),
        (b"provider_code,region,regoin\n", "unknown_column", "did you mean region?"),
        (b"provider_code,region,region\n", "duplicate_header", "keep one"),
        (b"provider_code,region\naws,*\n", "missing_column", "year"),
        (b'provider_code,"region\n', "malformed_csv", "anew"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused_whole(
    installation: Settings, tmp_path: Path, content: bytes, reason: str, remedy: str
) -> None:
    write(tmp_path / "in" / "grid_intensity_yearly.csv", IRELAND)
    (tmp_path / "in" / "pue_yearly.csv").write_bytes(content)
    report = factors.update(installation, None, now=MORNING)
    (told,) = report.rejected
    assert (told["source_file"], told["source_row"]) == ("pue_yearly.csv", None)
    assert told["reason"] == reason and remedy in told["detail"]
    assert [t["rows_landed"] for t in report.tables] == [1, 0]


def test_a_line_of_a_wrong_length_is_one_rejected_row(
    installation: Settings, tmp_path: Path
) -> None:
    path = write(tmp_path / "in" / "pue_yearly.csv", FLEET)
    path.write_text(path.read_text() + "aws,*,2025\n")
    (told,) = factors.update(installation, None, now=MORNING).rejected
    assert (told["source_row"], told["reason"]) == (3, "wrong_column_count")


def test_nothing_to_read_is_wrong_usage(installation: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file or folder"):
        factors.update(installation, None, now=MORNING)
    write(tmp_path / "in" / "pue_yaerly.csv", FLEET)
    with pytest.raises(ConfigError, match=r"did you mean pue_yearly\.csv"):
        factors.update(installation, None, now=MORNING)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no factor file"):
        factors.update(installation, tmp_path / "empty", now=MORNING)
    without = installation.model_copy(
        update={"factors": installation.factors.model_copy(update={"path": None})}
    )
    with pytest.raises(ConfigError, match=r"--from, or set factors\.path"):
        factors.update(without, None, now=MORNING)


@pytest.mark.usefixtures("own_logging")
def test_the_command_exits_with_3_for_rejected_rows_and_2_for_nothing_to_read(
    installation: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(installation.config_file)
    assert cli.run(["--config", config, "factors", "update"]) == cli.WRONG_USAGE
    write(tmp_path / "in" / "pue_yearly.csv", FLEET, {**FLEET, "region": "x", "pue_ratio": 0.5})
    capsys.readouterr()
    assert cli.run(["--config", config, "factors", "update"]) == cli.PARTIAL
    said = capsys.readouterr()
    assert "rejected pue_yearly.csv line 3, pue_ratio: " in said.err
    assert cli.run(["--config", config, "factors", "update", "--json"]) == cli.PARTIAL
    told = json.loads(capsys.readouterr().out)
    assert [t["status"] for t in told["tables"]] == ["unchanged"]
    assert told["rejected"][0]["field"] == "pue_ratio"
    write(tmp_path / "in" / "pue_yearly.csv", FLEET)
    assert cli.run(["--config", config, "factors", "update"]) == cli.DONE


# ----------------------------------------------------------------------------------------- history


def test_every_delivery_counts_and_of_one_day_the_last(
    installation: Settings, tmp_path: Path
) -> None:
    initialise(installation, now=EVENING)
    name = tmp_path / "in" / "pue_yearly.csv"
    shipped = {**FLEET, "year": 2025, "valid_from": "2025-01-01", "valid_to": "2026-01-01"}
    (seed,) = [
        row
        for row in csv.DictReader((SEEDS / "pue_yearly.csv").open())
        if (row["provider_code"], row["region"], row["year"]) == ("aws", "*", "2025")
    ]
    for day, values in enumerate(([1.2, 1.3], [1.3], [1.4], [1.3])):
        for hour, value in enumerate(values):
            row = {**FLEET, "pue_ratio": value, "note": f"day {day}"}
            write(name, row, {**shipped, **seed})  # and a shipped row, unchanged
            factors.update(installation, None, now=MORNING + timedelta(days=day, hours=hour))
    build_part(installation, LATER + timedelta(days=9), ["stg_factors__pue_yearly"],
               tmp_path / "w" / "history.duckdb")  # fmt: skip
    history = query(
        tmp_path / "w" / "history.duckdb",
        "select year, pue_ratio, recorded_on, recorded_at_utc "
        "from staging.stg_factors__pue_yearly "
        "where provider_code = 'aws' and region = '*' and year >= 2025 order by all",
    )
    assert [(row["year"], row["pue_ratio"], str(row["recorded_at_utc"])) for row in history] == [
        (2025, float(seed["pue_ratio"]), "2026-11-23 00:00:00"),
        # 1.2 of the same morning was corrected; 1.3 a day later says nothing new.
        (2026, 1.3, "2026-11-24 10:00:00"),
        (2026, 1.3, "2026-11-27 09:00:00"),
        (2026, 1.4, "2026-11-26 09:00:00"),
    ]
    assert all(row["recorded_on"] == row["recorded_at_utc"].date() for row in history)


# ------------------------------------------------------------------------------------------ nights


@dataclass(frozen=True)
class Nights:
    """Two nights, and two deliveries on the day between them."""

    settings: Settings
    before: RefreshReport
    after: RefreshReport

    def run(self, report: RefreshReport, run_id: str) -> Row:
        mart = report.published.path / "fct_runs.parquet"
        with duckdb.connect() as connection:
            cursor = connection.execute(f"from '{mart}' where run_id = ?", [run_id])
            names = [column[0] for column in cursor.description or ()]
            (row,) = cursor.fetchall()
        return dict(zip(names, row, strict=True))


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    home = tmp_path_factory.mktemp("nights")
    (home / "observatory.toml").write_text(
        '[sources.run_events]\npath = "events"\n[factors]\npath = "in"\n'
    )
    (home / "events").mkdir()
    runs = [("ireland", "eu-west-1"), ("virginia", "us-east-1"), ("canary", "af-south-1")]
    (home / "events" / "a.jsonl").write_text("\n".join(event(*run) for run in runs) + "\n")
    settings = load_settings(home / "observatory.toml")
    before = refresh(settings, now=EVENING)
    grid = home / "in" / "grid_intensity_yearly.csv"
    write(grid, {**IRELAND, "intensity_g_per_kwh": 199})
    write(home / "in" / "pue_yearly.csv", FLEET)
    factors.update(settings, None, now=MORNING)
    another_source = {"source_id": "energy_agency", "intensity_g_per_kwh": 240.5}
    write(grid, {**IRELAND, **another_source})
    factors.update(settings, None, now=AFTERNOON)
    return Nights(settings, before, refresh(settings, now=NIGHT))


def test_a_newer_version_changes_tonights_numbers(nights: Nights) -> None:
    before, after = (nights.run(report, "ireland") for report in (nights.before, nights.after))
    assert (before["grid_intensity_g_per_kwh"], before["pue_ratio"]) == (256.54, 1.14)
    assert before["factor_version"] == "spruce 8840d3c" and before["pue_age_years"] == 1
    # Of two deliveries of a day, by different sources of one rank, the later one.
    assert after["grid_intensity_g_per_kwh"] == pytest.approx(240.5, rel=1e-12)
    assert (after["factor_source_id"], after["factor_version"]) == (
        "energy_agency",
        "Ember 2026-11",
    )
    assert (after["pue_ratio"], after["pue_age_years"]) == (1.12, 0)
    assert after["emissions_location_g_co2e"] == pytest.approx(
        after["it_energy_kwh"] * 1.12 * 240.5, rel=1e-12
    )
    assert after["it_energy_kwh"] == before["it_energy_kwh"]


def test_a_rebuild_as_of_yesterday_keeps_yesterdays_numbers(nights: Nights) -> None:
    rebuilt = refresh(nights.settings, now=LATER, as_of=EVENING)
    same, was = (r.published.info["sha256"] for r in (rebuilt, nights.before))
    assert same["fct_runs.parquet"] == was["fct_runs.parquet"]
    assert same["fct_factors.parquet"] == was["fct_factors.parquet"]


def test_between_two_deliveries_the_first_one_counts(nights: Nights, tmp_path: Path) -> None:
    build_part(
        nights.settings, AFTERNOON - timedelta(minutes=1), ["fct_runs"], tmp_path / "noon.duckdb"
    )
    (noon,) = query(
        tmp_path / "noon.duckdb",
        "select grid_intensity_g_per_kwh, pue_ratio from marts.fct_runs where run_id = 'ireland'",
    )
    assert noon == {"grid_intensity_g_per_kwh": 199.0, "pue_ratio": 1.12}


def test_diff_says_exactly_what_changed(nights: Nights) -> None:
    found = factors.diff(nights.settings, EVENING.isoformat(), "2026-11-24", now=LATER)
    assert [side["kind"] for side in (found["from"], found["to"])] == ["instant", "instant"]
    told = [
        (row["change"], row["fact"], row["source_id"], row["attribute"], row["old_value"],
         row["new_value"], row["old_version"], row["new_version"])
        for row in found["changes"]
    ]  # fmt: skip
    assert told == [
        ("changed", "country, IRL, 2025", "ember_by_cloud_region_spruce", "intensity_g_per_kwh",
         256.54, 199.0, "spruce 8840d3c", "Ember 2026-11"),
        ("added", "country, IRL, 2025", "energy_agency", "intensity_g_per_kwh", None, 240.5,
         None, "Ember 2026-11"),
        ("added", "aws, *, 2026-01-01, fleet_yearly", "aws_sustainability_page", "pue_ratio", None,
         1.12, None, None),
    ]  # fmt: skip
    assert found["changes"][0]["relative_change"] == pytest.approx(199 / 256.54 - 1)
    grid, pue = found["tables"]
    assert (grid["changed"], grid["added"], grid["withdrawn"], grid["superseded"]) == (1, 1, 0, 0)
    assert grid["zones"] == ["IRL"]
    assert grid["regions"] == ["aws eu-west-1", "azure northeurope"]
    assert pue["zones"] == ["aws *"] and "aws af-south-1" in pue["regions"]
    back = factors.diff(nights.settings, "2026-11-24", EVENING.isoformat(), now=LATER)
    assert [row["change"] for row in back["changes"]] == ["changed", "withdrawn", "withdrawn"]


def test_two_published_snapshots_are_compared_without_a_build(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(factors.build, "build_part", None)
    a, b = (report.published.version for report in (nights.before, nights.after))
    found = factors.diff(nights.settings, a, b, now=LATER)
    assert [row["change"] for row in found["changes"]] == ["changed", "added", "added"]
    assert found["to"] == {"given": b, "kind": "snapshot", "as_of": NIGHT.isoformat()}
    assert factors.diff(nights.settings, b, "current", now=LATER)["changes"] == []


def test_two_versions_of_a_table_are_compared_fact_by_fact(nights: Nights) -> None:
    found = factors.diff(
        nights.settings, "grid_intensity_yearly:spruce 8840d3c", "Ember 2026-11", now=LATER
    )
    changed = [row for row in found["changes"] if row["change"] == "changed"]
    assert [(row["fact"], row["old_value"], row["new_value"]) for row in changed] == [
        ("country, IRL, 2025", 256.54, 240.5)
    ]
    assert {row["change"] for row in found["changes"]} == {"changed", "withdrawn"}


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ("2026-11-24", "Ember 2026-11", "compare two versions of a table with each other"),
        ("Ember 2026-11", "no such thing", "no such thing is no date, no published snapshot"),
        ("Ember 2026-11", "2031-01-01", "lies in the future"),
    ],
)
def test_what_cannot_be_compared_is_told(nights: Nights, a: str, b: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        factors.diff(nights.settings, a, b, now=LATER)


def test_list_says_what_there_is_how_old_and_whether_it_is_used(nights: Nights) -> None:
    found = factors.versions(nights.settings, now=LATER)
    assert found["published_version"] == nights.after.published.version
    listed = {(v["factor_table"], v["source_id"], v["version"], str(v["recorded_on"])): v
              for v in found["versions"]}  # fmt: skip
    new = listed["grid_intensity_yearly", "energy_agency", "Ember 2026-11", "2026-11-24"]
    assert (new["factor_rows"], new["newest_year"], new["factor_age_years"]) == (1, 2025, 1)
    assert new["is_in_use"] is True
    ember = "ember_by_cloud_region_spruce"
    corrected = listed["grid_intensity_yearly", ember, "Ember 2026-11", "2026-11-24"]
    assert corrected["is_in_use"] is False
    old = listed["grid_intensity_yearly", ember, "spruce 8840d3c", "2026-11-23"]
    assert old["factor_rows"] == old["rows_not_superseded"] + 1
    assert listed["pue_yearly", "aws_sustainability_page", None, "2026-11-24"]["is_in_use"] is True
    assert {v["factor_table"] for v in found["versions"]} == set(factor_tables())


def test_status_warns_of_factors_older_than_the_setting(nights: Nights, tmp_path: Path) -> None:
    found = checks.status(nights.settings, LATER)
    (stale,) = found["stale_factors"]
    assert (stale["kind"], stale["region"]) == ("grid_intensity", "us-east-1")
    assert (stale["newest_factor_year"], stale["factor_age_years"]) == (2023, 3)
    (warning,) = found["warnings"]
    assert warning == (
        "grid intensity is more than 2 years old in aws us-east-1 (of 2023); land newer rows "
        "with `observatory factors update`"
    )
    virginia = {
        **IRELAND,
        "zone_type": "subdivision",
        "zone_id": "US-VA",
        "country_iso3": "USA",
        "year": 2024,
        "valid_from": "2024-01-01",
        "valid_to": "2025-01-01",
        "source_rank": 2,
        "factor_resolution": "zone_yearly",
    }
    factors.update(
        nights.settings, write(tmp_path / "grid_intensity_yearly.csv", virginia), now=LATER
    )
    strict = nights.settings.factors.model_copy(update={"stale_after_years": 1.5})
    settings = nights.settings.model_copy(update={"factors": strict})
    land_settings(open_landing(settings, LATER), settings, LATER)
    build_part(settings, LATER, ["fct_factor_freshness"], tmp_path / "strict.duckdb")
    places = query(
        tmp_path / "strict.duckdb",
        "select region, factor_age_years, stale_after_years, is_stale "
        "from marts.fct_factor_freshness where kind = 'grid_intensity' order by region",
    )
    assert [tuple(place.values()) for place in places] == [
        ("af-south-1", 1, 1.5, False),
        ("eu-west-1", 1, 1.5, False),
        ("us-east-1", 2, 1.5, True),
    ]
