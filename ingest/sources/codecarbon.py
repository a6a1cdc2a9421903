"""CodeCarbon: the `emissions.csv` that its tracker writes, of any version, and its task files.

Columns are found by name, for they moved between versions; those that are not named here are kept
in `extra`. What one must know about the file:

- `timestamp` is when the row was written, on the machine's own clock and without a zone
  (`timezone`); the run lasted `duration` seconds until then.
- A tracker that flushes appends rows of one `run_id` whose figures go on from each other: they are
  no parts to be added. Rows with a `task_name` are: each is one task of the run.
- With `pue` above 1 power and energy already include it.
- GPU energy comes from the devices' own counters and from nothing else. Whether the CPU's came
  from RAPL is in no column: `cpu_counter` of the settings says it where one knows.
- When its columns change, CodeCarbon moves the file to `emissions.csv.bak` and starts a new one:
  of a folder, both are read.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import Field

from ingest.bounds import (
    MAX_ACCELERATORS,
    MAX_ENERGY_J,
    MAX_MEMORY_GIB,
    MAX_RUN_S,
    MAX_VCPUS,
)
from ingest.contracts import Batch, Dataset, Problem, rejected_file, split
from ingest.errors import FileRejected
from ingest.files import InputFile, discover
from ingest.focus_values import as_float, as_instant, as_text, extra_json
from ingest.sources import FileSourceSettings, SourceContext, TimeZone
from ingest.table_csv import Block, Header, read_csv

NAME = "codecarbon"

TEXTS = (
    "run_id",
    "task_name",
    "experiment_id",
    "project_name",
    "country_name",
    "country_iso_code",
    "region",
    "on_cloud",
    "cloud_provider",
    "cloud_region",
    "os",
    "python_version",
    "codecarbon_version",
    "cpu_model",
    "gpu_model",
    "tracking_mode",
)
MAX_ENERGY_KWH = MAX_ENERGY_J / 3_600_000
# The least and the most that a number may be. A PUE below 1 gives back energy.
NUMBERS: dict[str, tuple[float, float]] = {
    "duration": (0, MAX_RUN_S),
    "cpu_energy": (0, MAX_ENERGY_KWH),
    "gpu_energy": (0, MAX_ENERGY_KWH),
    "ram_energy": (0, MAX_ENERGY_KWH),
    "energy_consumed": (0, MAX_ENERGY_KWH),
    "emissions": (0, 1e15),
    "cpu_count": (0, MAX_VCPUS),
    "gpu_count": (0, MAX_ACCELERATORS),
    "ram_total_size": (0, MAX_MEMORY_GIB),
    "cpu_utilization_percent": (0, 100),
    "gpu_utilization_percent": (0, 100),
    "pue": (1, 10),
}
COLUMNS = ("timestamp", *TEXTS, *NUMBERS)
REQUIRED = ("timestamp", "duration", "energy_consumed")
NOTHING = ["", "None", "nan", "NaN", "NULL"]
# emissions.csv, emissions.csv.gz, emissions.csv.bak, emissions.csv_2.bak
FILE_NAME = re.compile(r"\.csv(\.gz|[^/]*\.bak)?$", re.IGNORECASE)

EMISSIONS = Dataset(
    "codecarbon__emissions",
    {
        "timestamp": pl.Datetime("us", "UTC"),
        **dict.fromkeys(TEXTS, pl.String()),
        **dict.fromkeys(NUMBERS, pl.Float64()),
        "x_site": pl.String(),  # the source's `site`
        "x_cpu_counter": pl.String(),  # the source's `cpu_counter`
        "extra": pl.String(),  # JSON object of the columns that the contract does not name
    },
)
DATASETS = (EMISSIONS,)


class Settings(FileSourceSettings):
    """`[sources.codecarbon]`: where the files are, and what they do not say themselves."""

    timezone: TimeZone = Field(
        "UTC", description="IANA zone of the machine's clock (the file has none)"
    )
    site: str | None = Field(
        None,
        examples=["lyon"],
        description="The [sites.NAME] the machine stands in, of rows that are not on a cloud.",
    )
    cpu_counter: Literal["rapl"] | None = Field(
        None,
        examples=["rapl"],
        description="What gave the CPU's energy, where the tracker's log says so: "
        '"rapl", then it is measured; else it is an estimate.',
    )


def read(settings: Settings, context: SourceContext) -> Iterator[Batch]:
    """One delivery per file, in batches of about 16 MiB; a bad file is one rejected row."""
    files = discover(settings.path)
    if not (len(files) == 1 and str(files[0].path) == settings.path):
        files = [file for file in files if FILE_NAME.search(file.name)]
    for file in files:
        scope = f"{context.instance}/{file.name}"
        try:
            header, found = read_csv(file, match_columns)
            is_empty = True
            for block in found:
                rows, rejected = _rows_of(file, header, block, settings)
                is_empty = is_empty and rows.is_empty() and rejected.is_empty()
                yield Batch(EMISSIONS, scope, rows, rejected)
            if is_empty:
                raise FileRejected(
                    file.name, "empty_file", "the file has a header and no row; remove it"
                )
        except FileRejected as error:
            nothing = pl.DataFrame(schema=EMISSIONS.schema)
            refused = rejected_file(error.source_file, error.reason, error.detail)
            yield Batch(EMISSIONS, scope, nothing, refused, incomplete=True)


def match_columns(source_file: str, names: Sequence[str]) -> Header:
    """Columns by name, whatever their order. Raises FileRejected."""
    plain = [name.strip().lower() for name in names]
    twice = next((name for name in plain if plain.count(name) > 1), None)
    if twice is not None:
        raise FileRejected(
            source_file, "duplicate_header", f"the column {twice} stands twice; remove one"
        )
    missing = [name for name in REQUIRED if name not in plain]
    if missing:
        raise FileRejected(
            source_file,
            "missing_column",
            f"no column {', '.join(missing)}: this is no emissions.csv; move it elsewhere",
        )
    known = {name: plain.index(name) for name in COLUMNS if name in plain}
    extra = {
        name: position
        for position, name in enumerate(names)
        if plain[position] not in known and name.strip()
    }
    return Header(tuple(names), known, extra)


def _rows_of(
    file: InputFile, header: Header, block: Block, settings: Settings
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(rows, rejected) of a block."""
    height = len(block.rows)

    def text(name: str) -> pl.Series:
        if name not in header.known:
            return pl.repeat(None, height, dtype=pl.String, eager=True).alias(name)
        values = as_text(block.columns[header.known[name]]).str.strip_chars()
        frame = pl.DataFrame([values.alias(name)])
        return frame.select(pl.when(~pl.col(name).is_in(NOTHING)).then(name)).to_series()

    texts = {name: text(name) for name in COLUMNS}
    problems: list[Problem] = list(block.problems)
    for name in REQUIRED:
        detail = f"{name} is empty; a row that says nothing of it cannot be counted"
        problems.append((name, "missing_value", detail, texts[name].is_null()))
    at, found = as_instant("timestamp", texts["timestamp"], ZoneInfo(settings.timezone))
    problems += found
    numbers: list[pl.Series] = []
    for name, (least, most) in NUMBERS.items():
        values, found = as_float(name, texts[name])
        detail = f"{name} is not between {least:,.10g} and {most:,.10g}"
        outside = ~values.is_between(least, most).fill_null(True)
        problems += [*found, (name, "out_of_range", detail, outside)]
        numbers.append(values.alias(name))
    extra = [
        block.columns[position].alias(name.strip().lower())
        for name, position in header.extra.items()
    ]
    typed = pl.DataFrame(
        [
            pl.repeat(file.name, height, dtype=pl.String, eager=True).alias("source_file"),
            block.rows.cast(pl.Int64).alias("source_row"),
            at.alias("timestamp"),
            *(texts[name].alias(name) for name in TEXTS),
            *numbers,
            pl.repeat(settings.site, height, dtype=pl.String, eager=True).alias("x_site"),
            pl.repeat(settings.cpu_counter, height, dtype=pl.String, eager=True).alias(
                "x_cpu_counter"
            ),
            extra_json(extra, height).alias("extra"),
        ],
    ).cast(EMISSIONS.schema)
    no_text = pl.repeat(None, height, dtype=pl.String, eager=True)
    rows, rejected = split(EMISSIONS, typed, no_text, problems)
    numbered = rejected["source_row"].to_list()
    raws = block.raw(numbered)
    rejected = rejected.with_columns(
        pl.Series("raw", [raws.get(row) for row in numbered], dtype=pl.String)
    )
    return rows, pl.concat([rejected, block.rejected])
