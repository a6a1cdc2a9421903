"""Asking window by window: is every wanted hour asked exactly once, and no window too long?"""

from collections import Counter
from datetime import UTC, datetime, timedelta

from grid_api import HOUR, hours, utc, window
from hypothesis import given
from hypothesis import strategies as st

from ingest.grid_windows import ask_windows, windows_to_ask
from ingest.sources import Window

START = datetime(2026, 9, 1, tzinfo=UTC)
WINDOWS = st.builds(
    lambda zone, first, length: Window(zone, START + first * HOUR, START + (first + length) * HOUR),
    st.sampled_from(["FR", "DE"]),
    st.integers(0, 400),
    st.integers(0, 300),
)


def asked_hours(windows: list[Window]) -> Counter[tuple[str, datetime]]:
    return Counter((w.grid_zone_id, at) for w in windows for at in hours(w.from_at, w.to_at))


@given(
    wanted=st.lists(WINDOWS, max_size=12),
    longest=st.integers(1, 240).map(lambda hours: hours * HOUR),
    now=st.integers(0, 700 * 60).map(lambda minutes: START + timedelta(minutes=minutes)),
    cut_at=st.none() | st.integers(0, 700).map(lambda hours: START + hours * HOUR),
)
def test_every_wanted_hour_is_asked_once_and_no_window_is_too_long(
    wanted: list[Window], longest: timedelta, now: datetime, cut_at: datetime | None
) -> None:
    windows = windows_to_ask(wanted, longest, now, cut_at)
    wished = {key for key in asked_hours(wanted) if key[1] <= now}
    assert asked_hours(windows) == Counter(wished)
    assert all(timedelta() < w.to_at - w.from_at <= longest for w in windows)
    if cut_at is not None:
        assert not any(w.from_at < cut_at < w.to_at for w in windows)
    assert windows == sorted(windows, key=lambda w: (w.grid_zone_id, w.from_at))


@given(st.lists(WINDOWS, max_size=12), st.randoms())
def test_the_order_of_what_is_wanted_does_not_matter(wanted: list[Window], random: object) -> None:
    shuffled = list(wanted)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    now = START + 1000 * HOUR
    assert windows_to_ask(wanted, 240 * HOUR, now) == windows_to_ask(shuffled, 240 * HOUR, now)


def test_as_few_windows_as_can_be() -> None:
    wanted = [window("FR", "2026-09-01", "2026-09-03"), window("FR", "2026-09-03", "2026-09-12")]
    assert windows_to_ask(wanted, timedelta(days=10), utc("2026-10-01")) == [
        window("FR", "2026-09-01", "2026-09-11"),
        window("FR", "2026-09-11", "2026-09-12"),
    ]


def test_nothing_wanted_is_nothing_asked() -> None:
    assert windows_to_ask([], timedelta(days=1), utc("2026-10-01")) == []
    asked: list[Window] = []
    assert list(ask_windows("any", [], asked.append, {})) == []  # type: ignore[func-returns-value, arg-type]
