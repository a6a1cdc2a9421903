"""Records of a sacct export → typed rows and rejected rows."""

from typing import NamedTuple

import polars as pl

from ingest.bounds import (
    MAX_ATTEMPT,
    MAX_ENERGY_J,
    MAX_INSTANCES,
    MAX_JOB_CPU_S,
    MAX_JOB_CPUS,
    MAX_JOB_GPUS,
    MAX_JOB_MEMORY_BYTES,
    MAX_RUN_S,
)
from ingest.contracts import REJECTED_SCHEMA, Dataset, split
from ingest.errors import LandingError
from ingest.slurm_columns import USED
from ingest.slurm_mending import Block
from ingest.slurm_times import Claim, instants
from ingest.slurm_values import (
    ALLOCATION,
    BEYOND,
    BINARY,
    DECIMAL,
    NO_NUMBER,
    NO_TEXT,
    allocation,
    as_integer,
    comment_json,
    gpu_utilization,
    known,
    mapped,
    node_list,
    requested_memory,
    scaled,
    seconds,
    whole,
)

_JOB_ID = r"^(\d+(?:_(?:\d+|\[[^\]]*\]))?(?:\+\d+)?)(?:\.([A-Za-z0-9_+]+))?$"
_STATE = r"^[A-Z][A-Z_]+( by \S+)?$"
_DURATION = "[days-][hours:]minutes:seconds"


_WHOLE = "a whole number"


class _Number(NamedTuple):
    """A number that lands, a column of the export it may be read from, and how."""

    name: str
    column: str
    value: pl.Expr
    form: str


# Of several lines with one name the first counts whose column was exported.
_NUMBERS = (
    _Number("NNodes", "NNodes", whole("NNodes"), _WHOLE),
    _Number("NCPUS", "NCPUS", whole("NCPUS"), _WHOLE),
    _Number("NCPUS", "AllocCPUS", whole("AllocCPUS"), _WHOLE),
    _Number("Restarts", "Restarts", whole("Restarts"), _WHOLE),
    _Number("ElapsedRaw", "ElapsedRaw", whole("ElapsedRaw"), _WHOLE),
    _Number("ElapsedRaw", "Elapsed", as_integer(seconds("Elapsed")), _DURATION),
    _Number("CPUTimeRAW", "CPUTimeRAW", whole("CPUTimeRAW"), _WHOLE),
    _Number("CPUTimeRAW", "CPUTime", as_integer(seconds("CPUTime")), _DURATION),
    _Number("TimelimitRaw", "TimelimitRaw", whole("TimelimitRaw"), _WHOLE),
    _Number("TimelimitRaw", "Timelimit", as_integer(seconds("Timelimit") // 60), _DURATION),
    _Number("ConsumedEnergyRaw", "ConsumedEnergyRaw", whole("ConsumedEnergyRaw"), _WHOLE),
    _Number(
        "ConsumedEnergyRaw",
        "ConsumedEnergy",
        scaled(pl.col("ConsumedEnergy"), DECIMAL),
        "joules like 3348 or 3.35K",
    ),
    _Number("x_total_cpu_s", "TotalCPU", seconds("TotalCPU"), _DURATION),
    _Number("x_max_rss_bytes", "MaxRSS", scaled(pl.col("MaxRSS"), BINARY), "like 1234K"),
)
# The most that each may be, and its unit.
_MOST = {
    "NNodes": (MAX_INSTANCES, "nodes"),
    "NCPUS": (MAX_JOB_CPUS, "CPUs"),
    "Restarts": (MAX_ATTEMPT, "restarts"),
    "ElapsedRaw": (MAX_RUN_S, "s"),
    "CPUTimeRAW": (MAX_JOB_CPU_S, "s"),
    "TimelimitRaw": (2**32, "min"),  # 32 bits inside Slurm
    "ConsumedEnergyRaw": (MAX_ENERGY_J, "J"),
    "x_total_cpu_s": (MAX_JOB_CPU_S, "s"),
    "x_max_rss_bytes": (MAX_JOB_MEMORY_BYTES, "bytes"),
    "x_alloc_cpus": (MAX_JOB_CPUS, "CPUs"),
    "x_alloc_memory_bytes": (MAX_JOB_MEMORY_BYTES, "bytes of memory"),
    "x_alloc_gpus": (MAX_JOB_GPUS, "GPUs"),
    "x_gpu_utilization_pct": (100 * MAX_JOB_GPUS, "%"),
}


class Cluster(NamedTuple):
    """What an export does not say: the cluster's name where it has none, its site and clock."""

    name: str | None
    site: str | None
    timezone: str


def land(dataset: Dataset, block: Block, cluster: Cluster) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Typed rows and rejected rows of a block."""
    layout, lines = block.layout, block.lines
    text = pl.concat(
        [
            _columns_of_lines(block).with_columns(
                block.is_whole.arg_true().cast(pl.Int64).alias("_line")
            ),
            _columns_of_mended(block),
        ],
        how="diagonal",
    )
    if block.mended:
        text = text.sort("_line")
    text = text.with_columns(
        pl.lit(layout.source_file).alias("source_file"),
        (pl.col("_line") + block.first_row).alias("source_row"),
    )
    typed, claims = _typed(text, cluster)
    holds = typed.select(c.fill_null(False).alias(str(i)) for i, (*_, c) in enumerate(claims))
    problems = [(*claim[:3], holds[str(i)]) for i, claim in enumerate(claims)]
    typed = typed.select(pl.col(name).cast(dtype) for name, dtype in dataset.schema.items())
    rows, rejected = split(dataset, typed, text["_line"].cast(pl.String), problems)
    whole_records = [
        block.mended[i][1] if i in block.mended else lines[i]
        for i in rejected["raw"].cast(pl.Int64)
    ]
    rejected = rejected.with_columns(pl.Series("raw", whole_records, dtype=pl.String))
    if block.rejected:
        refused = pl.DataFrame(
            [
                (layout.source_file, block.first_row + index, None, reason, detail, raw)
                for index, reason, detail, raw in block.rejected
            ],
            schema=REJECTED_SCHEMA,
            orient="row",
        )
        rejected = pl.concat([rejected, refused]).sort("source_row", maintain_order=True)
    rows_in = text.height + len(block.rejected)
    if rows.height + rejected.height != rows_in:
        raise LandingError(f"{layout.source_file}: {rows_in} records, but not as many rows")
    return rows, rejected


def _columns_of_lines(block: Block) -> pl.DataFrame:
    """The used columns of whole lines as text; empty is null."""
    layout, lines = block.layout, block.lines.filter(block.is_whole)
    wanted = [c for c in layout.columns if c in USED]
    if lines.is_empty():
        return pl.DataFrame(schema=dict.fromkeys(wanted, pl.String))
    body: str = lines.str.join("\n").item()
    separator = layout.delimiter
    if len(separator.encode()) > 1:  # polars reads separators of one byte
        separator = next(c for c in map(chr, (31, 30, 29, 28, 1, 2, 3, 4)) if c not in body)
        body = body.replace(layout.delimiter, separator)
    names = [*layout.columns, *(["_after_the_last"] if layout.is_trailing else [])]
    frame = pl.read_csv(
        body.encode(),
        separator=separator,
        has_header=False,
        quote_char=None,
        schema=dict.fromkeys(names, pl.String),
        columns=[layout.columns.index(c) for c in wanted],
    )
    if frame.height != lines.len():
        raise LandingError(
            f"{layout.source_file}: {lines.len()} lines were read as {frame.height} records"
        )
    return frame


def _columns_of_mended(block: Block) -> pl.DataFrame:
    """The used columns of mended records as text, and the line that each starts on."""
    wanted = [(i, c) for i, c in enumerate(block.layout.columns) if c in USED]
    return pl.DataFrame(
        {c: [fields[i] or None for fields, _ in block.mended.values()] for i, c in wanted}
        | {"_line": list(block.mended)},
        schema=dict.fromkeys((c for _, c in wanted), pl.String()) | {"_line": pl.Int64()},
    )


def _typed(text: pl.DataFrame, cluster: Cluster) -> tuple[pl.DataFrame, list[Claim]]:
    """The dataset's columns from sacct's text, and what is wrong with which rows."""
    present = set(text.columns)
    text = text.with_columns(pl.lit(None, pl.String).alias(c) for c in sorted(USED - present))
    numbers, claims = _numbers(text, present)
    times, time_claims = instants(text, cluster.timezone)
    resources, resource_claims = _resources(text)
    comments = mapped(text["Comment"], comment_json, pl.String()).alias("x_comment_json").to_frame()

    replaced = [*numbers.columns, *times.columns, *resources.columns]
    name = pl.coalesce("Cluster", pl.lit(cluster.name, pl.String))
    job_id = pl.coalesce("JobIDRaw", "JobID")
    started = pl.col("Start").is_not_null()
    frame = pl.concat(
        [text.drop(replaced, strict=False), numbers, times, resources, comments],
        how="horizontal",
    ).with_columns(
        name.alias("Cluster"),
        (name if cluster.site is None else pl.lit(cluster.site)).alias("x_site"),
        job_id.str.extract(_JOB_ID, 1).alias("x_job_id"),
        job_id.str.extract(_JOB_ID, 2).alias("x_step_id"),
        pl.col("State").str.extract(r"^(\S+)", 1).str.to_uppercase().alias("x_state"),
        # Old exports have no AllocTRES: what a started job was given are then its CPUs and the
        # memory it asked for.
        pl.coalesce("x_alloc_cpus", pl.when(started).then("NCPUS")).alias("x_alloc_cpus"),
        pl.coalesce(
            "x_alloc_memory_bytes",
            pl.when(started & pl.col("AllocTRES").is_null()).then(requested_memory()),
        ).alias("x_alloc_memory_bytes"),
    )
    claims += time_claims + resource_claims
    claims += [
        (
            column,
            "wrong_type",
            f"{column} must be like 123, 123_4 or 123.0",
            ~pl.col(column).str.contains(_JOB_ID),
        )
        for column in ("JobIDRaw", "JobID")
    ]
    claims += [
        (
            "State",
            "value_not_allowed",
            "State must be words in capitals like COMPLETED",
            ~pl.col("State").str.contains(_STATE),
        ),
        (
            "Cluster",
            "missing_value",
            "the row names no cluster; set `cluster` of this source",
            pl.col("Cluster").is_null(),
        ),
        _above(
            "x_alloc_memory_bytes",
            "ReqMem",
            pl.when(pl.col("AllocTRES").is_null()).then("x_alloc_memory_bytes"),
        ),
    ]
    return frame, claims


def _above(name: str, column: str, value: pl.Expr | None = None) -> Claim:
    """The claim that a value (what lands as `name`, if none is given) is above its bound."""
    most, unit = _MOST[name]
    value = pl.col(name) if value is None else value
    return column, "out_of_range", f"{column} is above {most:,} {unit}", value > most


def _numbers(text: pl.DataFrame, present: set[str]) -> tuple[pl.DataFrame, list[Claim]]:
    """Counts, seconds, bytes and joules."""
    chosen: dict[str, _Number] = {}
    for number in sorted(_NUMBERS, key=lambda number: number.column not in present):
        chosen.setdefault(number.name, number)
    # Lazy, so that each regular expression runs once for all of its groups.
    values = text.lazy().select(n.value.alias(name) for name, n in chosen.items()).collect()
    claims: list[Claim] = []
    for name, number in chosen.items():
        column, given, value = number.column, text[number.column], values[name]
        claims.append(_above(name, column))
        if value.null_count() > given.null_count():
            unread = given.is_not_null() & value.is_null() & ~given.is_in(NO_NUMBER)
            below = given.str.starts_with("-").fill_null(False)
            too_long = unread & given.str.contains(r"^\d{19,}$").fill_null(False)
            claims += [
                (column, "out_of_range", f"{column} is below zero", pl.lit(below)),
                _above(name, column, pl.when(pl.lit(too_long)).then(BEYOND)),
                (column, "wrong_type", f"{column} must be {number.form}", pl.lit(unread)),
            ]
    return values, claims


def _resources(text: pl.DataFrame) -> tuple[pl.DataFrame, list[Claim]]:
    """What was allocated: nodes, CPUs, memory, GPUs; and the GPUs' utilisation."""
    given = text.select(
        known("NodeList", NO_TEXT),
        # Billing and energy differ from job to job, and are not read here.
        tres=pl.col("AllocTRES").str.replace_all(r"(?:^|,)(?:billing|energy)=[^,]*", ""),
        x_gpu_utilization_pct=gpu_utilization(),
    )
    nodes = mapped(given["NodeList"], node_list, pl.String())
    allocated = mapped(
        given.select(pl.when(pl.col("tres").str.strip_chars(", ") != "").then("tres")).to_series(),
        allocation,
        ALLOCATION,
    )
    resources = pl.DataFrame(
        [
            given["NodeList"],
            nodes.str.split(",").alias("x_nodes"),
            *allocated.struct.unnest().get_columns(),
            given["x_gpu_utilization_pct"],
        ]
    )
    unread_nodes = given["NodeList"].is_not_null() & nodes.is_null()
    claims: list[Claim] = [
        ("NodeList", "wrong_type", "NodeList must be like node[01-04]", pl.lit(unread_nodes)),
        (
            "AllocTRES",
            "wrong_type",
            "AllocTRES must be like cpu=8,mem=64G,node=1",
            pl.col("x_alloc_gpus") == -1,
        ),
        _above("x_gpu_utilization_pct", "gres/gpuutil"),
    ]
    claims += [
        _above(name, "AllocTRES", pl.when(pl.col("AllocTRES").is_not_null()).then(name))
        for name in ("x_alloc_cpus", "x_alloc_memory_bytes", "x_alloc_gpus")
    ]
    return resources, claims
