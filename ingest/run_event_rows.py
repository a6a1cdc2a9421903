"""Texts of run events → columns that land, and rejected rows."""

from ingest.found_texts import FoundTexts
from ingest.run_event_checks import checked, decoded

# Columns that do not land as the event's field has them.
_MADE = ("energy", "metrics", "tags", "flex", "extra")
_READING = ("component", "device_id", "method", "boundary", "from_at", "to_at", "energy_j", "share")


class Found(FoundTexts):
    """Run events of one file or topic."""

    def append(self, row: int, text: str) -> None:
        """Put one event into the columns. Raises EventRefused."""
        found = checked(decoded(text), text)
        columns, event = self.columns, found.event
        columns["source_row"].append(row)
        values = event.__dict__
        for name in self.dataset.columns:
            if name not in _MADE:
                columns[name].append(values[name])
        columns["event_id"][-1] = found.event_id
        if event.event_type is None:
            columns["event_type"][-1] = "finished"
        if event.event_time is None:
            columns["event_time"][-1] = event.ended_at or event.started_at
        columns["energy"].append(
            None
            if event.energy is None
            else [{name: r.__dict__[name] for name in _READING} for r in event.energy]
        )
        columns["metrics"].append(
            None
            if event.metrics is None
            else [{"name": name, "value": value} for name, value in event.metrics.items()]
        )
        columns["tags"].append(
            None
            if event.tags is None
            else [{"key": key, "value": value} for key, value in event.tags.items()]
        )
        columns["flex"].append(found.flex)
        columns["extra"].append(found.extra)
