"""What the configuration says that models need, landed like any other input.

So a rebuild as of a past day uses the sites, hosts, exchange rates and parameters of that day.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl
from pydantic import BaseModel

from ingest.contracts import Dataset, empty_rejected
from ingest.landing import DeliveryResult, Landing
from observatory import exchange_rates
from observatory.line_rules import read_line_rules
from observatory.settings import Settings

SCOPE = "settings"
SOURCE = "settings"
SOURCE_FILE = "observatory.toml"
PARAMETER_SECTIONS = ("attribution", "anomaly", "factors", "reporting", "runs")
# Where something lies is no parameter of a model.
PLACES = {"path"}

SITES = Dataset(
    "_settings__sites",
    {
        "site_name": pl.String(),
        "grid_zone": pl.String(),
        "intensity_g_per_kwh": pl.Float64(),
        "pue": pl.Float64(),
        "wue_l_per_kwh": pl.Float64(),
        "price_per_device_hour": pl.Float64(),
        "price_per_vcpu_hour": pl.Float64(),
        "price_currency": pl.String(),
    },
)
HOSTS = Dataset(
    "_settings__hosts",
    {
        "site_name": pl.String(),
        "host_type": pl.String(),
        "vcpus": pl.Float64(),
        "memory_gib": pl.Float64(),
        "cpu_model": pl.String(),
        "accelerator_model": pl.String(),
        "accelerator_count": pl.Float64(),
        "rated_w": pl.Float64(),
    },
)
CONTRACTS = Dataset(
    "_settings__contracts",
    {
        "contract_name": pl.String(),
        "kind": pl.String(),
        "applies_to": pl.String(),  # region | grid_zone
        "place": pl.String(),
        "valid_from": pl.Date(),
        "valid_to": pl.Date(),
        "volume_kwh": pl.Float64(),
        "intensity_g_per_kwh": pl.Float64(),
        "evidence": pl.String(),
    },
)
EXCHANGE_RATES = Dataset("_settings__exchange_rates", dict(exchange_rates.COLUMNS))
LINE_RULES = Dataset(
    "_settings__line_rules",
    {
        "rule_id": pl.String(),
        "priority": pl.Int64(),
        "provider_code": pl.String(),
        "service_name_like": pl.String(),
        "text_like": pl.String(),
        "consumed_unit_like": pl.String(),
        "charge_category": pl.String(),
        "hardware_named": pl.String(),
        "resource_class": pl.String(),
        "allocation_hint": pl.String(),
        "energy_rule": pl.String(),
        "note": pl.String(),
    },
)
PARAMETERS = Dataset("_settings__parameters", {"parameter": pl.String(), "value": pl.String()})
DATASETS = (SITES, HOSTS, CONTRACTS, EXCHANGE_RATES, LINE_RULES, PARAMETERS)


def land_settings(landing: Landing, settings: Settings, received_at: datetime) -> list[str]:
    """Land the tables; returns the names of those that changed.

    Raises ConfigError if a file that a setting names cannot be used.
    """
    changed = []
    for dataset, rows in (
        (SITES, _sites(settings)),
        (HOSTS, _hosts(settings)),
        (CONTRACTS, _contracts(settings)),
        (EXCHANGE_RATES, exchange_rates.read(settings.billing.exchange_rates)),
        (LINE_RULES, _line_rules(settings)),
        (PARAMETERS, _parameters(settings)),
    ):
        if _land(landing, dataset, list(rows), received_at).status == "landed":
            changed.append(dataset.name)
    return changed


def _sites(settings: Settings) -> Iterator[dict[str, Any]]:
    for name, site in sorted(settings.sites.items()):
        yield {"site_name": name, **_plain(site, SITES)}


def _hosts(settings: Settings) -> Iterator[dict[str, Any]]:
    for site_name, site in sorted(settings.sites.items()):
        for host_type, host in sorted(site.hosts.items()):
            yield {"site_name": site_name, "host_type": host_type, **_plain(host, HOSTS)}


def _contracts(settings: Settings) -> Iterator[dict[str, Any]]:
    """One row per contract and place it is for."""
    for name, contract in sorted(settings.contracts.items()):
        places = [("region", region) for region in contract.regions]
        places += [("grid_zone", zone) for zone in contract.grid_zones]
        for applies_to, place in sorted(set(places)):
            yield {
                "contract_name": name,
                "applies_to": applies_to,
                "place": place,
                **_plain(contract, CONTRACTS),
            }


def _line_rules(settings: Settings) -> list[dict[str, Any]]:
    path = settings.billing.line_rules
    return [] if path is None else read_line_rules(path)


def _parameters(settings: Settings) -> Iterator[dict[str, Any]]:
    for section in PARAMETER_SECTIONS:
        model: BaseModel = getattr(settings, section)
        for key, value in model.model_dump(mode="json", exclude=PLACES).items():
            name = f"{section}.{key}"
            if isinstance(value, list):
                for number, item in enumerate(value, start=1):
                    yield {"parameter": f"{name}.{number}", "value": str(item)}
            else:
                yield {"parameter": name, "value": None if value is None else str(value)}


def _plain(model: BaseModel, dataset: Dataset) -> dict[str, Any]:
    return {key: value for key, value in model.model_dump().items() if key in dataset.columns}


def _land(
    landing: Landing, dataset: Dataset, rows: list[dict[str, Any]], received_at: datetime
) -> DeliveryResult:
    frame = pl.DataFrame(
        [
            {"source_file": SOURCE_FILE, "source_row": number, **row}
            for number, row in enumerate(rows, start=1)
        ],
        schema=dataset.schema,
        strict=False,
    )
    with landing.deliver(
        dataset, SCOPE, source=SOURCE, instance=SOURCE, received_at=received_at
    ) as delivery:
        delivery.write(frame, empty_rejected())
        return delivery.commit()
