"""Airflow: tries of task instances from its REST API, v2 (Airflow 3) or v1 (Airflow 2).

What was updated since the last night, page by page; of a task that was tried more than once, all
its tries. A task that is still running lands again when it went on. Owners and tags are those of
the DAG.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import pandera.polars as pa
import polars as pl
from pydantic import Field, SecretStr, TypeAdapter, ValidationError

from ingest.contracts import REJECTED_SCHEMA, Batch, Complete, Dataset, Failure, Told
from ingest.errors import ApiError, SourceConfigError, SourceUnavailable
from ingest.http import ApiClient, ApiSourceSettings, ApiUrl, Token
from ingest.run_event import Instant
from ingest.sources import SourceContext, SourceSettings

NAME = "airflow"
INSTANT = pl.Datetime("us", "UTC")
TEXTS = ("dag_id", "dag_run_id", "task_id", "state", "operator", "queue", "pool", "executor",
         "hostname", "unixname")  # fmt: skip
NUMBERS = ("map_index", "try_number", "max_tries", "duration")
TIMES = ("queued_when", "start_date", "end_date")
TRIES = Dataset(
    "airflow__task_tries",
    {
        "dag_id": pl.String(),
        "dag_run_id": pl.String(),
        "task_id": pl.String(),
        "map_index": pl.Int64(),  # -1: not mapped
        "try_number": pl.Int64(),
        "max_tries": pl.Int64(),
        "state": pl.String(),
        "queued_when": INSTANT,
        "start_date": INSTANT,
        "end_date": INSTANT,
        "duration": pl.Float64(),  # s
        "operator": pl.String(),
        "queue": pl.String(),
        "pool": pl.String(),
        "executor": pl.String(),
        "hostname": pl.String(),
        "unixname": pl.String(),
        "owners": pl.String(),  # of the DAG, comma-separated
        "dag_tags": pl.String(),  # JSON list
        "extra": pl.String(),  # JSON object of what else the answer says
    },
    {
        name: pa.Column(pl.String(), nullable=False)
        for name in ("dag_id", "dag_run_id", "task_id", "state")
    },
)
DATASETS = (TRIES,)
STATES = frozenset(
    (
        "success", "failed", "running", "queued", "scheduled", "deferred", "up_for_retry",
        "up_for_reschedule", "upstream_failed", "skipped", "removed", "restarting",
    )
)  # fmt: skip
SHORTEST_WINDOW = timedelta(seconds=1)
MAX_NUMBER = 2**31
# What is younger may not be committed yet at Airflow, whose clock is another.
SETTLED = timedelta(minutes=5)
MARK = "updated_until"
REMEDIES = {
    401: "the credentials are not accepted; check `username` and `password_file`, or `token_file`",
    403: "the user may not read task instances; give it the role Viewer",
    404: "is `url` the address of the web server, and `api` its version (v2: Airflow 3, v1: 2)?",
}
_instant: TypeAdapter[datetime] = TypeAdapter(Instant)


class Settings(ApiSourceSettings):
    """`[sources.airflow]`: one Airflow; several are instances of their own."""

    url: ApiUrl = Field(
        examples=["https://airflow.example.org"], description="Address of its web server."
    )
    api: Literal["v2", "v1"] = Field("v2", description="v2 (Airflow 3) or v1 (Airflow 2).")
    username: str | None = Field(
        None, examples=["observatory"], description="A user that may read; or a token."
    )
    password: SecretStr | None = Field(None, description="The user's password.")
    password_file: Path | None = Field(None, description="A file that holds it instead.")
    token: Token | None = Field(None, description="A token, instead of a user (v2).")
    token_file: Path | None = Field(None, description="A file that holds it instead.")
    days: int = Field(30, ge=1, le=3650, description="How far the first night goes back, in days.")
    page: int = Field(100, ge=1, le=1000, description="Task instances asked for at once.")


@dataclass(frozen=True)
class _Window:
    """What is asked for: task instances that were updated in [from_at, to_at]."""

    from_at: datetime
    to_at: datetime

    def asked(self) -> dict[str, str]:
        return {"updated_at_gte": _text(self.from_at), "updated_at_lte": _text(self.to_at)}

    def halves(self) -> tuple["_Window", "_Window"]:
        middle = self.from_at + (self.to_at - self.from_at) / 2
        return _Window(self.from_at, middle), _Window(middle, self.to_at)


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Told]:
    """One delivery per night, of what was updated since the one before."""
    assert isinstance(settings, Settings)  # noqa: S101 - the registry pairs them
    window = _Window(_since(settings, context), context.now.astimezone(UTC) - SETTLED)
    if window.from_at >= window.to_at:
        return
    try:
        with _client(settings) as client:
            airflow = _Airflow(client, settings)
            instances = airflow.instances(window)
            if not instances:
                return
            found = _Found(airflow.dags(), f"{settings.api}/taskInstances")
            # A task without a state was not scheduled yet: it comes again when it is.
            for instance in (i for i in instances if i.get("state") is not None):
                for task_try in airflow.tries(instance):
                    found.add(task_try)
    except ApiError as error:
        remedy = REMEDIES.get(error.status or 0)
        raise SourceUnavailable(
            f"airflow {settings.url}: {error}" + (f"; {remedy}" if remedy else "")
        ) from None
    scope = f"{context.instance}/{_text(window.from_at)}"
    yield Batch(TRIES, scope, *found.taken())
    yield Complete(TRIES, scope, {MARK: _text(window.to_at)})
    if airflow.missing:
        yield Failure(
            f"airflow {settings.url}: of {airflow.missing} task(s) the earlier tries are gone; "
            "their last one landed"
        )


def _since(settings: Settings, context: SourceContext) -> datetime:
    landed = [marks[MARK] for marks in context.delivered.values() if MARK in marks]
    if landed:
        return datetime.fromisoformat(max(landed))
    return context.now.astimezone(UTC) - timedelta(days=settings.days)


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _client(settings: Settings) -> ApiClient:
    """A session that is let in. Raises SourceConfigError, ApiError."""
    if settings.token is not None:
        return _bearer(settings, settings.token.get_secret_value())
    if settings.username is None or settings.password is None:
        raise SourceConfigError(
            "airflow: give `username` and `password_file`, or `token_file` of a token"
        )
    user, password = settings.username, settings.password.get_secret_value()
    if settings.api == "v1":
        return ApiClient(settings.url, settings, login=(user, password))
    with ApiClient(settings.url, settings) as door:
        answer = door.post_json("auth/token", {"username": user, "password": password})
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token:
        raise ApiError("auth/token answers without a token")
    return _bearer(settings, token)


def _bearer(settings: Settings, token: str) -> ApiClient:
    return ApiClient(settings.url, settings, "Authorization", SecretStr(token), scheme="Bearer")


class _Airflow:
    """What is asked of one Airflow. Raises ApiError."""

    def __init__(self, client: ApiClient, settings: Settings) -> None:
        self.client = client
        self.path = f"api/{settings.api}"
        self.page = settings.page
        self.missing = 0

    def instances(self, window: _Window) -> list[dict[str, Any]]:
        """Task instances that were updated in a window.

        Airflow 2 lists them in no order that holds from page to page, and one that goes on
        meanwhile leaves the window: some come twice then, others not at all. Halves of the window
        are asked for until each is whole, at the latest on one page.
        """
        path = f"{self.path}/dags/~/dagRuns/~/taskInstances"
        listed, totals = self._pages(path, "task_instances", window.asked())
        found = {_key(instance): instance for instance in listed}
        if totals == {len(found)}:
            return [*found.values()]
        if window.to_at - window.from_at <= SHORTEST_WINDOW:
            raise ApiError(
                f"the task instances of {_text(window.from_at)} changed while they were listed, or "
                f"they are more than the `page` of {self.page}; they are asked for again the next "
                "night"
            )
        # What was updated in the middle is in both.
        halves = (self.instances(half) for half in window.halves())
        return [*{_key(instance): instance for half in halves for instance in half}.values()]

    def dags(self) -> dict[str, dict[str, Any]]:
        """The DAGs by their id."""
        found, _ = self._pages(f"{self.path}/dags", "dags", {})
        return {str(dag.get("dag_id")): dag for dag in found}

    def tries(self, instance: dict[str, Any]) -> list[dict[str, Any]]:
        """All tries of a task; the last one alone where the others cannot be had."""
        number = instance.get("try_number")
        if not isinstance(number, int) or number <= 1:
            return [instance]
        names = [instance.get(name) for name in ("dag_id", "dag_run_id", "task_id")]
        dag, run, task = (quote(str(name), safe="") for name in names)
        mapped = instance.get("map_index", -1)
        path = f"{self.path}/dags/{dag}/dagRuns/{run}/taskInstances/{task}/"
        path += "tries" if mapped == -1 else f"{mapped}/tries"
        try:
            answer = self.client.get_json(path, {})
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            self.missing += 1  # the task was removed meanwhile, or Airflow is older than 2.10
            return [instance]
        others = [t for t in _items(answer, "task_instances") if t.get("try_number") != number]
        return [*others, instance]

    def _pages(
        self, path: str, name: str, params: Mapping[str, str]
    ) -> tuple[list[dict[str, Any]], set[int]]:
        """(what all pages hold, how many there are in all as each page said)."""
        found: list[dict[str, Any]] = []
        totals: set[int] = set()
        while True:
            paging = {"limit": str(self.page), "offset": str(len(found))}
            answer = self.client.get_json(path, {**params, **paging})
            items = _items(answer, name)
            found += items
            total = answer.get("total_entries")
            totals.add(total if isinstance(total, int) else len(found))
            if not items or len(found) >= max(totals):
                return found, totals


def _key(instance: Mapping[str, Any]) -> tuple[str, ...]:
    """What tells a task instance from all others."""
    names = ("dag_id", "dag_run_id", "task_id", "map_index")
    return tuple(str(instance.get(name)) for name in names)


def _items(answer: Any, name: str) -> list[dict[str, Any]]:
    items = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ApiError(f"the answer has no list `{name}`; is `api` the version of this Airflow?")
    return items


class _Found:
    """Tries as columns, and rejected ones."""

    def __init__(self, dags: dict[str, dict[str, Any]], source_file: str) -> None:
        self.dags = dags
        self.source_file = source_file
        self.rows: list[dict[str, Any]] = []
        self.rejected: list[tuple[str, int, str | None, str, str, str]] = []
        self.count = 0

    def add(self, told: dict[str, Any]) -> None:
        """Take one try in, whole or not at all."""
        self.count += 1
        try:
            self.rows.append(self._row(told))
        except _Wrong as wrong:
            raw = json.dumps(told)
            self.rejected.append((self.source_file, self.count, *wrong.args, raw))

    def _row(self, told: dict[str, Any]) -> dict[str, Any]:
        row: dict[str, Any] = {"source_file": self.source_file, "source_row": self.count}
        for name in TEXTS:
            row[name] = _typed(told, name, str)
        for name in NUMBERS:
            row[name] = _typed(told, name, (int, float) if name == "duration" else int)
        for name in TIMES:
            row[name] = _time(told, name)
        for name in ("dag_id", "dag_run_id", "task_id", "state"):
            if not row[name]:
                raise _Wrong(name, "missing_value", f"{name} is missing")
        if row["state"] not in STATES:
            raise _Wrong(
                "state", "value_not_allowed", f"{row['state']!r} is no state of a task known here"
            )
        dag = self.dags.get(row["dag_id"], {})
        owners = [o for o in dag.get("owners") or () if isinstance(o, str) and _is_unicode(o)]
        tags = [tag.get("name") for tag in dag.get("tags") or () if isinstance(tag, dict)]
        known = {*TEXTS, *NUMBERS, *TIMES}
        rest = {name: value for name, value in told.items() if name not in known}
        return row | {
            "map_index": -1 if row["map_index"] is None else row["map_index"],
            "try_number": max(row["try_number"] or 1, 1),
            "owners": ", ".join(owners) or None,
            "dag_tags": json.dumps(tags) if tags else None,
            "extra": json.dumps(rest) if rest else None,
        }

    def taken(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """(rows, rejected)."""
        rows = pl.DataFrame(self.rows, schema=TRIES.schema, orient="row")
        return rows, pl.DataFrame(self.rejected, schema=REJECTED_SCHEMA, orient="row")


class _Wrong(ValueError):
    """(field, reason, detail)"""


def _typed(told: dict[str, Any], name: str, kind: type | tuple[type, ...]) -> Any:
    value = told.get(name)
    if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
        raise _Wrong(name, "wrong_type", f"{name}: {value!r} is of another type")
    if isinstance(value, int | float) and not abs(value) <= MAX_NUMBER:
        raise _Wrong(name, "out_of_range", f"{name}: {value} is out of range")
    if isinstance(value, str) and not value.isascii() and not _is_unicode(value):
        raise _Wrong(name, "not_utf8", f"{name} has half of a surrogate pair")
    return value


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _time(told: dict[str, Any], name: str) -> datetime | None:
    value = told.get(name)
    try:
        return None if value is None else _instant.validate_python(value)
    except ValidationError:
        raise _Wrong(name, "wrong_type", f"{name}: {value!r} is no time with an offset") from None
