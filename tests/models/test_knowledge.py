"""What was known when, by kind of knowledge: data, settings and factors each as of its own time."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ingest.contracts import Dataset, empty_rejected
from ingest.landing import Landing
from observatory import records
from observatory.build import build_part
from observatory.knowledge import kind_of
from observatory.refresh import datasets
from observatory.settings import load_settings

DATASETS = {
    "focus__charges": "data",
    "run_events__events": "data",
    "_settings__sites": "settings",
    "_factors__pue_yearly": "factors",
    "grid__intensity": "factors",
    "intensity__readings": "data",
    "prices__list": "factors",
}
AS_OF = {"data": 1, "settings": 2, "factors": 3}


def november(day: int) -> datetime:
    return datetime(2026, 11, day, tzinfo=UTC)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, datetime]:
    """When the delivery in use was received, per dataset, of deliveries of four nights."""
    folder: Path = tmp_path_factory.mktemp("knowledge")
    (folder / "observatory.toml").write_text("")
    settings = load_settings(folder / "observatory.toml")
    landing = Landing(settings.paths.landing)
    landing.initialise(datasets())
    for name in DATASETS:
        dataset = Dataset(name, {"day": pl.Int64()})
        landing.initialise([dataset])
        for day in (1, 2, 3, 4):
            row = {"source_file": "f", "source_row": 1, "day": day}
            with landing.deliver(
                dataset, "scope", source="s", instance="i", received_at=november(day)
            ) as delivery:
                delivery.write(pl.DataFrame([row], schema=dataset.schema), empty_rejected())
                delivery.commit()
    warehouse = folder / "part" / "warehouse.duckdb"
    build_part(
        settings,
        november(4),
        ["stg_landing__deliveries"],
        warehouse,
        kinds_as_of={kind: november(day) for kind, day in AS_OF.items()},
    )
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        rows = connection.execute(
            "select dataset, received_at_utc from staging.stg_landing__deliveries"
        ).fetchall()
    return dict(rows)


@pytest.mark.parametrize(("dataset", "kind"), DATASETS.items())
def test_each_kind_of_knowledge_has_its_own_time(
    known: dict[str, datetime], dataset: str, kind: str
) -> None:
    assert known[dataset].replace(tzinfo=UTC) == november(AS_OF[kind])
    assert kind_of(dataset) == kind


def test_what_we_note_of_ourselves_is_no_knowledge() -> None:
    assert {kind_of(dataset.name) for dataset in records.DATASETS} == {None}
