"""Amazon SageMaker: training, processing, transform and tuning jobs, from its API.

A night lists what changed since the newest change that landed, and what runs now, and describes
each. What ended lands in deliveries that go on from each other, so that a night that is cut off
loses little; what runs is one delivery per region and kind, made anew each night.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import Field, field_validator

from ingest.aws import aws_session, refusal
from ingest.contracts import Complete, Failure, Told
from ingest.errors import ApiError
from ingest.managed_jobs import ManagedJob, batch_of, dataset_for
from ingest.sagemaker_answers import (
    ENDED,
    listed,
    processing_job,
    training_job,
    transform_job,
    tuning_job,
)
from ingest.sources import SourceContext, SourceSettings

NAME = "sagemaker"
JOBS = dataset_for(NAME)
DATASETS = (JOBS,)

# A list may lag behind a change by minutes.
OVERLAP = timedelta(hours=1)
JOBS_OF_A_DELIVERY = 200
GONE = {"ResourceNotFound", "ResourceNotFoundException", "ValidationException", "ValidationError"}
Region = Annotated[str, Field(pattern="^[a-z0-9-]+$")]


@dataclass(frozen=True)
class _Api:
    """How jobs of one kind are listed and described."""

    kind: str
    word: str  # what its names begin with
    read: Callable[[Mapping[str, Any], ManagedJob], ManagedJob]

    @property
    def listing(self) -> str:
        return f"list_{_snake(self.word)}_jobs"

    @property
    def describing(self) -> str:
        return f"describe_{_snake(self.word)}_job"


APIS = (
    _Api("training", "Training", training_job),
    _Api("processing", "Processing", processing_job),
    _Api("transform", "Transform", transform_job),
    _Api("tuning", "HyperParameterTuning", tuning_job),
)


class Settings(SourceSettings):
    """`[sources.sagemaker]`: one account; several are instances."""

    regions: tuple[Region, ...] = Field(
        min_length=1, examples=[["eu-west-1", "us-east-1"]], description="Regions to ask."
    )
    profile: str | None = Field(
        None, examples=["ml"], description="A profile of the AWS configuration."
    )
    role_arn: str | None = Field(
        None,
        examples=["arn:aws:iam::123456789012:role/sagemaker-reader"],
        description="A role to take on, with the credentials that are there.",
    )
    since: date | None = Field(
        None,
        examples=["2026-01-01"],
        description="The first night asks for jobs that changed since this day; else for all.",
    )
    endpoint_url: str | None = Field(
        None,
        examples=["https://vpce-1.api.sagemaker.eu-west-1.vpce.amazonaws.com"],
        description="Where the API is, if not at its usual place.",
    )
    attempts: int = Field(
        8, ge=1, le=20, description="How often a request is sent before it counts as failed."
    )

    @field_validator("regions", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return value.replace(",", " ").split() if isinstance(value, str) else value


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Told]:
    """Deliveries by region and kind of job; of a kind that is refused the others still land."""
    assert isinstance(settings, Settings)  # noqa: S101 - the registry pairs them
    for region in settings.regions:
        try:
            client = _client(settings, region)
        except BotoCoreError as error:
            raise refusal(error, "sts:AssumeRole") from None
        for api in APIS:
            try:
                yield from _Asker(client, settings.since, context, region, api).deliveries()
            except ApiError as error:
                yield Failure(f"{NAME}: {region}: {api.kind} jobs: {error}")
                if error.ends_asking:
                    return


def _client(settings: Settings, region: str) -> Any:
    session = aws_session(settings.profile, region, settings.role_arn)
    retries = {"total_max_attempts": settings.attempts, "mode": "standard"}
    return session.client(
        "sagemaker", endpoint_url=settings.endpoint_url, config=Config(retries=retries)
    )


class _Asker:
    """Asks for jobs of one kind in one region. Raises ApiError."""

    def __init__(
        self, client: Any, since: date | None, context: SourceContext, region: str, api: _Api
    ) -> None:
        self.client, self.since, self.context = client, since, context
        self.region, self.api = region, api
        self.prefix = f"{context.instance}/{region}/{api.kind}/"
        self.cannot_list_tags: ApiError | None = None

    def deliveries(self) -> Iterator[Told]:
        """What changed, the oldest change first, then what runs."""
        start = self._landed_until()
        after = None if start is None else start - OVERLAP
        if start is None and self.since is not None:
            start = after = datetime.combine(self.since, time(), UTC)
        changed = self._listed({} if after is None else {"LastModifiedTimeAfter": after})
        running = {
            name: job
            for status in ("InProgress", "Stopping")
            for name, job in self._listed({"StatusEquals": status}).items()
        }
        running |= {name: job for name, job in changed.items() if job.status not in ENDED}
        ended = sorted(
            (job for name, job in changed.items() if name not in running),
            key=lambda job: (_modified(job), job.resource_name),
        )
        for first in range(0, len(ended), JOBS_OF_A_DELIVERY):
            jobs = ended[first : first + JOBS_OF_A_DELIVERY]
            until = _modified(jobs[-1])
            scope = f"{self.prefix}{'' if start is None else _second(start)}--{_second(until)}"
            yield batch_of(JOBS, scope, self._source_file, [self._described(j) for j in jobs])
            yield Complete(JOBS, scope, {"modified_until": until.isoformat()})
            start = until if start is None else max(start, until)
        scope = f"{self.prefix}running"
        if running or (JOBS.name, scope) in self.context.delivered:
            now = self.context.now
            found = [self._described(job, read_at=now) for _, job in sorted(running.items())]
            yield batch_of(JOBS, scope, self._source_file, found)
            yield Complete(JOBS, scope)
        if self.cannot_list_tags is not None:
            yield Failure(
                f"{NAME}: {self.region}: {self.api.kind} jobs landed without their tags: "
                f"{self.cannot_list_tags}"
            )

    @property
    def _source_file(self) -> str:
        return f"{self.api.listing}/{self.region}"

    def _landed_until(self) -> datetime | None:
        """The newest change that landed."""
        found = [
            datetime.fromisoformat(marks["modified_until"])
            for (_, scope), marks in self.context.delivered.items()
            if scope.startswith(self.prefix) and "modified_until" in marks
        ]
        return max(found, default=None)

    def _listed(self, wanted: Mapping[str, Any]) -> dict[str, ManagedJob]:
        """ARN → the job as it is listed, of all pages."""
        word = self.api.word
        try:
            pages = self.client.get_paginator(self.api.listing).paginate(**wanted)
            found = [
                listed(summary, self.api.kind, word, self.region)
                for page in pages
                for summary in page[f"{word}JobSummaries"]
            ]
        except (ClientError, BotoCoreError) as error:
            raise refusal(error, f"sagemaker:List{word}Jobs") from None
        return {job.resource_name: job for job in found}

    def _described(self, job: ManagedJob, read_at: datetime | None = None) -> ManagedJob:
        """With its description and tags; as it was listed if it is gone since."""
        word = self.api.word
        try:
            told = getattr(self.client, self.api.describing)(**{f"{word}JobName": job.name})
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in GONE:
                return job
            raise refusal(error, f"sagemaker:Describe{word}Job") from None
        except BotoCoreError as error:
            raise refusal(error, f"sagemaker:Describe{word}Job") from None
        tags = self._tags(job.resource_name)
        return self.api.read({**told, "Tags": tags, "ReadAt": read_at}, job)

    def _tags(self, arn: str) -> Sequence[Mapping[str, str]]:
        """The tags of a job; none once it was said that they may not be listed."""
        if self.cannot_list_tags is not None:
            return ()
        try:
            pages = self.client.get_paginator("list_tags").paginate(ResourceArn=arn)
            return [tag for page in pages for tag in page["Tags"]]
        except (ClientError, BotoCoreError) as error:
            found = refusal(error, "sagemaker:ListTags")
            if found.ends_asking:
                raise found from None
            if isinstance(error, ClientError) and error.response["Error"]["Code"] not in GONE:
                self.cannot_list_tags = found
            return ()


def _modified(job: ManagedJob) -> datetime:
    return job.modified_at_utc or datetime.min.replace(tzinfo=UTC)


def _second(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _snake(word: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in word).removeprefix("_")
