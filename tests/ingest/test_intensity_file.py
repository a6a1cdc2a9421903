"""Files of grid intensity: what each row says, from when to when; why a bad one is refused."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from grid_api import HOUR, NOW, hours, utc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.errors import ConfigError
from ingest.landing import Landing
from ingest.runner import SourceReport, run_source
from ingest.sources import SourceContext, registry
from ingest.sources import intensity_file as source
from observatory.settings import load_settings

PAYLOADS = Path(__file__).parent / "payloads" / "intensity_file"
WHEN = ("grid_zone", "from_at_utc", "to_at_utc", "intensity_g_per_kwh")


class Night:
    """A landing and a folder of files, and what a run of the source left there."""

    def __init__(self, root: Path) -> None:
        self.inputs = root / "files"
        self.inputs.mkdir()
        self.landing = Landing(root / "landing")
        self.landing.initialise(source.DATASETS)

    def put(self, name: str, content: str | bytes) -> Path:
        path = self.inputs / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def run(self, path: Path | None = None, at: datetime = NOW, **told: Any) -> SourceReport:
        told = {"path": str(path or self.inputs), "accounting": "lifecycle", **told}
        report = run_source(
            source, source.Settings.model_validate(told), SourceContext("own", at), self.landing
        )
        deliveries = self.landing.deliveries()
        sums = deliveries["rows_landed"] + deliveries["rows_rejected"]
        assert (deliveries["rows_in"] == sums).all()
        return report

    @property
    def rows(self) -> pl.DataFrame:
        frame = pl.read_parquet(self.landing.root / "intensity_file__intensity" / "*.parquet")
        return frame.sort("source_file", "source_row")

    @property
    def rejected(self) -> pl.DataFrame:
        return pl.read_parquet(self.landing.root / "_rejected" / "*.parquet")

    @property
    def reasons(self) -> list[tuple[Any, ...]]:
        return self.rejected.select("source_row", "field", "reason").rows()


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def test_it_is_not_asked_for_hours() -> None:
    assert not hasattr(source, "WANTS_HOURS")
    assert registry()["intensity_file"] is source


def test_months_of_a_licensed_data_set(night: Night) -> None:
    report = night.run(PAYLOADS / "iea.csv", version="2026 edition", basis="consumption")
    assert (report.status, report.error) == ("ok", None)
    assert night.rows.select(WHEN).rows() == [
        ("DE", utc("2026-09-01"), utc("2026-10-01"), 352.4),
        ("DE", utc("2026-10-01"), utc("2026-11-01"), 361.0),
        ("FR", utc("2026-09-01"), utc("2026-10-01"), 31.0),
        ("FR", utc("2026-10-01"), utc("2026-11-01"), 38.5),
    ]
    first = night.rows.row(0, named=True)
    assert (first["source_file"], first["source_row"]) == ("iea.csv", 2)
    assert (first["signal"], first["accounting"]) == ("average", "lifecycle")
    assert (first["basis"], first["source_version"]) == ("consumption", "2026 edition")
    assert (first["is_final"], first["is_estimated"], first["published_at_utc"]) == (
        True,
        None,
        None,
    )
    assert night.landing.deliveries()["scope"].to_list() == ["own/iea.csv"]


def test_an_export_with_names_of_its_own(night: Night) -> None:
    night.run(
        PAYLOADS / "electricity_maps_export.csv",
        timezone="Europe/Paris",  # not for a column that says UTC
        columns={
            "from": "Datetime (UTC)",
            "intensity": "Carbon intensity gCO₂eq/kWh (Life cycle)",
            "is_estimated": "Data estimated",
            "estimation_method": "Data estimation method",
        },
    )
    assert night.rows.select(*WHEN, "is_estimated", "estimation_method").rows() == [
        ("FR", utc("2026-10-01T00"), utc("2026-10-01T01"), 31.66, False, None),
        ("FR", utc("2026-10-01T01"), utc("2026-10-01T02"), 30.12, False, None),
        ("FR", utc("2026-10-01T02"), utc("2026-10-01T03"), 29.5, True, "TIME_SLICER_AVERAGE"),
    ]


def test_names_in_any_script(night: Night) -> None:
    path = night.put("a.csv", "地区,时间,强度\nCN-BJ,2026-10,560\n")
    night.run(path, columns={"zone": "地区", "from": "时间", "intensity": "强度"})
    assert night.rows.select(WHEN).rows() == [
        ("CN-BJ", utc("2026-10-01"), utc("2026-11-01"), 560.0)
    ]


def test_what_a_supplier_states(night: Night) -> None:
    """In t/MWh, with a correction, and a marginal figure that stays one."""
    report = night.run(
        PAYLOADS / "supplier.csv",
        accounting=None,
        zone="FR",
        unit="t/MWh",
        timezone="Europe/Paris",
    )
    assert report.status == "partial"
    assert night.reasons == [
        (2, "intensity", "wrong_type"),  # a decimal comma
        (3, "from", "duplicate_interval"),
    ]
    paris = ZoneInfo("Europe/Paris")
    starts = [datetime(2026, month, 1, tzinfo=paris).astimezone(UTC) for month in (1, 7, 10)]
    assert night.rows.select(*WHEN[1:3], "signal", "basis", "source_version").rows() == [
        (starts[0], starts[1], "average", "consumption", "first half, corrected"),
        (starts[1], starts[2], "average", "consumption", "third quarter"),
        (starts[1], starts[2], "marginal", None, "third quarter"),
    ]
    assert night.rows["intensity_g_per_kwh"].to_list() == [16.0, 21.0, 600.0]
    assert night.rows["published_at_utc"][0] == utc("2026-09-30")


def test_each_bad_row_has_its_reason(night: Night) -> None:
    report = night.run(PAYLOADS / "failure_rows.csv")
    assert report.status == "partial"
    assert night.reasons == [
        (3, "from", "wrong_type"),
        (4, "from", "out_of_range"),
        (5, "from", "out_of_range"),
        (6, "grid_zone", "missing_value"),
        (7, "from_at_utc", "missing_value"),
        (8, "to", "out_of_range"),
        (9, "to", "out_of_range"),
        (10, "intensity", "wrong_type"),
        (11, "intensity", "out_of_range"),
        (12, "intensity", "out_of_range"),
        (13, "intensity", "out_of_range"),
        (14, "signal", "value_not_allowed"),
        (15, "accounting", "value_not_allowed"),
        (16, "basis", "value_not_allowed"),
        (17, "is_estimated", "wrong_type"),
        (18, None, "wrong_column_count"),
        (19, "from", "duplicate_interval"),
    ]
    assert night.rejected["raw"][0] == "FR,yesterday,2026-10-01T01:00Z,40,,,,"
    assert night.rejected["detail"].str.len_chars().min() > 20  # type: ignore[operator]
    assert night.rows.select("source_row", *WHEN[3:], "is_estimated").rows() == [
        (2, 40.0, None),
        (20, 42.0, True),
        (21, None, None),  # the provider has no value
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("failure_duplicate_header.csv", "duplicate_header"),
        ("failure_missing_column_when.csv", "missing_column"),
        ("failure_missing_column_intensity.csv", "missing_column"),
        ("failure_empty_file.csv", "empty_file"),
    ],
)
def test_a_file_that_says_nothing_is_one_rejected_row(night: Night, name: str, reason: str) -> None:
    report = night.run(PAYLOADS / name)
    assert (report.status, report.rows_rejected) == ("partial", 1)
    assert night.reasons == [(None, None, reason)]


@pytest.mark.parametrize("missing", ["zone", "accounting"])
def test_what_neither_file_nor_settings_say_refuses_the_file(night: Night, missing: str) -> None:
    said = {"zone": "FR", "accounting": "lifecycle"}
    path = night.put("a.csv", "year,intensity\n2026,40\n")
    night.run(path, **{**said, missing: None})
    assert night.reasons == [(None, None, "missing_column")]
    assert f"`{missing}`" in night.rejected["detail"][0]


def test_a_file_that_got_worse_does_not_replace_the_good_one(night: Night) -> None:
    path = night.put("a.csv", "zone,year,intensity\nFR,2026,40\n")
    night.run(path)
    path.write_text("zone,year\nFR,2026\n")
    report = night.run(path, at=NOW + timedelta(days=1))
    assert (report.status, night.rows.height) == ("partial", 1)
    assert "held back" in (report.error or "")


def test_a_file_is_a_delivery_and_the_same_again_is_none(night: Night) -> None:
    night.put("a.csv", "zone,year,intensity\nFR,2026,40\n")
    night.put("b.csv", "zone,year,intensity\nDE,2026,400\n")
    night.put("notes.md", "not for us")
    assert night.run().rows_landed == 2
    again = night.run(at=NOW + timedelta(days=1))
    assert (again.status, again.rows_landed, again.rows_unchanged) == ("ok", 0, 2)
    assert night.landing.deliveries()["scope"].sort().to_list() == ["own/a.csv", "own/b.csv"]


def test_parquet_with_types(night: Night) -> None:
    pl.DataFrame(
        {
            "zone": ["FR", "FR", "DE"],
            "timestamp": [utc("2026-10-01"), utc("2026-10-01") + HOUR, utc("2026-10-01")],
            "intensity": [40.5, float("nan"), 400.0],
            "is_estimated": [True, False, None],
            "published_on": [date(2026, 10, 2)] * 3,
        }
    ).write_parquet(night.inputs / "a.parquet")
    night.run(timezone="Europe/Paris")
    assert night.rows.select("source_row", *WHEN, "is_estimated").rows() == [
        (1, "FR", utc("2026-10-01"), utc("2026-10-01T01"), 40.5, True),
        (3, "DE", utc("2026-10-01"), utc("2026-10-01T01"), 400.0, None),
    ]
    assert night.rows["published_at_utc"][0] == utc("2026-10-02")
    assert night.reasons == [(2, "intensity", "out_of_range")]


def test_a_year_in_parquet_is_a_number(night: Night) -> None:
    pl.DataFrame({"zone": ["FR"], "year": [2024], "intensity": [40]}).write_parquet(
        night.inputs / "a.parquet"
    )
    night.run()
    assert night.rows.select(WHEN).rows() == [("FR", utc("2024-01-01"), utc("2025-01-01"), 40.0)]


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("g/kWh", 1),
        ("kg/kWh", 1000),
        ("kg/MWh", 1),
        ("t/MWh", 1000),
        ("t/GWh", 1),
        ("lb/MWh", 0.45359237),
    ],
)
def test_units(night: Night, unit: str, factor: float) -> None:
    night.run(night.put("a.csv", "zone,year,intensity\nFR,2026,0.5\n"), unit=unit)
    assert night.rows["intensity_g_per_kwh"].to_list() == [0.5 * factor]


# From when to when.


def lines(zone: str, starts: list[str]) -> str:
    return "zone,from,intensity\n" + "".join(
        f"{zone},{start},{i}\n" for i, start in enumerate(starts)
    )


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        (["2026-10-01T00:00Z", "2026-10-01T00:05Z"], ["2026-10-01T00:05", "2026-10-01T00:10"]),
        (["2026-10-01T00:00Z", "2026-10-01T00:15Z"], ["2026-10-01T00:15", "2026-10-01T00:30"]),
        (["2026-10-01T00:00Z", "2026-10-01T00:30Z"], ["2026-10-01T00:30", "2026-10-01T01:00"]),
        (["2026-10-01T00:00Z", "2026-10-01T01:00Z"], ["2026-10-01T01:00", "2026-10-01T02:00"]),
        (["2026-10-01", "2026-10-02"], ["2026-10-02T00:00", "2026-10-03T00:00"]),
        (["2026-10-01", "2026-10-08"], ["2026-10-08T00:00", "2026-10-15T00:00"]),
        (["2026-10-01", "2026-11-01"], ["2026-11-01T00:00", "2026-12-01T00:00"]),
        (["2025-01-01", "2026-01-01"], ["2026-01-01T00:00", "2027-01-01T00:00"]),
        (["2026-02", "2026-03"], ["2026-03-01T00:00", "2026-04-01T00:00"]),
        (["2024", "2025.0"], ["2025-01-01T00:00", "2026-01-01T00:00"]),
    ],
)
def test_the_length_is_that_of_the_spacing(
    night: Night, starts: list[str], ends: list[str]
) -> None:
    night.run(night.put("a.csv", lines("FR", starts)))
    found = [f"{at:%Y-%m-%dT%H:%M}" for at in night.rows["to_at_utc"]]
    assert found == ends


def test_a_hole_does_not_make_an_hour_longer(night: Night) -> None:
    starts = [f"2026-10-01T{hour:02}:00Z" for hour in (0, 1, 2, 7, 8)]
    night.run(night.put("a.csv", lines("FR", starts)))
    assert (night.rows["to_at_utc"] - night.rows["from_at_utc"]).to_list() == [HOUR] * 5


def test_a_row_that_is_alone_holds_as_long_as_the_others_of_the_file(night: Night) -> None:
    text = lines("FR", ["2026-10-01T00:00Z", "2026-10-01T00:30Z"]) + "DE,2026-10-01T00:00Z,400\n"
    night.run(night.put("a.csv", text))
    assert night.rows["to_at_utc"].to_list()[-1] == utc("2026-10-01") + HOUR / 2


def test_nothing_tells_how_long_a_lone_row_holds(night: Night) -> None:
    path = night.put("a.csv", lines("FR", ["2026-10-01T00:00Z"]))
    night.run(path)
    assert night.reasons == [(2, "to", "missing_value")]
    night.run(path, at=NOW + HOUR, resolution="hour")
    assert night.rows["to_at_utc"].to_list() == [utc("2026-10-01T01")]


def test_a_month_that_starts_in_the_middle_of_one_is_refused(night: Night) -> None:
    path = night.put("a.csv", lines("FR", ["2026-09-30T22:00Z", "2026-10-31T23:00Z"]))
    night.run(path, resolution="month")
    assert {reason for *_, reason in night.reasons} == {"value_not_allowed"}
    night.run(path, at=NOW + HOUR, resolution="month", timezone="Europe/Paris")
    paris = ZoneInfo("Europe/Paris")
    starts = [datetime(2026, month, 1, tzinfo=paris) for month in (10, 11, 12)]
    assert night.rows["from_at_utc"].to_list() == starts[:2]
    assert night.rows["to_at_utc"].to_list() == starts[1:]


@pytest.mark.parametrize("zone", ["Europe/London", "Europe/Paris"])
@pytest.mark.parametrize("with_ends", [False, True])
@pytest.mark.parametrize(
    ("first", "last"), [("2026-03-28", "2026-03-31"), ("2026-10-24", "2026-10-27")]
)
def test_hours_of_a_local_clock_that_changes(
    night: Night, zone: str, with_ends: bool, first: str, last: str
) -> None:
    """23 hours in spring, 25 in autumn, none lost and none twice."""
    clock = ZoneInfo(zone)
    begin, end = (
        datetime.fromisoformat(day).replace(tzinfo=clock).astimezone(UTC) for day in (first, last)
    )
    starts = hours(begin, end)
    text = "from,to,intensity\n" if with_ends else "from,intensity\n"
    for number, at in enumerate(starts):
        local = at.astimezone(clock)
        # Such exports name the end by the clock, an hour after the start by the clock.
        until = (local.replace(tzinfo=None) + HOUR).isoformat()
        if local.utcoffset() != (at + HOUR).astimezone(clock).utcoffset() and first < "2026-06":
            until = (at + HOUR).astimezone(clock).replace(tzinfo=None).isoformat()
        ends = f",{until}" if with_ends else ""
        text += f"{local.replace(tzinfo=None).isoformat()}{ends},{number}\n"
    report = night.run(night.put("a.csv", text), zone="X", timezone=zone)
    assert report.status == "ok"
    assert len(starts) in (71, 73)
    assert night.rows["from_at_utc"].to_list() == starts
    assert night.rows["to_at_utc"].to_list() == [at + HOUR for at in starts]
    assert night.rows["intensity_g_per_kwh"].to_list() == list(range(len(starts)))


def test_days_of_a_local_clock_that_changes(night: Night) -> None:
    days = ["2026-10-23", "2026-10-24", "2026-10-25", "2026-10-26"]
    night.run(night.put("a.csv", lines("FR", days)), timezone="Europe/Paris")
    lengths = (night.rows["to_at_utc"] - night.rows["from_at_utc"]).to_list()
    assert lengths == [24 * HOUR, 24 * HOUR, 25 * HOUR, 24 * HOUR]


def test_a_time_that_the_clock_skips_is_refused(night: Night) -> None:
    starts = [f"2026-03-29 {hour:02}:00" for hour in range(5)]
    night.run(night.put("a.csv", lines("FR", starts)), timezone="Europe/Paris")
    assert night.reasons == [(4, "from", "value_not_allowed")]
    assert "skips" in night.rejected["detail"][0]
    assert night.rows["to_at_utc"].to_list() == hours(utc("2026-03-29"), utc("2026-03-29T04"))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('timezone = "Mars"', "is no IANA time zone"),
        ('columns = { when = "Datetime" }', "'when' is none of our columns: zone, from"),
        ('unit = "g/J"', "unit"),
        ('accounting = "gross"', "accounting"),
    ],
)
def test_a_wrong_setting_is_told(tmp_path: Path, setting: str, said: str) -> None:
    config = tmp_path / "observatory.toml"
    config.write_text(f'[sources.intensity_file]\npath = "files"\n{setting}\n')
    with pytest.raises(ConfigError, match=said):
        load_settings(config)


TIMES = ["2026", "2026-10", "2026-10-01", "2026-10-25 02:30", "2026-10-25 03:00", "nan", ""]
LINES = st.tuples(
    st.sampled_from(["FR", "DE", "", "NULL", "é", "x" * 50]),
    st.sampled_from([*TIMES, "2026-10-25T01:30+02:00"]),
    st.sampled_from(["", "", "2026-10-25 03:00", "2027", '"']),
    st.sampled_from(["40", "41", "", "-1", "1e9", "nan", "forty"]),
    st.sampled_from(["", "average", "marginal", "other", "average,too"]),
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    rows=st.lists(LINES, max_size=12),
    timezone=st.sampled_from(["UTC", "Europe/Paris"]),
)
def test_every_line_is_landed_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], timezone: str
) -> None:
    night = Night(tmp_path_factory.mktemp("any"))
    text = "zone,from,to,intensity,signal\n" + "".join(",".join(row) + "\n" for row in rows)
    report = night.run(night.put("a.csv", text), timezone=timezone)
    assert report.status in ("ok", "partial")
    assert report.rows_in == report.rows_landed + report.rows_rejected
    key = ["grid_zone", "from_at_utc", "to_at_utc", "signal", "accounting"]
    assert not night.rows.select(key).is_duplicated().any()
    assert (night.rows["from_at_utc"] < night.rows["to_at_utc"]).all()
