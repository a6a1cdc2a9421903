"""List prices of machines: from AWS, Google Cloud, Azure, or a file of one's own.

What a machine costs without any contract, for runs that no bill tells the cost of and for asking
what it would have cost elsewhere. Prices are versioned like factors: a later list adds to the
earlier ones, so `--as-of` finds the price that was known then. A list that says the same as the
one before is not landed again.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import Field, ValidationInfo, field_validator, model_validator

from ingest.contracts import Batch, Complete, Failure, Told, Unchanged
from ingest.errors import ApiError, SourceConfigError
from ingest.grid_answers import Refusal
from ingest.http import ApiClient, ApiSourceSettings, ApiUrl, Token
from ingest.price_answers import aws_offers, azure_offers, gcp_offers
from ingest.price_files import file_batches
from ingest.price_offers import PRICES, Offer, batch_of, digest
from ingest.sources import SourceContext, SourceSettings

NAME = "prices"
DATASETS = (PRICES,)

URLS = {
    "gcp": "https://cloudbilling.googleapis.com/v1",
    "azure": "https://prices.azure.com/api/retail",
}
COMPUTE_ENGINE = "services/6F81-5844-456A"
KEY_HEADER = "X-Goog-Api-Key"
# Endless paging would be a mistake of the server's: no list has so many pages.
MOST_PAGES = 10_000
# Machines as they are sold by default: shared hardware, in use, without extra software.
AWS_FILTERS = {
    "AmazonEC2": {"tenancy": "Shared", "capacitystatus": "Used", "preInstalledSw": "NA"},
    "AmazonSageMaker": {},
}
AWS_REMEDIES = {
    "AccessDeniedException": "allow the action pricing:GetProducts",
    "ExpiredTokenException": "the credentials have expired; renew them",
    "UnrecognizedClientException": "the credentials are not accepted; check them",
    "InvalidSignatureException": "the credentials are not accepted; check them and the clock",
    "ThrottlingException": "the service was busy to the end; the next night asks again",
}

Region = Annotated[str, Field(pattern="^[a-z0-9-]+$")]
Pages = Iterable[tuple[list[Offer], list[Refusal]]]


class Settings(ApiSourceSettings):
    """`[sources.prices]`: whose prices, of which regions; several lists are instances."""

    provider: Literal["file", "aws", "gcp", "azure"] = Field(
        "file", description="file (CSV or Parquet), aws, gcp or azure."
    )
    path: str | None = Field(
        None,
        examples=["/exports/prices"],
        description="Of a file: a file, a folder (searched recursively) or a glob.",
    )
    regions: tuple[Region, ...] = Field(
        (),
        examples=[["eu-west-1", "us-east-1"]],
        description="Regions to ask for; aws and azure need them, gcp lists all without.",
    )
    services: tuple[Literal["AmazonEC2", "AmazonSageMaker"], ...] = Field(
        ("AmazonEC2",), description="Of aws: AmazonEC2, AmazonSageMaker or both."
    )
    currency: str = Field(
        "USD",
        pattern="^[A-Z]{3}$",
        description="ISO 4217 code to ask gcp and azure for; aws tells its own.",
    )
    url: ApiUrl | None = Field(
        None,
        examples=["https://prices.azure.com/api/retail"],
        description="Where the API is, if not at its usual place.",
    )
    api_region: str = Field("us-east-1", description="Of aws: the region of the price list's API.")
    profile: str | None = Field(
        None, examples=["billing"], description="Of aws: the profile of its credentials."
    )
    api_key: Token | None = Field(None, description="Of gcp: the API key.")
    api_key_file: Path | None = Field(None, description="A file that holds it instead.")

    @field_validator("path")
    @classmethod
    def _resolve(cls, value: str | None, info: ValidationInfo) -> str | None:
        base = (info.context or {}).get("base")
        return value if value is None or base is None else str(Path(base) / value)

    @field_validator("regions", "services", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return value.replace(",", " ").split() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_complete(self) -> "Settings":
        if self.provider == "file" and self.path is None:
            raise ValueError("name the `path` of the prices, or a `provider` to ask for them")
        if self.provider in ("aws", "azure") and not self.regions:
            raise ValueError(f"name the `regions` to ask {self.provider} for")
        return self


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Told]:
    """One delivery per file, or per provider and region (gcp: all regions in one)."""
    assert isinstance(settings, Settings)  # noqa: S101 - the registry pairs them
    if settings.provider == "file":
        yield from file_batches(str(settings.path), context.instance)
        return
    parts = PROVIDERS[settings.provider](settings)
    for part, source_file, pages in parts:
        try:
            yield from _delivery(f"{context.instance}/{part}", source_file, pages, context)
        except ApiError as error:
            yield Failure(f"{NAME}: {part}: {error}{_remedy(settings, error)}")
            if error.ends_asking:
                return


def _delivery(
    scope: str, source_file: str, pages: Pages, context: SourceContext
) -> Iterator[Batch | Complete | Unchanged]:
    offers: list[Offer] = []
    refusals: list[Refusal] = []
    for found, refused in pages:
        offers += found
        refusals += refused
    if not offers and not refusals:
        raise ApiError("the answer holds no price; are the regions spelled as the provider does?")
    marks = {"prices": digest(offers)}
    if not refusals and context.delivered.get((PRICES.name, scope)) == marks:
        yield Unchanged(PRICES, scope)
        return
    yield batch_of(scope, source_file, offers, refusals)
    yield Complete(PRICES, scope, {} if refusals else marks)


def _remedy(settings: Settings, error: ApiError) -> str:
    if settings.provider == "gcp" and error.status in (400, 401, 403):
        return "; check `api_key`, and that the Cloud Billing API is enabled for its project"
    if settings.provider == "azure" and error.status == 400:
        return "; check `regions` and `currency`"
    return ""


Part = tuple[str, str, Pages]


def _aws(settings: Settings) -> Iterator[Part]:
    """One part per service and region."""
    for service in settings.services:
        for region in settings.regions:
            filters = AWS_FILTERS[service] | {"regionCode": region}
            name = f"aws/{service}/{region}"
            yield name, f"GetProducts/{service}/{region}", _aws_pages(settings, service, filters)


def _aws_pages(settings: Settings, service: str, filters: Mapping[str, str]) -> Pages:
    source_file = f"GetProducts/{service}/{filters['regionCode']}"
    try:
        session = boto3.Session(profile_name=settings.profile, region_name=settings.api_region)
        client = session.client(
            "pricing",
            endpoint_url=settings.url,
            config=Config(
                retries={"total_max_attempts": settings.attempts, "mode": "standard"},
                connect_timeout=settings.timeout_s,
                read_timeout=settings.timeout_s,
            ),
        )
        asked = client.get_paginator("get_products").paginate(
            ServiceCode=service,
            Filters=[
                {"Type": "TERM_MATCH", "Field": name, "Value": value}
                for name, value in filters.items()
            ],
        )
        for page in asked:
            yield aws_offers(map(_json, page["PriceList"]), source_file)
    except ClientError as error:
        told = error.response.get("Error", {})
        code = told.get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        remedy = AWS_REMEDIES.get(code, str(told.get("Message", "")))
        raise ApiError(f"{code}: {remedy}", status, code in AWS_REMEDIES) from None
    except BotoCoreError as error:
        remedy = "name the `profile`, or give credentials by the environment"
        raise ApiError(f"{error}; {remedy}", ends_asking=True) from None


def _json(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text  # refused for what it is


def _gcp(settings: Settings) -> Iterator[Part]:
    """One part: the catalogue has no filter by region."""
    if settings.api_key is None:
        raise SourceConfigError(
            f"{NAME}: no API key for the catalogue of Google Cloud; set `api_key_file`, or in the "
            f"environment OBSERVATORY_SOURCES__{NAME.upper()}__API_KEY"
        )
    yield "gcp", f"{COMPUTE_ENGINE}/skus", _gcp_pages(settings)


def _gcp_pages(settings: Settings) -> Pages:
    path = f"{COMPUTE_ENGINE}/skus"
    params = {"currencyCode": settings.currency, "pageSize": "5000"}
    with _client(settings, KEY_HEADER, settings.api_key) as client:
        for _ in range(MOST_PAGES):
            answer = client.get_json(path, params)
            offers, refusals = gcp_offers(_items(answer, "skus"), path)
            regions = settings.regions
            yield [o for o in offers if not regions or o.region in regions], refusals
            token = answer.get("nextPageToken")
            if not token:
                return
            params["pageToken"] = str(token)
    raise ApiError(f"the list did not end after {MOST_PAGES} pages")


def _azure(settings: Settings) -> Iterator[Part]:
    """One part per region."""
    for region in settings.regions:
        yield f"azure/{region}", f"prices/{region}", _azure_pages(settings, region)


def _azure_pages(settings: Settings, region: str) -> Pages:
    wanted = {
        "serviceName": "Virtual Machines",
        "armRegionName": region,
        "priceType": "Consumption",
    }
    params = {
        "currencyCode": f"'{settings.currency}'",
        "$filter": " and ".join(f"{name} eq '{value}'" for name, value in wanted.items()),
    }
    with _client(settings) as client:
        for _ in range(MOST_PAGES):
            answer = client.get_json("prices", params)
            yield azure_offers(_items(answer, "Items"), f"prices/{region}")
            following = answer.get("NextPageLink")
            if not following:
                return
            # Only what it asks for is taken: the host stays the one that was meant.
            params = dict(parse_qsl(urlsplit(str(following)).query))
    raise ApiError(f"the list did not end after {MOST_PAGES} pages")


def _client(settings: Settings, header: str = "", key: Token | None = None) -> ApiClient:
    return ApiClient(settings.url or URLS[settings.provider], settings, header, key)


def _items(answer: object, key: str) -> list[Any]:
    items = answer.get(key, []) if isinstance(answer, dict) else None
    if not isinstance(items, list):
        raise ApiError(f"the answer holds no list of {key}")
    return items


PROVIDERS: Mapping[str, Callable[[Settings], Iterator[Part]]] = {
    "aws": _aws,
    "gcp": _gcp,
    "azure": _azure,
}
