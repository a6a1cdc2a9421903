"""NESO: grid intensity of Great Britain by the half hour, over a public API without a key.

`actual` is NESO's own estimate of what happened, from metered generation by fuel and imports, made
when the half hour is over; where it is missing, the forecast lands as an estimate. Both count the
CO2 of generation only (wind, sun, water, nuclear are 0), imports and losses included, per kWh
consumed: accounting `operational`, basis `consumption`
(NESO, Carbon Intensity Forecast Methodology, May 2024).
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, Field, model_validator

from ingest.contracts import Batch, Failure
from ingest.grid_answers import (
    GridApiSettings,
    Instant,
    Number,
    Reading,
    items_of,
    read_items,
    window_batch,
)
from ingest.grid_intensity import dataset_for
from ingest.grid_windows import ask_windows, span, windows_to_ask
from ingest.http import ApiClient, ApiUrl
from ingest.sources import SourceContext, SourceSettings, Window

NAME = "neso"
INTENSITY = dataset_for(NAME)
DATASETS = (INTENSITY,)
WANTS_HOURS = True

ZONE = "GB"
LONGEST = timedelta(days=14)  # more is refused with 400
STEP = timedelta(minutes=30)


class Settings(GridApiSettings):
    """`[sources.neso]`."""

    url: ApiUrl = Field("https://api.carbonintensity.org.uk", description="Where the API is.")


class _Intensity(BaseModel):
    forecast: Number | None = None
    actual: Number | None = None


class _HalfHour(BaseModel):
    from_at: Instant = Field(alias="from")
    to_at: Instant = Field(alias="to")
    intensity: _Intensity

    @model_validator(mode="after")
    def _is_half_an_hour(self) -> "_HalfHour":
        if self.to_at - self.from_at != STEP:
            raise ValueError(f"from {self.from_at} to {self.to_at} is not half an hour")
        return self


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Batch | Failure]:
    """One delivery and one request per wanted window of Great Britain, of at most 14 days."""
    assert isinstance(settings, Settings)  # noqa: S101 - the registry pairs them
    wanted = [window for window in context.wanted if window.grid_zone_id == ZONE]
    windows = windows_to_ask(wanted, LONGEST, context.now)
    final_before = context.now - timedelta(days=settings.final_after_days)
    with ApiClient(settings.url, settings) as client:
        yield from ask_windows(
            NAME, windows, lambda window: _ask(client, window, context, final_before), {}
        )


def _ask(
    client: ApiClient, window: Window, context: SourceContext, final_before: datetime
) -> Batch:
    path = f"intensity/{_minute(window.from_at)}/{_minute(window.to_at)}"
    nothing = Reading(path, ZONE, window.from_at, window.to_at, "operational", "consumption")

    def to_reading(item: _HalfHour, row: int, raw: str) -> Reading | None:
        actual, forecast = item.intensity.actual, item.intensity.forecast
        if actual is None and forecast is None:
            return None
        return replace(
            nothing,
            source_row=row,
            from_at_utc=item.from_at.astimezone(UTC),
            to_at_utc=item.to_at.astimezone(UTC),
            intensity_g_per_kwh=forecast if actual is None else actual,
            is_estimated=actual is None,
            estimation_method="forecast" if actual is None else None,
            is_final=actual is not None or item.to_at <= final_before,
            raw=raw,
        )

    items = items_of(client.get_json(path, {}), ["data"], path)
    readings, refusals = read_items(_HalfHour, items, path, to_reading)
    scope = f"{context.instance}/{ZONE}/{span(window)}"
    return window_batch(INTENSITY, scope, window, readings, refusals, [nothing], STEP, final_before)


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
