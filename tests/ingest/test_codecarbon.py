"""CodeCarbon: is each version's file understood, and each bad row refused with its reason?"""

import gzip
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.contracts import REJECTED_SCHEMA
from ingest.landing import Landing
from ingest.runner import run_source
from ingest.sources import SourceContext, codecarbon, registry

PAYLOADS = Path(__file__).parent / "payloads" / "codecarbon"
REAL = Path(__file__).resolve().parents[3] / "shared" / "real" / "codecarbon"
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def parse(path: Path, **told: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All rows and rejected rows of a path; each batch has the dataset's schema."""
    told = {"path": str(path), **told}
    batches = list(
        codecarbon.read(codecarbon.Settings.model_validate(told), SourceContext("codecarbon", NOW))
    )
    for batch in batches:
        assert batch.rows.schema == codecarbon.EMISSIONS.schema
        assert batch.rejected.schema == REJECTED_SCHEMA
    return (
        pl.concat([pl.DataFrame(schema=codecarbon.EMISSIONS.schema), *(b.rows for b in batches)]),
        pl.concat([pl.DataFrame(schema=REJECTED_SCHEMA), *(b.rejected for b in batches)]),
    )


def test_the_source_is_registered() -> None:
    assert registry()["codecarbon"] is codecarbon


def test_the_oldest_version_has_no_run_id_and_no_components() -> None:
    # In Paris the clock went from 02:00 to 03:00 on this day.
    rows, rejected = parse(PAYLOADS / "v1.csv", timezone="Europe/Paris", site="lyon")
    assert rejected.is_empty()
    (row,) = rows.to_dicts()
    assert row["timestamp"] == datetime(2021, 3, 28, 1, 30, tzinfo=UTC)
    assert (row["run_id"], row["experiment_id"]) == (None, "4a2d7f04-7e38-4c32-9b0d-0a1a6c3c7a5e")
    assert (row["duration"], row["energy_consumed"]) == (3600.5, 0.25)
    assert (row["cpu_energy"], row["pue"], row["x_site"]) == (None, None, "lyon")
    assert row["extra"] is None


def test_columns_are_found_by_name_and_unknown_ones_are_kept() -> None:
    rows, rejected = parse(PAYLOADS / "v2_gpu.csv", cpu_counter="rapl")
    assert rejected.is_empty()
    row = rows.to_dicts()[1]
    assert (row["gpu_energy"], row["gpu_count"]) == (0.5, 2.0)
    assert row["gpu_model"] == "2 x NVIDIA A100-SXM4-80GB"
    assert (row["x_cpu_counter"], row["source_row"]) == ("rapl", 3)
    assert '"gpu_power":"500"' in row["extra"]


@pytest.mark.skipif(not REAL.is_dir(), reason="the real exports are not beside this checkout")
def test_real_files_lose_no_row() -> None:
    rows, rejected = parse(REAL)
    assert (len(rows), len(rejected)) == (17, 0)
    tasks = rows.filter(pl.col("task_name").is_not_null())
    assert tasks["task_name"].to_list() == ["load", "train", "eval"]
    assert tasks["run_id"].n_unique() == 1
    assert rows["pue"].max() == 1.135


def test_each_wrong_value_refuses_its_row_and_no_other() -> None:
    rows, rejected = parse(PAYLOADS / "failure_values.csv")
    assert rows["run_id"].to_list() == ["good"]
    found = rejected.sort("source_row").select("source_row", "field", "reason").rows()
    assert found == [
        (3, "timestamp", "wrong_type"),
        (4, "duration", "out_of_range"),
        (5, "duration", "missing_value"),
        (6, "energy_consumed", "wrong_type"),
        (7, "cpu_energy", "out_of_range"),
        (8, "pue", "out_of_range"),
        (9, None, "wrong_column_count"),
    ]
    assert all("bad" in raw or "," in raw for raw in rejected["raw"])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("failure_other_table.csv", "missing_column"),
        ("failure_header_twice.csv", "duplicate_header"),
        ("failure_empty.csv", "empty_file"),
        ("failure_no_row.csv", "empty_file"),
    ],
)
def test_a_file_that_is_none_is_one_rejected_row(name: str, reason: str) -> None:
    rows, rejected = parse(PAYLOADS / name)
    assert rows.is_empty()
    assert rejected["reason"].to_list() == [reason]


def test_of_a_folder_backups_are_read_and_other_files_are_not(tmp_path: Path) -> None:
    content = (PAYLOADS / "v1.csv").read_bytes()
    (tmp_path / "emissions.csv.bak").write_bytes(content)
    (tmp_path / "emissions.csv_2.bak").write_bytes(content)
    (tmp_path / "old.csv.gz").write_bytes(gzip.compress(content))
    (tmp_path / "powermetrics_log.txt").write_text("CPU Power: 30 mW")
    rows, rejected = parse(tmp_path)
    assert sorted(rows["source_file"]) == ["emissions.csv.bak", "emissions.csv_2.bak", "old.csv.gz"]
    assert rejected.is_empty()
    named, _ = parse(tmp_path / "*.bak")
    assert len(named) == 2


def test_twice_is_once(tmp_path: Path) -> None:
    landing = Landing(tmp_path / "landing")
    landing.initialise(codecarbon.DATASETS)
    for expected in ("landed", "unchanged"):
        report = run_source(
            codecarbon,  # type: ignore[arg-type]
            codecarbon.Settings(path=str(PAYLOADS / "failure_values.csv")),
            SourceContext("codecarbon", NOW),
            landing,
        )
        assert [d.status for d in report.deliveries] == [expected]
    assert report.rows_in == 8 == 1 + report.rows_rejected


HEADER = b"timestamp,run_id,duration,energy_consumed\n"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_whatever_comes_nothing_raises(lines: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "emissions.csv"
        path.write_bytes(HEADER + b"\n".join(lines))
        rows, rejected = parse(path)
        assert rows["duration"].is_between(0, 10**9).all()
        assert len(rows) + len(rejected) >= 1
