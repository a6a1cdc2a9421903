"""sacct exports: is each form understood, and each bad record refused with its reason?"""

import gzip
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ingest import slurm_records, slurm_values
from ingest.contracts import REJECTED_SCHEMA, Batch, Failure
from ingest.errors import SourceConfigError
from ingest.landing import Landing
from ingest.runner import run_source
from ingest.sources import SourceContext, registry, slurm

PAYLOADS = Path(__file__).parent / "payloads" / "slurm"
REAL = Path(__file__).parents[3] / "shared" / "real" / "slurm"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
FIELDS = ["JobIDRaw", "State", "Start", "End", "ElapsedRaw", "JobName", "Cluster"]
RECORD = {
    "JobIDRaw": "1",
    "State": "COMPLETED",
    "Start": "2026-10-05T08:00:00",
    "End": "2026-10-05T09:00:00",
    "ElapsedRaw": "3600",
    "JobName": "train",
    "Cluster": "lyra",
}


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def parse(path: Path, **options: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All rows and rejected rows of a path; each batch has the dataset's schema."""
    batches = list(
        slurm.read(slurm.Settings(path=str(path), **options), SourceContext("slurm", NOW))
    )
    for batch in batches:
        assert batch.rows.schema == slurm.SACCT.schema
        assert batch.rejected.schema == REJECTED_SCHEMA
    return (
        pl.concat([pl.DataFrame(schema=slurm.SACCT.schema), *(b.rows for b in batches)]),
        pl.concat([pl.DataFrame(schema=REJECTED_SCHEMA), *(b.rejected for b in batches)]),
    )


def export(*records: dict[str, str], delimiter: str = "|") -> str:
    """What sacct prints for records that differ from RECORD."""
    fields = [*FIELDS, *{k for r in records for k in r if k not in FIELDS}]
    lines = [fields, *([(RECORD | r).get(f, "") for f in fields] for r in records)]
    return "".join(delimiter.join(line) + "\n" for line in lines)


def parse_text(
    folder: Path, text: str | bytes, **options: Any
) -> tuple[pl.DataFrame, pl.DataFrame]:
    file = folder / "sacct.txt"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return parse(file, **options)


def by_job(rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
    return {row["JobIDRaw"] or row["JobID"]: row for row in rows.iter_rows(named=True)}


# ---- What is understood -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["parsable2.txt", "parsable.txt", "delimiter_1f.txt"])
def test_every_delimiter_gives_the_same_rows(name: str) -> None:
    rows, rejected = parse(PAYLOADS / name)
    assert rejected.is_empty()
    expected, _ = parse(PAYLOADS / "parsable2.txt")
    assert rows.drop("source_file").equals(expected.drop("source_file"))
    assert rows["source_file"].unique().to_list() == [name]
    assert rows["source_row"].to_list() == list(range(2, 12))


def test_a_job_and_its_steps() -> None:
    jobs = by_job(parse(PAYLOADS / "parsable2.txt")[0])
    job = jobs["700"]
    assert (job["x_job_id"], job["x_step_id"], job["x_site"]) == ("700", None, "lyra")
    assert job["Start"] == utc(2026, 10, 5, 8, 0, 30)
    assert job["x_total_cpu_s"] == 93784.567
    assert (job["x_alloc_cpus"], job["x_alloc_gpus"], job["x_gpu_type"]) == (8, 2, "a100")
    assert job["x_alloc_memory_bytes"] == 64 * 2**30
    assert job["x_comment_json"] == '{"team":"nlp","model":"bert"}'
    assert job["x_nodes"] == ["gpu01"]
    assert job["MaxRSS"] is None and job["x_max_rss_bytes"] is None
    batch = jobs["700.batch"]
    assert (batch["x_job_id"], batch["x_step_id"], batch["User"]) == ("700", "batch", None)
    assert (batch["x_total_cpu_s"], batch["x_max_rss_bytes"]) == (6.238, 1234 * 1024)
    assert batch["ConsumedEnergyRaw"] == 3348
    assert jobs["700.extern"]["x_max_rss_bytes"] == 0
    assert jobs["700.0"]["x_total_cpu_s"] == 45296.0
    assert jobs["700.0"]["x_max_rss_bytes"] == 5 * 2**29
    assert jobs["700.0"]["x_gpu_utilization_pct"] == 97.0  # the highest sample, not the last


def test_arrays_heterogeneous_jobs_and_what_has_not_run() -> None:
    jobs = by_job(parse(PAYLOADS / "parsable2.txt")[0])
    task = jobs["702"]
    assert (task["x_job_id"], task["JobID"]) == ("702", "701_4")
    assert task["x_nodes"] == ["gpu03", "gpu04", "gpu07"]
    assert (task["x_alloc_gpus"], task["x_gpu_type"]) == (3, "a100,v100")
    assert task["x_alloc_memory_bytes"] == 4096 * 2**20
    assert task["x_comment_json"] == '{"team": "vision", "model": "resnet-50"}'
    pending = jobs["701"]
    assert pending["Start"] is None and pending["End"] is None
    assert pending["NodeList"] is None and pending["x_nodes"] is None
    assert pending["x_alloc_cpus"] is None and pending["NCPUS"] == 8
    leader = jobs["710"]
    assert (leader["State"], leader["x_state"]) == ("CANCELLED by 1000", "CANCELLED")
    assert (leader["Start"], leader["TimelimitRaw"]) == (None, None)
    assert jobs["711"]["x_alloc_gpus"] == 0
    assert (jobs["711.0"]["x_job_id"], jobs["711.0"]["x_step_id"]) == ("711", "0")
    running = jobs["720"]
    assert running["x_comment_json"] is None and running["Comment"] == "just words, really"
    assert running["TimelimitRaw"] is None and running["ConsumedEnergyRaw"] is None


def test_an_old_export_without_raw_columns() -> None:
    rows, rejected = parse(
        PAYLOADS / "old_slurm.csv", cluster="lyra", site="attic", timezone="Europe/Berlin"
    )
    assert rejected.is_empty()
    array, batch, job = rows.iter_rows(named=True)
    assert (array["Cluster"], array["x_site"], array["x_job_id"]) == ("lyra", "attic", "11_3")
    assert (batch["x_job_id"], batch["x_step_id"]) == ("11_3", "batch")
    assert (array["ElapsedRaw"], array["NCPUS"], array["CPUTimeRAW"]) == (1, 8, 8)
    assert (array["TimelimitRaw"], array["ConsumedEnergyRaw"]) == (1440, 3350)
    assert array["x_alloc_memory_bytes"] == 2 * 4 * 2**30  # 4Gn on two nodes
    assert batch["x_alloc_memory_bytes"] == 4 * 500 * 2**20  # 500Mc on four CPUs
    assert job["x_alloc_memory_bytes"] is None  # 0n: all there is
    assert (job["x_alloc_cpus"], job["x_alloc_gpus"]) == (4, None)
    assert (job["ElapsedRaw"], job["x_total_cpu_s"]) == (93600, 3 * 86400.0)


def test_the_clock_of_the_cluster_changes_twice_a_year() -> None:
    gap, twice, after = parse(PAYLOADS / "old_slurm.csv", cluster="lyra", timezone="Europe/Berlin")[
        0
    ].iter_rows(named=True)
    assert gap["Start"] == utc(2026, 3, 29, 0, 59, 59)
    assert gap["End"] == utc(2026, 3, 29, 1, 30)  # 02:30 does not exist: 03:30 summer time
    assert twice["Start"] == utc(2026, 10, 25, 0, 30)  # the first 02:30
    assert twice["End"] == utc(2026, 10, 25, 1, 10)  # the second 02:10, or it would end first
    assert after["End"] == utc(2026, 10, 25, 2, 30)


def test_seconds_since_1970_and_offsets_need_no_zone() -> None:
    rows, rejected = parse(PAYLOADS / "time_formats.txt", timezone="Asia/Tokyo")
    assert rejected.is_empty()
    epoch, offset, zulu, unset = rows.iter_rows(named=True)
    assert epoch["Start"] == offset["Start"] == zulu["Start"] == utc(2026, 10, 5, 8, 0, 30)
    assert zulu["End"] == utc(2026, 10, 5, 9, 0, 30, 250_000)
    assert unset["Start"] is None and unset["End"] is None


def test_what_sacct_does_not_escape_is_put_right() -> None:
    rows, rejected = parse(PAYLOADS / "unescaped.txt")
    assert rejected.is_empty()
    jobs = by_job(rows)
    assert list(jobs) == ["801", "802", "803", "804", "805", "806"]
    assert jobs["801"]["JobName"] == "a|b"
    assert jobs["802"]["x_comment_json"] == '{"q":"x|y"}'
    assert (jobs["803"]["JobName"], jobs["803"]["Comment"]) == ("|edge|", "p|q")
    assert rows["source_row"].to_list() == [2, 3, 4, 5, 9, 12]  # 10: empty, 11: header again
    assert rows["x_alloc_gpus"].to_list() == [2] * 6


def test_text_may_end_in_newlines_where_it_is_the_last_column(tmp_path: Path) -> None:
    text = export({"SubmitLine": "srun a"}, {"JobIDRaw": "2", "SubmitLine": "srun\nb\nc"})
    rows, rejected = parse_text(tmp_path, text + export({"JobIDRaw": "3"}).split("\n")[1] + "|\n")
    assert rejected.is_empty()
    assert rows["x_job_id"].to_list() == ["1", "2", "3"]
    assert rows["source_row"].to_list() == [2, 3, 6]


def test_records_are_the_same_however_the_file_is_cut_into_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("parsable2.txt", "unescaped.txt", "failure_latin1.txt", "failure_ambiguous.txt")
    whole = [parse(PAYLOADS / name) for name in names]
    for size in (7, 50, 64, 301, 999):
        monkeypatch.setattr(slurm_records, "BLOCK_BYTES", size)
        for name, (rows, rejected) in zip(names, whole, strict=True):
            again = parse(PAYLOADS / name)
            assert again[0].equals(rows), (name, size)
            assert again[1].equals(rejected), (name, size)


def test_a_folder_holds_one_delivery_per_file(tmp_path: Path) -> None:
    for name in ("b.txt", "sub/a.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(export({}))
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(export({}).encode()))
    scopes = [
        b.scope
        for b in slurm.read(slurm.Settings(path=str(tmp_path)), SourceContext("slurm.big", NOW))
        if b.rows.height
    ]
    assert scopes == ["slurm.big/b.txt", "slurm.big/c.txt.gz", "slurm.big/sub/a.txt"]


def test_the_source_is_registered_and_its_zone_is_checked() -> None:
    assert registry()["slurm"] is slurm
    with pytest.raises(ValueError, match="no IANA time zone"):
        slurm.Settings(path="x", timezone="Mars/Olympus")
    with pytest.raises(ValueError, match="no IANA time zone"):
        slurm.Settings(path="x", timezone="localtime")


# ---- What is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason", "says"),
    [
        ("failure_empty.txt", "empty_file", "empty"),
        ("failure_blank.txt", "empty_file", "empty"),
        ("failure_json.txt", "not_this_format", "JSON"),
        ("failure_fixed_width.txt", "not_this_format", "--parsable2"),
        ("failure_no_header.txt", "not_this_format", "--noheader"),
        ("failure_not_sacct.txt", "not_this_format", "no header of sacct"),
        ("failure_missing_column.txt", "missing_column", "End"),
        ("failure_no_cluster.txt", "missing_column", "`cluster`"),
        ("failure_duplicate_header.txt", "duplicate_header", "JobID"),
    ],
)
def test_a_file_of_another_kind_is_refused_whole(name: str, reason: str, says: str) -> None:
    rows, rejected = parse(PAYLOADS / name)
    assert rows.is_empty()
    assert rejected["reason"].to_list() == [reason]
    assert rejected["source_file"].to_list() == [name]
    assert rejected["source_row"].to_list() == [None]
    assert says in rejected["detail"][0]


def test_each_wrong_value_refuses_its_row_and_no_other() -> None:
    rows, rejected = parse(PAYLOADS / "failure_values.txt")
    assert rows["JobName"].to_list() == ["train"]
    lines = (PAYLOADS / "failure_values.txt").read_text().splitlines()
    for finding in rejected.iter_rows(named=True):
        raw = lines[finding["source_row"] - 1]
        assert finding["raw"] == raw
        # The job's name says what is wrong with it.
        assert f"{finding['field']} {finding['reason']}" == raw.split("|")[3], finding
    assert rows.height + rejected.height == len(lines) - 1


@pytest.mark.parametrize(
    ("wrong", "field", "bound"),
    [
        ({"ElapsedRaw": "157788001"}, "ElapsedRaw", "157,788,000 s"),
        ({"ElapsedRaw": "", "Elapsed": "1827-00:00:00"}, "Elapsed", "157,788,000 s"),
        ({"Elapsed": "9" * 30 + "-00:00:00"}, "Elapsed", "157,788,000 s"),
        ({"End": "2031-10-06T08:00:00"}, "End", "5 years (157,788,000 s)"),
        ({"NCPUS": "100000001"}, "NCPUS", "100,000,000 CPUs"),
        ({"AllocCPUS": "100000001"}, "AllocCPUS", "100,000,000 CPUs"),
        ({"NNodes": "1000001"}, "NNodes", "1,000,000 nodes"),
        ({"Restarts": "1000001"}, "Restarts", "1,000,000 restarts"),
        ({"TimelimitRaw": "4294967297"}, "TimelimitRaw", "4,294,967,296 min"),
        ({"CPUTimeRAW": "1000000000000001"}, "CPUTimeRAW", "1,000,000,000,000,000 s"),
        ({"TotalCPU": "11574074075-00:00:00"}, "TotalCPU", "1,000,000,000,000,000 s"),
        ({"ConsumedEnergyRaw": "1000000000000001"}, "ConsumedEnergyRaw", "1,000,000,000,000,000 J"),
        ({"ConsumedEnergyRaw": "18446744069414584320"}, "ConsumedEnergyRaw", "000,000 J"),
        ({"ConsumedEnergy": "1.1P"}, "ConsumedEnergy", "1,000,000,000,000,000 J"),
        ({"MaxRSS": "1025P"}, "MaxRSS", "1,152,921,504,606,846,976 bytes"),
        ({"ReqMem": "1025P"}, "ReqMem", "1,152,921,504,606,846,976 bytes"),
        ({"ReqMem": "8Ec", "NCPUS": "9"}, "ReqMem", "1,152,921,504,606,846,976 bytes"),
        ({"AllocTRES": "cpu=100000001"}, "AllocTRES", "100,000,000 CPUs"),
        ({"AllocTRES": "mem=1025P"}, "AllocTRES", "1,152,921,504,606,846,976 bytes"),
        ({"AllocTRES": f"mem={'9' * 400}"}, "AllocTRES", "1,152,921,504,606,846,976 bytes"),
        ({"AllocTRES": "gres/gpu=10000001"}, "AllocTRES", "10,000,000 GPUs"),
        ({"AllocTRES": "gres/gpu:a=9999999,gres/gpu:b=2"}, "AllocTRES", "10,000,000 GPUs"),
        ({"TRESUsageInMax": "gres/gpuutil=1000000001"}, "gres/gpuutil", "1,000,000,000 %"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_what_cannot_be_true_is_refused_with_its_bound(
    tmp_path: Path, wrong: dict[str, str], field: str, bound: str
) -> None:
    text = export({}, {"JobIDRaw": "2"} | wrong)
    if field == "Elapsed":  # it counts where the raw column is not there
        text = "".join(
            "|".join(f for i, f in enumerate(line.split("|")) if i != FIELDS.index("ElapsedRaw"))
            + "\n"
            for line in text.splitlines()
        )
    rows, rejected = parse_text(tmp_path, text)
    assert rows["x_job_id"].to_list() == ["1"]
    assert rejected.select("source_row", "field", "reason").rows() == [(3, field, "out_of_range")]
    assert bound in rejected["detail"][0]


def test_what_is_at_its_bound_lands(tmp_path: Path) -> None:
    records = [
        {"ElapsedRaw": "157788000", "CPUTimeRAW": "1000000000000000", "MaxRSS": "1024P"},
        {"NCPUS": "100000000", "ConsumedEnergyRaw": "1000000000000000", "ReqMem": "1024P"},
        {"AllocTRES": "cpu=100000000,mem=1024P,gres/gpu=10000000"},
    ]
    rows, rejected = parse_text(tmp_path, export(*records))
    assert rejected.is_empty()
    assert rows["x_alloc_memory_bytes"].to_list() == [None, 2**60, 2**60]


def test_a_record_with_two_readings_is_refused() -> None:
    rows, rejected = parse(PAYLOADS / "failure_ambiguous.txt")
    assert rows["source_row"].to_list() == [2, 4]
    assert rejected["reason"].to_list() == ["wrong_column_count"]
    assert "--delimiter" in rejected["detail"][0]
    assert "p|q|r|s" in rejected["raw"][0]


def test_a_cut_last_line_is_refused() -> None:
    rows, rejected = parse(PAYLOADS / "failure_cut_line.txt")
    assert rows["source_row"].to_list() == [2]
    assert rejected.select("source_row", "reason").rows() == [(3, "wrong_column_count")]


def test_a_line_that_is_not_utf8_is_refused_and_kept() -> None:
    rows, rejected = parse(PAYLOADS / "failure_latin1.txt")
    assert rows["source_row"].to_list() == [2, 4]
    assert rejected.select("source_row", "reason").rows() == [(3, "not_utf8")]
    assert r"caf\xe9" in rejected["raw"][0]


def test_a_cut_gzip_is_named_and_never_replaces_what_was_whole(tmp_path: Path) -> None:
    rows, rejected = parse(PAYLOADS / "failure_truncated.txt.gz")
    assert rejected["reason"].to_list() == ["truncated_gzip"]
    assert rows["x_job_id"].to_list() == ["1", "2", "3", "4", "5"][: rows.height]

    file = tmp_path / "jobs.txt.gz"
    whole = gzip.compress(export(*({"JobIDRaw": str(i)} for i in range(1, 999))).encode())
    landing = Landing(tmp_path / "landing")
    landing.initialise(slurm.DATASETS)

    def night(content: bytes) -> list[str]:
        file.write_bytes(content)
        report = run_source(
            slurm,  # type: ignore[arg-type]
            slurm.Settings(path=str(file)),
            SourceContext("slurm", NOW),
            landing,
        )
        return [d.status for d in report.deliveries]

    assert night(whole) == ["landed"]
    assert night(whole[:-200]) == ["held_back"]
    assert night(b"") == ["held_back"]
    assert night(whole) == ["unchanged"]
    assert landing.deliveries().height == 1


def test_a_field_of_a_million_characters_is_refused_whole(tmp_path: Path) -> None:
    long = "x" * 1_000_001
    text = export({}, {"JobIDRaw": "2", "JobName": long}, {"JobIDRaw": "3", "JobName": long[:-1]})
    rows, rejected = parse_text(tmp_path, text)
    assert rows["x_job_id"].to_list() == ["1", "3"]
    assert rejected.select("source_row", "reason").rows() == [(3, "field_too_long")]
    assert long in rejected["raw"][0]


def test_a_batch_with_a_bad_row_is_partial_and_adds_up(tmp_path: Path) -> None:
    landing = Landing(tmp_path / "landing")
    landing.initialise(slurm.DATASETS)
    report = run_source(
        slurm,  # type: ignore[arg-type]
        slurm.Settings(path=str(PAYLOADS)),
        SourceContext("slurm", NOW),
        landing,
    )
    assert report.status == "partial"
    manifest = landing.deliveries()
    assert manifest.height == len(list(PAYLOADS.iterdir()))
    assert (
        manifest["rows_in"].to_list()
        == (manifest["rows_landed"] + manifest["rows_rejected"]).to_list()
    )


# ---- Properties -------------------------------------------------------------------------------

hours = st.integers(0, 23)
minutes = st.integers(0, 59)


@settings(deadline=None)
@given(days=st.integers(0, 999), hours=hours, minutes=minutes, seconds=minutes)
def test_durations_come_back(days: int, hours: int, minutes: int, seconds: int) -> None:
    text = f"{f'{days}-' if days else ''}{hours:02d}:{minutes:02d}:{seconds:02d}"
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    frame = pl.DataFrame({"d": [text, f"{minutes:02d}:{seconds:02d}.007"]})
    assert frame.select(slurm_values.seconds("d")).to_series().to_list() == [
        float(total),
        round(minutes * 60 + seconds + 0.007, 6),
    ]


@settings(deadline=None)
@given(st.integers(0, 10**6), st.sampled_from("KMGT"))
def test_sizes_come_back(number: int, unit: str) -> None:
    factor = slurm_values.BINARY[unit]
    frame = pl.DataFrame({"s": [f"{number}{unit}", f"{number}.5{unit}", str(number)]})
    assert frame.select(
        slurm_values.scaled(pl.col("s"), slurm_values.BINARY)
    ).to_series().to_list() == [
        number * factor,
        number * factor + factor // 2,
        number,
    ]


@given(
    cpus=st.integers(1, 10**5),
    mib=st.integers(0, 10**7),
    gpus=st.dictionaries(st.from_regex(r"[a-z][a-z0-9_.]{0,9}", fullmatch=True), st.integers(1, 9)),
    has_total=st.booleans(),
)
def test_allocations_come_back(cpus: int, mib: int, gpus: dict[str, int], has_total: bool) -> None:
    parts = [f"cpu={cpus}", f"mem={mib}M", *(f"gres/gpu:{n}={c}" for n, c in gpus.items())]
    if has_total:
        parts.append(f"gres/gpu={sum(gpus.values())}")
    assert slurm_values.allocation(",".join(parts)) == {
        "x_alloc_cpus": cpus,
        "x_alloc_memory_bytes": mib * 2**20,
        "x_alloc_gpus": sum(gpus.values()),
        "x_gpu_type": ",".join(sorted(gpus)) or None,
    }


free_text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\x1f"), max_size=40
)


@settings(max_examples=60, deadline=None)
@given(st.lists(free_text, min_size=1, max_size=5))
def test_any_job_name_survives_the_unit_separator(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    records = [{"JobIDRaw": str(i), "JobName": name} for i, name in enumerate(names)]
    rows, rejected = parse_text(
        tmp_path_factory.mktemp("sacct"), export(*records, delimiter="\x1f")
    )
    assert rejected.is_empty()
    assert rows["JobName"].to_list() == [name or None for name in names]


@settings(max_examples=60, deadline=None)
@given(st.text("ab|1 ", min_size=1, max_size=12), st.sampled_from(["|", ";", "\t", "§", "^"]))
def test_a_delimiter_in_a_name_between_typed_columns_is_put_right(
    tmp_path_factory: pytest.TempPathFactory, name: str, delimiter: str
) -> None:
    name = name.replace("|", delimiter)
    text = export({"JobName": name}, delimiter=delimiter)
    rows, rejected = parse_text(tmp_path_factory.mktemp("sacct"), text)
    assert rejected.is_empty()
    assert rows["JobName"].to_list() == [name]


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31)),  # noqa: DTZ001 - as sacct prints
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata"]),
)
def test_local_times_are_those_of_the_zone_database(
    tmp_path_factory: pytest.TempPathFactory, moment: datetime, zone: str
) -> None:
    moment = moment.replace(microsecond=0)
    assume(moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).year >= 1990)
    text = export({"Start": f"{moment:%Y-%m-%dT%H:%M:%S}", "End": "Unknown"})
    rows, rejected = parse_text(tmp_path_factory.mktemp("sacct"), text, timezone=zone)
    assert rejected.is_empty()
    expected = moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    assert rows["Start"][0] - expected == timedelta(0)


# ---- The real cluster -------------------------------------------------------------------------

needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="no ../shared/real/slurm")


def real_records() -> list[dict[str, str]]:
    """The \\x1f dump, in which only newlines are ambiguous: a record has all its delimiters."""
    header, *lines = (REAL / "sacct_delim_1f.txt").read_text().rstrip("\n").split("\n")
    names = header.split("\x1f")
    records, pending = [], ""
    for line in lines:
        pending = f"{pending}\n{line}" if pending else line
        if pending.count("\x1f") == len(names) - 1:
            records.append(dict(zip(names, pending.split("\x1f"), strict=True)))
            pending = ""
    assert not pending
    return records


@needs_real
@pytest.mark.parametrize(
    ("name", "rows_expected"),
    [
        ("sacct_delim_1f.txt", None),
        ("sacct_parsable2_all_fields.txt", None),
        ("sacct_parsable2_noconvert_all_fields.txt", None),
        ("sacct_parsable2_noconvert_epoch.txt", None),
        ("sacct_selected.txt", None),
        ("sacct_duplicates_selected.txt", 2),  # more: the requeued job and its step
        ("sacct_parsable2_X_all_fields.txt", "jobs"),
    ],
)
def test_real_dumps_land_every_record(name: str, rows_expected: int | str | None) -> None:
    records = real_records()
    rows, rejected = parse(REAL / name)
    assert rejected.is_empty()
    jobs_only = [r for r in records if "." not in r["JobIDRaw"]]
    if rows_expected == "jobs":
        records = jobs_only
    assert rows.height == len(records) + (rows_expected if isinstance(rows_expected, int) else 0)
    landed = {
        (r["JobIDRaw"], r["Submit"].strftime("%Y-%m-%dT%H:%M:%S")): r
        for r in rows.iter_rows(named=True)
    }
    for record in records:
        row = landed[record["JobIDRaw"], record["Submit"]]
        for column in ("JobID", "JobName", "State", "Comment", "QOS", "WorkDir", "Partition"):
            assert row[column] == (record[column] or None), (record["JobID"], column)
        for column in ("Start", "End"):
            text = row[column] and row[column].strftime("%Y-%m-%dT%H:%M:%S")
            assert text == (None if record[column] in ("None", "Unknown") else record[column])
        assert row["x_state"] == record["State"].split()[0]
        assert row["ElapsedRaw"] == int(record["ElapsedRaw"])
        memory = re.search(r"mem=(\d+)M", record["AllocTRES"])
        if memory and "X" not in name and "all_fields" in name and "noconvert" not in name:
            assert row["x_alloc_memory_bytes"] == pytest.approx(int(memory[1]) * 2**20, rel=0.005)
        elif memory and "X" not in name:
            assert row["x_alloc_memory_bytes"] == int(memory[1]) * 2**20
        gpus = re.search(r"gres/gpu=(\d+)", record["AllocTRES"])
        assert row["x_alloc_gpus"] == (
            int(gpus[1]) if gpus else (0 if record["AllocTRES"] else None)
        )
        if "X" not in name:
            energy = record["ConsumedEnergyRaw"]
            assert row["ConsumedEnergyRaw"] == (int(energy) if energy else None)
            assert row["TotalCPU"] == record["TotalCPU"]


@needs_real
def test_real_dumps_in_pipes_and_in_unit_separators_are_the_same() -> None:
    piped, _ = parse(REAL / "sacct_parsable2_noconvert_all_fields.txt")
    separated, _ = parse(REAL / "sacct_delim_1f.txt")
    assert piped.drop("source_file").equals(separated.drop("source_file"))
    assert "cancel|pipe,comma `q`" in piped["JobName"].to_list()


@needs_real
@pytest.mark.parametrize(
    "name",
    [
        "sacct_default.txt",
        "sacct_long.txt",
        "squeue.json.txt",
        "slurm.conf.txt",
        "scontrol_show_job.txt",
    ],
)
def test_real_files_of_other_kinds_are_refused(name: str) -> None:
    rows, rejected = parse(REAL / name)
    assert rows.is_empty()
    assert rejected["reason"].to_list() == ["not_this_format"]
    assert "sacct" in rejected["detail"][0]


# ---- JSON -------------------------------------------------------------------------------------


def test_json_of_a_new_version_says_what_its_text_would() -> None:
    rows, rejected = parse(PAYLOADS / "new_slurm.json")
    assert rejected.is_empty()
    job, batch, pending = rows.to_dicts()
    assert (job["JobIDRaw"], job["JobID"], job["State"]) == ("70", "69_4", "CANCELLED")
    assert (job["Start"], job["End"]) == (
        datetime.fromtimestamp(1795406160, UTC),
        datetime.fromtimestamp(1795409760, UTC),
    )
    assert (job["x_alloc_cpus"], job["x_alloc_gpus"], job["x_gpu_type"]) == (8, 4, "a100")
    assert job["x_alloc_memory_bytes"] == 64 * 2**30
    assert (job["x_nodes"], job["NNodes"], job["Restarts"]) == (["g01", "g02"], 2, 1)
    assert (job["x_total_cpu_s"], job["TimelimitRaw"]) == (7200.5, 120)
    assert (job["x_comment_json"], job["ConsumedEnergyRaw"]) == ('{"team": "nlp"}', None)
    assert (batch["JobIDRaw"], batch["x_step_id"], batch["User"]) == ("70.batch", "batch", None)
    assert (batch["ConsumedEnergyRaw"], batch["source_row"]) == (5000, 2)
    assert (pending["JobID"], pending["x_state"], pending["Start"]) == ("71+1", "PENDING", None)
    assert pending["TimelimitRaw"] is None


def test_json_that_is_cut_or_without_a_cluster_is_refused(tmp_path: Path) -> None:
    content = (PAYLOADS / "new_slurm.json").read_text()
    cut = tmp_path / "cut.json"
    cut.write_text(content[:900])
    assert parse(cut)[1]["reason"].to_list() == ["not_json"]
    nameless = tmp_path / "nameless.json"
    nameless.write_text(content.replace('"cluster": "lyra",', ""))
    assert parse(nameless)[1]["reason"].to_list() == ["missing_column"]
    assert set(parse(nameless, cluster="own")[0]["Cluster"]) == {"own"}


def test_a_wrong_value_in_json_refuses_its_record_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "sacct.json"
    path.write_text(
        (PAYLOADS / "new_slurm.json").read_text().replace('"elapsed": 0', '"elapsed": "long"')
    )
    rows, rejected = parse(path)
    assert rows["JobIDRaw"].to_list() == ["70", "70.batch"]
    assert rejected.select("source_row", "field", "reason").rows() == [
        (3, "ElapsedRaw", "wrong_type")
    ]
    assert '"name": "pending"' in rejected["raw"][0]


@needs_real
def test_the_real_json_is_the_real_text() -> None:
    told, rejected = parse(REAL / "sacct.json.txt")
    assert rejected.is_empty()
    # The text was written without duplicates: of job 39 it has the second attempt.
    assert told.filter(JobIDRaw="39").sort("Submit")["x_state"].to_list() == [
        "REQUEUED",
        "COMPLETED",
    ]
    told = told.sort("Submit").unique("JobIDRaw", keep="last")
    text, _ = parse(REAL / "sacct_parsable2_noconvert_epoch.txt")
    both = text.join(told, on="JobIDRaw", suffix="_json")
    assert both.height == text.height == told.height == 99
    same = ["Cluster", "JobID", "JobName", "User", "Account", "Partition", "x_state", "Start"]
    same += ["End", "ElapsedRaw", "x_nodes", "x_alloc_cpus", "x_alloc_memory_bytes"]
    same += ["x_alloc_gpus", "x_gpu_type", "Submit", "Comment", "NCPUS"]
    for column in same:
        assert both[column].eq_missing(both[f"{column}_json"]).all(), column
    # Text rounds CPU time to milliseconds, and prints 0 J where there is no counter.
    assert ((both["x_total_cpu_s"] - both["x_total_cpu_s_json"]).abs() < 0.002).all()
    energy = both.select("ConsumedEnergyRaw", "ConsumedEnergyRaw_json").fill_null(0)
    assert (energy["ConsumedEnergyRaw"] == energy["ConsumedEnergyRaw_json"]).all()
    assert energy["ConsumedEnergyRaw"].sum() > 0


# ---- The command ------------------------------------------------------------------------------

FAKE = """#!/bin/sh
printf '%s\\n' "$@" "$TZ" "$SLURM_TIME_FORMAT" >> "{folder}/called"
case "$*" in
  *starttime=2026-11-22*) echo "slurm_persist_conn_open: failed" >&2; exit 1;;
  *starttime=2026-11-21*) sleep 30;;
esac
cat "{folder}/answer"
"""


def called(folder: Path, **options: Any) -> list[Any]:
    command = folder / "sacct"
    command.write_text(FAKE.format(folder=folder))
    command.chmod(0o755)
    (folder / "answer").write_text(export({"JobName": "a|b"}, delimiter="\x1f"))
    told = slurm.Settings(command=str(command), **options)
    return list(slurm.read(told, SourceContext("lyra", NOW)))


def test_the_command_is_asked_day_by_day_and_a_day_that_fails_leaves_the_others(
    tmp_path: Path,
) -> None:
    found = called(tmp_path, days=3, timeout_s=1.5, cluster="lyra; true")
    batches = [told for told in found if isinstance(told, Batch) and told.rows.height]
    assert [batch.scope for batch in batches] == ["lyra/sacct/2026-11-23"]
    assert batches[0].rows["JobName"].to_list() == ["a|b"]
    failures = [told.message for told in found if isinstance(told, Failure)]
    assert len(failures) == 2
    assert "2026-11-21 took longer than 1.5 s" in failures[0]
    assert "ended with 1: slurm_persist_conn_open: failed" in failures[1]
    asked = (tmp_path / "called").read_text().splitlines()
    assert "--starttime=2026-11-23T00:00:00" in asked
    assert "--clusters=lyra; true" in asked  # one argument: there is no shell
    assert {"--duplicates", "--allusers", "UTC", "%s"} <= set(asked)


def test_a_missing_command_and_two_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceConfigError, match="no such command on PATH"):
        list(
            slurm.read(slurm.Settings(command=str(tmp_path / "sacct")), SourceContext("lyra", NOW))
        )
    for told in ({}, {"path": "a", "command": "sacct"}):
        with pytest.raises(ValueError, match="either `path` or `command`"):
            slurm.Settings.model_validate(told)
