"""Landing: is a delivery there whole or not at all, once, and for ever?"""

import json
import logging
import os
import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from ingest.contracts import (
    REJECTED_SCHEMA,
    Batch,
    Complete,
    Dataset,
    Failure,
    Told,
    Unchanged,
    empty_rejected,
)
from ingest.errors import LandingError, SourceUnavailable
from ingest.landing import MANIFEST_SCHEMA, DeliveryResult, DeliveryWriter, Landing
from ingest.runner import OPEN_AT_ONCE, SourceReport, run_source
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
    half_written = [
        landing.root / folder / f".{name}.parquet.{'0f' * 16}"
        for folder, name in (
            ("_deliveries", "20261123T090000000000Z-01234567-89abcdef"),
            ("_rejected", "_empty"),
            (METER.name, "_empty"),
        )
    ]
    for path in half_written:
        path.write_bytes(b"half of a file")
    mine = landing.root / METER.name / ".note.parquet.bak"
    mine.write_bytes(b"somebody's own")
    landing.clear_leftovers()
    assert not leftover.exists()
    assert not [path for path in half_written if path.exists()]
    assert mine.exists()
    assert files(landing) == before


def test_a_new_folder_is_synced_with_the_folder_it_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    landing = Landing(tmp_path / "landing")
    landing.initialise([METER])
    assert tmp_path in synced
    assert landing.root in synced
    synced.clear()
    landing.initialise([METER])
    assert synced == []
    landing.initialise([METER, OTHER])
    assert landing.root in synced


# ---- The clock is set back --------------------------------------------------------------------


@pytest.mark.parametrize("back", [timedelta(0), timedelta(hours=1)])
def test_the_newest_landed_is_the_newest_known_whatever_the_clock_says(
    landing: Landing, back: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("ingest").propagate = True
    first = deliver(landing, rows(1.0))
    second = deliver(landing, rows(2.0), at=NOW - back)
    third = deliver(Landing(landing.root), rows(3.0), at=NOW - back)
    times = landing.deliveries().select("delivery_id", "received_at_utc").rows()
    tick = timedelta(microseconds=1)
    assert times == [
        (first.delivery_id, NOW),
        (second.delivery_id, NOW + tick),
        (third.delivery_id, NOW + 2 * tick),
    ]
    assert str(second.delivery_id).startswith("20261123T090000000001Z-")
    assert "the newest delivery is of 2026-11-23T09:00:00+00:00" in caplog.text
    # Another scope is not concerned.
    caplog.clear()
    deliver(landing, rows(1.0), scope="b", at=NOW - back)
    assert landing.newest(METER.name, "b")["received_at_utc"] == NOW - back  # type: ignore[index]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


# ---- A source into landing --------------------------------------------------------------------


def run(landing: Landing, *batches: Told | Exception) -> SourceReport:
    def read(settings: SourceSettings, context: SourceContext) -> Iterator[Told]:
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


def test_a_commit_that_fails_keeps_and_reports_what_was_committed(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Landing.record

    def full(self: Landing, row: dict[str, object]) -> None:
        if row["scope"] == "a/2":
            raise OSError(28, "No space left on device")
        record(self, row)

    batches = [Batch(METER, f"a/{n}", rows(float(n)), refused(9)) for n in (1, 2, 3)]
    with monkeypatch.context() as patch:
        patch.setattr(Landing, "record", full)
        report = run(landing, *batches)
    assert report.status == "failed"
    assert report.error is not None and "No space left on device" in report.error
    assert "1 of 3 deliveries were kept" in report.error
    assert [(d.scope, d.status) for d in report.deliveries] == [("a/1", "landed")]
    assert (report.rows_in, report.rows_landed, report.rows_rejected) == (2, 1, 1)
    assert landing.deliveries()["scope"].to_list() == ["a/1"]
    again = run(Landing(landing.root), *batches)
    assert [(d.scope, d.status) for d in again.deliveries] == [
        ("a/1", "unchanged"),
        ("a/2", "landed"),
        ("a/3", "landed"),
    ]


def test_thousands_of_scopes_land_with_few_files_open(landing: Landing) -> None:
    count = 400
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Each scope has two files: with all of them open, 800 would be needed.
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
    try:
        report = run(
            landing,
            *(Batch(METER, f"a/{n:04}", rows(float(n)), refused(9)) for n in range(count)),
        )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (report.error, len(report.deliveries), report.rows_in) == (None, count, 2 * count)


def test_scopes_in_any_order_land_as_if_each_had_come_in_one_piece(tmp_path: Path) -> None:
    dice = random.Random(7)  # noqa: S311 - not a secret
    scopes = [f"a/{n}" for n in range(OPEN_AT_ONCE + 20)]
    batches = [
        Batch(
            METER,
            dice.choice(scopes),
            rows(*(dice.random() for _ in range(dice.randrange(4)))),
            refused(*range(dice.randrange(3))),
        )
        for _ in range(1500)
    ]
    landed = []
    for name, given in (
        ("mixed", batches),
        ("sorted", sorted(batches, key=lambda batch: batch.scope)),
    ):
        landing = Landing(tmp_path / name)
        landing.initialise([METER])
        report = run(landing, *given)
        assert report.rows_in == sum(b.rows.height + b.rejected.height for b in batches)
        landed.append(
            landing.deliveries().sort("scope").drop("delivery_id", "received_at_utc").rows()
        )
    assert landed[0] == landed[1]  # with them the content's hash


# ---- What was fetched, and a night that goes on where it ended --------------------------------


def month(number: int, *values: float) -> Batch:
    return Batch(METER, f"a/{number}", rows(*values), empty_rejected())


def test_a_complete_scope_stays_when_the_source_fails_after_it(landing: Landing) -> None:
    report = run(
        landing,
        month(1, 1.0),
        Complete(METER, "a/1", {"1.csv": "e1"}),
        month(2, 2.0),
        SourceUnavailable("gone"),
    )
    assert (report.status, report.error) == ("failed", "gone")
    assert [(d.scope, d.status) for d in report.deliveries] == [("a/1", "landed")]
    assert landing.deliveries()["scope"].to_list() == ["a/1"]
    assert not list((landing.root / ".tmp").iterdir())


def test_a_process_killed_in_a_later_scope_leaves_the_complete_ones(landing: Landing) -> None:
    run(landing)
    code = f"""
import os, sys
sys.path.insert(0, {str(REPO)!r})
from tests.ingest import test_landing as t
from ingest.landing import Landing
from ingest.sources import SourceSettings, SourceContext
from types import SimpleNamespace
def read(settings, context):
    yield t.month(1, 1.0)
    yield t.Complete(t.METER, "a/1", {{"1.csv": "e1"}})
    yield t.month(2, 2.0)
    os._exit(9)
source = SimpleNamespace(NAME="test", DATASETS=(t.METER,), Settings=SourceSettings, read=read)
context = SourceContext("a", t.NOW)
t.run_source(source, SourceSettings(enabled=True), context, Landing(t.Path({str(landing.root)!r})))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=REPO).returncode == 9
    after = Landing(landing.root)
    after.clear_leftovers()
    assert after.deliveries()["scope"].to_list() == ["a/1"]
    assert after.marks("test", "a") == {(METER.name, "a/1"): {"1.csv": "e1"}}
    assert len(pl.read_parquet(landing.root / METER.name / "*.parquet")) == 1


def test_the_marks_of_the_newest_delivery_come_back(landing: Landing) -> None:
    told: list[SourceContext] = []

    def read(settings: SourceSettings, context: SourceContext) -> Iterator[Told]:
        told.append(context)
        yield month(1, float(len(told)))
        yield Complete(METER, "a/1", {"1.csv": f"e{len(told)}", "ä": "w"})
        yield month(2, 1.0)

    source: Any = SimpleNamespace(
        NAME="test", DATASETS=(METER,), Settings=SourceSettings, read=read
    )
    for name, instance in (("test", "a"), ("test", "a"), ("test", "b"), ("other", "a")):
        source.NAME = name
        again = Landing(landing.root)
        run_source(source, SourceSettings(enabled=True), SourceContext(instance, NOW), again)
    assert [context.delivered for context in told] == [
        {},
        {(METER.name, "a/1"): {"1.csv": "e1", "ä": "w"}, (METER.name, "a/2"): {}},
        {},
        {},
    ]


def test_the_same_content_from_new_objects_is_the_old_delivery_with_new_marks(
    landing: Landing,
) -> None:
    first = run(landing, month(1, 1.0), Complete(METER, "a/1", {"1.csv": "e1"}))
    before = landing.deliveries()
    second = run(landing, month(1, 1.0), Complete(METER, "a/1", {"1.csv": "e2"}))
    assert [d.status for d in second.deliveries] == ["unchanged"]
    assert second.deliveries[0].delivery_id == first.deliveries[0].delivery_id
    after = landing.deliveries()
    assert after.drop("marks").equals(before.drop("marks"))
    assert after["marks"].to_list() == ['{"1.csv": "e2"}']
    assert Landing(landing.root).marks("test", "a") == {(METER.name, "a/1"): {"1.csv": "e2"}}


def test_what_is_incomplete_has_no_marks(landing: Landing) -> None:
    partly = Batch(METER, "a/1", rows(1.0), empty_rejected(), incomplete=True)
    run(landing, partly, Complete(METER, "a/1", {"1.csv": "e1"}))
    assert landing.marks("test", "a") == {(METER.name, "a/1"): {}}
    run(landing, month(1, 1.0, 2.0), Complete(METER, "a/1", {"1.csv": "e2"}))
    held = Batch(METER, "a/1", rows(3.0), empty_rejected(), incomplete=True)
    run(landing, held, Complete(METER, "a/1", {"1.csv": "e3"}))
    assert Landing(landing.root).marks("test", "a") == {(METER.name, "a/1"): {"1.csv": "e2"}}


def test_what_was_not_fetched_because_nothing_changed_still_counts(landing: Landing) -> None:
    bad = Batch(METER, "a/1", rows(1.0), refused(3))
    run(landing, bad, Complete(METER, "a/1", {"1.csv": "e1"}))
    before = files(landing)
    report = run(landing, Failure("2.csv is gone"), Unchanged(METER, "a/1"))
    assert (report.status, report.error) == ("partial", "2.csv is gone")
    assert (report.rows_in, report.rows_unchanged, report.rows_rejected) == (2, 1, 1)
    assert files(landing) == before


def test_a_source_that_contradicts_itself_is_told(landing: Landing) -> None:
    with pytest.raises(LandingError, match="rows came after the scope was complete"):
        run(landing, month(1, 1.0), Complete(METER, "a/1"), month(1, 2.0))
    with pytest.raises(LandingError, match="complete, says the source, but nothing came"):
        run(landing, Complete(METER, "a/2"))
    with pytest.raises(LandingError, match="unchanged, says the source, but never landed"):
        run(landing, Unchanged(METER, "a/2"))


def test_a_manifest_from_before_there_were_marks_still_reads(landing: Landing) -> None:
    first = deliver(landing, rows(1.0))
    deliver(landing, rows(2.0), scope="a/2026-11")
    for path in (landing.root / "_deliveries").glob("*.parquet"):
        if path.stem in ("_empty", first.delivery_id):
            pl.read_parquet(path).drop("marks").write_parquet(path)
    old = Landing(landing.root)
    assert old.deliveries().schema == MANIFEST_SCHEMA
    assert old.marks("test", "a") == {(METER.name, "a/2026-10"): {}, (METER.name, "a/2026-11"): {}}
    old.initialise([METER, OTHER])
    assert deliver(old, rows(1.0)).status == "unchanged"


WIDE = Dataset(
    "test__wide",
    {
        "cost": pl.Decimal(38, 18),
        "at": pl.Datetime("us", "UTC"),
        "text": pl.String(),
        "names": pl.List(pl.String()),
        "energy": pl.List(pl.Struct({"device_id": pl.String(), "energy_j": pl.Float64()})),
    },
)


@pytest.mark.parametrize("first", [0, 3])
def test_the_bytes_do_not_tell_how_often_a_delivery_was_suspended(
    tmp_path: Path, first: int
) -> None:
    def wide(height: int, seed: int) -> pl.DataFrame:
        dice = random.Random(seed)  # noqa: S311 - not a secret
        return pl.DataFrame(
            {
                "source_file": ["w.csv"] * height,
                "source_row": range(height),
                "cost": [f"{dice.random():.9f}" for _ in range(height)],
                "at": [NOW + timedelta(seconds=dice.randrange(9999)) for _ in range(height)],
                "text": [dice.choice(["a", "", None, "é" * 40]) for _ in range(height)],
                "names": [dice.choice([None, [], ["n1", None]]) for _ in range(height)],
                "energy": [
                    dice.choice([None, [], [{"device_id": None, "energy_j": dice.random()}]])
                    for _ in range(height)
                ],
            },
            schema_overrides={name: dtype for name, dtype in WIDE.schema.items() if name != "cost"},
        ).cast(WIDE.schema)  # type: ignore[arg-type]

    def land(name: str, *, suspended: bool) -> dict[str, bytes]:
        landing = Landing(tmp_path / name)
        landing.initialise([WIDE])
        options: Any = {"source": "test", "instance": "a", "received_at": NOW}
        with landing.deliver(WIDE, "a", **options) as writer:
            for seed, height in enumerate((first, 50_000, 1, 0, 700)):
                writer.write(wide(height, seed), refused(*range(seed % 3)))
                if suspended:
                    writer.suspend()
            result = writer.commit()
        assert result.rows_landed == first + 50_701
        return files(landing)

    assert land("in one go", suspended=False) == land("in pieces", suspended=True)


def test_what_cannot_be_closed_is_thrown_away_all_the_same(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: DeliveryWriter) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(DeliveryWriter, "suspend", full)
    report = run(landing, Batch(METER, "a/1", rows(1.0), empty_rejected()))
    assert (report.status, report.deliveries) == ("failed", [])
    assert not list((landing.root / ".tmp").iterdir())


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
