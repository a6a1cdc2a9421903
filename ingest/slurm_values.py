"""Values that sacct prints → numbers: counts, durations, sizes, what was allocated, comments.

Vectorised where each row has its own value; where many rows share few texts (`mapped`), a function
of one text, called once per distinct text. A number that Int64 cannot hold becomes `BEYOND`, so
that whoever checks the bounds sees it.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import hostlist
import polars as pl

# What sacct prints where it has no value (NO_VAL and INFINITE of slurm.h as numbers).
NO_TEXT = ("", "Unknown", "None", "N/A", "None assigned", "INVALID", "(null)")
NO_NUMBER = (
    *NO_TEXT,
    "UNLIMITED",
    "Partition_Limit",
    "4294967294",
    "4294967295",
    "18446744073709551614",
    "18446744073709551615",
)
BINARY = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50, "E": 2**60}
DECIMAL = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
BEYOND = 2**62  # above every bound

_NUMBER = r"(\d+(?:\.\d+)?)"
_SIZE = rf"^{_NUMBER}([KMGTPE]?)$"
_DURATION = r"^(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)$"


def known(column: str, nothing: Sequence[str]) -> pl.Expr:
    """The column's text, null where sacct writes that it has none."""
    return pl.when(~pl.col(column).is_in(nothing)).then(column)


def whole(column: str) -> pl.Expr:
    """Whole numbers, not below zero; Slurm's numbers for “no value” are null."""
    number = pl.col(column).cast(pl.Int64, strict=False)
    return pl.when((number >= 0) & ~number.is_in([4294967294, 4294967295])).then(number)


def seconds(column: str) -> pl.Expr:
    """`[days-][hours:]minutes:seconds[.fraction]` in seconds."""
    parts = pl.col(column).str.extract_groups(_DURATION)
    days, hours, minutes, rest = (parts.struct.field(str(i)).cast(pl.Float64) for i in range(1, 5))
    total = days.fill_null(0.0) * 86400 + hours.fill_null(0.0) * 3600 + minutes * 60 + rest
    return total.round(6)


def scaled(text: pl.Expr, factors: Mapping[str, int]) -> pl.Expr:
    """Numbers with a unit letter, as whole numbers."""
    parts = text.str.extract_groups(_SIZE)
    factor = parts.struct.field("2").replace_strict(
        list(factors), [float(f) for f in factors.values()], default=None, return_dtype=pl.Float64
    )
    return as_integer(parts.struct.field("1").cast(pl.Float64) * factor)


def as_integer(number: pl.Expr) -> pl.Expr:
    """Floats as the nearest Int64, at most BEYOND."""
    return number.round(0).clip(upper_bound=float(BEYOND)).cast(pl.Int64)


def requested_memory() -> pl.Expr:
    """ReqMem in bytes: of the job, or before Slurm 21.08 per node (`4Gn`) or per CPU (`4Gc`)."""
    text = known("ReqMem", NO_NUMBER)
    each = scaled(text.str.strip_chars_end("nc"), BINARY).cast(pl.Float64)
    total = (
        pl.when(text.str.ends_with("n"))
        .then(each * pl.col("NNodes"))
        .when(text.str.ends_with("c"))
        .then(each * pl.col("NCPUS"))
        .otherwise(each)
    )
    return pl.when(total > 0).then(as_integer(total))  # 0: all memory of the node


def gpu_utilization() -> pl.Expr:
    """`gres/gpuutil` in per cent of one GPU, from the highest sample if there is one."""
    return pl.coalesce(
        pl.when(pl.col(column).str.contains("gres/gpuutil=", literal=True)).then(
            pl.col(column).str.extract(rf"(?:^|,)gres/gpuutil={_NUMBER}")
        )
        for column in ("TRESUsageInMax", "TRESUsageInTot")
    ).cast(pl.Float64)


def mapped(keys: pl.Series, function: Callable[[str], Any], dtype: pl.DataType) -> pl.Series:
    """A function of text, called once per distinct text; null where the text is.

    For a Struct, the function returns a dict of its fields.
    """
    distinct = keys.drop_nulls().unique(maintain_order=True)
    values = pl.Series("value", [function(key) for key in distinct.to_list()], dtype=dtype)
    table = pl.DataFrame([distinct.alias("key"), values])
    found = keys.alias("key").to_frame().join(table, on="key", how="left", maintain_order="left")
    return found["value"]


@lru_cache(maxsize=100_000)
def node_list(text: str) -> str | None:
    """`gpu[01-03],login` in full, comma-separated; None if it is no host list."""
    try:
        names: list[str] = hostlist.expand_hostlist(text)
    except hostlist.BadHostlist:
        return None
    full = ",".join(names)
    return full if re.fullmatch(r"[\w.\-]+(,[\w.\-]+)*", full) else None


ALLOCATION = pl.Struct(
    {
        "x_alloc_cpus": pl.Int64(),
        "x_alloc_memory_bytes": pl.Int64(),
        "x_alloc_gpus": pl.Int64(),
        "x_gpu_type": pl.String(),
    }
)


def allocation(text: str) -> dict[str, int | str | None]:
    """CPUs, bytes of memory, GPUs and their type of an AllocTRES; -1 GPUs if it is none."""
    tres: dict[str, int] = {}
    for part in text.strip(",").split(","):
        name, equals, amount = part.partition("=")
        number = re.match(_SIZE, amount)
        if not equals or not name or number is None:
            return dict.fromkeys(("x_alloc_cpus", "x_alloc_memory_bytes", "x_gpu_type")) | {
                "x_alloc_gpus": -1
            }
        # AllocTRES counts memory in MiB (it prints `mem=4096M`), unlike TRESUsage with its bytes.
        unit = number[2] or ("M" if name == "mem" else "")
        factors = BINARY if name in ("mem", "vmem", "fs/disk") else DECIMAL
        tres[name] = round(min(float(number[1]) * factors[unit], BEYOND))
    typed = {name[9:]: count for name, count in tres.items() if name.startswith("gres/gpu:")}
    return {
        "x_alloc_cpus": tres.get("cpu"),
        "x_alloc_memory_bytes": tres.get("mem"),
        "x_alloc_gpus": tres.get("gres/gpu", min(sum(typed.values()), BEYOND)),
        "x_gpu_type": ",".join(sorted(typed)) or None,
    }


def comment_json(comment: str) -> str | None:
    """The comment's keys as a JSON object: JSON as it is, `team=nlp;model=x` in pairs."""
    if comment.startswith("{"):
        try:
            is_object = isinstance(json.loads(comment, parse_constant=_no_json), dict)
        except (ValueError, RecursionError):
            return None
        return comment if is_object else None
    pairs = [part.strip() for part in re.split("[;,]", comment) if part.strip()]
    found = [re.fullmatch(r"([A-Za-z_][\w.\-]*)=(.*)", part, re.DOTALL) for part in pairs]
    if not found or not all(found):
        return None
    return json.dumps({m[1]: m[2] for m in found if m is not None}, ensure_ascii=False)


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
