"""The run event: what a job says about itself, on its way from a hook, a topic or a file.

A model for whoever receives events: validate with `RunEvent.model_validate(data)`, where `data` is
the parsed JSON of a bare event, or what `unwrap` made of a CloudEvents 1.0 envelope. Unknown
fields are kept (`event.unknown()`); a wrong one raises pydantic's ValidationError, of which
`first_problem` makes a field path, a stable reason code and a sentence.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ingest.bounds import (
    MAX_ACCELERATORS,
    MAX_ATTEMPT,
    MAX_ENERGY_J,
    MAX_INSTANCES,
    MAX_MEMORY_GIB,
    MAX_RUN_S,
    MAX_RUN_YEARS,
    MAX_VCPUS,
)

MAX_INT = 2**63 - 1
FIRST_YEAR, LAST_YEAR = 1970, 2100
_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def _instant(value: object) -> object:
    """RFC 3339 text with an offset → UTC."""
    if value is None or isinstance(value, datetime):
        return value
    if not isinstance(value, str) or _RFC3339.fullmatch(value) is None:
        raise PydanticCustomError(
            "instant", "must be an RFC 3339 time with an offset, like 2026-11-23T03:55:00Z"
        )
    if not FIRST_YEAR <= int(value[:4]) <= LAST_YEAR:
        raise PydanticCustomError("out_of_range", "must be between 1970 and 2100")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise PydanticCustomError("instant", "is no time of the calendar") from error


Instant = Annotated[datetime, BeforeValidator(_instant)]
Name = Annotated[str, StringConstraints(min_length=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=MAX_RUN_S, allow_inf_nan=False)]
Joules = Annotated[float, Field(ge=0, le=MAX_ENERGY_J, allow_inf_nan=False)]
Gibibytes = Annotated[float, Field(ge=0, le=MAX_MEMORY_GIB, allow_inf_nan=False)]
Vcpus = Annotated[float, Field(ge=0, le=MAX_VCPUS, allow_inf_nan=False)]
Accelerators = Annotated[float, Field(ge=0, le=MAX_ACCELERATORS, allow_inf_nan=False)]
Ratio = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Rows = Annotated[int, Field(ge=0, le=MAX_INT)]
Attempt = Annotated[int, Field(ge=1, le=MAX_ATTEMPT)]
Instances = Annotated[int, Field(ge=1, le=MAX_INSTANCES)]

MAX_RUN = timedelta(seconds=MAX_RUN_S)


def _too_long(span: str) -> PydanticCustomError:
    return PydanticCustomError(
        "out_of_range",
        "{span} is longer than {years} years ({seconds} s)",
        {"span": span, "years": MAX_RUN_YEARS, "seconds": MAX_RUN_S},
    )


_CONFIG = ConfigDict(strict=True, extra="allow", frozen=True, populate_by_name=True)


class EnergyReading(BaseModel):
    """Energy that a counter measured over an interval."""

    model_config = _CONFIG

    component: Literal["cpu", "memory", "accelerator", "storage", "network", "other", "all"]
    """What was measured; `all` only where the boundary is the node or the facility."""
    device_id: str | None = None
    method: str | None = None
    """The counter: rapl, nvml, ipmi, …"""
    boundary: Literal["component", "node", "facility"] | None = None
    from_at: Instant = Field(alias="from")
    to_at: Instant = Field(alias="to")
    energy_j: Joules
    """J, over [from, to)."""
    share: Ratio | None = None
    """0–1: the part of the device's joules that is the run's, where others used it too."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.from_at >= self.to_at:
            raise PydanticCustomError("out_of_range", "`from` must be before `to`")
        if self.to_at - self.from_at > MAX_RUN:
            raise _too_long("`from` to `to`")
        if self.component == "all" and self.boundary not in ("node", "facility"):
            raise PydanticCustomError(
                "value_not_allowed", "component `all` needs the boundary `node` or `facility`"
            )
        return self


class Flex(BaseModel):
    """What a scheduler may change about the run."""

    model_config = _CONFIG

    earliest_start: Instant | None = None
    deadline: Instant | None = None
    regions: list[str] | None = None


class RunEvent(BaseModel):
    """One event of one run. Only `run_id` and `job_name` must be there."""

    model_config = _CONFIG

    event_id: Name | None = None
    """Unique: the same event may arrive twice, and counts once."""
    event_type: Literal["started", "heartbeat", "finished"] | None = None
    event_time: Instant | None = None

    run_id: Name
    job_name: Name
    attempt: Attempt | None = None
    """From 1."""
    parent_run_id: str | None = None
    status: (
        Literal[
            "running",
            "succeeded",
            "failed",
            "cancelled",
            "timeout",
            "out_of_memory",
            "preempted",
        ]
        | None
    ) = None
    started_at: Instant | None = None
    ended_at: Instant | None = None
    duration_s: Seconds | None = None
    """s"""

    owner: str | None = None
    team: str | None = None
    project: str | None = None
    environment: str | None = None
    pipeline: str | None = None
    step: str | None = None
    workload_kind: Literal["training", "tuning", "inference", "data", "other"] | None = None

    model_name: str | None = None
    model_version: str | None = None
    dataset_name: str | None = None
    dataset_version: str | None = None
    dataset_rows: Rows | None = None
    git_commit: str | None = None

    provider: str | None = None
    region: str | None = None
    """The provider's region, or the name of an own site."""
    zone: str | None = None
    instance_type: str | None = None
    instance_count: Instances | None = None
    resource_id: str | None = None
    host_id: str | None = None

    vcpus: Vcpus | None = None
    """Per instance."""
    memory_gib: Gibibytes | None = None
    """GiB, per instance."""
    accelerator_model: str | None = None
    accelerator_count: Accelerators | None = None
    """Per instance."""
    accelerator_share: Ratio | None = None
    """0–1: the part of each accelerator that is the run's."""
    tpu_topology: str | None = None
    """Chips of a slice of TPUs by dimension: 2x4."""
    cpu_utilization_ratio: Ratio | None = None
    """0–1, mean over the interval since the last event."""
    accelerator_utilization_ratio: Ratio | None = None
    """0–1, mean over the interval since the last event."""
    memory_used_gib: Gibibytes | None = None
    """GiB, mean over the interval since the last event."""

    energy: list[EnergyReading] | None = None
    metrics: dict[str, Finite] | None = None
    """KPIs by name."""
    tags: dict[str, str] | None = None
    flex: Flex | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        started, ended = self.started_at, self.ended_at
        if started is not None and ended is not None:
            if ended < started:
                raise PydanticCustomError("out_of_range", "`ended_at` is before `started_at`")
            if ended - started > MAX_RUN:
                raise _too_long("`started_at` to `ended_at`")
        # The run lasted at least until it said so; but one that says when it ended, or how long it
        # took, may be reported any time later.
        until = self.event_time if ended is None and self.duration_s is None else None
        if started is not None and until is not None and until - started > MAX_RUN:
            raise _too_long("`started_at` to `event_time`")
        return self

    def unknown(self) -> dict[str, object]:
        """Fields that the contract does not name; inside a reading, under `energy[0].name`."""
        found: dict[str, object] = dict(self.model_extra or {})
        for index, reading in enumerate(self.energy or ()):
            for name, value in (reading.model_extra or {}).items():
                found[f"energy[{index}].{name}"] = value
        return found


_SUFFIX = re.compile(r"(?:^|[._:/\-])(started|heartbeat|finished)$")


class EnvelopeError(ValueError):
    """A CloudEvents envelope that holds no run event; `field` says where."""

    def __init__(self, field: str, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field
        self.reason = reason
        self.detail = detail


def unwrap(event: dict[str, Any]) -> dict[str, Any]:
    """The run event inside a CloudEvents 1.0 structured event; a bare event as it is.

    The envelope's `id` is the event's id; its `time` and the last word of its `type` serve where
    the data have none. What else the envelope says is kept as the unknown field `cloudevents`.
    Raises EnvelopeError.
    """
    if "specversion" not in event:
        return event
    version, data = event["specversion"], event.get("data")
    if not isinstance(version, str) or not version.startswith("1."):
        raise EnvelopeError(
            "specversion", "value_not_allowed", "CloudEvents of version 1.0 are read"
        )
    if not isinstance(data, dict):
        raise EnvelopeError(
            "data",
            "missing_value" if data is None else "wrong_type",
            "`data` must be the run event as a JSON object",
        )
    unwrapped = dict(data)
    if event.get("id") is not None:
        unwrapped["event_id"] = event["id"]
    if unwrapped.get("event_time") is None and event.get("time") is not None:
        unwrapped["event_time"] = event["time"]
    kind = event.get("type")
    if unwrapped.get("event_type") is None and isinstance(kind, str):
        suffix = _SUFFIX.search(kind)
        if suffix is not None:
            unwrapped["event_type"] = suffix[1]
    rest = {k: v for k, v in event.items() if k not in ("specversion", "id", "time", "data")}
    if rest:
        unwrapped["cloudevents"] = rest
    return unwrapped


def derived_event_id(event: Mapping[str, Any]) -> str:
    """The id of an event that has none: SHA-256 of its canonical JSON, so that twice is once."""
    canonical = json.dumps(
        event, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


_REASONS = {
    "missing": "missing_value",
    "string_too_short": "missing_value",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "finite_number": "out_of_range",
    "out_of_range": "out_of_range",
    "int_parsing_size": "out_of_range",
    "literal_error": "value_not_allowed",
    "value_not_allowed": "value_not_allowed",
    "string_unicode": "not_utf8",
}


def first_problem(error: ValidationError) -> tuple[str, str, str]:
    """(field path like `energy.0.energy_j`, reason code, sentence) of the first finding."""
    found = error.errors(include_url=False)
    first = found[0]
    path = ".".join(str(part) for part in first["loc"])
    is_missing = first["type"] == "string_type" and first["input"] is None
    reason = "missing_value" if is_missing else _REASONS.get(first["type"], "wrong_type")
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return path, reason, f"{path or 'the event'}: {first['msg']}{more}"
