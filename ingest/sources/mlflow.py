"""MLflow: runs, registered model versions and the GPUs' power, from a tracking server's REST API.

- A delivery is the runs that started on one day (UTC), of all experiments that are asked for.
- Runs change until they end, and are given tags and model versions after it: the last
  `lookback_days` are read anew each night, an earlier day only while a run of it still runs, up to
  `running_days` after its start. What a run is then told after `lookback_days` is not seen.
- Deleted runs and experiments are read too, for what they used was used.
- Of the system's metrics, power and load of GPUs come with their history, one delivery per day of
  start: fetched again only where a run of it has newer values.
- All registered model versions are one delivery.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator

from ingest.contracts import Batch, Complete, Failure, Unchanged
from ingest.contracts import Told as Spoken
from ingest.errors import ApiError
from ingest.http import ApiClient, ApiSourceSettings, OwnUrl, Token, is_private
from ingest.mlflow_answers import (
    GPU_METRIC,
    RUNS,
    SAMPLES,
    VERSIONS,
    Told,
    run_batch,
    sample_batch,
    version_batch,
)
from ingest.sources import SourceContext, SourceSettings

NAME = "mlflow"
DATASETS = (RUNS, SAMPLES, VERSIONS)

API = "api/2.0/mlflow"
# Endless paging would be a mistake of the server's: no list has so many pages.
MOST_PAGES = 100_000
DAY = timedelta(days=1)
REMEDIES = {
    401: "the server wants to know who asks: `token_file`, or `username` and `password_file`",
    403: "whoever asks may not read; allow it on the server",
    404: "is `url` the address of a tracking server, with its path, if it has one?",
}
# Whoever changes what lands of an answer has the days read again.
_VERSION = hashlib.sha256(repr([dataset.schema for dataset in DATASETS]).encode()).hexdigest()[:16]


class Settings(ApiSourceSettings):
    """`[sources.mlflow]`: one tracking server; several are instances of their own."""

    url: OwnUrl = Field(
        examples=["https://mlflow.example.org"], description="Where the tracking server is."
    )
    token: Token | None = Field(None, description="The bearer token, where it wants one.")
    token_file: Path | None = Field(None, description="A file that holds it instead.")
    username: str | None = Field(
        None, examples=["observatory"], description="The user, where it wants a password."
    )
    password: SecretStr | None = Field(None, description="The user's password.")
    password_file: Path | None = Field(None, description="A file that holds it instead.")
    verify_tls: bool = Field(True, description="Check the server's certificate.")
    ca_file: Path | None = Field(
        None,
        examples=["/etc/ssl/mlflow-ca.pem"],
        description="Certificates (PEM) that the server's is checked with; else the machine's.",
    )
    experiments: tuple[str, ...] = Field(
        (),
        examples=[["churn", "vision-*"]],
        description="Names of the experiments to read, * for any characters; without it all.",
    )
    since: date | None = Field(
        None, examples=["2026-01-01"], description="The first night reads runs started from here."
    )
    lookback_days: int = Field(
        7, ge=1, le=366, description="Runs started in these last days are read anew each night."
    )
    running_days: int = Field(
        60, ge=1, le=1830, description="A run that still runs is read anew for so long."
    )
    page_size: int = Field(200, ge=1, le=50_000, description="How many runs one answer holds.")
    system_metrics: bool = Field(
        True, description="Read the history of the GPUs' power and load, where runs have it."
    )
    longest_gap_s: float = Field(
        120.0,
        gt=0,
        le=86_400,
        description="Between two samples of power further apart, in seconds, nothing is known.",
    )
    site: str | None = Field(
        None,
        examples=["lyon"],
        description="The [sites.NAME] the machines stand in, of runs without a tag `region`.",
    )

    @field_validator("ca_file")
    @classmethod
    def _resolve(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        base = (info.context or {}).get("base")
        return value if value is None or base is None else Path(base) / value.expanduser()

    @model_validator(mode="after")
    def _keeps_secrets(self) -> "Settings":
        if (self.password is None) != (self.username is None):
            raise ValueError("username and password_file go together")
        if self.token is not None and self.password is not None:
            raise ValueError("give a token or a password, not both")
        if (self.token or self.password) and not is_private(self.url):
            raise ValueError("url must start with https:// where a token or a password is sent")
        return self

    @property
    def login(self) -> tuple[str, str] | None:
        """User and password."""
        if self.username is None or self.password is None:
            return None
        return self.username, self.password.get_secret_value()


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Spoken]:
    """Deliveries per day, oldest first; what a failure cut off is read the next night."""
    assert isinstance(settings, Settings)  # noqa: S101 - the registry pairs them
    verify: bool | str = str(settings.ca_file) if settings.ca_file else settings.verify_tls
    with ApiClient(
        settings.url,
        settings,
        "Authorization",
        settings.token,
        settings.login,
        scheme="Bearer",
        verify=verify,
    ) as client:
        server = _Server(client, settings, context)
        part = "experiments"
        try:
            experiments = server.experiments()
            if settings.experiments and not experiments:
                yield Failure(f"{NAME}: the server has no experiment named as in `experiments`")
            part = "model versions"
            yield from server.versions()
            part = "runs"
            if experiments:
                yield from server.runs(experiments)
        except ApiError as error:
            remedy = REMEDIES.get(error.status or 0, "the next night goes on here")
            yield Failure(f"{NAME} {part}: {error}: {remedy}")


@dataclass(frozen=True)
class _Span:
    """Days of start to ask for: `[first, end)`."""

    first: date
    end: date


@dataclass
class _Server:
    """A tracking server, and what is the same of everything that it is asked."""

    client: ApiClient
    settings: Settings
    context: SourceContext

    def experiments(self) -> dict[str, str]:
        """Id → name of those that are wanted."""
        found: dict[str, str] = {}
        wanted = self.settings.experiments
        params = {"max_results": "1000", "view_type": "ALL"}
        for item in self._items("experiments/search", "experiments", params):
            if not isinstance(item, dict) or not isinstance(item.get("experiment_id"), str):
                raise ApiError("an experiment without an id; is `url` an MLflow server?")
            name = str(item.get("name", ""))
            if not wanted or any(fnmatchcase(name, pattern) for pattern in wanted):
                found[item["experiment_id"]] = name
        return found

    def versions(self) -> Iterator[Spoken]:
        """All registered model versions, in an order of their own."""
        scope = f"{self.context.instance}/model_versions"
        items = list(
            self._items("model-versions/search", "model_versions", {"max_results": "1000"})
        )
        if items or (VERSIONS.name, scope) in self.context.delivered:
            yield version_batch(scope, "model-versions/search", sorted(items, key=json.dumps))

    def runs(self, experiments: Mapping[str, str]) -> Iterator[Spoken]:
        """The days that may have changed."""
        settings = {"experiments": self.settings.experiments, "site": self.settings.site}
        digest = hashlib.sha256(f"{_VERSION} {json.dumps(settings)}".encode()).hexdigest()[:16]
        told = Told(self.context.now, self.settings.site, experiments, self.settings.longest_gap_s)
        seen: set[date] = set()
        for span in self._spans(digest):
            found: dict[str, Any] = {}
            day: date | None = None
            for item in self._runs_of(span, experiments):
                started = _start_of(item)
                if day is not None and started is not None and started != day:
                    yield from self._day(day, found, told, digest)
                    seen.add(day)
                    found = {}
                day = started or day or span.first
                # A run that moved to another page while the pages were read is one.
                found[_id_of(item) or f"without an id {len(found)}"] = item
            if day is not None:
                yield from self._day(day, found, told, digest)
                seen.add(day)
        for day in sorted(self._days_of_other_settings(digest) - seen):
            yield from self._day(day, {}, told, digest)

    def _spans(self, digest: str) -> Iterator[_Span]:
        """Earlier days with something open, then from the first day of the window."""
        delivered = self._delivered()
        today = self.context.now.astimezone(UTC).date()
        end = today + 2 * DAY  # clocks differ
        if not delivered or self._days_of_other_settings(digest):
            yield _Span(self.settings.since or date(1970, 1, 1), end)
            return
        # Days land in order: what an earlier night did not reach comes after the newest.
        first = min(today - self.settings.lookback_days * DAY, max(delivered))
        oldest = today - self.settings.running_days * DAY
        for day, marks in sorted(delivered.items()):
            if oldest <= day < first and marks.get("open") != "0":
                yield _Span(day, day + DAY)
        yield _Span(first, end)

    def _delivered(self) -> dict[date, Mapping[str, str]]:
        """Day of start → the marks of its runs."""
        prefix = f"{self.context.instance}/"
        return {
            date.fromisoformat(scope.removeprefix(prefix)): marks
            for (dataset, scope), marks in self.context.delivered.items()
            if dataset == RUNS.name
        }

    def _days_of_other_settings(self, digest: str) -> set[date]:
        """Days that landed under other settings, or from another version of this reader."""
        return {d for d, marks in self._delivered().items() if marks.get("settings") != digest}

    def _runs_of(self, span: _Span, experiments: Mapping[str, str]) -> Iterator[Any]:
        first, end = (int(_midnight(day).timestamp() * 1000) for day in (span.first, span.end))
        body = {
            "experiment_ids": sorted(experiments),
            "filter": f"attributes.start_time >= {first} and attributes.start_time < {end}",
            "run_view_type": "ALL",
            "max_results": self.settings.page_size,
            "order_by": ["attributes.start_time ASC"],
        }
        return self._pages("runs", lambda token: self._post("runs/search", body, token))

    def _day(
        self, day: date, found: Mapping[str, Any], told: Told, digest: str
    ) -> Iterator[Spoken]:
        """The runs of a day, and before them the power of their GPUs."""
        scope = f"{self.context.instance}/{day}"
        names = sorted(found)
        is_missing = False
        problem: ApiError | None = None
        try:
            yield from self._samples(scope, [found[name] for name in names], told)
        except ApiError as error:
            is_missing, problem = True, error
            yield Failure(
                f"{NAME} system metrics of runs started on {day}: {error}: the next night asks "
                "again"
            )
        yield run_batch(scope, f"runs/search/{day}", [found[name] for name in names], told)
        is_open = is_missing or any(_is_open(item) for item in found.values())
        yield Complete(RUNS, scope, {"settings": digest, "open": str(int(is_open))})
        if problem is not None and problem.ends_asking:
            raise problem

    def _samples(self, scope: str, items: list[Any], told: Told) -> Iterator[Spoken]:
        """The GPUs' histories of a day's runs, all of them or none."""
        newest = sorted(
            (run_id, metric["key"], json.dumps(metric, sort_keys=True))
            for item in items
            if (run_id := _id_of(item)) is not None
            for metric in _metrics_of(item)
            if GPU_METRIC.fullmatch(metric["key"])
        )
        if not newest or not self.settings.system_metrics:
            return
        text = f"{_VERSION} {told.longest_gap_s} {json.dumps(newest)}"
        marks = {"newest": hashlib.sha256(text.encode()).hexdigest()}
        if self.context.delivered.get((SAMPLES.name, scope)) == marks:
            yield Unchanged(SAMPLES, scope)
            return
        batches: list[Batch] = []
        for run_id, name, _ in newest:
            params = {"run_id": run_id, "metric_key": name, "max_results": "25000"}
            history = list(self._items("metrics/get-history", "metrics", params))
            batches.append(sample_batch(scope, run_id, name, history, told))
        yield from batches
        yield Complete(SAMPLES, scope, marks)

    def _items(self, path: str, key: str, params: Mapping[str, str]) -> Iterator[Any]:
        def ask(token: str | None) -> Any:
            more = {"page_token": token} if token else {}
            return self.client.get_json(f"{API}/{path}", {**params, **more})

        return self._pages(key, ask)

    def _post(self, path: str, body: Mapping[str, Any], token: str | None) -> Any:
        more = {"page_token": token} if token else {}
        return self.client.post_json(f"{API}/{path}", {**body, **more})

    def _pages(self, key: str, ask: Callable[[str | None], Any]) -> Iterator[Any]:
        """The items of all pages. Raises ApiError."""
        token: str | None = None
        for _ in range(MOST_PAGES):
            answer = ask(token)
            items = answer.get(key, []) if isinstance(answer, dict) else None
            if not isinstance(items, list):
                raise ApiError(f"the answer holds no list of {key}; is `url` an MLflow server?")
            yield from items
            following = answer.get("next_page_token")
            if not following:
                return
            if following == token:
                raise ApiError(f"the list of {key} goes on with the page that it ended with")
            token = str(following)
        raise ApiError(f"the list of {key} did not end after {MOST_PAGES} pages")


def _info_of(item: object) -> dict[str, Any]:
    info = item.get("info") if isinstance(item, dict) else None
    return info if isinstance(info, dict) else {}


def _id_of(item: object) -> str | None:
    run_id = _info_of(item).get("run_id")
    return run_id if isinstance(run_id, str) and run_id else None


def _start_of(item: object) -> date | None:
    """The day of its start; None where it tells none that can be."""
    started = _info_of(item).get("start_time")
    try:
        return datetime.fromtimestamp(int(started) / 1000, UTC).date()  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _metrics_of(item: Any) -> list[dict[str, Any]]:
    data = item.get("data")
    metrics = data.get("metrics") if isinstance(data, dict) else None
    found = metrics if isinstance(metrics, list) else []
    return [m for m in found if isinstance(m, dict) and isinstance(m.get("key"), str)]


def _is_open(item: object) -> bool:
    return _info_of(item).get("status") in ("RUNNING", "SCHEDULED")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
