"""Google Vertex AI: custom jobs, trials of tuning jobs and batch predictions, from its API.

A night lists what was created since the newest job that was listed, or since an hour before the
last night if that is earlier, and asks again for each job that had not ended by then. What ended
lands; what runs is one delivery per project, location and kind, made anew each night. What is known
to run, and up to when was listed, are marks of the delivery of what ended, so that both are noted
at once.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from ingest.contracts import Complete, Failure, Told
from ingest.errors import ApiError
from ingest.google import access_token
from ingest.grid_answers import Refusal, read_items
from ingest.http import ApiClient, ApiSourceSettings, ApiUrl
from ingest.managed_jobs import ManagedJob, batch_of, dataset_for
from ingest.sources import SourceContext, SourceSettings
from ingest.vertex_answers import (
    ENDED,
    BatchPredictionJob,
    CustomJob,
    TuningJob,
    batch_prediction_job,
    custom_job,
    tuning_job,
)

NAME = "vertex"
JOBS = dataset_for(NAME)
DATASETS = (JOBS,)
URL = "https://{location}-aiplatform.googleapis.com"
MOST_PAGES = 10_000  # no list has so many
# What is younger may not be in the lists yet.
SETTLED = timedelta(hours=1)
GONE = 404
REMEDIES = {
    401: "; the credentials are not accepted; renew them (gcloud auth application-default login)",
    403: "; grant Vertex AI Viewer on the project, and enable the Vertex AI API",
    404: "; is there such a location?",
    429: "; the quota was used up to the end; the next night asks again",
}
Name = Annotated[str, Field(pattern="^[a-z0-9.:-]+$")]


@dataclass(frozen=True)
class _Api:
    """Jobs of one kind: their collection, and how one is read."""

    collection: str
    model: type[Any]
    read: Callable[[Any, str, datetime], list[ManagedJob]]


APIS = (
    _Api("customJobs", CustomJob, custom_job),
    _Api("hyperparameterTuningJobs", TuningJob, tuning_job),
    _Api("batchPredictionJobs", BatchPredictionJob, batch_prediction_job),
)


class Settings(ApiSourceSettings):
    """`[sources.vertex]`."""

    projects: tuple[Name, ...] = Field(
        min_length=1, examples=[["ml-research", "ml-production"]], description="Projects to ask."
    )
    locations: tuple[Name, ...] = Field(
        min_length=1, examples=[["europe-west4", "us-central1"]], description="Locations to ask."
    )
    credentials_file: Path | None = Field(
        None,
        description="The key of a service account; without it, the credentials of the machine.",
    )
    since: date | None = Field(
        None,
        examples=["2026-01-01"],
        description="The first night asks for jobs created since this day; else for all.",
    )
    url: ApiUrl | None = Field(
        None,
        examples=["https://aiplatform-psc.p.googleapis.com"],
        description="Where the API is, if not at its usual place.",
    )

    @field_validator("projects", "locations", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return value.replace(",", " ").split() if isinstance(value, str) else value

    @field_validator("credentials_file")
    @classmethod
    def _resolve(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        base = (info.context or {}).get("base")
        return value if value is None or base is None else Path(base) / value.expanduser()


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Told]:
    """Deliveries by project, location and kind; where one is refused the others still land."""
    assert isinstance(settings, Settings)  # noqa: S101 - the registry pairs them
    for location in settings.locations:
        url = settings.url or URL.format(location=location)
        token = access_token(settings.credentials_file, urlsplit(url).netloc)
        secret = None if token is None else SecretStr(token)
        with ApiClient(url, settings, "Authorization", secret, scheme="Bearer") as client:
            for project in settings.projects:
                for api in APIS:
                    asker = _Asker(client, settings.since, context, project, location, api)
                    try:
                        yield from asker.deliveries()
                    except ApiError as error:
                        what = f"{project}/{location}: {api.collection}"
                        yield Failure(
                            f"{NAME}: {what}: {error}{REMEDIES.get(error.status or 0, '')}"
                        )
                        if error.ends_asking:
                            return


class _Asker:
    """Asks for jobs of one kind in one project and location. Raises ApiError."""

    def __init__(
        self,
        client: ApiClient,
        since: date | None,
        context: SourceContext,
        project: str,
        location: str,
        api: _Api,
    ) -> None:
        self.client, self.since, self.context = client, since, context
        self.project, self.location, self.api = project, location, api
        self.path = f"projects/{project}/locations/{location}/{api.collection}"
        self.prefix = f"{context.instance}/{self.path}/"

    def deliveries(self) -> Iterator[Told]:
        """What runs, then what ended, with the marks of both."""
        until, ran = self._known()
        items = self._listed(until)
        listed = {item.get("name") for item in items if isinstance(item, dict)}
        items += [self._again(name, made) for name, made in ran.items() if name not in listed]
        settled = self.context.now.astimezone(UTC) - SETTLED
        running: dict[str, str] = {}

        def jobs_of(item: Any, _: int, __: str) -> list[ManagedJob]:
            nonlocal until
            jobs = self.api.read(item, self.project, self.context.now)
            made = item.createTime.astimezone(UTC)
            certain = min(made, settled)
            until = certain if until is None else max(until, certain)
            if item.state not in ENDED:
                running[item.name] = made.isoformat()
            return jobs

        gone = [item for item in items if isinstance(item, ManagedJob)]
        told = [item for item in items if not isinstance(item, ManagedJob)]
        found, refused = read_items(self.api.model, told, self.path, jobs_of)
        jobs = [job for several in found for job in several]
        ended = [*gone, *(job for job in jobs if job.read_at_utc is None)]
        scope = f"{self.prefix}running"
        if running or (JOBS.name, scope) in self.context.delivered:
            now_running = [job for job in jobs if job.read_at_utc is not None]
            yield batch_of(JOBS, scope, self.path, now_running)
            yield Complete(JOBS, scope)
        if ended or refused or running != ran:
            yield from self._ended(ended, refused, until, running)

    def _ended(
        self,
        jobs: list[ManagedJob],
        refused: list[Refusal],
        until: datetime | None,
        running: dict[str, str],
    ) -> Iterator[Told]:
        scope = f"{self.prefix}{self.context.now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        marks = {"running": json.dumps(running)}
        if until is not None:
            marks["created_until"] = until.isoformat()
        yield batch_of(JOBS, scope, self.path, jobs, refused)
        yield Complete(JOBS, scope, marks)

    def _known(self) -> tuple[datetime | None, dict[str, str]]:
        """(when the newest job that landed was created, those that ran → when created)."""
        scopes = {
            scope: marks
            for (_, scope), marks in self.context.delivered.items()
            if scope.startswith(self.prefix) and "running" in marks
        }
        if not scopes:
            first = None if self.since is None else datetime.combine(self.since, time(), UTC)
            return first, {}
        newest = scopes[max(scopes)]
        until = newest.get("created_until")
        return (
            None if until is None else datetime.fromisoformat(until),
            json.loads(newest["running"]),
        )

    def _listed(self, after: datetime | None) -> list[Any]:
        """What was created after that, of all pages."""
        params = {"pageSize": "100"}
        if after is not None:
            params["filter"] = f'create_time>"{after.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"'
        found: list[Any] = []
        for _ in range(MOST_PAGES):
            answer = self.client.get_json(f"v1/{self.path}", params)
            items = answer.get(self.api.collection, []) if isinstance(answer, dict) else None
            if not isinstance(items, list):
                raise ApiError(f"the answer holds no list of {self.api.collection}")
            found += items
            token = answer.get("nextPageToken")
            if not token:
                return found
            params["pageToken"] = str(token)
        raise ApiError(f"the list did not end after {MOST_PAGES} pages")

    def _again(self, name: str, created: str) -> Any:
        """A job that had not ended; what is known of it if it is gone since."""
        try:
            return self.client.get_json(f"v1/{name}", {})
        except ApiError as error:
            if error.status != GONE:
                raise
        return ManagedJob(
            kind="trial" if self.api.model is TuningJob else "custom",
            resource_name=name,
            name=name.rpartition("/")[2],
            account=self.project,
            region=self.location,
            status=None,
            created_at_utc=datetime.fromisoformat(created),
            is_described=False,
        )
