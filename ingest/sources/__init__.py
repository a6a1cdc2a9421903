"""The sources. The registry is this folder: one module per source.

A source module reads top to bottom: what it lands (`DATASETS`), its settings (`Settings`), `read`.

    NAME: str                                       the name in [sources.NAME]
    DATASETS: tuple[Dataset, ...]                   what it lands
    class Settings(SourceSettings)                  its settings
    def read(settings, context) -> Iterator[Told]   fetch (the only I/O) and parse (pure)

A source that asks for the hours that runs need says so with `WANTS_HOURS = True`, and goes on after
a `Failure` of a part.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from ingest.contracts import Dataset, Told


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
        pl.select(pl.datetime(2026, 1, 1).dt.replace_time_zone(value))
    except (KeyError, ValueError, OSError, pl.exceptions.ComputeError) as error:
        raise ValueError(f"{value!r} is no IANA time zone; write it like Europe/Berlin") from error
    return value


# The clock of times that a file writes without a zone.
TimeZone = Annotated[str, AfterValidator(_known_zone)]


class SourceSettings(BaseModel):
    """What every source can be told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(True, description="Read this source in the night.")


def resolved(path: str, info: ValidationInfo) -> str:
    """Relative paths are relative to the config file's folder (context key `base`)."""
    base = (info.context or {}).get("base")
    return path if base is None or "://" in path else str(Path(base) / path)


class FileSourceSettings(SourceSettings):
    """A source that reads files."""

    path: str = Field(description="A file, a folder (searched recursively) or a glob.")

    @field_validator("path")
    @classmethod
    def _resolve(cls, value: str, info: ValidationInfo) -> str:
        return resolved(value, info)


@dataclass(frozen=True)
class Window:
    """Hours of a grid zone whose intensity is wanted: [from_at, to_at), whole hours of UTC."""

    grid_zone_id: str
    from_at: datetime
    to_at: datetime


@dataclass(frozen=True)
class SourceContext:
    """What a source may know of its surroundings. `now` is the only clock.

    `wanted`: for a source with `WANTS_HOURS`, the hours that runs need and landing does not hold
    as final, as the longest windows without a hole, sorted by zone and time.
    `delivered`: (dataset, scope) → the marks of the newest delivery that this instance landed, so
    that only what changed is fetched; without marks if it gave none.
    """

    instance: str
    now: datetime
    wanted: tuple[Window, ...] = ()
    delivered: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)


@runtime_checkable
class Source(Protocol):
    """A module of this folder."""

    NAME: str
    DATASETS: tuple[Dataset, ...]
    Settings: type[SourceSettings]

    def read(self, settings: SourceSettings, context: SourceContext) -> Iterator[Told]:
        """Batches of landed and rejected rows, in a stable order, and what could not be had."""


def wants_hours(source: Source) -> bool:
    """Whether the source is to be told the hours wanted (`WANTS_HOURS = True` in its module)."""
    return bool(getattr(source, "WANTS_HOURS", False))


def registry() -> dict[str, Source]:
    """Every source by name, sorted."""
    modules = (
        importlib.import_module(f"{__name__}.{info.name}")
        for info in pkgutil.iter_modules(__path__)
        if not info.ispkg
    )
    sources = {module.NAME: module for module in modules}
    return dict(sorted(sources.items()))
