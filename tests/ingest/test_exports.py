"""Trees of exports: is each month made of one version, whole, wherever the tree lies?"""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
import pytest

from ingest.errors import SourceConfigError, SourceUnavailable
from ingest.exports import Part, parts
from ingest.landing import Landing
from ingest.objects import LocalPlace, ObjectSourceSettings, place
from ingest.runner import SourceReport, run_source
from ingest.sources import SourceContext, azure, focus

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HEADER = (
    "BillingPeriodStart,ChargePeriodStart,ChargePeriodEnd,BilledCost,EffectiveCost,"
    "BillingCurrency,ProviderName,ServiceName,ChargeCategory\n"
)
RUN = "00000000-0000-0000-0000-{:012}"


def charge(cost: float, month: str = "2026-10") -> str:
    day = f"{month}-02T00:00:00Z"
    return f"{HEADER}{month}-01T00:00:00Z,{day},{day},{cost},{cost},USD,Microsoft,VM,Usage\n"


def tree(root: Path, files: dict[str, str]) -> Path:
    """Files, each a minute younger than the one before."""
    for minute, (name, content) in enumerate(files.items()):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        os.utime(path, (1e9 + 60 * minute, 1e9 + 60 * minute))
    return root


def month_parts(root: Path) -> dict[str, list[str]]:
    """Folder → the files that count; what is held back under its message."""
    return {
        part.folder if isinstance(part, Part) else f"! {part.message}": [
            file.name for file in part.files
        ]
        if isinstance(part, Part)
        else []
        for part in parts(LocalPlace(str(root)))
    }


def aws_manifest(*keys: str) -> str:
    return json.dumps({"dataFiles": [f"s3://bills/{key}" for key in keys]})


def legacy(*keys: str) -> str:
    return json.dumps({"assemblyId": "a", "reportKeys": keys})


DATA, METADATA = "data/BILLING_PERIOD=2026-10", "metadata/BILLING_PERIOD=2026-10"
FIRST, SECOND = "2026-11-01T00:00:00.000Z-a", "2026-11-02T00:00:00.000Z-b"


@pytest.mark.parametrize("above", ["", "exports", "exports/deep"])
def test_a_copy_of_the_tree_is_read_from_any_of_its_folders(tmp_path: Path, above: str) -> None:
    files = {
        f"ml/{DATA}/{FIRST}/ml-00001.csv.gz": "",
        f"ml/{METADATA}/{FIRST}/ml-Manifest.json": aws_manifest(
            f"exports/deep/ml/{DATA}/{FIRST}/ml-00001.csv.gz"
        ),
        f"ml/{DATA}/{SECOND}/ml-00001.csv.gz": "",
        f"ml/{METADATA}/{SECOND}/ml-Manifest.json": aws_manifest(
            f"exports/deep/ml/{DATA}/{SECOND}/ml-00001.csv.gz"
        ),
    }
    # The copy was made in the wrong order: the names of the versions tell their time.
    backwards = dict(reversed(files.items()))
    root = tree(tmp_path / above, backwards)
    assert month_parts(tmp_path) == {
        f"{above}/ml/{DATA}".lstrip("/"): [
            f"{above}/ml/{DATA}/{SECOND}/ml-00001.csv.gz".lstrip("/")
        ]
    }
    assert month_parts(root / "ml") == {DATA: [f"{DATA}/{SECOND}/ml-00001.csv.gz"]}


def test_the_copy_of_the_manifest_beside_its_versions_is_of_the_newest(tmp_path: Path) -> None:
    period = "20261001-20261101"
    root = tree(
        tmp_path,
        {
            f"{period}/b0b0/r-1.csv.gz": "",
            f"{period}/b0b0/r-Manifest.json": json.dumps(
                {"reportKeys": [f"p/{period}/b0b0/r-1.csv.gz"]}
            ),
            f"{period}/a1a1/r-1.csv.gz": "",
            f"{period}/r-Manifest.json": json.dumps(
                {"reportKeys": [f"p/{period}/a1a1/r-1.csv.gz"]}
            ),
        },
    )
    assert month_parts(root) == {period: [f"{period}/a1a1/r-1.csv.gz"]}


def test_a_legacy_report_for_athena_has_its_files_elsewhere(tmp_path: Path) -> None:
    key = "r/year=2026/month=10/r-00001.snappy.parquet"
    root = tree(
        tmp_path,
        {
            key: "",
            "r/cost_and_usage_data_status/cost_and_usage_data_status.parquet": "",
            "20261001-20261101/r-Manifest.json": legacy(f"prefix/r/{key}"),
        },
    )
    assert month_parts(root) == {"20261001-20261101": [key]}


def test_months_that_are_not_whole_are_held_back_with_their_reason(tmp_path: Path) -> None:
    october = DATA.replace("data/", "metadata/")
    root = tree(
        tmp_path,
        {
            f"{DATA}/ml-00001.csv.gz": "",
            f"{october}/ml-Manifest.json": aws_manifest(
                f"x/{DATA}/ml-00001.csv.gz", f"x/{DATA}/ml-00002.csv.gz"
            ),
            f"{DATA.replace('10', '09')}/ml-00001.csv.gz": "",
            f"{METADATA.replace('10', '08')}/ml-Manifest.json": "{not json",
            f"{METADATA.replace('10', '07')}/ml-Manifest.json": aws_manifest("x/a.csv.zip"),
            f"{METADATA.replace('10', '06')}/ml-Manifest.json": aws_manifest(),
        },
    )
    found = month_parts(root)
    told = sorted(name for name in found if name.startswith("! "))
    assert len(told) == 4
    for message, part in zip(
        told,
        [
            "2026-07 is compressed as ZIP",
            "2026-09 has files but no manifest",
            "2026-08/ml-Manifest.json is no manifest",
            "names 1 object(s) that are not there",
        ],
        strict=True,
    ):
        assert any(part in other for other in told), (part, message)
    assert {k: v for k, v in found.items() if k not in told} == {
        DATA.replace("10", "06"): []  # a month without a charge
    }


def test_without_manifests_versions_of_a_month_do_not_add_up(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            f"{DATA}/{SECOND}/a.csv": "",
            f"{DATA}/{FIRST}/a.csv": "",
            f"20261001-20261031/{RUN.format(9)}/a.csv": "",
            f"20261001-20261031/{RUN.format(1)}/a.csv": "",
            f"20261001-20261031/{RUN.format(1)}/b.csv": "",
            # Parts of a month are no versions of it.
            "BILLING_PERIOD=2026-09/part=1/a.csv": "",
            "BILLING_PERIOD=2026-09/part=2/a.csv": "",
            "by hand/a.csv": "",
            "by hand/notes.txt": "",
        },
    )
    assert month_parts(root) == {
        DATA: [f"{DATA}/{SECOND}/a.csv"],
        "20261001-20261031": [
            f"20261001-20261031/{RUN.format(1)}/a.csv",
            f"20261001-20261031/{RUN.format(1)}/b.csv",
        ],
        "BILLING_PERIOD=2026-09/part=1": ["BILLING_PERIOD=2026-09/part=1/a.csv"],
        "BILLING_PERIOD=2026-09/part=2": ["BILLING_PERIOD=2026-09/part=2/a.csv"],
        "by hand": ["by hand/a.csv"],
    }


# ---- Through a source -------------------------------------------------------------------------


class Nights:
    def __init__(self, root: Path, source: Any, path: str) -> None:
        self.source, self.path = source, path
        self.root = root
        Landing(root).initialise(source.DATASETS)
        self.at = NOW

    def run(self) -> SourceReport:
        self.at += timedelta(days=1)
        told = self.source.Settings(path=self.path)
        return run_source(self.source, told, SourceContext("x", self.at), Landing(self.root))

    def costs(self) -> dict[str, Decimal]:
        landing = Landing(self.root)
        folder = self.root / self.source.DATASETS[0].name
        return {
            str(row["scope"]): pl.read_parquet(folder / f"{row['delivery_id']}.parquet")[
                "BilledCost"
            ].sum()
            for row in landing.deliveries().rows(named=True)
        }


def azure_run(number: int, costs: list[float], month: str = "10") -> dict[str, str]:
    folder = f"focus/2026{month}01-2026{month}30/{RUN.format(number)}"
    names = [f"{folder}/part_0_{n:04}.csv" for n, _ in enumerate(costs)]
    manifest = json.dumps({"blobs": [{"blobName": f"billing/{name}"} for name in names]})
    files = {
        name: "\ufeff" + charge(cost, f"2026-{month}")
        for name, cost in zip(names, costs, strict=True)
    }
    return {**files, f"{folder}/manifest.json": manifest}


@pytest.fixture
def blobs() -> Iterator[Any]:
    store = fsspec.filesystem("memory")
    store.store.clear()
    yield store
    store.store.clear()


def test_azures_newest_run_counts_and_what_is_unchanged_is_not_fetched(
    blobs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(files: dict[str, str]) -> None:
        for name, content in files.items():
            blobs.pipe_file(f"/billing/{name}", content.encode())

    put(azure_run(7, [1, 2], "09"))
    put(azure_run(9, [3]))
    nights = Nights(tmp_path, azure, "memory://billing")
    assert nights.run().status == "ok"
    september, october = "x/focus/20260901-20260930/2026-09", "x/focus/20261001-20261030/2026-10"
    assert nights.costs() == {september: Decimal(3), october: Decimal(3)}
    put(azure_run(2, [4, 5]))
    opened: list[str] = []
    open_file = type(blobs).open

    def noted(self: Any, path: str, *args: Any, **more: Any) -> Any:
        opened.append(path)
        return open_file(self, path, *args, **more)

    monkeypatch.setattr(type(blobs), "open", noted)
    report = nights.run()
    assert {d.scope: d.status for d in report.deliveries} == {
        september: "unchanged",
        october: "landed",
    }
    assert len([path for path in opened if path.endswith(".csv")]) == 2
    assert nights.costs() == {september: Decimal(3), october: Decimal(9)}
    blobs.rm_file(f"/billing/focus/20261001-20261030/{RUN.format(2)}/part_0_0001.csv")
    report = nights.run()
    assert report.status == "partial" and "held back" in str(report.error)
    assert nights.costs() == {september: Decimal(3), october: Decimal(9)}


@pytest.mark.parametrize("source", [focus, azure])
def test_several_runs_of_a_month_on_the_disk_count_once(tmp_path: Path, source: Any) -> None:
    root = tree(tmp_path / "in", {**azure_run(9, [1]), **azure_run(2, [2, 3])})
    nights = Nights(tmp_path / "landing", source, str(root))
    assert nights.run().status == "ok"
    scope = "x/focus/20261001-20261030/2026-10"
    assert nights.costs() == {scope: Decimal(5)}
    # Again, the same; and a version in which the month is empty leaves nothing of it.
    assert [d.status for d in nights.run().deliveries] == ["unchanged"]
    os.utime(tree(tmp_path / "in", azure_run(1, [])) / next(iter(azure_run(1, []))), (2e9, 2e9))
    assert nights.run().status == "ok"
    assert nights.costs() == {scope: Decimal(0)}


def test_a_month_that_the_new_version_has_no_row_of_is_no_more(tmp_path: Path) -> None:
    strays = azure_run(1, [1, 2])
    name = next(iter(strays))
    strays[name] = charge(7, "2026-09")  # a correction of the month before
    root = tree(tmp_path / "in", strays)
    nights = Nights(tmp_path / "landing", azure, str(root))
    nights.run()
    folder = "x/focus/20261001-20261030"
    assert nights.costs() == {f"{folder}/2026-10": Decimal(2), f"{folder}/2026-09": Decimal(7)}
    tree(tmp_path / "in", azure_run(1, [1, 2]))
    nights.run()
    assert nights.costs() == {f"{folder}/2026-10": Decimal(3), f"{folder}/2026-09": Decimal(0)}


def test_a_damaged_file_holds_its_month_back_until_it_is_whole(tmp_path: Path) -> None:
    root = tree(tmp_path / "in", azure_run(1, [1, 2]))
    nights = Nights(tmp_path / "landing", azure, str(root))
    nights.run()
    damaged = azure_run(1, [1, 2])
    name = next(iter(damaged))
    damaged[name] = "no,bill\n1,2\n"
    tree(root, damaged)
    report = nights.run()
    assert report.status == "partial" and "held back" in str(report.error)
    month = "x/focus/20261001-20261030/2026-10"
    assert nights.costs()[month] == Decimal(3)
    tree(root, azure_run(1, [1, 4]))
    nights.run()
    assert nights.costs()[month] == Decimal(5)
    newest = Landing(tmp_path / "landing").newest("azure__charges", f"x/file:{name}")
    assert newest is not None and newest["rows_rejected"] == 0


@pytest.mark.parametrize(
    "path, error",
    [
        ("https://example.org/bill.csv", "a web server does not list its files"),
        ("s3:///prefix", "name the bucket"),
        ("nothing://a/b", "no file system for nothing://"),
    ],
)
def test_places_that_cannot_be_are_refused(path: str, error: str) -> None:
    with pytest.raises(SourceConfigError, match=error):
        place(ObjectSourceSettings(path=path))


def test_an_empty_place_is_named(blobs: Any) -> None:
    with pytest.raises(SourceUnavailable, match="memory://billing/none"):
        parts(place(ObjectSourceSettings(path="memory://billing/none")))
