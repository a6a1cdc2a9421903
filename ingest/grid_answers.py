"""What an API answers for a window of a grid zone, as rows: read, checked, once, without a hole.

- An item that cannot be read, a value that cannot be true, an interval outside the window or off
  the provider's clock is refused with its reason.
- Of two readings of one interval the one published last counts, else the one that stands last. The
  other is refused if its value differs; if it does not, it is the same statement and no row.
- What the answer lacks of the window lands as a row without a value: so it is known what was asked,
  and an hour that will not come any more is not asked for ever.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import polars as pl
from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, FiniteFloat, ValidationError

from ingest.bounds import MAX_GRID_INTENSITY_G_PER_KWH
from ingest.contracts import REJECTED_SCHEMA, Batch, Dataset
from ingest.errors import ApiError
from ingest.http import ApiSourceSettings
from ingest.sources import Window

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Providers round a range to their own steps, so what lies so near to the window is no mistake.
NEAR = timedelta(days=1)

_REASONS = {
    "missing": "missing_value",
    "finite_number": "out_of_range",
    "value_error": "value_not_allowed",
}

Item = TypeVar("Item", bound=BaseModel)
Read = TypeVar("Read")


def _text(value: object) -> object:
    """Times come as text: a number would be read as seconds since 1970."""
    if not isinstance(value, str):
        raise ValueError("must be a text such as 2026-10-01T00:00:00Z")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_text)]
Number = Annotated[FiniteFloat, Field(strict=True)]


class GridApiSettings(ApiSourceSettings):
    """An API of grid intensities."""

    final_after_days: int = Field(
        30,
        ge=1,
        description="Hours older than this are not asked for again, even if they are still "
        "estimated or missing.",
    )


@dataclass(frozen=True)
class Reading:
    """What an API says of one interval: the landed columns, and its own text."""

    source_file: str  # what was asked
    grid_zone: str
    from_at_utc: datetime
    to_at_utc: datetime
    accounting: str
    basis: str | None
    signal: str = "average"
    source_row: int | None = None  # its place in the answer; null: it is not there
    intensity_g_per_kwh: float | None = None
    is_estimated: bool | None = None
    estimation_method: str | None = None
    is_final: bool = False
    published_at_utc: datetime | None = None
    source_version: str | None = None
    raw: str = ""


@dataclass(frozen=True)
class Refusal:
    """An item of an answer that does not land; the columns of `landing/_rejected`."""

    source_file: str
    source_row: int | None
    field: str | None
    reason: str
    detail: str
    raw: str


def items_of(answer: object, keys: Sequence[str], source_file: str) -> list[Any]:
    """The list in an answer: the answer itself, or under one of the keys. Raises ApiError."""
    if isinstance(answer, dict):
        answer = next((answer[key] for key in keys if key in answer), None)
    if not isinstance(answer, list):
        raise ApiError(f"the answer to {source_file} holds no list of intensities")
    return answer


def read_items(
    model: type[Item],
    items: Iterable[object],
    source_file: str,
    to_reading: Callable[[Item, int, str], Read | None],
) -> tuple[list[Read], list[Refusal]]:
    """Readings of the items, and those that are not what `model` says. None: it says nothing."""
    readings: list[Read] = []
    refusals: list[Refusal] = []
    for row, item in enumerate(items, start=1):
        raw = json.dumps(item)
        try:
            reading = to_reading(model.model_validate(item), row, raw)
        except ValidationError as error:
            refusals.append(_refusal(error, source_file, row, raw))
        else:
            if reading is not None:
                readings.append(reading)
    return readings, refusals


def _refusal(error: ValidationError, source_file: str, row: int, raw: str) -> Refusal:
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    name = ".".join(str(part) for part in problem["loc"]) or None
    reason = _REASONS.get(problem["type"], "wrong_type")
    said = problem["msg"].removeprefix("Value error, ")
    detail = f"{name or 'the item'}: {said}; the provider answered so, a later night asks again"
    return Refusal(source_file, row, name, reason, detail, raw)


def window_batch(
    dataset: Dataset,
    scope: str,
    window: Window,
    readings: Iterable[Reading],
    refusals: Iterable[Refusal],
    lacking: Sequence[Reading],
    step: timedelta,
    final_before: datetime,
) -> Batch:
    """The delivery of a window.

    `lacking` is what lands, for each accounting asked for, where the answer has nothing for a
    `step`; it is final when the step ended at or before `final_before`.
    """
    refused = list(refusals)
    sound: list[Reading] = []
    for reading in readings:
        at = reading.from_at_utc
        if not window.from_at <= at < window.to_at:
            if not window.from_at - NEAR <= at < window.to_at + NEAR:
                detail = f"{at.isoformat()} was not asked for; is `url` the right API?"
                refused.append(_refused(reading, "from_at_utc", "outside_window", detail))
        elif problem := _problem(reading, step):
            refused.append(_refused(reading, *problem))
        else:
            sound.append(reading)
    kept = list(_once(sound, refused))
    for template in lacking:
        kept += _gaps(kept, window, template, step, final_before)
    kept.sort(key=lambda reading: (reading.accounting, reading.from_at_utc))
    refused.sort(key=lambda refusal: (refusal.source_file, refusal.source_row or 0))
    return Batch(
        dataset,
        scope,
        pl.DataFrame(
            [tuple(getattr(r, name) for name in dataset.schema) for r in kept],
            schema=dataset.schema,
            orient="row",
        ),
        pl.DataFrame([asdict(refusal) for refusal in refused], schema=REJECTED_SCHEMA),
    )


def _problem(reading: Reading, step: timedelta) -> tuple[str, str, str] | None:
    """(field, reason, detail) of a reading that cannot land."""
    value = reading.intensity_g_per_kwh
    if value is not None and not 0 <= value <= MAX_GRID_INTENSITY_G_PER_KWH:
        return (
            "intensity_g_per_kwh",
            "out_of_range",
            f"{value:g} g/kWh is not between 0 and {MAX_GRID_INTENSITY_G_PER_KWH}; the provider "
            "answered so, a later night asks again",
        )
    if (reading.from_at_utc - EPOCH) % step:
        minutes = step // timedelta(minutes=1)
        detail = f"{reading.from_at_utc.isoformat()} is no multiple of {minutes} minutes"
        return "from_at_utc", "value_not_allowed", detail
    return None


def _refused(reading: Reading, field: str, reason: str, detail: str) -> Refusal:
    return Refusal(reading.source_file, reading.source_row, field, reason, detail, reading.raw)


def _once(readings: Iterable[Reading], refused: list[Refusal]) -> Iterator[Reading]:
    """One reading per interval and accounting; the others go to `refused`, if they differ."""
    by_interval: dict[tuple[datetime, str], list[Reading]] = {}
    for reading in readings:
        by_interval.setdefault((reading.from_at_utc, reading.accounting), []).append(reading)
    for same in by_interval.values():
        best = max(same, key=_precedence)
        for other in same:
            if other.intensity_g_per_kwh != best.intensity_g_per_kwh:
                detail = (
                    f"{other.from_at_utc.isoformat()} stands twice, and "
                    f"{best.intensity_g_per_kwh:g} g/kWh was taken instead"
                )
                refused.append(_refused(other, "intensity_g_per_kwh", "duplicate_interval", detail))
        yield best


def _precedence(reading: Reading) -> tuple[datetime, int]:
    return reading.published_at_utc or EPOCH, reading.source_row or 0


def _gaps(
    readings: Iterable[Reading],
    window: Window,
    template: Reading,
    step: timedelta,
    final_before: datetime,
) -> Iterator[Reading]:
    """Readings without a value for the steps of the window that no reading covers."""
    covered = {
        at
        for reading in readings
        if reading.accounting == template.accounting
        for at in _times(reading.from_at_utc, reading.to_at_utc, step)
    }
    for at in _times(window.from_at, window.to_at, step):
        if at not in covered:
            end = at + step
            is_final = end <= final_before
            yield replace(template, from_at_utc=at, to_at_utc=end, is_final=is_final)


def _times(from_at: datetime, to_at: datetime, step: timedelta) -> Iterator[datetime]:
    while from_at < to_at:
        yield from_at
        from_at += step
