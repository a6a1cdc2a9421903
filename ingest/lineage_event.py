"""The OpenLineage event: what data tools say of the runs of their jobs and of their data sets.

Specifications 1.x and 2-0-2. The core of an event must be as they say; facets, of which anybody may
add more, are kept as they come. An event with a `job` and no `run`, or with a `dataset` alone, is
a static one, of no run.

    checked_lineage(parsed, text)      the event in it; raises EventRefused
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ingest.run_event import Instant, derived_event_id, first_problem
from ingest.run_event_checks import MAX_DEPTH, EventRefused, is_deep, plain_object

_CONFIG = ConfigDict(strict=True, extra="allow", frozen=True)
Text = Annotated[str, StringConstraints(min_length=1)]
Facets = dict[str, Any]


class LineageRun(BaseModel):
    """The run of a job; `runId` is a UUID where the specification is kept."""

    model_config = _CONFIG

    runId: Text  # noqa: N815 - the specification's name
    facets: Facets | None = None


class LineageJob(BaseModel):
    """The job, by its name in its namespace."""

    model_config = _CONFIG

    namespace: Text
    name: Text
    facets: Facets | None = None


class LineageDataset(BaseModel):
    """A data set that was read or written, by its name in its namespace."""

    model_config = _CONFIG

    namespace: str
    name: Text


class LineageEvent(BaseModel):
    """One OpenLineage event: a RunEvent, a JobEvent or a DatasetEvent."""

    model_config = ConfigDict(
        strict=True,
        extra="allow",
        frozen=True,
        json_schema_extra={
            "anyOf": [{"required": ["job"]}, {"required": ["dataset"]}],
            "dependentRequired": {"run": ["job"]},
        },
    )

    eventTime: Instant  # noqa: N815
    eventType: (  # noqa: N815
        Literal["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"] | None
    ) = None
    producer: str | None = None
    schemaURL: str | None = None  # noqa: N815
    run: LineageRun = None  # type: ignore[assignment]
    job: LineageJob = None  # type: ignore[assignment]
    dataset: LineageDataset = None  # type: ignore[assignment]
    inputs: list[LineageDataset] = Field(default_factory=list)
    outputs: list[LineageDataset] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        """Some clients write null for what they leave out."""
        return {k: v for k, v in data.items() if v is not None} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _is_of_something(self) -> Self:
        if self.job is None and (self.run is not None or self.dataset is None):
            raise PydanticCustomError("missing", "`job` is missing")
        return self


@dataclass(frozen=True, slots=True)
class CheckedLineage:
    """An OpenLineage event that keeps the specification."""

    event: LineageEvent
    data: dict[str, Any]
    """The event as it came."""
    event_id: str
    """OpenLineage gives none: the SHA-256 of the event's canonical JSON."""

    @property
    def kind(self) -> Literal["run", "job", "dataset"]:
        """What the event is about."""
        if self.event.run is not None:
            return "run"
        return "job" if self.event.job is not None else "dataset"

    @property
    def event_time(self) -> datetime:
        """UTC."""
        return self.event.eventTime


def checked_lineage(parsed: Any, text: str) -> CheckedLineage:
    """The event in `parsed`, which `text` said, perhaps among others. Raises EventRefused."""
    data = plain_object(parsed, text)
    if is_deep(data):
        raise EventRefused(None, "not_json", f"nested more than {MAX_DEPTH} levels deep")
    try:
        event = LineageEvent.model_validate(data)
    except ValidationError as error:
        path, reason, detail = first_problem(error)
        raise EventRefused(path or None, reason, detail) from None
    try:
        event_id = derived_event_id(data)
    except ValueError as error:  # a number that is none, such as 1e999
        raise EventRefused(
            None, "out_of_range", f"the event holds no finite number ({error})"
        ) from None
    return CheckedLineage(event, data, event_id)


def json_of(value: object) -> str | None:
    """JSON text of what an event holds; null for nothing."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False) if value else None
