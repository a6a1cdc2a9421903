"""List prices as they land: one row per offer, the provider's own words beside what they mean."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from decimal import Decimal

import pandera.polars as pa
import polars as pl

from ingest.bounds import MAX_COST
from ingest.contracts import REJECTED_SCHEMA, Batch, Dataset
from ingest.focus_columns import INSTANT, MONEY
from ingest.grid_answers import Refusal

# `component`: what one unit is of: a whole machine, or a part that machines are priced by.
COMPONENTS = ("machine", "vcpu", "memory", "accelerator")
TERMS = ("on_demand", "spot")
CURRENCY = r"^[A-Z]{3}$"

PRICES = Dataset(
    "prices__list",
    {
        "provider": pl.String(),
        "region": pl.String(),
        "service": pl.String(),
        "sku_id": pl.String(),
        "description": pl.String(),
        "component": pl.String(),
        "instance_type": pl.String(),
        "operating_system": pl.String(),
        "term": pl.String(),
        "unit": pl.String(),
        "price": MONEY,
        "currency": pl.String(),
        "effective_from": INSTANT,
        "effective_to": INSTANT,
        "price_source": pl.String(),
    },
    {
        "provider": pa.Column(pl.String(), nullable=False),
        "region": pa.Column(pl.String(), nullable=False),
        "component": pa.Column(pl.String(), pa.Check.isin(COMPONENTS), nullable=False),
        "term": pa.Column(pl.String(), pa.Check.isin(TERMS), nullable=False),
        "unit": pa.Column(pl.String(), nullable=False),
        "price": pa.Column(MONEY, pa.Check.in_range(Decimal(0), Decimal(MAX_COST)), nullable=False),
        "currency": pa.Column(pl.String(), pa.Check.str_matches(CURRENCY), nullable=False),
    },
)


@dataclass(frozen=True)
class Offer:
    """One price of one thing in one region, in `currency` per `unit`."""

    provider: str
    region: str
    service: str | None
    sku_id: str | None
    description: str | None
    component: str
    instance_type: str | None
    operating_system: str | None
    term: str
    unit: str
    price: Decimal
    currency: str
    effective_from: datetime | None
    effective_to: datetime | None
    price_source: str


def batch_of(
    scope: str, source_file: str, offers: Iterable[Offer], refusals: Iterable[Refusal]
) -> Batch:
    """The delivery of one scope: offers in an order of their own, whatever the answer's was."""
    rows = [
        (source_file, number, *(getattr(offer, field.name) for field in fields(Offer)))
        for number, offer in enumerate(sorted(offers, key=repr), start=1)
    ]
    return Batch(
        PRICES,
        scope,
        pl.DataFrame(rows, schema=PRICES.schema, orient="row"),
        pl.DataFrame([asdict(refusal) for refusal in refusals], schema=REJECTED_SCHEMA),
    )


def digest(offers: Iterable[Offer]) -> str:
    """The same for the same prices, whatever their order and the day they are said to begin."""
    lines: Iterator[str] = (
        "|".join(str(value) for name, value in asdict(offer).items() if name != "effective_from")
        for offer in offers
    )
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
