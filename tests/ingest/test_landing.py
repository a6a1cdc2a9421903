"""Landing: is a delivery there whole or not at all, once, and for ever?"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from ingest.contracts import REJECTED_SCHEMA, Batch, Dataset, empty_rejected
from ingest.errors import LandingError, SourceUnavailable
from ingest.landing import MANIFEST_SCHEMA, DeliveryResult, Landing
from ingest.runner import SourceReport, run_source
from ingest.sources import SourceContext, SourceSettings

REPO = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
METER = Dataset(name="test__meter", columns={"energy_j": pl.Float64()})
OTHER = Dataset(name="test__other", columns={"energy_j": pl.Float64()})


def rows(*values: float, dataset: Dataset = METER) -> pl.DataFrame:
    return pl.DataFrame(
        [("m.csv", i + 2, value) for i, value in enumerate(values)],
        schema=dataset.schema,
        orient="row",
    )


def refused(*lines: int) -> pl.DataFrame:
    return pl.DataFrame(
        [("m.csv", line, None, "wrong_type", "a sentence", "raw") for line in lines],
        schema=REJECTED_SCHEMA,
        orient="row",
    )


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    found = Landing(tmp_path / "landing", code_version="1.2.3")
    found.initialise([METER, OTHER])
    return found


def deliver(
    landing: Landing,
    landed: pl.DataFrame,
    rejected: pl.DataFrame | None = None,
    *,
    scope: str = "a/2026-10",
    dataset: Dataset = METER,
    at: datetime = NOW,
    incomplete: bool = False,
) -> DeliveryResult:
    with landing.deliver(dataset, scope, source="test", instance="a", received_at=at) as writer:
        writer.write(landed, empty_rejected() if rejected is None else rejected)
        writer.incomplete = incomplete
        return writer.commit()


def files(landing: Landing) -> dict[str, bytes]:
    """Every file below landing that a reader could open, with its bytes."""
    return {
        p.relative_to(landing.root).as_posix(): p.read_bytes()
        for p in sorted(landing.root.rglob("*.parquet"))
    }


def test_a_new_landing_is_typed_and_empty(landing: Landing) -> None:
    assert pl.read_parquet(landing.root / METER.name / "*.parquet").schema == METER.schema
    assert pl.read_parquet(landing.root / "_rejected" / "*.parquet").schema == REJECTED_SCHEMA
    assert landing.deliveries().schema == MANIFEST_SCHEMA
    before = files(landing)
    landing.initialise([METER, OTHER])
    assert files(landing) == before


def test_a_dataset_with_new_columns_gets_a_new_empty_file_and_keeps_its_rows(
    landing: Landing,
) -> None:
    result = deliver(landing, rows(1.0))
    wider = Dataset(name=METER.name, columns={**METER.columns, "power_w": pl.Float64()})
    landing.initialise([wider])
    folder = landing.root / METER.name
    assert pl.read_parquet(folder / "_empty.parquet").schema == wider.schema
    assert pl.read_parquet(folder / f"{result.delivery_id}.parquet").equals(rows(1.0))


def test_a_delivery_is_its_rows_its_rejected_rows_and_one_line_in_the_manifest(
    landing: Landing,
) -> None:
    result = deliver(landing, rows(1.0, 2.0), refused(4))
    assert result == DeliveryResult(METER.name, "a/2026-10", "landed", result.delivery_id, 3, 2, 1)
    name = f"{result.delivery_id}.parquet"
    assert pl.read_parquet(landing.root / METER.name / name).equals(rows(1.0, 2.0))
    assert pl.read_parquet(landing.root / "_rejected" / name).equals(refused(4))
    manifest = landing.deliveries().row(0, named=True)
    assert (manifest["rows_in"], manifest["rows_landed"], manifest["rows_rejected"]) == (3, 2, 1)
    assert (manifest["received_at_utc"], manifest["code_version"]) == (NOW, "1.2.3")
    assert (manifest["source"], manifest["instance"]) == ("test", "a")
    assert json.loads(manifest["source_files"]) == ["m.csv"]


def test_the_same_content_again_changes_nothing(landing: Landing) -> None:
    first = deliver(landing, rows(1.0), refused(3))
    before = files(landing)
    again = deliver(landing, rows(1.0), refused(3), at=NOW + timedelta(days=1))
    assert (again.status, again.delivery_id) == ("unchanged", first.delivery_id)
    assert files(landing) == before
    # Nor does it for a process that has just started.
    fresh = Landing(landing.root)
    assert deliver(fresh, rows(1.0), refused(3), at=NOW + timedelta(days=2)).status == "unchanged"


def test_a_restatement_supersedes_and_never_overwrites(landing: Landing) -> None:
    first = deliver(landing, rows(1.0), refused(3))
    before = files(landing)
    second = deliver(landing, rows(1.5), at=NOW + timedelta(days=1))
    assert second.status == "landed" and second.delivery_id != first.delivery_id
    after = files(landing)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 2
    newest = landing.newest(METER.name, "a/2026-10")
    assert newest is not None and newest["delivery_id"] == second.delivery_id
    # Going back to what was there at first is a third delivery.
    third = deliver(landing, rows(1.0), refused(3), at=NOW + timedelta(days=2))
    assert third.status == "landed"
    assert landing.deliveries()["delivery_id"].to_list() == [
        first.delivery_id,
        second.delivery_id,
        third.delivery_id,
    ]


def test_scopes_and_datasets_do_not_supersede_each_other(landing: Landing) -> None:
    results = [
        deliver(landing, rows(1.0)),
        deliver(landing, rows(1.0), scope="a/2026-11"),
        deliver(landing, rows(1.0, dataset=OTHER), dataset=OTHER),
    ]
    assert [r.status for r in results] == ["landed"] * 3
    assert len({r.delivery_id for r in results}) == 3


def test_what_is_incomplete_may_be_first_but_replaces_nothing(landing: Landing) -> None:
    assert deliver(landing, rows(1.0), incomplete=True).status == "landed"
    assert deliver(landing, rows(1.0), incomplete=True).status == "unchanged"
    assert deliver(landing, rows(1.0, 2.0), at=NOW + timedelta(1)).status == "landed"
    before = files(landing)
    held = deliver(landing, rows(2.0), refused(3), at=NOW + timedelta(2), incomplete=True)
    assert (held.status, held.delivery_id) == ("held_back", None)
    assert files(landing) == before


def test_a_delivery_of_no_rows_is_a_delivery(landing: Landing) -> None:
    result = deliver(landing, rows())
    assert (result.status, result.rows_in) == ("landed", 0)
    assert (landing.root / METER.name / f"{result.delivery_id}.parquet").exists()


def test_rows_in_must_be_rows_landed_and_rows_rejected(landing: Landing) -> None:
    options = {"source": "test", "instance": "a", "received_at": NOW}
    with landing.deliver(METER, "a", **options) as writer:  # type: ignore[arg-type]
        writer.write(rows(1.0), refused(3), rows_in=2)
        with pytest.raises(LandingError, match="3 rows in, but 1 landed \\+ 1 rejected"):
            writer.write(rows(1.0), refused(3), rows_in=3)
        with pytest.raises(LandingError, match="the source built columns"):
            writer.write(rows(1.0).drop("energy_j"), refused())
    assert landing.deliveries().is_empty()


def test_what_is_not_committed_leaves_nothing(landing: Landing) -> None:
    before = files(landing)
    options = {"source": "test", "instance": "a", "received_at": NOW}
    with (
        pytest.raises(RuntimeError),
        landing.deliver(METER, "a", **options) as writer,  # type: ignore[arg-type]
    ):
        writer.write(rows(1.0), refused(3))
        raise RuntimeError("the source broke")
    assert files(landing) == before
    assert not list((landing.root / ".tmp").iterdir())


def test_leftovers_of_a_killed_writer_are_cleared(landing: Landing) -> None:
    deliver(landing, rows(1.0))
    before = files(landing)
    leftover = landing.root / ".tmp" / "0123" / "data.parquet"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half of a file")
    landing.clear_leftovers()
    assert not leftover.exists()
    assert files(landing) == before


# ---- A source into landing --------------------------------------------------------------------


def run(landing: Landing, *batches: Batch | Exception) -> SourceReport:
    def read(settings: SourceSettings, context: SourceContext) -> Iterator[Batch]:
        for batch in batches:
            if isinstance(batch, Exception):
                raise batch
            yield batch

    source: Any = SimpleNamespace(
        NAME="test", DATASETS=(METER,), Settings=SourceSettings, read=read
    )
    return run_source(source, SourceSettings(enabled=True), SourceContext("a", NOW), landing)


def test_batches_of_one_scope_are_one_delivery(landing: Landing) -> None:
    report = run(
        landing,
        Batch(METER, "a/1", rows(1.0), refused(9)),
        Batch(METER, "a/2", rows(2.0), empty_rejected()),
        Batch(METER, "a/1", rows(3.0), empty_rejected()),
    )
    assert report.status == "partial"
    assert (report.rows_in, report.rows_landed, report.rows_rejected) == (4, 3, 1)
    assert [(d.scope, d.rows_landed) for d in report.deliveries] == [("a/1", 2), ("a/2", 1)]


@pytest.mark.parametrize("error", [SourceUnavailable("gone"), OSError("disk")])
def test_a_source_that_fails_halfway_lands_nothing(landing: Landing, error: Exception) -> None:
    before = files(landing)
    report = run(landing, Batch(METER, "a/1", rows(1.0), empty_rejected()), error)
    assert (report.status, report.deliveries, report.error) == ("failed", [], str(error))
    assert files(landing) == before


def test_an_incomplete_batch_holds_its_whole_scope_back(landing: Landing) -> None:
    assert run(landing, Batch(METER, "a/1", rows(1.0), empty_rejected())).status == "ok"
    report = run(
        landing,
        Batch(METER, "a/1", rows(2.0), empty_rejected(), incomplete=True),
        Batch(METER, "a/1", rows(3.0), empty_rejected()),
    )
    assert report.status == "partial"
    assert [d.status for d in report.deliveries] == ["held_back"]
    assert report.error is not None and "a/1" in report.error


# ---- kill -9 ----------------------------------------------------------------------------------

# A process that makes two deliveries and kills itself before its n-th operation on a file, for
# each n in turn; each n in a landing of its own. Forked before polars starts its threads.
KILLED = """
import os, signal, sys
from datetime import timedelta
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from tests.ingest.test_landing import METER, NOW, Landing, deliver, refused, rows

base = Path(sys.argv[1])
left = 0

def step():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def before(owner, name):
    original = getattr(owner, name)
    def stepped(*args, **kwargs):
        step()
        return original(*args, **kwargs)
    setattr(owner, name, stepped)

def audit(event, args):
    if event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir") or (
        event == "open" and str(base) in str(args[0])
    ):
        step()

def work(n):
    global left
    left = n
    before(os, "fsync")
    before(pl.DataFrame, "write_parquet")
    for name in ("__init__", "write_table", "close"):
        before(pq.ParquetWriter, name)
    sys.addaudithook(audit)
    landing = Landing(base / str(n))
    landing.initialise([METER])
    landing.clear_leftovers()
    deliver(landing, rows(1.0, 2.0), refused(9))
    deliver(landing, rows(3.0), refused(8, 9), at=NOW + timedelta(days=1))

for n in range(1, 1000):
    child = os.fork()
    if child == 0:
        work(n)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        sys.exit(os.WEXITSTATUS(status))
    assert os.WTERMSIG(status) == signal.SIGKILL, status
"""


def test_a_kill_between_any_two_file_operations_leaves_nothing_or_a_whole_delivery(
    tmp_path: Path,
) -> None:
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        cwd=REPO,
        env={**os.environ, "PYTHONPATH": str(REPO), "POLARS_MAX_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    seen = set()
    nights = sorted((p for p in tmp_path.iterdir()), key=lambda p: int(p.name))
    assert len(nights) > 30
    for night in nights:
        landing = Landing(night)
        landing.initialise([METER])
        landing.clear_leftovers()
        visible = landing.deliveries()
        seen.add(visible.height)
        expected = [(rows(1.0, 2.0), refused(9)), (rows(3.0), refused(8, 9))]
        for entry, (landed, rejected) in zip(
            visible.iter_rows(named=True), expected[: visible.height], strict=True
        ):
            name = f"{entry['delivery_id']}.parquet"
            assert pl.read_parquet(night / METER.name / name).equals(landed)
            assert pl.read_parquet(night / "_rejected" / name).equals(rejected)
            assert entry["rows_in"] == landed.height + rejected.height
        # The next night goes on as if nothing had happened.
        result = deliver(landing, rows(3.0), refused(8, 9), at=NOW + timedelta(days=2))
        assert result.status == ("unchanged" if visible.height == 2 else "landed")
        assert not (night / ".tmp").exists() or not list((night / ".tmp").iterdir())
    assert seen == {0, 1, 2}
