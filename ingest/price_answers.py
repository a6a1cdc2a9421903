"""What AWS, Google Cloud and Azure answer about list prices, as offers: pure, one function each.

An item that is of no use here (a reservation, a price in tiers, a kind of machine that is not sold
by the hour) gives no offer; one that cannot be read is refused with its reason.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC
from decimal import Decimal
from typing import Annotated, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, TypeAdapter

from ingest.bounds import MAX_COST
from ingest.focus_columns import MONEY
from ingest.grid_answers import Refusal, read_items
from ingest.price_offers import Offer

Item = TypeVar("Item", bound=BaseModel)
_SMALLEST = Decimal(1).scaleb(-MONEY.scale)
_NANO = Decimal(1).scaleb(-9)


def _exact(value: object) -> object:
    """A number as it is written; a float is the shortest decimal that reads back as the same."""
    return str(value) if isinstance(value, float) else value


Price = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=MAX_COST)]
_PRICE: TypeAdapter[Decimal] = TypeAdapter(Price)


def _offers(
    model: type[Item],
    items: Iterable[object],
    source_file: str,
    to_offers: Callable[[Item], list[Offer]],
) -> tuple[list[Offer], list[Refusal]]:
    found, refusals = read_items(model, items, source_file, lambda item, _, __: to_offers(item))
    return [offer for offers in found for offer in offers], refusals


def _money(value: Decimal) -> Decimal:
    return value.quantize(_SMALLEST).normalize()


# --- AWS Price List: GetProducts -------------------------------------------------------------


class _AwsAttributes(BaseModel):
    instanceType: str | None = None  # noqa: N815 - the API's names
    instanceName: str | None = None  # noqa: N815
    regionCode: str  # noqa: N815
    operatingSystem: str | None = None  # noqa: N815


class _AwsProduct(BaseModel):
    sku: str
    attributes: _AwsAttributes


class _AwsDimension(BaseModel):
    unit: str
    pricePerUnit: dict[str, Price]  # noqa: N815
    description: str | None = None
    beginRange: str = "0"  # noqa: N815
    endRange: str = "Inf"  # noqa: N815


class _AwsTerm(BaseModel):
    effectiveDate: AwareDatetime  # noqa: N815
    priceDimensions: dict[str, _AwsDimension]  # noqa: N815


class _AwsTerms(BaseModel):
    OnDemand: dict[str, _AwsTerm] = {}


class _AwsItem(BaseModel):
    product: _AwsProduct
    serviceCode: str  # noqa: N815
    terms: _AwsTerms


def aws_offers(items: Iterable[object], source_file: str) -> tuple[list[Offer], list[Refusal]]:
    """On-demand prices of machines, in every currency told."""

    def to_offers(item: _AwsItem) -> list[Offer]:
        told = item.product.attributes
        # SageMaker's instanceType is `ml.m5.large-Training`, its instanceName the machine.
        machine = told.instanceName or told.instanceType
        dimensions = [
            (term, dimension)
            for term in item.terms.OnDemand.values()
            for dimension in term.priceDimensions.values()
            if dimension.beginRange == "0" and dimension.endRange == "Inf"
        ]
        return [
            Offer(
                "aws",
                told.regionCode,
                item.serviceCode,
                item.product.sku,
                dimension.description,
                "machine",
                machine,
                told.operatingSystem,
                "on_demand",
                dimension.unit,
                _money(price),
                currency,
                term.effectiveDate.astimezone(UTC),
                None,
                "aws_price_list",
            )
            for term, dimension in dimensions
            for currency, price in sorted(dimension.pricePerUnit.items())
            if machine
        ]

    return _offers(_AwsItem, items, source_file, to_offers)


# --- Google Cloud Billing catalogue: services/…/skus -----------------------------------------

GCP_TERMS = {"OnDemand": "on_demand", "Preemptible": "spot"}
# `N2 Instance Core running in Frankfurt` is a part of a machine; a premium, a reservation or a
# part of a sole-tenant node is not one that a machine type is priced by.
_GCP_PART = re.compile(r"^(?:spot preemptible )?(.+?) (core|ram|gpu)(?: attached.*)? running in ")
_GCP_COMPONENTS = {"core": "vcpu", "ram": "memory", "gpu": "accelerator"}


class _GcpCategory(BaseModel):
    resourceFamily: str  # noqa: N815
    usageType: str  # noqa: N815


class _GcpPrice(BaseModel):
    currencyCode: str  # noqa: N815
    units: int = 0
    nanos: int = 0


class _GcpRate(BaseModel):
    startUsageAmount: float = 0  # noqa: N815
    unitPrice: _GcpPrice  # noqa: N815


class _GcpExpression(BaseModel):
    usageUnit: str  # noqa: N815
    tieredRates: list[_GcpRate]  # noqa: N815


class _GcpPricing(BaseModel):
    effectiveTime: AwareDatetime | None = None  # noqa: N815
    pricingExpression: _GcpExpression  # noqa: N815


class _GcpSku(BaseModel):
    skuId: str  # noqa: N815
    description: str
    category: _GcpCategory
    serviceRegions: list[str]  # noqa: N815
    pricingInfo: list[_GcpPricing]  # noqa: N815


def gcp_offers(items: Iterable[object], source_file: str) -> tuple[list[Offer], list[Refusal]]:
    """Prices of the parts of machines: a vCPU, a GiB of memory, an accelerator, by the hour."""

    def to_offers(sku: _GcpSku) -> list[Offer]:
        part = _GCP_PART.match(sku.description.lower())
        term = GCP_TERMS.get(sku.category.usageType)
        if sku.category.resourceFamily != "Compute" or term is None or part is None:
            return []
        pricing = sku.pricingInfo[-1] if sku.pricingInfo else None
        if pricing is None or len(pricing.pricingExpression.tieredRates) != 1:
            return []
        rate = pricing.pricingExpression.tieredRates[0].unitPrice
        price = _PRICE.validate_python(rate.units + rate.nanos * _NANO)
        effective = pricing.effectiveTime
        return [
            Offer(
                "gcp",
                region,
                "Compute Engine",
                sku.skuId,
                sku.description,
                _GCP_COMPONENTS[part[2]],
                None,
                None,
                term,
                pricing.pricingExpression.usageUnit,
                _money(price),
                rate.currencyCode,
                effective and effective.astimezone(UTC),
                None,
                "gcp_catalogue",
            )
            for region in sku.serviceRegions
        ]

    return _offers(_GcpSku, items, source_file, to_offers)


# --- Azure retail prices ---------------------------------------------------------------------


class _AzureItem(BaseModel):
    armRegionName: str  # noqa: N815
    armSkuName: str | None = None  # noqa: N815
    serviceName: str  # noqa: N815
    productName: str  # noqa: N815
    skuName: str  # noqa: N815
    skuId: str | None = None  # noqa: N815
    type: str
    retailPrice: Price  # noqa: N815
    currencyCode: str  # noqa: N815
    unitOfMeasure: str  # noqa: N815
    tierMinimumUnits: float = 0  # noqa: N815
    isPrimaryMeterRegion: bool = True  # noqa: N815
    effectiveStartDate: AwareDatetime | None = None  # noqa: N815
    effectiveEndDate: AwareDatetime | None = None  # noqa: N815


def azure_offers(items: Iterable[object], source_file: str) -> tuple[list[Offer], list[Refusal]]:
    """Pay-as-you-go and spot prices of virtual machines; low priority and classic ones are not."""

    def to_offers(item: _AzureItem) -> list[Offer]:
        sku, product = item.skuName.lower(), item.productName.lower()
        is_virtual_machine = (
            item.armSkuName
            and item.armRegionName
            and item.type == "Consumption"
            and item.isPrimaryMeterRegion
            and item.tierMinimumUnits == 0
            and "low priority" not in sku
            and "cloudservices" not in product.replace(" ", "")
        )
        if not is_virtual_machine:
            return []
        starts, ends = item.effectiveStartDate, item.effectiveEndDate
        return [
            Offer(
                "azure",
                item.armRegionName,
                item.serviceName,
                item.skuId,
                f"{item.productName}, {item.skuName}",
                "machine",
                item.armSkuName,
                "Windows" if "windows" in product else "Linux",
                "spot" if "spot" in sku else "on_demand",
                item.unitOfMeasure,
                _money(item.retailPrice),
                item.currencyCode,
                starts and starts.astimezone(UTC),
                ends and ends.astimezone(UTC),
                "azure_retail_prices",
            )
        ]

    return _offers(_AzureItem, items, source_file, to_offers)
