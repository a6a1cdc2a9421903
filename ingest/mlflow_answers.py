"""MLflow's answers as rows: runs, samples of the system's metrics, registered model versions."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import pandera.polars as pa
import polars as pl
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ingest.bounds import MAX_RUN_S
from ingest.contracts import REJECTED_SCHEMA, Batch, Dataset, split

INSTANT = pl.Datetime("us", "UTC")
_TEXTS = pl.List(pl.Struct({"key": pl.String(), "value": pl.String()}))
_GIVEN = pa.Column(pl.String(), nullable=False)

RUNS = Dataset(
    "mlflow__runs",
    {
        "run_id": pl.String(),
        "run_name": pl.String(),
        "experiment_id": pl.String(),
        "experiment_name": pl.String(),
        "user_id": pl.String(),
        "status": pl.String(),
        "lifecycle_stage": pl.String(),
        "start_time": INSTANT,
        "end_time": INSTANT,
        "last_metric_time": INSTANT,  # of the newest value that lies in the run's possible time
        "metrics": pl.List(
            pl.Struct(
                {"name": pl.String(), "value": pl.Float64(), "at": INSTANT, "step": pl.Int64()}
            )
        ),
        "params": _TEXTS,
        "tags": _TEXTS,
        "dataset_inputs": pl.List(
            pl.Struct(
                {
                    "name": pl.String(),
                    "digest": pl.String(),
                    "source_type": pl.String(),
                    "source": pl.String(),
                    "context": pl.String(),
                    "rows": pl.Int64(),
                }
            )
        ),
        "x_site": pl.String(),  # the source's `site`
        "extra": pl.String(),  # JSON object of the fields that are not named here
    },
    {name: _GIVEN for name in ("run_id", "experiment_id", "status")},
)
SAMPLES = Dataset(
    "mlflow__system_metrics",
    {
        "run_id": pl.String(),
        "metric_name": pl.String(),
        "at": INSTANT,
        "step": pl.Int64(),
        "value": pl.Float64(),  # null: NaN
        "x_longest_gap_s": pl.Float64(),  # the source's `longest_gap_s`
    },
    {name: _GIVEN for name in ("run_id", "metric_name")},
)
VERSIONS = Dataset(
    "mlflow__model_versions",
    {
        "name": pl.String(),
        "version": pl.String(),
        "run_id": pl.String(),
        "status": pl.String(),
        "stage": pl.String(),
        "created_at": INSTANT,
        "updated_at": INSTANT,
        "extra": pl.String(),
    },
    {name: _GIVEN for name in ("name", "version")},
)

# Power and load of a GPU, as MLflow's own monitor names them; a node's name may stand before.
GPU_METRIC = re.compile(
    r"system/(?:[^/]+/)?gpu_\d+_(?P<what>power_usage_watts|utilization_percentage)"
)
_MOST = {"power_usage_watts": 100_000.0, "utilization_percentage": 100.0}
LATEST_MS = int(datetime(2101, 1, 1, tzinfo=UTC).timestamp() * 1000)
# MLflow's databases hold no infinity: they hold this.
_STANDS_FOR_INFINITY = 1.79e308
_REASONS = {"missing": "missing_value", "literal_error": "value_not_allowed"}


def _number(value: object) -> object:
    """`"NaN"` and infinities are no number that can be reported."""
    number = float(value) if isinstance(value, int | float | str) else value
    if not isinstance(number, float):
        raise ValueError("must be a number")
    return None if not abs(number) < _STANDS_FOR_INFINITY else number


def _instant(value: object) -> object:
    """Milliseconds since 1970; 0 stands for nothing."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("must be milliseconds since 1970")
    milliseconds = int(value)
    if not 0 <= milliseconds < LATEST_MS:
        raise ValueError(f"{milliseconds} ms is no time of the years 1970 to 2100")
    return _at(milliseconds) if milliseconds else None


def _at(milliseconds: int) -> datetime:
    seconds, rest = divmod(milliseconds, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)


Number = Annotated[float | None, BeforeValidator(_number)]
Instant = Annotated[datetime | None, BeforeValidator(_instant)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="allow")


class _Pair(_Answer):
    key: str
    value: str = ""


class _Metric(_Answer):
    key: str
    value: Number = None
    timestamp: int = 0
    step: int = Field(0, ge=-(2**63), lt=2**63)

    @property
    def at(self) -> datetime | None:
        """A job may give any number as the time."""
        return _at(self.timestamp) if 0 < self.timestamp < LATEST_MS else None


class _Info(_Answer):
    run_id: str = Field(min_length=1)
    run_uuid: str | None = None
    run_name: str | None = None
    experiment_id: str
    user_id: str | None = None
    status: Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
    lifecycle_stage: str | None = None
    start_time: Instant
    end_time: Instant = None


class _Data(_Answer):
    metrics: list[_Metric] = []
    params: list[_Pair] = []
    tags: list[_Pair] = []


class _Dataset(_Answer):
    name: str
    digest: str | None = None
    source_type: str | None = None
    source: str | None = None
    profile: str | None = None


class _Input(_Answer):
    dataset: _Dataset
    tags: list[_Pair] = []


class _Inputs(_Answer):
    dataset_inputs: list[_Input] = []


class _Run(_Answer):
    info: _Info
    data: _Data = _Data()
    inputs: _Inputs = _Inputs()


class _Version(_Answer):
    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    run_id: str | None = None
    status: str | None = None
    current_stage: str | None = None
    creation_timestamp: Instant = None
    last_updated_timestamp: Instant = None


class _Refused(Exception):
    """(field, reason, detail)"""


@dataclass(frozen=True)
class Told:
    """What is the same of all rows: where they came from, and what the settings say of them."""

    now: datetime
    site: str | None = None
    experiments: Mapping[str, str] | None = None
    longest_gap_s: float = 0.0


def run_batch(scope: str, source_file: str, items: Sequence[object], told: Told) -> Batch:
    """The runs of a day; those that are not as documented are refused, each with its reason."""
    return _batch(RUNS, scope, source_file, items, lambda item: _run_row(item, told))


def version_batch(scope: str, source_file: str, items: Sequence[object]) -> Batch:
    """All registered model versions."""
    return _batch(VERSIONS, scope, source_file, items, _version_row)


def sample_batch(
    scope: str, run_id: str, metric_name: str, items: Sequence[object], told: Told
) -> Batch:
    """The history of a metric of a run."""
    kind = GPU_METRIC.fullmatch(metric_name)
    most = _MOST[kind["what"]] if kind else math.inf

    def row(item: object) -> dict[str, Any]:
        sample = _Metric.model_validate(item)
        if sample.at is None:
            raise _Refused("timestamp", "out_of_range", "timestamp is no time of 1970 to 2100")
        if sample.value is not None and not 0 <= sample.value <= most:
            detail = f"value: {sample.value:g} is not between 0 and {most:g}"
            raise _Refused("value", "out_of_range", detail)
        return {
            "run_id": run_id,
            "metric_name": metric_name,
            "at": sample.at,
            "step": sample.step,
            "value": sample.value,
            "x_longest_gap_s": told.longest_gap_s,
        }

    return _batch(SAMPLES, scope, f"metrics/get-history/{run_id}/{metric_name}", items, row)


def _batch(
    dataset: Dataset,
    scope: str,
    source_file: str,
    items: Iterable[object],
    row_of: Callable[[object], dict[str, Any]],
) -> Batch:
    rows: list[dict[str, Any]] = []
    raws: list[str] = []
    refused: list[tuple[str, int, str | None, str, str, str]] = []
    for number, item in enumerate(items, start=1):
        raw = json.dumps(item)
        try:
            if "\\u" in raw:
                json.dumps(item, ensure_ascii=False).encode()
            rows.append({"source_file": source_file, "source_row": number, **row_of(item)})
            raws.append(raw)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
            field = ".".join(str(part) for part in problem["loc"]) or None
            reason = _REASONS.get(problem["type"], "wrong_type")
            said = problem["msg"].removeprefix("Value error, ")
            detail = f"{field or 'the item'}: {said}; the server answered so"
            refused.append((source_file, number, field, reason, detail, raw))
        except _Refused as error:
            field, reason, detail = error.args
            refused.append((source_file, number, field, reason, detail, raw))
        except UnicodeEncodeError:
            detail = "the answer has half of a surrogate pair (\\ud800 … \\udfff)"
            refused.append((source_file, number, None, "not_utf8", detail, raw))
    frame = pl.DataFrame(rows, schema=dataset.schema)
    kept, broken = split(dataset, frame, pl.Series("raw", raws, dtype=pl.String))
    rejected = pl.DataFrame(refused, schema=REJECTED_SCHEMA, orient="row")
    return Batch(dataset, scope, kept, pl.concat([rejected, broken]))


def _run_row(item: object, told: Told) -> dict[str, Any]:
    run = _Run.model_validate(item)
    info, data = run.info, run.data
    if info.start_time is None:
        raise _Refused("info.start_time", "missing_value", "the run has no start")
    if info.end_time and (info.end_time - info.start_time).total_seconds() > MAX_RUN_S:
        raise _Refused("info.end_time", "out_of_range", "the run lasted for more than 5 years")
    seen = [metric.at for metric in data.metrics if metric.at is not None]
    return {
        "run_id": info.run_id,
        "run_name": info.run_name,
        "experiment_id": info.experiment_id,
        "experiment_name": (told.experiments or {}).get(info.experiment_id),
        "user_id": info.user_id,
        "status": info.status,
        "lifecycle_stage": info.lifecycle_stage,
        "start_time": info.start_time,
        "end_time": info.end_time,
        "last_metric_time": max(
            (
                at
                for at in seen
                if info.start_time <= at <= told.now
                and (at - info.start_time).total_seconds() <= MAX_RUN_S
            ),
            default=None,
        ),
        "metrics": [
            {"name": m.key, "value": m.value, "at": m.at, "step": m.step} for m in data.metrics
        ],
        "params": _pairs(data.params),
        "tags": _pairs(data.tags),
        "dataset_inputs": [_input(given) for given in run.inputs.dataset_inputs],
        "x_site": told.site,
        "extra": _extra({"": run, "info.": info, "data.": data, "inputs.": run.inputs}),
    }


def _pairs(pairs: Sequence[_Pair]) -> list[dict[str, str]]:
    return [{"key": pair.key, "value": pair.value} for pair in pairs]


def _input(given: _Input) -> dict[str, Any]:
    context = (tag.value for tag in given.tags if tag.key == "mlflow.data.context")
    data = given.dataset
    return {
        "name": data.name,
        "digest": data.digest,
        "source_type": data.source_type,
        "source": data.source,
        "context": next(context, None),
        "rows": _rows_of(data.profile),
    }


def _rows_of(profile: str | None) -> int | None:
    """How many rows a data set has, where its profile says so."""
    try:
        told = json.loads(profile or "")
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    shape = told.get("features_shape")
    first = shape[0] if isinstance(shape, list) and shape else None
    rows = told.get("num_rows", first)
    is_count = isinstance(rows, int) and not isinstance(rows, bool) and 0 <= rows < 2**63
    return rows if is_count else None


def _version_row(item: object) -> dict[str, Any]:
    version = _Version.model_validate(item)
    return {
        "name": version.name,
        "version": version.version,
        "run_id": version.run_id or None,
        "status": version.status,
        "stage": version.current_stage,
        "created_at": version.creation_timestamp,
        "updated_at": version.last_updated_timestamp,
        "extra": _extra({"": version}),
    }


def _extra(parts: Mapping[str, _Answer]) -> str | None:
    found = {
        f"{prefix}{name}": value
        for prefix, part in parts.items()
        for name, value in (part.model_extra or {}).items()
    }
    return json.dumps(found, ensure_ascii=False, sort_keys=True) if found else None
