"""The edge of the app: the snapshot, the clock, the URL and the session.

The `current` pointer moves under us, so it is resolved once per rerun and that version's folder is
read. Answers are cached by (folder, version, question, filters); connections never are.

A filter lives in the URL. Streamlit clears the URL when the reader changes page and forgets widgets
that are not drawn, so the last values are remembered in the session and written back.
"""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st

from app import queries
from app.format import Formatter
from app.i18n import LANGUAGES, Language, translate, value_label
from app.marts import Filters, open_marts

PERIODS = {"7d": 7, "30d": 30, "90d": 90, "1y": 365}
DEFAULT_PERIOD = "30d"
OLD_AFTER = timedelta(hours=36)
_REMEMBERED = "remembered"
_CONTEXT = "context"

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Snapshot:
    """One published version: its resolved folder, version.json, and the status of last night."""

    folder: Path
    version: str
    about: dict[str, Any] = field(default_factory=dict)
    night: dict[str, Any] = field(default_factory=dict)

    @property
    def as_of(self) -> datetime | None:
        """The instant the numbers were known at, naive UTC."""
        return read_instant(self.about.get("as_of"))


@dataclass(frozen=True)
class Context:
    """What a page needs: its language, its snapshot, its filters, and a way to ask."""

    snapshot: Snapshot
    filters: Filters
    language: Language
    has_runs: bool

    @property
    def format(self) -> Formatter:
        """Numbers in the reader's language."""
        return Formatter(self.language)

    def text(self, key: str, **values: object) -> str:
        """A text in the reader's language."""
        return translate(self.language, key, **values)

    def label(self, family: str, code: str | None) -> str:
        """A mart's value in the reader's language."""
        return value_label(self.language, family, code)

    def ask(
        self,
        question: Callable[..., Answer],
        *arguments: Any,
        filters: Filters | None = None,
    ) -> Answer:
        """The answer to one of `app.queries`, from the cache if this version was asked before."""
        answer: Answer = _ask(
            str(self.snapshot.folder),
            f"{self.snapshot.version} {self.snapshot.about.get('built_at')}",
            question.__name__,
            arguments,
            filters or self.filters,
        )
        return answer


@st.cache_data(show_spinner=False, max_entries=1000)
def _ask(
    folder: str, version: str, question: str, arguments: tuple[Any, ...], filters: Filters | None
) -> Any:
    with closing(open_marts(Path(folder), filters)) as con:
        return getattr(queries, question)(con, *arguments)


# --- snapshot ---


def now() -> datetime:
    """The clock, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def published_path() -> Path:
    """The published folder: the environment, else the settings, else data/published here."""
    if configured := os.environ.get("OBSERVATORY_PATHS__PUBLISHED"):
        return Path(configured)
    try:
        from observatory.settings import load_settings
    except ImportError:
        return Path("data/published").resolve()
    return Path(load_settings(None).paths.published)


def open_snapshot(published: Path) -> Snapshot | None:
    """The version `current` points at now, or None when nothing is published."""
    current = published / "current"
    if not current.is_dir():
        return None
    folder = current.resolve()
    about = read_json(folder / "version.json")
    version = str(about.get("version") or folder.name)
    return Snapshot(folder, version, about, read_json(published / "status.json"))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; {} where there is no file, {'status': 'unreadable'} where it is broken."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        return {"status": "unreadable"}
    return content if isinstance(content, dict) else {"status": "unreadable"}


def read_instant(text: object) -> datetime | None:
    """RFC 3339 text as naive UTC."""
    if not isinstance(text, str):
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant


# --- the context of this rerun ---


def set_context(context: Context) -> None:
    """Called once per rerun, by streamlit_app."""
    st.session_state[_CONTEXT] = context


def context() -> Context:
    """The context of this rerun."""
    current: Context = st.session_state[_CONTEXT]
    return current


# --- filters in the URL ---


def _start(key: str, default: list[str]) -> list[str]:
    if key in st.query_params:
        return st.query_params.get_all(key)
    remembered: list[str] = st.session_state.setdefault(_REMEMBERED, {}).get(key, default)
    return remembered


def keep(key: str, values: Sequence[str], default: Sequence[str] = ()) -> None:
    """Remembers a filter and writes it to the URL, unless it is the default."""
    st.session_state.setdefault(_REMEMBERED, {})[key] = list(values)
    if list(values) == list(default):
        if key in st.query_params:
            del st.query_params[key]
    elif st.query_params.get_all(key) != list(values):
        st.query_params[key] = list(values)


def _seed(key: str, language: Language, value: object) -> str:
    # The language is part of the widget's identity: its labels change, its value must not.
    widget = f"{key}:{language}"
    if widget not in st.session_state:
        st.session_state[widget] = value
    return widget


def choose_language() -> Language:
    """The language of the URL, else of the browser; chosen in the sidebar."""
    browser = (st.context.locale or "en")[:2].lower()
    asked = _start("lang", [browser])
    start: Language = next((known for known in LANGUAGES if [known] == asked), "en")
    if "lang_widget" not in st.session_state:
        st.session_state["lang_widget"] = start
    chosen = st.sidebar.segmented_control(
        "Language · Langue", LANGUAGES, format_func=str.upper, key="lang_widget",
        required=True, label_visibility="collapsed",
    )  # fmt: skip
    language: Language = chosen or start
    keep("lang", [language])
    return language


def choose_one(
    container: Any,
    key: str,
    label: str,
    options: Sequence[str],
    labels: Callable[[str], str],
    language: Language,
    *,
    as_buttons: bool = False,
    help_text: str | None = None,
) -> str:
    """A single choice; the first option is the default and is not written to the URL."""
    start = _start(key, [options[0]])
    widget = _seed(key, language, start[0] if start and start[0] in options else options[0])
    if as_buttons:
        chosen = container.segmented_control(
            label, options, format_func=labels, key=widget, required=True, help=help_text
        )
    else:
        chosen = container.selectbox(label, options, format_func=labels, key=widget, help=help_text)
    value: str = chosen or options[0]
    keep(key, [value], [options[0]])
    return value


def choose_many(
    container: Any,
    key: str,
    label: str,
    options: Sequence[str],
    labels: Callable[[str], str],
    language: Language,
) -> tuple[str, ...]:
    """Several values, none = all. A value of the URL that the snapshot lacks stays: it matches
    nothing, and the page says so, rather than showing numbers the link did not ask for."""
    start = _start(key, [])
    widget = _seed(key, language, start)
    held = [value for value in st.session_state[widget] if value not in options]
    chosen: list[str] = container.multiselect(
        label, [*options, *held], format_func=labels, key=widget,
        placeholder=translate(language, "filter.all"),
    )  # fmt: skip
    keep(key, chosen)
    return tuple(chosen)


def type_text(container: Any, key: str, label: str, language: Language, placeholder: str) -> str:
    """Free text."""
    start = _start(key, [""])
    widget = _seed(key, language, start[0] if start else "")
    typed = container.text_input(label, key=widget, placeholder=placeholder) or ""
    value: str = typed.strip()
    keep(key, [value], [""])
    return value


def choose_period(
    language: Language, first: datetime | None, last: datetime | None, as_of: datetime | None
) -> tuple[datetime, datetime]:
    """[from, to) in naive UTC, whole days, counted back from the day of the last run.

    A run that a wrong clock dated after the snapshot does not move the period; `all` shows it.
    """
    newest_day = (last or now()).date()
    last_day = newest_day if as_of is None else min(newest_day, as_of.date())
    first_day = min((first or now()).date(), last_day)
    codes = [DEFAULT_PERIOD, *(code for code in PERIODS if code != DEFAULT_PERIOD), "all", "custom"]
    period = choose_one(
        st.sidebar, "period", translate(language, "filter.period"), codes,
        lambda code: translate(language, f"filter.period.{code}"), language,
        help_text=translate(language, "filter.period.help"),
    )  # fmt: skip
    if period == "custom":
        from_day, to_day = _choose_dates(language, first_day, last_day)
    elif period == "all":
        from_day, to_day = first_day, newest_day
    else:
        from_day, to_day = last_day - timedelta(days=PERIODS[period] - 1), last_day
    return (
        datetime.combine(from_day, time.min),
        datetime.combine(to_day + timedelta(days=1), time.min),
    )


def until_the_snapshot(context: Context) -> Filters:
    """The filters up to the day of the snapshot: rows land after the last run they tell of.

    Dates the reader gave stay as given.
    """
    as_of = context.snapshot.as_of
    if as_of is None or st.query_params.get("period") == "custom":
        return context.filters
    end = datetime.combine(as_of.date() + timedelta(days=1), time.min)
    return replace(context.filters, to_utc=max(end, context.filters.to_utc))


def _choose_dates(language: Language, first_day: date, last_day: date) -> tuple[date, date]:
    default = [max(first_day, last_day - timedelta(days=29)), last_day]
    asked = [*_start("from", []), *_start("to", [])]
    start = _read_days(asked) or default
    widget = _seed("dates", language, tuple(start))
    picked = st.sidebar.date_input(
        translate(language, "filter.dates"), key=widget, format="YYYY-MM-DD"
    )
    days = list(picked) if isinstance(picked, tuple) else [picked]
    # While the reader has picked only the first of two days, the old range stands.
    chosen = days if len(days) == 2 else start
    keep("from", [chosen[0].isoformat()])
    keep("to", [chosen[1].isoformat()])
    return chosen[0], chosen[1]


def _read_days(texts: list[str]) -> list[date] | None:
    try:
        days = [date.fromisoformat(text) for text in texts]
    except ValueError:
        return None
    return days if len(days) == 2 and days[0] <= days[1] else None
