"""Files of grid intensity that the user brings: CSV or Parquet, of any zone and interval.

For what may not be shipped with the product or is one's own: a licensed data set (IEA), an export
(ENTSO-E, Electricity Maps), what a supplier states. A row has a zone, when it starts, and how many
grams there are in a kWh; how long it holds is told by a column, by how the time is written (2026,
2026-10), by the setting `resolution`, or by the distance of the rows. A file is one delivery, and
what it says is final.
"""

from collections.abc import Iterator
from functools import partial
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import Field, field_validator

from ingest.bounds import MAX_GRID_INTENSITY_G_PER_KWH
from ingest.contracts import Batch, Problem, rejected_file, split
from ingest.errors import FileRejected
from ingest.files import InputFile, discover
from ingest.focus_values import as_float, as_instant, as_text
from ingest.grid_intensity import dataset_for
from ingest.intensity_columns import NAMES, match_columns, plain_name
from ingest.intensity_times import REMEDY, given_ends, length_problems, read_times, with_ends
from ingest.sources import FileSourceSettings, SourceContext, SourceSettings, TimeZone
from ingest.table_csv import Block, Header
from ingest.table_parquet import read_table

NAME = "intensity_file"
INTENSITY = dataset_for(NAME)
DATASETS = (INTENSITY,)

SUFFIXES = (".csv", ".tsv", ".gz", ".parquet")
# Grams per kWh of one unit.
UNITS = {
    "g/kWh": 1.0,
    "kg/kWh": 1000.0,
    "kg/MWh": 1.0,
    "t/MWh": 1000.0,
    "t/GWh": 1.0,
    "lb/MWh": 0.45359237,
}
TRUE, FALSE = ("true", "1", "yes"), ("false", "0", "no")


class Settings(FileSourceSettings):
    """`[sources.intensity_file]`: where the files are, and what they do not say themselves."""

    unit: Literal["g/kWh", "kg/kWh", "kg/MWh", "t/MWh", "t/GWh", "lb/MWh"] = Field(
        "g/kWh", description="The unit of the intensities."
    )
    zone: str | None = Field(
        None, examples=["FR"], description="The grid zone of rows that name none."
    )
    timezone: TimeZone = Field(
        "UTC", description="The clock of times that are written without one."
    )
    resolution: Literal["5min", "15min", "30min", "hour", "day", "week", "month", "year"] | None = (
        Field(None, examples=["hour"], description="How long a row holds, if nothing else tells.")
    )
    accounting: Literal["lifecycle", "operational"] | None = Field(
        None, examples=["lifecycle"], description="lifecycle or operational, of rows that say none."
    )
    basis: Literal["consumption", "production"] | None = Field(
        None,
        examples=["consumption"],
        description="consumption or production, of rows that say none.",
    )
    signal: Literal["average", "marginal"] = Field(
        "average", description="average or marginal, of rows that say none; they never mix."
    )
    version: str | None = Field(
        None, examples=["2026 edition"], description="The version of rows that say none."
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        examples=[{"from": "Datetime (UTC)", "intensity": "Carbon intensity (direct)"}],
        description="Our column → what the file calls it, where that is another name.",
    )

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if name not in NAMES:
                raise ValueError(f"{name!r} is none of our columns: {', '.join(NAMES)}")
        return value


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Batch]:
    """One delivery per file; a file that cannot be read is one rejected row."""
    assert isinstance(settings, Settings)  # noqa: S101 - the registry pairs them
    files = discover(settings.path)
    if len(files) > 1:
        files = [file for file in files if file.name.lower().endswith(SUFFIXES)]
    for file in files:
        scope = f"{context.instance}/{file.name}"
        try:
            yield Batch(INTENSITY, scope, *_rows_of(file, settings))
        except FileRejected as error:
            nothing = pl.DataFrame(schema=INTENSITY.schema)
            refused = rejected_file(error.source_file, error.reason, error.detail)
            yield Batch(INTENSITY, scope, nothing, refused, incomplete=True)


def _rows_of(file: InputFile, settings: Settings) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(rows, rejected) of a file. Raises FileRejected."""
    given = {"zone": settings.zone, "accounting": settings.accounting}
    match = partial(match_columns, columns=settings.columns, given=given)
    header, found = read_table(file, match)
    blocks = list(found)
    unread = [block.rejected for block in blocks if not block.rejected.is_empty()]
    if not any(len(block.rows) for block in blocks) and not unread:
        raise FileRejected(file.name, "empty_file", "the file has no row; have it delivered again")
    texts = pl.concat([_texts(block, header) for block in blocks])
    if texts.is_empty():
        return pl.DataFrame(schema=INTENSITY.schema), pl.concat(unread)
    typed, problems = _typed(file, header, texts, settings)
    rows, rejected = _split(typed, [*_unreadable(blocks), *problems])
    rows, others = _split(rows, [_twice(rows)])
    refused = _with_text(pl.concat([rejected, others]), blocks)
    return rows, pl.concat([refused, *unread]).sort("source_row")


def _split(typed: pl.DataFrame, problems: list[Problem]) -> tuple[pl.DataFrame, pl.DataFrame]:
    no_text = pl.repeat(None, typed.height, dtype=pl.String, eager=True)
    return split(INTENSITY, typed, no_text, problems)


def _texts(block: Block, header: Header) -> pl.DataFrame:
    """Our columns as the file writes them, null where it has none."""
    columns = [block.rows]
    for name in NAMES:
        if name in header.known:
            columns.append(_as_text(block.columns[header.known[name]]).alias(name))
        else:
            columns.append(
                pl.repeat(None, len(block.rows), dtype=pl.String, eager=True).alias(name)
            )
    return pl.DataFrame(columns)


def _as_text(values: pl.Series) -> pl.Series:
    kind = values.dtype
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        naive = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return naive.dt.to_string("iso") + "Z"
    return as_text(values.dt.to_string("iso") if kind.is_temporal() else values)


def _unreadable(blocks: list[Block]) -> Iterator[Problem]:
    """What reading found wrong with rows of a block, as masks over all rows."""
    heights = [len(block.rows) for block in blocks]
    for i, block in enumerate(blocks):
        before, after = sum(heights[:i]), sum(heights[i + 1 :])
        for name, reason, detail, mask in block.problems:
            parts = [pl.repeat(False, n, dtype=pl.Boolean, eager=True) for n in (before, after)]
            yield name, reason, detail, pl.concat([parts[0], mask, parts[1]])


def _with_text(rejected: pl.DataFrame, blocks: list[Block]) -> pl.DataFrame:
    texts: dict[int, str] = {}
    for block in blocks:
        numbers = rejected["source_row"]
        texts |= block.raw(numbers.filter(numbers.is_in(block.rows.implode())).to_list())
    raw = pl.Series("raw", [texts[row] for row in rejected["source_row"]], dtype=pl.String)
    return rejected.with_columns(raw)


def _typed(
    file: InputFile, header: Header, texts: pl.DataFrame, settings: Settings
) -> tuple[pl.DataFrame, list[Problem]]:
    """The rows in the dataset's columns, and what is wrong with which of them."""
    intensity, problems = as_float("intensity", texts["intensity"])
    published, found = as_instant("published_on", texts["published_on"], ZoneInfo("UTC"))
    problems += found
    estimated, found = _as_bool("is_estimated", texts["is_estimated"])
    problems += found
    series = pl.DataFrame(
        {
            "grid_zone": _or(texts["zone"].str.strip_chars(), settings.zone),
            "signal": _or(_word(texts["signal"]), settings.signal),
            "accounting": _or(_word(texts["accounting"]), settings.accounting),
        }
    )
    times, found = _times(header, texts, series, settings)
    problems += found
    typed = pl.DataFrame(
        {
            "source_file": pl.repeat(file.name, texts.height, dtype=pl.String, eager=True),
            "source_row": texts["source_row"],
            "grid_zone": series["grid_zone"],
            "from_at_utc": times["instant"],
            "to_at_utc": times["end"],
            "intensity_g_per_kwh": intensity * UNITS[settings.unit],
            "signal": series["signal"],
            "accounting": series["accounting"],
            "basis": _or(_word(texts["basis"]), settings.basis),
            "is_estimated": estimated,
            "estimation_method": texts["estimation_method"],
            "is_final": pl.repeat(True, texts.height, dtype=pl.Boolean, eager=True),
            "published_at_utc": published,
            "source_version": _or(texts["version"], settings.version),
        },
        schema=INTENSITY.schema,
    )
    return typed, [*problems, _out_of_bounds(typed)]


def _or(values: pl.Series, instead: str | None) -> pl.Series:
    return values if instead is None else values.fill_null(instead)


def _word(values: pl.Series) -> pl.Series:
    return values.str.strip_chars().str.to_lowercase()


def _as_bool(name: str, values: pl.Series) -> tuple[pl.Series, list[Problem]]:
    word = _word(values)
    words = [*TRUE, *FALSE]
    parsed = word.replace_strict(
        words, [w in TRUE for w in words], default=None, return_dtype=pl.Boolean
    )
    wrong = parsed.is_null() & word.is_not_null()
    return parsed, [(name, "wrong_type", f"{name} is neither true nor false; {REMEDY}", wrong)]


def _times(
    header: Header, texts: pl.DataFrame, series: pl.DataFrame, settings: Settings
) -> tuple[pl.DataFrame, list[Problem]]:
    """`instant` and `end` of each row."""
    name = next(column for column in ("from", "month", "year") if column in header.known)
    start = texts[name].str.strip_chars().str.strip_suffix(".0")
    if name == "month" and "year" in header.known:
        year = texts["year"].str.strip_chars().str.strip_suffix(".0")
        start = (year + "-" + start).fill_null(year)
    zone = _clock(header, name, settings)
    begun, problems = read_times(name, start, series, zone)
    ended, found = read_times("to", texts["to"], series, _clock(header, "to", settings))
    is_given = texts["to"].is_not_null()
    times = with_ends(begun, zone, settings.resolution).with_columns(
        pl.when(is_given).then(given_ends(begun, ended)).otherwise("end").alias("end"),
        is_given.alias("is_given"),
    )
    return times, [*problems, *found, *length_problems(name, times, zone)]


def _clock(header: Header, name: str, settings: Settings) -> str:
    """The clock of a column: UTC if its name says so."""
    position = header.known.get(name)
    says_utc = position is not None and plain_name(header.names[position]).endswith("utc")
    return "UTC" if says_utc else settings.timezone


def _out_of_bounds(typed: pl.DataFrame) -> Problem:
    most = MAX_GRID_INTENSITY_G_PER_KWH
    outside = ~typed["intensity_g_per_kwh"].is_between(0, most).fill_null(True)
    detail = f"the intensity is not between 0 and {most} g/kWh; is `unit` right?"
    return "intensity", "out_of_range", detail, outside


def _twice(typed: pl.DataFrame) -> Problem:
    """All rows of an interval but the one published last, else the one that stands last."""
    key = ["grid_zone", "from_at_utc", "to_at_utc", "signal", "accounting"]
    best = typed.sort("published_at_utc", "source_row", nulls_last=False).unique(key, keep="last")
    others = ~typed["source_row"].is_in(best["source_row"].implode())
    detail = "the file says something of this interval twice, and the other row counts; remove one"
    return "from", "duplicate_interval", detail, others
