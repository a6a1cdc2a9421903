"""The body of a request → lines that the writer keeps, or a refusal with the field and the reason.

All or nothing: one wrong event, and none of the request is kept.
"""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ingest.collector.writer import Line
from ingest.lineage_event import checked_lineage
from ingest.lineage_rows import enveloped
from ingest.run_event import RunEvent
from ingest.run_event_checks import Checked, EventRefused, checked, decoded

MAX_BODY_BYTES = 1 << 20
MAX_EVENTS = 1_000
TOLD_PROBLEMS = 20
_GZIP = 31  # zlib: with a gzip header


class Told(NamedTuple):
    """An event that keeps its contract: its id, its line in a segment, its times by their field."""

    event_id: str
    line: bytes
    times: list[tuple[str, datetime | None]]


# (parsed event, text of the body, the sender's team) → the event. Raises EventRefused.
Format = Callable[[Any, str, str | None], Told]


class Refused(Exception):
    """What the sender did wrong: an HTTP status, a sentence, and the problems of each event."""

    def __init__(
        self,
        status: int,
        error: str,
        problems: list[dict[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.problems = problems or []
        self.headers = dict(headers or {})


def unpacked(body: bytes, encoding: str) -> bytes:
    """The body without its `Content-Encoding`, never longer than `MAX_BODY_BYTES`."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise Refused(
            415, "Content-Encoding may be gzip or identity", headers={"Accept-Encoding": "gzip"}
        )
    unzip = zlib.decompressobj(_GZIP)
    try:
        plain = unzip.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error:
        raise Refused(400, "the body is no gzip, but Content-Encoding says so") from None
    if len(plain) > MAX_BODY_BYTES:
        raise too_large()
    if not unzip.eof or unzip.unused_data:
        raise Refused(400, "the gzip ends early, or something comes after it")
    return plain


def too_large() -> Refused:
    """Longer than a body may be, packed or not."""
    return Refused(
        413, f"a body has at most {MAX_BODY_BYTES:,} bytes, also unpacked; send it in parts"
    )


def run_event(parsed: Any, text: str, team: str | None) -> Told:
    """A run event. Raises EventRefused."""
    found = checked(parsed, text)
    return Told(found.event_id, _line(found, team), [*_times(found.event)])


def lineage_event(parsed: Any, text: str, team: str | None) -> Told:
    """An OpenLineage event. Raises EventRefused."""
    found = checked_lineage(parsed, text)
    return Told(found.event_id, enveloped(found, team), [("eventTime", found.event_time)])


def lines_of(
    body: bytes,
    team: str | None,
    now: datetime,
    clock_tolerance: timedelta,
    of: Format = run_event,
) -> list[Line]:
    """The events of a body, each ready to be kept. Raises Refused."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Refused(400, "the body is not UTF-8") from None
    try:
        parsed = decoded(text)
    except EventRefused as error:
        raise Refused(400, error.detail) from None
    is_array = isinstance(parsed, list)
    events = parsed if is_array else [parsed]
    if len(events) > MAX_EVENTS:
        raise Refused(413, f"a request has at most {MAX_EVENTS:,} events; send them in parts")
    if not events:
        raise Refused(
            422,
            "the array holds no event",
            [_problem(None, EventRefused(None, "missing_value", "the array holds no event"))],
        )
    latest = now + clock_tolerance
    lines, problems = [], []
    for index, event in enumerate(events):
        try:
            told = of(event, text, team)
            _check_clock(told, now, latest)
        except EventRefused as error:
            problems.append(_problem(index if is_array else None, error))
            if len(problems) == TOLD_PROBLEMS:
                break
        else:
            lines.append((told.event_id, told.line))
    if problems:
        first = problems[0]
        where = f"event {first['index']}: " if is_array else ""
        raise Refused(422, f"{where}{first['detail']}", problems)
    return lines


def _problem(index: int | None, error: EventRefused) -> dict[str, Any]:
    return {
        "index": index,
        "field": error.field,
        "reason": error.reason,
        "detail": error.detail,
    }


def _times(event: RunEvent) -> Iterator[tuple[str, datetime | None]]:
    yield "event_time", event.event_time
    yield "started_at", event.started_at
    yield "ended_at", event.ended_at
    for number, reading in enumerate(event.energy or ()):
        yield f"energy.{number}.to", reading.to_at


def _check_clock(told: Told, now: datetime, latest: datetime) -> None:
    """What has happened has happened by now. Raises EventRefused."""
    for field, at in told.times:
        if at is not None and at > latest:
            raise EventRefused(
                field,
                "out_of_range",
                f"{field}: {(at - now).total_seconds():.0f} s after the collector's clock; set the "
                "clock of the host",
            )


def _line(found: Checked, team: str | None) -> bytes:
    data = {**found.data, "event_id": found.event_id}
    if found.event.team is None and team is not None:
        data["team"] = team
    if "specversion" in data:  # a field of that name must not make an envelope of the event
        data = {"specversion": "1.0", "id": found.event_id, "data": data}
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
