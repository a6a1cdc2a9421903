"""RTE éCO2mix: grid intensity of France by the quarter or half hour, over a public API, no key.

`taux_co2` is the CO2 of burning fuel per kWh produced in mainland France: no imports, no
construction (RTE, éCO2mix, "Les émissions de CO2 par kWh produit en France"): accounting
`operational`, basis `production`. Two data sets of ODRÉ have it: `eco2mix-national-cons-def`
(consolidated, later definitive; half hours, so :15 and :45 are empty) up to some month ago, and
`eco2mix-national-tr` (real time; quarter hours) after that. The boundary is asked for once a night.
Consolidated and definitive values are final; real-time ones are asked for again until they are.

A day of éCO2mix always has 24 hours by the clock of Paris. So in the night of spring it has an hour
that never was (`heure` tells; it says nothing and lands no row), and in the night of autumn it
lacks one of the two.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, ValidationError

from ingest.contracts import Batch, Failure
from ingest.errors import ApiError
from ingest.grid_answers import (
    EPOCH,
    GridApiSettings,
    Instant,
    Number,
    Reading,
    items_of,
    read_items,
    window_batch,
)
from ingest.grid_intensity import dataset_for
from ingest.grid_windows import HOUR, ask_windows, failure, span, windows_to_ask
from ingest.http import ApiClient, ApiUrl
from ingest.sources import SourceContext, SourceSettings, Window

NAME = "rte_eco2mix"
INTENSITY = dataset_for(NAME)
DATASETS = (INTENSITY,)
WANTS_HOURS = True

ZONE = "FR"
PARIS = ZoneInfo("Europe/Paris")
CONSOLIDATED, REAL_TIME = "eco2mix-national-cons-def", "eco2mix-national-tr"
FINAL = ("Données consolidées", "Données définitives")
LONGEST = timedelta(days=92)  # a matter of size: some 2 MB
QUARTER = timedelta(minutes=15)


class Settings(GridApiSettings):
    """`[sources.rte_eco2mix]`."""

    url: ApiUrl = Field(
        "https://odre.opendatasoft.com/api/explore/v2.1", description="Where the API is."
    )
    final_after_days: int = Field(
        400,
        ge=1,
        description="Hours older than this are not asked for again, even if they were never "
        "consolidated.",
    )


class _Quarter(BaseModel):
    date_heure: Instant
    heure: time
    nature: str
    taux_co2: Number | None = None


class _Newest(BaseModel):
    date_heure: Instant


@dataclass(frozen=True)
class _Asker:
    """What is the same for all windows of a night."""

    client: ApiClient
    context: SourceContext
    final_before: datetime
    consolidated_until: datetime

    def batch(self, window: Window) -> Batch:
        is_old = window.from_at < self.consolidated_until
        params = {
            "select": "date_heure,heure,nature,taux_co2",
            "where": f"date_heure >= date'{_second(window.from_at)}' "
            f"and date_heure < date'{_second(window.to_at)}'",
            "order_by": "date_heure",
            "timezone": "UTC",
        }
        path = f"catalog/datasets/{CONSOLIDATED if is_old else REAL_TIME}/exports/json"
        source_file = f"{path}?{urlencode(params)}"
        nothing = Reading(
            source_file, ZONE, window.from_at, window.to_at, "operational", "production"
        )
        items = items_of(self.client.get_json(path, params), (), source_file)

        def to_reading(item: _Quarter, row: int, raw: str) -> Reading | None:
            if item.taux_co2 is None or _never_was(item):
                return None
            from_at = item.date_heure.astimezone(UTC)
            return replace(
                nothing,
                source_row=row,
                from_at_utc=from_at,
                to_at_utc=from_at + QUARTER,
                intensity_g_per_kwh=item.taux_co2,
                is_estimated=False,
                is_final=item.nature in FINAL or from_at + QUARTER <= self.final_before,
                source_version=item.nature,
                raw=raw,
            )

        readings, refusals = read_items(_Quarter, items, source_file, to_reading)
        return window_batch(
            INTENSITY,
            f"{self.context.instance}/{ZONE}/{span(window)}",
            window,
            _half_hours(readings),
            refusals,
            [nothing],
            QUARTER,
            self.final_before,
        )


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Batch | Failure]:
    """One delivery and one request per wanted window of France, of at most 92 days."""
    assert isinstance(settings, Settings)  # noqa: S101 - the registry pairs them
    wanted = [window for window in context.wanted if window.grid_zone_id == ZONE]
    if not wanted:
        return
    final_before = context.now - timedelta(days=settings.final_after_days)
    with ApiClient(settings.url, settings) as client:
        try:
            until = _consolidated_until(client)
        except ApiError as error:
            yield failure(NAME, windows_to_ask(wanted, LONGEST, context.now), error, {})
            return
        windows = windows_to_ask(wanted, LONGEST, context.now, cut_at=until)
        asker = _Asker(client, context, final_before, until)
        yield from ask_windows(NAME, windows, asker.batch, {})


def _consolidated_until(client: ApiClient) -> datetime:
    """The end of the hour of the last consolidated value. Raises ApiError."""
    path = f"catalog/datasets/{CONSOLIDATED}/records"
    params = {
        "select": "date_heure",
        "where": "taux_co2 is not null",
        "order_by": "date_heure desc",
        "limit": "1",
        "timezone": "UTC",
    }
    items = items_of(client.get_json(path, params), ["results"], path)
    try:
        newest = [_Newest.model_validate(item).date_heure for item in items]
    except ValidationError:
        raise ApiError(f"the answer to {path} holds no date_heure") from None
    if not newest:
        return EPOCH
    return max(newest).astimezone(UTC).replace(minute=0, second=0, microsecond=0) + HOUR


def _half_hours(readings: Sequence[Reading]) -> Iterator[Reading]:
    """Consolidated readings hold for half an hour, unless the quarter after has its own."""
    quarters = {reading.from_at_utc for reading in readings}
    for reading in readings:
        at = reading.from_at_utc
        is_half = at.minute in (0, 30) and at + QUARTER not in quarters
        if is_half and reading.source_version in FINAL:
            yield replace(reading, to_at_utc=at + 2 * QUARTER)
        else:
            yield reading


def _never_was(item: _Quarter) -> bool:
    """Whether the clock of Paris skipped this time."""
    day = item.date_heure.astimezone(PARIS).date()
    wall = datetime.combine(day, item.heure)
    return wall.replace(tzinfo=PARIS).astimezone(UTC).astimezone(PARIS).time() != wall.time()


def _second(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
