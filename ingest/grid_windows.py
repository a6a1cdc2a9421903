"""Asking an API for the hours that runs need: window by window, and what to do when one fails."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ingest.contracts import Batch, Failure
from ingest.errors import ApiError
from ingest.sources import Window

logger = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
# A zone that fails so often in a row is left alone for the night.
FAILURES_OF_A_ZONE = 3
# What to do about an HTTP status, where the source does not know better.
REMEDIES: Mapping[int, str] = {
    400: "the API does not understand the zone or the range",
    403: "the API does not allow it",
    404: "the API does not know the zone, or `url` is wrong",
    429: "too many requests; the next night goes on here",
}


def windows_to_ask(
    wanted: Iterable[Window], longest: timedelta, now: datetime, cut_at: datetime | None = None
) -> list[Window]:
    """The wanted hours in windows of at most `longest`, each hour once; none after the hour of now.

    Windows of a zone that touch or overlap are joined before they are cut: every `longest`, and at
    `cut_at`, where an API has another way to ask. Sorted by zone and time.
    """
    end = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + HOUR
    known = (replace(window, to_at=min(window.to_at, end)) for window in wanted)
    by_time = sorted(known, key=lambda w: (w.grid_zone_id, w.from_at, w.to_at))
    windows = _joined(window for window in by_time if window.from_at < window.to_at)
    return [
        Window(window.grid_zone_id, start, min(start + longest, part.to_at))
        for window in windows
        for part in _cut(window, cut_at)
        for start in _steps(part, longest)
    ]


def _joined(windows: Iterable[Window]) -> list[Window]:
    """Sorted windows, those of a zone that touch or overlap as one."""
    joined: list[Window] = []
    for window in windows:
        last = joined[-1] if joined else None
        touches = last is not None and last.grid_zone_id == window.grid_zone_id
        if last is not None and touches and window.from_at <= last.to_at:
            joined[-1] = replace(last, to_at=max(last.to_at, window.to_at))
        else:
            joined.append(window)
    return joined


def _cut(window: Window, at: datetime | None) -> tuple[Window, ...]:
    if at is None or not window.from_at < at < window.to_at:
        return (window,)
    return replace(window, to_at=at), replace(window, from_at=at)


def _steps(window: Window, step: timedelta) -> Iterator[datetime]:
    at = window.from_at
    while at < window.to_at:
        yield at
        at += step


def span(window: Window) -> str:
    """A window as scopes and messages write it."""
    first, last = (at.astimezone(UTC) for at in (window.from_at, window.to_at))
    return f"{first:%Y-%m-%dT%H:%MZ}--{last:%Y-%m-%dT%H:%MZ}"


def ask_windows(
    source: str,
    windows: Sequence[Window],
    ask: Callable[[Window], Batch],
    remedies: Mapping[int, str],
) -> Iterator[Batch | Failure]:
    """What `ask` brings of each window, then a Failure for each reason why windows failed.

    An error that ends the asking (a wrong token, no more requests allowed, no connection) leaves
    the windows after it unasked; so do `FAILURES_OF_A_ZONE` failures of a zone in a row, for it.
    """
    failed: dict[str, list[Window]] = {}
    in_a_row: dict[str, int] = {}
    is_over = False
    for window in windows:
        zone = window.grid_zone_id
        if is_over or in_a_row.get(zone, 0) >= FAILURES_OF_A_ZONE:
            failed.setdefault("not asked after that", []).append(window)
            continue
        try:
            batch = ask(window)
        except ApiError as error:
            logger.warning("%s %s %s: %s", source, zone, span(window), error)
            failed.setdefault(_reason(error, remedies), []).append(window)
            in_a_row[zone] = in_a_row.get(zone, 0) + 1
            is_over = error.ends_asking
        else:
            in_a_row[zone] = 0
            yield batch
    for reason, parts in failed.items():
        yield _failure(source, parts, reason)


def failure(
    source: str, windows: Sequence[Window], error: ApiError, remedies: Mapping[int, str]
) -> Failure:
    """The Failure of windows for which the same error holds."""
    return _failure(source, windows, _reason(error, remedies))


def _reason(error: ApiError, remedies: Mapping[int, str]) -> str:
    remedy = {**REMEDIES, **remedies}.get(error.status or 0, "the next night asks again")
    return f"{error}: {remedy}"


def _failure(source: str, windows: Sequence[Window], reason: str) -> Failure:
    which = ", ".join(f"{part.grid_zone_id} {span(part)}" for part in _joined(windows))
    return Failure(f"{source} {which}: {reason}")
