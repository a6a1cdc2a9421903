"""Electricity Maps: grid intensity of a zone by the hour, flow-traced, over an API with a token.

The intensity is that of the electricity consumed in the zone, imports traced to where they are
made (basis `consumption`): with `lifecycle` factors accounting `lifecycle`, with `direct` ones
`operational`. An hour that is still estimated is asked for again until it is measured.

The last day comes from `history` (one request per zone however many windows it has, and the plans
without a past have it too), everything before it from `past-range`, at most 10 days at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, Field, field_validator

from ingest.contracts import Batch, Failure
from ingest.errors import ApiError, SourceConfigError
from ingest.grid_answers import (
    GridApiSettings,
    Instant,
    Number,
    Reading,
    Refusal,
    items_of,
    read_items,
    window_batch,
)
from ingest.grid_intensity import dataset_for
from ingest.grid_windows import HOUR, ask_windows, span, windows_to_ask
from ingest.http import ApiClient, ApiUrl, Token
from ingest.sources import SourceContext, SourceSettings, Window

NAME = "electricity_maps"
INTENSITY = dataset_for(NAME)
DATASETS = (INTENSITY,)
WANTS_HOURS = True

TOKEN_HEADER = "auth-token"  # noqa: S105 - the name of the header
LONGEST = timedelta(days=10)  # of past-range by the hour
HISTORY = timedelta(hours=23)  # `history` has 24 hours, the current one among them
ACCOUNTINGS = {"lifecycle": "lifecycle", "direct": "operational"}
REMEDIES = {
    400: "is the zone one of Electricity Maps? `zone_names` says how a zone is called there",
    401: "the token is not accepted; check `token` or `token_file` of [sources.electricity_maps]",
    403: "the zone or the range is not in the plan of this token; `zones` names those to ask for",
    404: "is the zone one of Electricity Maps? `zone_names` says how a zone is called there",
}


class Settings(GridApiSettings):
    """`[sources.electricity_maps]`."""

    token: Token | None = Field(None, description="The token of the API.")
    token_file: Path | None = Field(None, description="A file that holds it instead.")
    url: ApiUrl = Field("https://api.electricitymaps.com", description="Where the API is.")
    version: Literal["v3", "v4"] = Field("v3", description="Of the API: v3 or v4.")
    emission_factor_type: Literal["lifecycle", "direct", "both"] = Field(
        "lifecycle",
        description="lifecycle, direct (of combustion alone) or both (twice the requests).",
    )
    disable_estimations: bool = Field(
        False, description="Leave hours without a value that Electricity Maps only estimates."
    )
    zones: tuple[str, ...] = Field(
        (),
        examples=[["FR", "DE"]],
        description="Ask for these zones alone; without it, for every zone that is wanted.",
    )
    zone_names: dict[str, str] = Field(
        default_factory=dict,
        examples=[{"US-CA": "US-CAL-CISO"}],
        description="Grid zone → its name at Electricity Maps, where that is another one.",
    )

    @field_validator("zones", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return value.replace(",", " ").split() if isinstance(value, str) else value


class _Hour(BaseModel):
    zone: str | None = None
    datetime: Instant
    carbonIntensity: Number | None = None  # noqa: N815 - the API's names
    emissionFactorType: Literal["lifecycle", "direct"] | None = None  # noqa: N815
    updatedAt: Instant | None = None  # noqa: N815
    isEstimated: bool | None = None  # noqa: N815
    estimationMethod: str | None = None  # noqa: N815
    flowTraced: bool | None = None  # noqa: N815


@dataclass
class _Asker:
    """What is the same for all windows of a night, and the histories it already has."""

    client: ApiClient
    settings: Settings
    context: SourceContext
    histories: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def final_before(self) -> datetime:
        return self.context.now - timedelta(days=self.settings.final_after_days)

    @property
    def factor_types(self) -> tuple[str, ...]:
        chosen = self.settings.emission_factor_type
        return tuple(ACCOUNTINGS) if chosen == "both" else (chosen,)

    def batch(self, window: Window) -> Batch:
        readings: list[Reading] = []
        refusals: list[Refusal] = []
        lacking: list[Reading] = []
        for factor_type in self.factor_types:
            path, items = self._items(window, factor_type)
            nothing = Reading(
                path,
                window.grid_zone_id,
                window.from_at,
                window.to_at,
                ACCOUNTINGS[factor_type],
                "consumption",
                source_version=self.settings.version,
            )
            found, refused = self._read(items, nothing)
            readings += found
            refusals += refused
            lacking.append(nothing)
        scope = f"{self.context.instance}/{window.grid_zone_id}/{span(window)}"
        return window_batch(
            INTENSITY, scope, window, readings, refusals, lacking, HOUR, self.final_before
        )

    def _items(self, window: Window, factor_type: str) -> tuple[str, list[Any]]:
        """(what was asked, the hours of the answer)."""
        zone = window.grid_zone_id
        params = {
            "zone": self.settings.zone_names.get(zone, zone),
            "emissionFactorType": factor_type,
            "temporalGranularity": "hourly",
        }
        if self.settings.disable_estimations:
            params["disableEstimations"] = "true"
        if window.from_at >= _day_before(self.context.now):
            path = f"carbon-intensity/history?{urlencode(params)}"
            if path not in self.histories:
                self.histories[path] = self._get("history", params, path)
            return path, self.histories[path]
        params |= {"start": _second(window.from_at), "end": _second(window.to_at)}
        path = f"carbon-intensity/past-range?{urlencode(params)}"
        return path, self._get("past-range", params, path)

    def _get(self, endpoint: str, params: dict[str, str], path: str) -> list[Any]:
        version = self.settings.version
        answer = self.client.get_json(f"{version}/carbon-intensity/{endpoint}", params)
        zone = answer.get("zone") if isinstance(answer, dict) else None
        if zone is not None and zone != params["zone"]:
            raise ApiError(f"asked for {params['zone']}, the answer is of {str(zone)[:40]!r}")
        return items_of(answer, ["data", "history"], path)

    def _read(self, items: list[Any], nothing: Reading) -> tuple[list[Reading], list[Refusal]]:
        def to_reading(item: _Hour, row: int, raw: str) -> Reading | None:
            if item.carbonIntensity is None:
                return None
            from_at = item.datetime.astimezone(UTC)
            is_estimated = item.isEstimated is not False  # as long as nothing says that it is not
            return replace(
                nothing,
                source_row=row,
                from_at_utc=from_at,
                to_at_utc=from_at + HOUR,
                intensity_g_per_kwh=item.carbonIntensity,
                accounting=ACCOUNTINGS.get(item.emissionFactorType or "", nothing.accounting),
                basis="production" if item.flowTraced is False else "consumption",
                is_estimated=is_estimated,
                estimation_method=item.estimationMethod,
                is_final=not is_estimated or from_at + HOUR <= self.final_before,
                published_at_utc=item.updatedAt and item.updatedAt.astimezone(UTC),
                raw=raw,
            )

        return read_items(_Hour, items, nothing.source_file, to_reading)


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Batch | Failure]:
    """One delivery per wanted window of at most 10 days."""
    assert isinstance(settings, Settings)  # noqa: S101 - the registry pairs them
    zones = settings.zones
    wanted = [window for window in context.wanted if not zones or window.grid_zone_id in zones]
    windows = windows_to_ask(wanted, LONGEST, context.now, cut_at=_day_before(context.now))
    if not windows:
        return
    if settings.token is None:
        raise SourceConfigError(
            f"{NAME}: no token; set `token_file` of [sources.{NAME}], or in the environment "
            f"OBSERVATORY_SOURCES__{NAME.upper()}__TOKEN"
        )
    with ApiClient(settings.url, settings, TOKEN_HEADER, settings.token) as client:
        asker = _Asker(client, settings, context)
        yield from ask_windows(NAME, windows, asker.batch, REMEDIES)


def _day_before(now: datetime) -> datetime:
    """The first hour that `history` has."""
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - HISTORY


def _second(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
