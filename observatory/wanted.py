"""Which hours of which grid zones a source of hourly intensities is worth asking for.

The models know in which zones and hours runs used energy, and what landing holds as final; so
that small part of them is built before the sources that want to know are asked.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from ingest.sources import Window
from observatory import build
from observatory.settings import Settings

MODELS = ("int_carbon__hours_wanted", "int_carbon__hours_landed")
HOUR = timedelta(hours=1)


class WantedHours:
    """The answer for every source, in a small warehouse of its own beside the one being built."""

    def __init__(self, settings: Settings, as_of: datetime, project: Path | None = None) -> None:
        """Build the models that know. Raises BuildFailed."""
        building = build.building_path(settings.paths.warehouse)
        self.warehouse = building.parent / "wanted" / building.name
        build.build_part(settings, as_of, MODELS, self.warehouse, project=project)

    def windows(self, source: str, instance: str) -> tuple[Window, ...]:
        """Wanted hours that this source instance has not landed as final, hole-free windows."""
        with duckdb.connect(self.warehouse, read_only=True) as connection:
            hours = connection.execute(
                """
                select wanted.grid_zone_id, wanted.hour_start_utc
                from intermediate.int_carbon__hours_wanted as wanted
                anti join (
                    select * from intermediate.int_carbon__hours_landed
                    where source_name = ? and instance = ? and is_final
                ) as landed using (grid_zone_id, hour_start_utc)
                order by all
                """,
                [source, instance],
            ).fetchall()
        return tuple(_without_holes(hours))


def _without_holes(hours: list[tuple[str, datetime]]) -> Iterator[Window]:
    """Sorted (zone, hour start) → the longest windows of hours that follow each other."""
    start = 0
    for i, (zone, hour) in enumerate(hours, start=1):
        if i == len(hours) or hours[i] != (zone, hour + HOUR):
            first = hours[start][1].replace(tzinfo=UTC)
            yield Window(zone, first, hour.replace(tzinfo=UTC) + HOUR)
            start = i
