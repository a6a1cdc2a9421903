"""The night on a tiny project: what it lands, publishes and says, and what a failure leaves."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from ingest.errors import AuditFailed, BuildFailed, ConfigError
from observatory import build, publish, snapshot
from observatory.refresh import DEMO_MARK, RefreshReport, initialise, parse_as_of, refresh
from observatory.settings import Settings, load_settings


def night(settings: Settings, now: datetime, **options: Any) -> RefreshReport:
    return refresh(settings, now=now, **options)


def manifest(settings: Settings) -> pl.DataFrame:
    return pl.read_parquet(settings.paths.landing / "_deliveries" / "*.parquet")


def nights(settings: Settings) -> list[dict[str, Any]]:
    frame = pl.read_parquet(settings.paths.landing / "_nights" / "*.parquet")
    return frame.sort("started_at_utc").to_dicts()


def status(settings: Settings) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((settings.paths.published / "status.json").read_text())
    return content


def runs(folder: Path) -> list[tuple[Any, ...]]:
    with snapshot.connect(folder) as connection:
        return connection.execute(
            "select run_id, facility_energy_kwh from fct_runs order by all"
        ).fetchall()


def test_a_night_publishes_what_was_landed(settings: Settings, now: datetime) -> None:
    report = night(settings, now)
    plain = report.to_json()
    assert plain["status"] == "ok"
    assert plain["published_version"].startswith("20261123T031500000000Z-")
    assert plain["as_of"] == "2026-11-23T03:15:00+00:00"
    assert (plain["runs"], plain["facility_energy_kwh"]) == (3, 8.0)
    assert plain["emissions_location_g_co2e"] == 800.0
    assert plain["effective_cost"] is None
    assert plain["coverage_ratio"] == 1.0
    assert plain["alerts_sent"] == 0
    assert plain["failed_tests"] == []
    tiny = next(source for source in plain["sources"] if source["name"] == "tiny")
    assert tiny == {
        "name": "tiny",
        "instance": "default",
        "status": "ok",
        "rows_in": 3,
        "rows_landed": 3,
        "rows_unchanged": 0,
        "rows_rejected": 0,
        "error": None,
        "rejected": [],
    }
    current = settings.paths.published / "current"
    assert current.is_symlink()
    assert current.resolve() == Path(plain["published_path"])
    assert runs(current) == [("r1", 1.5), ("r2", 2.5), ("r3", 4.0)]


def test_the_snapshot_says_what_it_is(settings: Settings, now: datetime) -> None:
    folder = night(settings, now).published.path
    info = snapshot.version(folder)
    assert info["version"] == folder.name
    assert info["row_counts"] == {"fct_runs": 3, "fct_twice": 3}
    assert info["tests_passed"] == 3
    assert info["tests_warned"] == []
    assert set(info["sha256"]) == {"fct_runs.parquet", "fct_twice.parquet"}
    for name, digest in info["sha256"].items():
        assert publish.files.sha256(folder / name) == digest
    assert datetime.fromisoformat(info["built_at"]) > now
    assert info["reporting"]["currency"] == "USD"
    with duckdb.connect(str(folder / "observatory.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) from fct_runs").fetchall() == [(3,)]


def test_the_night_is_recorded(settings: Settings, now: datetime) -> None:
    version = night(settings, now).published.version
    assert status(settings)["status"] == "ok"
    assert status(settings)["published_version"] == version
    (record,) = nights(settings)
    assert (record["status"], record["published_version"]) == ("ok", version)
    assert record["started_at_utc"] == record["as_of_utc"] == now
    assert record["finished_at_utc"] > now
    assert [s["name"] for s in json.loads(record["sources"])] == ["run_events", "tiny"]


def test_twice_lands_nothing_new_and_publishes_the_same(settings: Settings, now: datetime) -> None:
    first = night(settings, now)
    landed = manifest(settings).filter(pl.col("dataset") != "_nights")
    second = night(settings, now + timedelta(days=1))
    assert manifest(settings).filter(pl.col("dataset") != "_nights").equals(landed)
    assert first.published.info["content_sha256"] == second.published.info["content_sha256"]
    assert first.published.version != second.published.version
    assert [s.report.rows_unchanged for s in second.sources] == [0, 3]


@pytest.mark.parametrize("threads", [1, 3])
def test_everything_but_landing_can_be_rebuilt(
    settings: Settings, now: datetime, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    first = night(settings, now).published
    for path in settings.paths.landing.parent.iterdir():
        if path != settings.paths.landing:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    monkeypatch.setenv("OBSERVATORY_REFRESH__THREADS", str(threads))
    again = night(load_settings(settings.config_file), now, ingest=False).published
    assert again.info["sha256"] == first.info["sha256"]
    assert again.version == first.version


def test_the_same_version_again_keeps_the_folder(settings: Settings, now: datetime) -> None:
    first = night(settings, now).published
    before = (first.path / "version.json").stat().st_ino
    assert night(settings, now).published.path == first.path
    assert (first.path / "version.json").stat().st_ino == before
    (first.path / "fct_runs.parquet").write_bytes(b"damaged")
    night(settings, now)
    assert len(runs(first.path)) == 3
    # Also where a rebuild puts it right, it stays one that readers got.
    (first.path / "fct_runs.parquet").write_bytes(b"damaged")
    night(settings, now, as_of=now)
    assert len(runs(first.path)) == 3
    assert snapshot.version(first.path)["promoted"]


def test_a_failed_test_publishes_nothing_and_is_named(settings: Settings, now: datetime) -> None:
    good = night(settings, now).published
    (settings.base / "in" / "b.txt").write_text("r4,-1\n")
    with pytest.raises(AuditFailed, match="assert_no_negative_energy") as error:
        night(settings, now + timedelta(days=1))
    assert error.value.failed_tests == ["assert_no_negative_energy"]
    assert snapshot.current(settings.paths.published) == good.path
    assert status(settings)["status"] == "failed"
    assert status(settings)["failed_tests"] == ["assert_no_negative_energy"]
    assert status(settings)["published_version"] == good.version
    assert [n["status"] for n in nights(settings)] == ["ok", "failed"]
    # Yesterday's warehouse stays too; the failed one is there to look into.
    for path, expected in (
        (settings.paths.warehouse, 3),
        (build.failed_path(settings.paths.warehouse), 4),
    ):
        with duckdb.connect(str(path), read_only=True) as connection:
            assert connection.execute("select count(*) from stg_tiny__values").fetchall() == [
                (expected,)
            ]
    (settings.base / "in" / "b.txt").write_text("r4,1\n")
    assert night(settings, now + timedelta(days=2)).totals["runs"] == 4


def test_a_failed_rule_names_model_and_column_and_shows_a_row(
    settings: Settings, now: datetime
) -> None:
    (settings.base / "in" / "b.txt").write_text("r4,1001\nr5,1002\n,7\nr6,99\nr7,nan\nr8,1000\n")
    with pytest.raises(AuditFailed) as error:
        night(settings, now)
    assert error.value.failed_tests == ["column_rules_fct_runs"]
    assert (
        "test column_rules_fct_runs: "
        "facility_energy_kwh is above 1000 in 2 row(s), such as run_id=r4 facility_energy_kwh=1001"
    ) in str(error.value)
    for told in (
        "energy_method is not on its list in 1 row(s), such as run_id=r6",
        "facility_energy_kwh is not a number in 1 row(s), such as run_id=r7",
        "run_id is null in 1 row(s), such as facility_energy_kwh=7",
    ):
        assert told in str(error.value)
    assert "r8" not in str(error.value)
    log = build.dbt_folder(settings.paths.warehouse) / "logs" / "dbt.log"
    assert "Failure in test column_rules_fct_runs" in log.read_text()


def test_a_broken_model_publishes_nothing(settings: Settings, now: datetime) -> None:
    (settings.base / "in" / "b.txt").write_text("r4,666\n")
    with pytest.raises(BuildFailed, match=r"model fct_runs: .*the beast"):
        night(settings, now)
    assert status(settings)["status"] == "failed"
    assert status(settings)["published_version"] is None
    assert not (settings.paths.published / "current").exists()


def test_a_key_that_is_not_unique_publishes_nothing(
    settings: Settings, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_TWICE", "1")
    with pytest.raises(AuditFailed, match="6 rows but 3 values of its key"):
        night(settings, now)
    assert [p.name for p in settings.paths.published.iterdir()] == ["status.json"]


def test_a_warning_does_not_block(settings: Settings, now: datetime) -> None:
    (settings.base / "in" / "b.txt").write_text("r4,13\n")
    plain = night(settings, now).to_json()
    assert (plain["status"], plain["warned_tests"]) == ("ok", ["assert_lucky"])


def test_a_source_that_is_not_there_does_not_stop_the_others(site: Path, now: datetime) -> None:
    (site / "observatory.toml").write_text(
        '[sources.tiny.a]\npath = "in"\n[sources.tiny.gone]\npath = "nowhere"\n'
    )
    plain = night(load_settings(site / "observatory.toml"), now).to_json()
    assert (plain["status"], plain["runs"]) == ("partial", 3)
    gone = next(s for s in plain["sources"] if s["instance"] == "gone")
    assert gone["status"] == "failed"
    assert "nowhere" in gone["error"]
    assert "tiny.gone failed" in plain["message"]


def test_a_bug_of_a_source_does_not_stop_the_others(site: Path, now: datetime) -> None:
    (site / "other").mkdir()
    (site / "other" / "x.txt").write_text("bug")
    (site / "observatory.toml").write_text(
        '[sources.tiny.a]\npath = "in"\n[sources.tiny.bad]\npath = "other"\n'
    )
    plain = night(load_settings(site / "observatory.toml"), now).to_json()
    assert (plain["status"], plain["runs"]) == ("partial", 3)
    assert "KeyError: 'a bug of the source'" in plain["message"]


def test_rejected_rows_are_counted_and_told(settings: Settings, now: datetime) -> None:
    (settings.base / "in" / "b.txt").write_text("r4,1\nr5,much\nr6,more\n")
    (settings.base / "in" / "c.txt").write_text("\x00")
    plain = night(settings, now).to_json()
    tiny = next(s for s in plain["sources"] if s["name"] == "tiny")
    assert (tiny["rows_in"], tiny["rows_landed"], tiny["rows_rejected"]) == (7, 4, 3)
    assert [
        (r["source_file"], r["reason"], r["rows"], r["first_row"]) for r in tiny["rejected"]
    ] == [
        ("b.txt", "wrong_type", 2, 2),
        ("c.txt", "not_this_format", 1, None),
    ]
    assert plain["status"] == "partial"
    assert "b.txt: 2 × wrong_type" in plain["message"]
    assert "_rejected" in plain["message"]


def test_the_settings_land_and_are_superseded(site: Path, now: datetime) -> None:
    config = site / "observatory.toml"
    config.write_text(
        '[sites.b]\ngrid_zone = "FR"\npue = 1.3\n[sites.b.hosts.x]\nvcpus = 8\n[sites.a]\npue = 2\n'
    )
    night(load_settings(config), now)
    landing = site / "data" / "landing"

    def landed(name: str) -> list[dict[str, Any]]:
        files = sorted((landing / name).glob("2*.parquet"))
        return pl.read_parquet(files[-1]).to_dicts()

    assert [(r["source_row"], r["site_name"], r["pue"]) for r in landed("_settings__sites")] == [
        (1, "a", 2.0),
        (2, "b", 1.3),
    ]
    assert [(r["site_name"], r["host_type"], r["vcpus"]) for r in landed("_settings__hosts")] == [
        ("b", "x", 8.0)
    ]
    parameters = {r["parameter"]: r["value"] for r in landed("_settings__parameters")}
    assert parameters["attribution.idle_policy"] == "reserved"
    assert parameters["anomaly.threshold"] == "3.0"
    assert parameters["reporting.currency"] == "USD"
    config.write_text("")
    night(load_settings(config), now + timedelta(days=1))
    assert landed("_settings__sites") == []
    assert len(list((landing / "_settings__parameters").glob("2*.parquet"))) == 1


def test_as_of_rebuilds_what_was_known_then(settings: Settings, now: datetime) -> None:
    first = night(settings, now).published
    (settings.base / "in" / "a.txt").write_text("r1,10\n")
    (settings.base / "in" / "b.txt").write_text("r9,1\n")
    later = now + timedelta(days=2)
    second = night(settings, later).published
    landed = manifest(settings)
    (settings.base / "in" / "b.txt").write_text("r9,5\n")  # not ingested by a rebuild

    then = night(settings, later, as_of=now + timedelta(hours=1))
    assert runs(then.published.path) == [("r1", 1.5), ("r2", 2.5), ("r3", 4.0)]
    assert then.published.info["content_sha256"] == first.info["content_sha256"]
    assert then.published.version.startswith("20261123T041500000000Z-")
    assert not then.promoted
    assert snapshot.current(settings.paths.published) == second.path
    assert manifest(settings).equals(landed)
    with duckdb.connect(str(settings.paths.warehouse), read_only=True) as connection:
        assert connection.execute("select count(*) from fct_runs").fetchall() == [(2,)]

    night(settings, later, as_of=now + timedelta(hours=1), promote=True)
    assert snapshot.current(settings.paths.published) == then.published.path

    nothing = night(settings, later, as_of=now - timedelta(days=1))
    assert nothing.totals["runs"] == 0
    assert nothing.totals["facility_energy_kwh"] is None
    assert nothing.totals["coverage_ratio"] is None


def test_a_failed_rebuild_does_not_call_the_night_failed(settings: Settings, now: datetime) -> None:
    night(settings, now)
    (settings.base / "in" / "b.txt").write_text("r4,-1\n")
    with pytest.raises(AuditFailed):
        night(settings, now + timedelta(days=1))
    (settings.base / "in" / "b.txt").write_text("r4,1\n")
    night(settings, now + timedelta(days=2))
    with pytest.raises(AuditFailed):
        night(settings, now + timedelta(days=3), as_of=now + timedelta(days=1, hours=1))
    assert status(settings)["status"] == "ok"


def test_old_versions_go_but_not_the_current_nor_a_young_one(site: Path, now: datetime) -> None:
    (site / "observatory.toml").write_text(
        '[refresh]\nkeep_versions = 2\n[sources.tiny]\npath = "in"\n'
    )
    settings = load_settings(site / "observatory.toml")

    def there() -> list[str]:
        return sorted(p.name[:8] for p in settings.paths.published.glob("2*"))

    for day in range(3):
        night(settings, now + timedelta(days=day))
    assert there() == ["20261124", "20261125"]
    # A rebuild promoted: `current` is an old state, but the newest built.
    night(settings, now + timedelta(days=3), as_of=now, promote=True)
    assert there() == ["20261123", "20261125"]
    # Within the hour nothing goes, even above the limit.
    for minute in (1, 2):
        night(settings, now + timedelta(days=3, minutes=minute))
    assert there() == ["20261123", "20261126", "20261126"]
    publish.prune(settings.paths.published, 1, now + timedelta(days=9))
    assert there() == ["20261126"]


def test_rebuilds_push_no_night_out(site: Path, now: datetime) -> None:
    (site / "observatory.toml").write_text(
        '[refresh]\nkeep_versions = 2\n[sources.tiny]\npath = "in"\n'
    )
    settings = load_settings(site / "observatory.toml")

    def there() -> list[str]:
        return sorted(p.name[:11] for p in settings.paths.published.glob("2*"))

    nights = ["20261123T03", "20261124T03"]
    for day in range(2):
        night(settings, now + timedelta(days=day))
    for hour in range(1, 4):
        rebuilt = now + timedelta(hours=hour)
        night(settings, now + timedelta(days=2, hours=2 * hour), as_of=rebuilt)
    assert there() == sorted([*nights, "20261123T05", "20261123T06"])
    # One that readers get after all counts as theirs.
    night(settings, now + timedelta(days=3), as_of=now + timedelta(hours=3), promote=True)
    assert snapshot.is_promoted(snapshot.version(snapshot.current(settings.paths.published)))
    publish.prune(settings.paths.published, 1, now + timedelta(days=9))
    # The newest built that readers got, and the newest rebuild.
    assert there() == ["20261123T05", "20261123T06"]


def test_a_clock_set_back_hides_nothing(
    settings: Settings, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    night(settings, now)
    (settings.base / "in" / "a.txt").write_text("r1,10\n")
    report = night(settings, now - timedelta(hours=1))
    assert report.as_of == now + timedelta(microseconds=1)
    assert runs(report.published.path) == [("r1", 10.0)]
    assert status(settings)["as_of"] == report.as_of.isoformat()
    # What was landed last stays the newest when the clock is right again.
    assert runs(night(settings, now + timedelta(days=1)).published.path) == [("r1", 10.0)]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (MemoryError("no more"), "MemoryError: no more"),
        (AttributeError("a bug"), "AttributeError: a bug"),
        (SystemExit(3), "SystemExit: 3"),
        (OSError("disk"), "disk"),
    ],
)
@pytest.mark.parametrize(
    "where", ["refresh.prepare_landing", "refresh.ingest_sources", "build.build", "publish.promote"]
)
def test_whatever_ends_a_night_is_recorded(
    settings: Settings,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    message: str,
    where: str,
) -> None:
    initialise(settings, now=now)

    def end(*arguments: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(f"observatory.{where}", end)
    with pytest.raises(type(error)):
        night(settings, now)
    assert (status(settings)["status"], status(settings)["message"]) == ("failed", message)
    (record,) = nights(settings)
    assert (record["status"], record["message"]) == ("failed", message)
    assert not (settings.paths.published / "current").exists()
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("error", "raised"), [(KeyboardInterrupt(), True), (ValueError("not JSON"), False)]
)
def test_what_comes_after_the_publication_is_told_too(
    settings: Settings,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    raised: bool,
) -> None:
    def end(*arguments: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr("observatory.publish.prune", end)
    if raised:
        with pytest.raises(type(error)):
            night(settings, now)
        assert status(settings)["status"] == "partial"
        assert "published, but not tidied up: interrupted" in status(settings)["message"]
    else:
        assert night(settings, now).status == "partial"
    assert status(settings)["published_version"] == snapshot.current(settings.paths.published).name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-06-30", datetime(2026, 6, 30, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2026-06-30T12:00:00Z", datetime(2026, 6, 30, 12, tzinfo=UTC)),
        ("2026-06-30T12:00:00+02:00", datetime(2026, 6, 30, 10, tzinfo=UTC)),
        ("2026-06-30T12:00:00", datetime(2026, 6, 30, 12, tzinfo=UTC)),
        ("2026-11-23", datetime(2026, 11, 23, 3, 15, tzinfo=UTC)),  # today: until now
    ],
)
def test_as_of_is_a_date_or_an_instant(text: str, expected: datetime, now: datetime) -> None:
    assert parse_as_of(text, now) == expected


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "2026-11-24", "2026-11-23T03:16:00Z"])
def test_as_of_refuses_what_is_no_instant_or_not_yet(text: str, now: datetime) -> None:
    with pytest.raises(ConfigError, match=f"--as-of {text}"):
        parse_as_of(text, now)


def test_a_real_config_never_lands_on_the_demo(settings: Settings, now: datetime) -> None:
    settings.paths.landing.mkdir(parents=True)
    (settings.paths.landing / DEMO_MARK).write_text("{}")
    with pytest.raises(ConfigError, match="holds the demo's sample data"):
        night(settings, now)


def test_the_demo_never_lands_on_real_data(
    settings: Settings, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    night(settings, now)
    monkeypatch.setattr("observatory.refresh.DEMO_CONFIG", settings.config_file)
    with pytest.raises(ConfigError, match="not the demo's"):
        night(settings, now)


def test_init_makes_a_typed_empty_landing(settings: Settings, now: datetime) -> None:
    initialise(settings, now=now)
    folders = {p.name for p in settings.paths.landing.iterdir() if p.is_dir()}
    assert {"_deliveries", "_rejected", "_nights", "tiny__values", "_settings__sites"} <= folders
    empty = pl.read_parquet(settings.paths.landing / "tiny__values" / "*.parquet")
    assert empty.is_empty()
    assert "kwh" in empty.columns


def test_no_input_at_all_publishes_an_empty_snapshot(site: Path, now: datetime) -> None:
    (site / "observatory.toml").write_text("")
    plain = night(load_settings(site / "observatory.toml"), now).to_json()
    assert (plain["status"], plain["runs"], plain["facility_energy_kwh"]) == ("ok", 0, None)


def test_the_environment_is_left_as_it_was(
    settings: Settings, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    monkeypatch.setenv("OBSERVATORY_LANDING", "mine")
    before = dict(os.environ)
    night(settings, now)
    assert dict(os.environ) == before
