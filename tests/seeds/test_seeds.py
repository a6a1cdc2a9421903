"""The seeds keep their promises: sourced, shippable, unique, complete, reproducible."""

import csv
import importlib.util
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType

import duckdb
import pytest
import yaml

from observatory import line_rules

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ROOT / "seeds"
REFERENCE = ROOT.parent / "shared" / "reference"
FOCUS_SAMPLE = ROOT.parent / "shared" / "real" / "focus" / "focus_sample.csv"

Row = dict[str, str]

needs_reference = pytest.mark.skipif(
    not REFERENCE.is_dir(), reason="the reference folder is not beside the repository"
)


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "compile_seeds", ROOT / "scripts" / "compile_seeds.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


script = load_script()
COMPILED = [seed for seed in script.SEEDS if seed.compile] + [script.SOURCES_SEED]
ALL = [*script.SEEDS, script.SOURCES_SEED]


def read(name: str) -> list[Row]:
    with (SEEDS / name).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def compile_into(out: Path, recorded_on: str = "2026-11-23", **options: bool) -> None:
    drop = options.get("drop_withdrawn", False)
    script.compile_seeds(REFERENCE, out, date.fromisoformat(recorded_on), drop)


def described() -> dict[str, dict]:
    found = {}
    for path in sorted(SEEDS.rglob("*.yml")):
        for seed in yaml.safe_load(path.read_text())["seeds"]:
            found[seed["name"]] = seed
    return found


def source_ids() -> Iterator[tuple[str, str]]:
    for path in sorted(SEEDS.rglob("*.csv")):
        if path.name == "sources.csv":
            continue
        for row in read(str(path.relative_to(SEEDS))):
            for column, value in row.items():
                if value and (column == "source_id" or column.endswith("_source_id")):
                    yield path.name, value


# ------------------------------------------------------------------------------------ reproducible


@needs_reference
def test_recompiling_changes_no_byte(tmp_path: Path) -> None:
    out = tmp_path / "seeds"
    shutil.copytree(SEEDS, out)
    compile_into(out, recorded_on="2031-01-01")
    for seed in ALL:
        assert (out / seed.path).read_bytes() == (SEEDS / seed.path).read_bytes(), seed.path


@needs_reference
def test_compiling_into_nothing_gives_only_rows_that_are_in_the_seeds(tmp_path: Path) -> None:
    compile_into(tmp_path)
    for seed in COMPILED:
        fresh = set((tmp_path / seed.path).read_text().splitlines())
        assert fresh <= set((SEEDS / seed.path).read_text().splitlines()), seed.path


@needs_reference
def test_a_new_value_is_a_new_row_and_the_old_one_stays(tmp_path: Path) -> None:
    compile_into(tmp_path)
    path = tmp_path / "factors" / "power_constants.csv"
    path.write_text(path.read_text().replace("memory_w_per_gib,0.392", "memory_w_per_gib,0.4"))
    compile_into(tmp_path, recorded_on="2027-05-06")
    with path.open(newline="") as handle:
        rows = [r for r in csv.DictReader(handle) if r["factor_key"] == "memory_w_per_gib"]
    assert {(r["value"], r["recorded_on"]) for r in rows} == {
        ("0.4", "2026-11-23"),
        ("0.392", "2027-05-06"),
    }


@needs_reference
def test_a_withdrawn_row_leaves_only_on_demand(tmp_path: Path) -> None:
    compile_into(tmp_path)
    path = tmp_path / "factors" / "power_constants.csv"
    withdrawn = "withdrawn_constant,1,ratio,expert_judgement,2026-11-23,2026-11-23,\n"
    path.write_text(path.read_text() + withdrawn)
    compile_into(tmp_path)
    assert "withdrawn_constant" in path.read_text()
    compile_into(tmp_path, drop_withdrawn=True)
    assert "withdrawn_constant" not in path.read_text()


def test_a_folder_without_sources_is_refused_with_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["--reference", str(tmp_path), "--out", str(tmp_path)]) == 1
    assert "SOURCES.csv" in capsys.readouterr().err


# ----------------------------------------------------------------------------------------- format


@pytest.mark.parametrize("seed", ALL, ids=lambda seed: seed.path)
def test_files_are_clean_csv(seed) -> None:
    raw = (SEEDS / seed.path).read_bytes()
    assert b"\r" not in raw
    assert raw.endswith(b"\n")
    rows = read(seed.path)
    assert rows
    assert tuple(rows[0]) == seed.columns
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", column) for column in seed.columns)
    assert all(None not in row and None not in row.values() for row in rows), "ragged row"
    assert len({tuple(row.values()) for row in rows}) == len(rows), "repeated row"


@pytest.mark.parametrize("seed", ALL, ids=lambda seed: seed.path)
def test_columns_and_types_are_described(seed) -> None:
    entry = described()[Path(seed.path).stem]
    assert [column["name"] for column in entry["columns"]] == list(seed.columns)
    assert list(entry["config"]["column_types"]) == list(seed.columns)
    assert re.search(r"One row per [^.]+\.$", entry["description"])
    assert all(column["description"] for column in entry["columns"])


@pytest.mark.parametrize("seed", ALL, ids=lambda seed: seed.path)
def test_values_have_their_types(seed) -> None:
    types = described()[Path(seed.path).stem]["config"]["column_types"]
    patterns = {
        "integer": r"-?\d+",
        "double": r"-?\d+(\.\d+)?",
        "date": r"\d{4}-\d{2}-\d{2}",
        "boolean": r"true|false",
        "string": r"(?s).*",
    }
    for row in read(seed.path):
        for column, value in row.items():
            assert not value or re.fullmatch(patterns[types[column]], value), (column, value)


# --------------------------------------------------------------------------------------- sources


def test_every_source_used_is_described_and_every_source_described_is_used() -> None:
    listed = {row["source_id"] for row in read("reference/sources.csv")}
    used = {source for _, source in source_ids()}
    assert used <= listed
    assert listed - used == set()


def test_a_source_has_an_address_or_none() -> None:
    # "package x on …" is neither; the conventions keep the addresses of registries out.
    addresses = [row["url"] for row in read("reference/sources.csv") if row["url"]]
    assert addresses
    assert [address for address in addresses if not address.startswith("https://")] == []


@needs_reference
def test_no_row_comes_from_a_source_that_may_not_be_shipped() -> None:
    reference = script.Reference.open(REFERENCE)
    assert not {(name, s) for name, s in source_ids() if not reference.may_ship(s)}
    assert not reference.may_ship("sparecores_data_dumps")
    assert not reference.may_ship("gsf_watttime_moer")
    assert not reference.may_ship("emaps_yearly_co2js")


def test_exceptions_are_never_a_factor_and_carry_their_reason() -> None:
    exceptions = set(script.NAMED_EXCEPTIONS)
    assert not [
        row
        for seed in ALL
        if seed.path.startswith("factors/")
        for row in read(seed.path)
        if row.get("source_id") in exceptions
    ]
    notes = {row["source_id"]: row["notes"] for row in read("reference/sources.csv")}
    for source_id, reason in script.NAMED_EXCEPTIONS.items():
        assert source_id not in notes or reason in notes[source_id]


@needs_reference
def test_a_cpu_model_is_shipped_only_from_a_permissive_source() -> None:
    shipped = {(r["provider_code"], r["instance_type"]) for r in instance_rows() if r["cpu_model"]}
    with (REFERENCE / "instance_types.csv").open(newline="") as handle:
        for row in csv.DictReader(handle):
            if row["cpu_source_id"] == "sparecores_data_dumps":
                assert (row["provider"], row["instance_type"]) not in shipped


@needs_reference
def test_check_only_machines_are_not_shipped_from_the_check_list() -> None:
    assert "check_only" not in (ROOT / "scripts" / "compile_seeds.py").read_text()


def test_notice_credits_every_publisher() -> None:
    notice = (ROOT / "NOTICE").read_text()
    for name in (
        "Our World in Data",
        "Ember",
        "Google",
        "Cloud Carbon Footprint",
        "Teads",
        "SPEC",
        "Microsoft",
        "moto",
        "Cyclenerd",
        "SPRUCE",
        "CodeCarbon",
        "eGRID",
        "Energy Information Administration",
        "Spare Cores",
        "Boavizta",
    ):
        assert name in notice


# -------------------------------------------------------------------------------------- reference


def instance_rows() -> list[Row]:
    return read("reference/instance_types.csv")


def test_every_accelerator_named_anywhere_has_a_row() -> None:
    models = {row["accelerator_model"] for row in read("factors/accelerators.csv")}
    for name in ("instance_types", "gcp_accelerator_types", "accelerator_aliases"):
        rows = read(f"reference/{name}.csv")
        assert {r["accelerator_model"] for r in rows if r["accelerator_model"]} <= models, name


def test_power_is_known_or_says_why_not() -> None:
    for row in read("factors/accelerators.csv"):
        assert bool(row["max_w"]) != (row["missing_reason"] == "no_published_power"), row
        if row["idle_w"]:
            assert row["idle_source_id"]
            assert float(row["idle_w"]) < float(row["max_w"])


def test_alias_keys_are_normal_and_unique() -> None:
    rows = read("reference/accelerator_aliases.csv")
    assert max(Counter(row["alias_key"] for row in rows).values()) == 1
    assert all(row["alias_key"] == script.alias_key(row["alias"]) for row in rows)


@pytest.mark.parametrize(
    ("alias", "model"),
    [
        ("NVIDIA A100-SXM4-40GB", "NVIDIA A100 SXM4 40GB"),
        ("nvidia_a100-sxm4-80gb", "NVIDIA A100 SXM4 80GB"),
        ("NVIDIA A100 80GB PCIe", "NVIDIA A100 PCIe 80GB"),
        ("NVIDIA H100 80GB HBM3", "NVIDIA H100 SXM5 80GB"),
        ("NVIDIA H100 PCIe", "NVIDIA H100 PCIe 80GB"),
        ("Tesla T4", "NVIDIA T4"),
        ("Tesla V100-SXM2-16GB", "NVIDIA V100 SXM2 16GB"),
        ("Tesla V100-SXM2-32GB", "NVIDIA V100 SXM2 32GB"),
        ("nvidia-tesla-a100", "NVIDIA A100 SXM4 40GB"),
        ("NVIDIA_TESLA_K80", "NVIDIA K80 (per GK210 GPU)"),
        ("NVIDIA GeForce RTX 3090", "NVIDIA RTX 3090"),
        ("NVIDIA RTX A6000", "NVIDIA RTX A6000"),
        ("a100", "NVIDIA A100 SXM4 40GB"),
        ("v100", "NVIDIA V100 SXM2 16GB"),
        ("h100", "NVIDIA H100 SXM5 80GB"),
        ("p100", "NVIDIA P100 PCIe 16GB"),
        ("t4", "NVIDIA T4"),
        ("l40s", "NVIDIA L40S"),
        ("a10g", "NVIDIA A10G"),
        ("mi300x", "AMD Instinct MI300X"),
        ("TPU_V4", "Google TPU v4"),
    ],
)
def test_names_that_tools_report_are_known(alias: str, model: str) -> None:
    aliases = {
        row["alias_key"]: row["accelerator_model"]
        for row in read("reference/accelerator_aliases.csv")
    }
    assert aliases[script.alias_key(alias)] == model


def test_every_gcp_accelerator_type_is_an_alias_of_its_model() -> None:
    aliases = {
        row["alias_key"]: row["accelerator_model"]
        for row in read("reference/accelerator_aliases.csv")
    }
    for row in read("reference/gcp_accelerator_types.csv"):
        key = script.alias_key(row["accelerator_type"])
        assert aliases[key] == row["accelerator_model"], row["accelerator_type"]


@pytest.mark.parametrize(
    ("provider", "instance_type", "vcpus", "accelerator", "count"),
    [
        ("aws", "m5.xlarge", "4", "", ""),
        ("aws", "p4d.24xlarge", "96", "NVIDIA A100 SXM4 40GB", "8"),
        ("aws", "p3.2xlarge", "8", "NVIDIA V100 SXM2 16GB", "1"),
        ("gcp", "a2-highgpu-1g", "12", "NVIDIA A100 SXM4 40GB", "1"),
        ("azure", "Standard_ND96asr_v4", "96", "NVIDIA A100 SXM4 40GB", "8"),
    ],
)
def test_known_machines(
    provider: str, instance_type: str, vcpus: str, accelerator: str, count: str
) -> None:
    by_name = {(r["provider_code"], r["instance_type"]): r for r in instance_rows()}
    row = by_name[provider, instance_type]
    assert (row["vcpus"], row["accelerator_model"], row["accelerator_count"]) == (
        vcpus,
        accelerator,
        count,
    )


def test_instance_types_are_unique_and_without_a_service_prefix() -> None:
    names = [(row["provider_code"], row["instance_type"]) for row in instance_rows()]
    assert len(set(names)) == len(names)
    assert not [name for _, name in names if name.startswith(("ml.", "db.", "cache."))]


def test_the_host_has_as_many_chips_as_its_vcpus_need() -> None:
    for row in instance_rows():
        per_chip = script.VCPUS_PER_CHIP.get(row["cpu_microarchitecture"])
        if not (per_chip and row["platform_vcpus"]):
            assert row["platform_chips"] == ""
            continue
        chips = int(row["platform_chips"])
        assert (chips - 1) * per_chip < int(row["platform_vcpus"]) <= chips * per_chip


def test_every_microarchitecture_is_in_the_chip_table() -> None:
    used = {row["cpu_microarchitecture"] for row in instance_rows()} - {""}
    assert used <= set(script.VCPUS_PER_CHIP)


def test_provider_names_are_lower_case_and_lead_to_the_big_three() -> None:
    codes = {r["provider_name_key"]: r["provider_code"] for r in read("reference/providers.csv")}
    assert all(key == key.lower() for key in codes)
    for key, code in {
        "aws": "aws",
        "amazon web services, inc.": "aws",
        "microsoft": "azure",
        "google cloud": "gcp",
        "oracle": "oracle",
        "on_premise": "on_premise",
    }.items():
        assert codes[key] == code
    regions = {row["provider_code"] for row in read("reference/cloud_regions.csv")}
    assert regions <= set(codes.values())


def test_every_slurm_state_has_a_status() -> None:
    states = {row["slurm_state"]: row for row in read("reference/slurm_states.csv")}
    expected = """BOOT_FAIL CANCELLED COMPLETED COMPLETING CONFIGURING DEADLINE FAILED LAUNCH_FAILED
        NODE_FAIL OUT_OF_MEMORY PENDING PREEMPTED RECONFIG_FAIL REQUEUED REQUEUE_FED REQUEUE_HOLD
        RESIZING RESV_DEL_HOLD REVOKED RUNNING SIGNALING SPECIAL_EXIT STAGE_OUT STOPPED SUSPENDED
        TIMEOUT"""
    assert set(expected.split()) <= set(states)
    for state, row in states.items():
        if row["status"] in ("running", "pending"):
            assert row["is_terminal"] == "false", state


def meter_of(word: str) -> Row:
    """The first rule of meters.csv for a word, as int_energy__meters finds it."""
    rules = SEEDS / "reference" / "meters.csv"
    found = duckdb.execute(
        "select is_meter, signal, uncertainty_key from read_csv(?, all_varchar = true) "
        "where regexp_replace(lower(?), '[^a-z0-9]', '', 'g') like meter_like "
        "order by cast(priority as integer) limit 1",
        [str(rules), word],
    ).fetchone()
    assert found
    return dict(zip(("is_meter", "signal", "uncertainty_key"), found, strict=True))


@pytest.mark.parametrize(
    ("word", "signal", "key"),
    [
        ("nvml_energy", "counter", "measured:nvml_energy"),
        ("nvmlDeviceGetTotalEnergyConsumption", "counter", "measured:nvml_energy"),
        ("nvml", "power_samples", "measured:nvml_power"),
        ("nvidia-smi", "power_samples", "measured:nvml_power"),
        ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "counter", "measured:nvml_energy"),
        ("dcgm_power", "power_samples", "measured:nvml_power"),
        ("mlflow", "power_samples", "measured:nvml_power"),
        ("RAPL", "counter", "measured:rapl"),
        ("intel-rapl:0", "counter", "measured:rapl"),
        ("codecarbon+rapl", "counter", "measured:rapl"),
        ("kepler", "counter", "measured:rapl"),
        ("kepler_platform_watts", "power_samples", "measured:node_meter"),
        ("Scaphandre", "counter", "measured:rapl"),
        ("ipmi", "power_samples", "measured:node_meter"),
        ("redfish", "power_samples", "measured:node_meter"),
        ("pdu", "power_samples", "measured:node_meter"),
        ("slurm_energy", "counter", "measured:slurm_energy"),
        ("hypervisor", "power_samples", "measured:unknown_meter"),
        ("a box nobody knows", "power_samples", "measured:unknown_meter"),
        ("", "power_samples", "measured:unknown_meter"),
        ("CodeCarbon", "estimate", "external_estimate"),
        ("eco2AI", "estimate", "external_estimate"),
        ("kepler_estimated", "estimate", "external_estimate"),
        ("aws_customer_carbon_footprint", "estimate", "external_estimate"),
    ],
)
def test_meter_words(word: str, signal: str, key: str) -> None:
    rule = meter_of(word)
    assert (rule["signal"], rule["uncertainty_key"]) == (signal, key)
    assert (rule["is_meter"] == "false") == (signal == "estimate")


def test_every_meter_is_as_sure_as_a_row_of_uncertainty_says() -> None:
    log_sd = {row["factor_key"]: float(row["log_sd"]) for row in read("factors/uncertainty.csv")}
    rules = read("reference/meters.csv")
    priorities = [int(row["priority"]) for row in rules]
    assert priorities == sorted(set(priorities))
    assert {row["uncertainty_key"] for row in rules} <= set(log_sd)
    assert all(
        re.fullmatch(r"[a-z0-9%]+", row["meter_like"]) and row["note"] == row["note"].strip()
        for row in rules
    )
    measured = {key: value for key, value in log_sd.items() if key.startswith("measured:")}
    assert log_sd["measured:unknown_meter"] == max(measured.values())


def promised_values(column: str) -> set[str]:
    """The values that fct_runs promises for one of its columns."""
    marts = yaml.safe_load((ROOT / "models" / "marts" / "_marts.yml").read_text())["models"]
    (runs,) = (mart for mart in marts if mart["name"] == "fct_runs")
    (rules,) = (test["column_rules"] for test in runs["data_tests"] if "column_rules" in test)
    return set(rules["arguments"]["one_of"][column])


COMPONENTS = ("cpu", "memory", "accelerator", "storage", "network", "other", "all")
# Rungs whose uncertainty is no row of the seed, and why.
WITHOUT_A_ROW = {
    "measured": "by meter",
    "measured_partial": "by meter, and by model for the rest",
    "calibrated": "each calibration brings its own",
    "missing": "nothing is known of nothing",
}


def test_every_rung_has_one_uncertainty_or_a_reason_for_none() -> None:
    rows = {(row["kind"], row["factor_key"]) for row in read("factors/uncertainty.csv")}
    for method in sorted(promised_values("energy_method") - set(WITHOUT_A_ROW)):
        keys = (
            [f"{method}:{component}" for component in COMPONENTS]
            if method in ("utilization", "allocation")
            else [method]
        )
        assert {("energy", key) for key in keys} <= rows, method
    for resolution in promised_values("factor_resolution") - {"missing"}:
        assert ("intensity", resolution) in rows, resolution
    for resolution in {"site"} | {row["pue_resolution"] for row in read("factors/pue_yearly.csv")}:
        assert ("pue", resolution) in rows, resolution


def test_every_uncertainty_says_where_it_is_from() -> None:
    for row in read("factors/uncertainty.csv"):
        assert row["source"] == "expert judgement" or re.search(r"\d{4}", row["source"]), row
        # A factor of e^1 either way would say nothing at all.
        assert 0 < float(row["log_sd"]) < 1


# --------------------------------------------------------------------------------------- embodied


def servers(family: str, method: str) -> set[float]:
    return {
        float(row["server_kg_co2e"])
        for row in read("factors/embodied_servers.csv")
        if (row["family"], row["method"]) == (family, method)
    }


@pytest.mark.parametrize(
    ("family", "kg"),
    # The published figure less 150 kg for each card on the host.
    [("p4d", 4676.79 - 8 * 150), ("p2", 4493.82 - 16 * 150), ("a2", 5465.5 - 16 * 150)],
)
def test_a_listed_server_holds_no_accelerators(family: str, kg: float) -> None:
    (server_kg,) = servers(family, "ccf_server_components")
    assert server_kg == pytest.approx(kg)


@pytest.mark.parametrize(
    ("with_cards", "without"), [("g5g", "c7g"), ("g4dn", "m5"), ("trn1", "m6id")]
)
def test_the_platform_figures_of_2026_hold_no_card(with_cards: str, without: str) -> None:
    assert servers(with_cards, "ccf_2026_platform") == servers(without, "ccf_2026_platform")


def test_a_family_has_one_figure_per_host_or_one_per_type() -> None:
    seen: dict[tuple[str, ...], set[bool]] = {}
    for row in read("factors/embodied_servers.csv"):
        key = tuple(row[c] for c in ("provider_code", "family", "platform_vcpus", "method"))
        seen.setdefault(key, set()).add(row["instance_type"] == "*")
    assert all(len(kinds) == 1 for kinds in seen.values())


def test_every_host_size_of_a_listed_server_is_one_of_the_catalogue() -> None:
    known = {(r["provider_code"], r["family"], r["platform_vcpus"]) for r in instance_rows()}
    listed = {
        (row["provider_code"], row["family"], row["platform_vcpus"])
        for row in read("factors/embodied_servers.csv")
    }
    assert listed <= known


def test_the_median_per_vcpu_lies_inside_its_span() -> None:
    rows = {row["factor_key"]: row for row in read("factors/embodied_constants.csv")}
    per_vcpu = rows["server_kg_co2e_per_vcpu"]
    assert float(per_vcpu["low"]) < float(per_vcpu["value"]) < float(per_vcpu["high"])


def test_an_accelerators_figure_says_what_kind_of_study_it_is() -> None:
    for row in read("factors/accelerators.csv"):
        assert bool(row["embodied_kg_co2e"]) == bool(row["embodied_method"]), row
        assert bool(row["embodied_kg_co2e"]) == bool(row["embodied_source_id"]), row


# ----------------------------------------------------------------------------------------- metrics


def kpi_of(metric: str) -> tuple[str, bool]:
    """(kpi_name, is_functional_unit) by the lowest priority that matches."""
    found = duckdb.execute(
        f"select kpi_name, is_functional_unit from '{SEEDS}/reference/kpi_units.csv'"
        " where ? like metric_like order by priority limit 1",
        [metric],
    ).fetchone()
    return (found[0] or "", found[1]) if found else ("", False)


@pytest.mark.parametrize(
    ("metric", "kpi", "is_functional_unit"),
    [
        ("predictions_served", "predictions", True),
        ("tokens_processed", "tokens", True),
        ("rows_processed", "rows", True),
        ("images_generated", "images", True),
        ("requests", "requests", True),
        ("tokens_per_second", "", False),
        ("predictions_failed", "", False),
        ("predictions_correct", "", False),
        ("max_tokens", "", False),
        ("learning_rate", "", False),
        ("samples_ratio", "", False),
        ("batch_size", "", False),
        ("accuracy", "accuracy", False),
        ("val_accuracy", "accuracy", False),
        ("eval_loss", "loss", False),
        ("loss", "loss", False),
        ("f1", "f1", False),
        ("roc_auc", "auc", False),
        ("ndcg_at_10", "ndcg", False),
        ("rouge_l", "rouge", False),
        ("mean_iou", "iou", False),
        ("recall_at_100", "recall", False),
        ("wape", "error", False),
        ("sacrebleu", "bleu", False),
        ("happiness", "", False),
    ],
)
def test_only_an_amount_of_work_is_a_functional_unit(
    metric: str, kpi: str, is_functional_unit: bool
) -> None:
    assert kpi_of(metric) == (kpi, is_functional_unit)


def test_a_functional_unit_is_a_whole_name_with_a_unit() -> None:
    for row in read("reference/kpi_units.csv"):
        if row["is_functional_unit"] == "true":
            assert "%" not in row["metric_like"]
            assert row["kpi_name"]
            assert row["kpi_unit"]
        assert row["metric_like"] == row["metric_like"].lower()


# ---------------------------------------------------------------------------------------- factors


def test_every_region_has_a_grid_row() -> None:
    zones = {
        (row["zone_type"], row["provider_code"], row["zone_id"])
        for row in read("factors/grid_intensity_yearly.csv")
    }
    without = [
        row["region"]
        for row in read("reference/cloud_regions.csv")
        if not zones
        & {
            ("cloud_region", row["provider_code"], row["region"]),
            ("subdivision", "", row["subdivision_iso3166_2"]),
            ("country", "", row["country_iso3"]),
        }
    ]
    assert without == []


def test_every_region_has_a_pue() -> None:
    rows = [row for row in read("factors/pue_yearly.csv") if row["pue_ratio"]]
    known = {(row["provider_code"], row["region"]) for row in rows}
    for row in read("reference/cloud_regions.csv"):
        provider = row["provider_code"]
        assert {(provider, row["region"]), (provider, "*")} & known


def test_pue_rows_name_known_regions() -> None:
    regions = {(r["provider_code"], r["region"]) for r in read("reference/cloud_regions.csv")}
    for row in read("factors/pue_yearly.csv"):
        assert row["region"] == "*" or (row["provider_code"], row["region"]) in regions
        assert row["pue_ratio"] or row["wue_l_per_kwh"]


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("grid_intensity_yearly", "zone_type provider_code zone_id source_id published_on"),
        ("pue_yearly", "provider_code region pue_resolution source_id"),
    ],
)
def test_intervals_of_one_version_do_not_overlap(name: str, keys: str) -> None:
    last: dict[tuple[str, ...], str] = {}
    rows = read(f"factors/{name}.csv")
    for row in sorted(rows, key=lambda r: (r["recorded_on"], r["valid_from"])):
        key = (*(row[column] for column in keys.split()), row["recorded_on"])
        assert row["valid_from"] < row["valid_to"]
        assert last.get(key, "") <= row["valid_from"], row
        last[key] = row["valid_to"]


def test_cpu_curves_rise_and_every_scope_has_one_row_per_method() -> None:
    rows = read("factors/cpu_power.csv")
    for row in rows:
        watts = [
            float(row[column])
            for column in ("idle_w_per_vcpu", "w10_per_vcpu", "w50_per_vcpu", "max_w_per_vcpu")
        ]
        assert watts == sorted(watts), row
    keys = Counter(
        (r["microarchitecture"], r["provider_scope"], r["method"], r["recorded_on"]) for r in rows
    )
    assert max(keys.values()) == 1
    unknown = {r["provider_scope"] for r in rows if r["microarchitecture"] == "*"}
    assert unknown == {"aws", "gcp", "azure", "*"}


def test_the_default_shape_fills_a_row_without_a_curve() -> None:
    row = next(
        r
        for r in read("factors/cpu_power.csv")
        if (r["microarchitecture"], r["method"]) == ("EPYC 5th Gen", "specpower_2026_recomputed")
    )
    idle, maximum = 0.2141, 1.1781
    assert float(row["w10_per_vcpu"]) == pytest.approx(
        idle + 0.20 / 0.90 * (maximum - idle), abs=5e-5
    )
    assert float(row["w50_per_vcpu"]) == pytest.approx(
        idle + 0.63 / 0.90 * (maximum - idle), abs=5e-5
    )
    assert row["watts_basis"] == "idle_max"


def test_constants_of_the_power_model_are_there() -> None:
    constants = {r["factor_key"]: float(r["value"]) for r in read("factors/power_constants.csv")}
    expected = {
        "memory_w_per_gib": 0.392,
        "accelerator_g_0": 0.0,
        "accelerator_g_10": 0.2,
        "accelerator_g_50": 0.6,
        "accelerator_g_100": 1.0,
        "accelerator_utilization_training": 0.8,
        "accelerator_utilization_tuning": 0.7,
        "accelerator_utilization_inference": 0.4,
        "accelerator_utilization_data": 0.2,
        "accelerator_utilization_unknown": 0.6,
        "cpu_utilization_default": 0.5,
        "storage_ssd_wh_per_tb_hour": 1.2,
        "storage_hdd_wh_per_tb_hour": 0.65,
        "network_internet_kwh_per_gb": 0.059,
        "network_inter_region_kwh_per_gb": 0.0015,
        "network_intra_region_kwh_per_gb": 0.001,
    }
    assert {key: constants[key] for key in expected} == expected


def test_nothing_is_recorded_before_the_first_release() -> None:
    for seed in ALL:
        if seed.is_versioned:
            assert all(row["recorded_on"] >= "2026-11-23" for row in read(seed.path))
            assert all(row["published_on"] for row in read(seed.path))


# ---------------------------------------------------------------------------------- billing rules

CLASSIFY = """
with
    lines as (
        select
            given.*,
            case
                when regexp_extract(lower(text), accelerator_regex, 1) <> '' then 'accelerator'
                when regexp_extract(lower(text), text_regex, 1) <> '' then 'machine'
                else ''
            end as hardware_named
        from (select * from {lines}) as given
        left join read_csv('{grammars}') as grammars using (provider_code)
    ),
    matches as (
        select
            lines.line,
            rules.*,
            row_number() over (partition by lines.line order by rules.priority) as place
        from lines
        inner join
            read_csv('{rules}', all_varchar = false) as rules
            on lines.provider_code like rules.provider_code
            and lower(lines.service_name) like rules.service_name_like
            and lower(lines.text) like rules.text_like
            and lower(coalesce(lines.unit, '')) like rules.consumed_unit_like
            and lines.category like rules.charge_category
            and lines.hardware_named like rules.hardware_named
    )
select line, rule_id, energy_rule, allocation_hint, resource_class
from matches where place = 1 order by line
"""


def classify(lines: str) -> list[tuple]:
    rules, grammars = (
        SEEDS / "reference" / f"{name}.csv"
        for name in ("billing_line_rules", "instance_name_grammars")
    )
    query = CLASSIFY.format(lines=lines, rules=rules, grammars=grammars)
    return duckdb.execute(query).fetchall()


def test_rules_are_ordered_and_end_with_the_catch_all() -> None:
    rules = read("reference/billing_line_rules.csv")
    priorities = [int(row["priority"]) for row in rules]
    assert priorities == sorted(set(priorities))
    assert len({row["rule_id"] for row in rules}) == len(rules)
    patterns = (*line_rules.PATTERNS,)
    assert all(rules[-1][column] == "%" for column in (*patterns, "charge_category"))
    for row in rules:
        rule = row["energy_rule"]
        assert rule in line_rules.ENERGY_RULES or re.fullmatch(r"none:[a-z][a-z0-9_]*", rule), rule
        assert all(row[column] == row[column].lower() for column in patterns), row["rule_id"]


def test_own_rules_may_say_what_the_products_rules_say() -> None:
    rules = read("reference/billing_line_rules.csv")
    assert set(line_rules.COLUMNS) == set(rules[0])
    told = {row["energy_rule"] for row in read("reference/line_energy_rules.csv")}
    assert set(line_rules.ENERGY_RULES) == told | {"instance_hours", "accelerator_hours"}
    for column, allowed in (
        ("resource_class", line_rules.RESOURCE_CLASSES),
        ("allocation_hint", line_rules.ALLOCATION_HINTS),
        ("charge_category", line_rules.CHARGE_CATEGORIES),
        ("hardware_named", line_rules.HARDWARE),
    ):
        assert {row[column] for row in rules} <= set(allowed), column
    constants = {row["factor_key"] for row in read("factors/power_constants.csv")}
    used = {row["factor_key"] for row in read("reference/line_energy_rules.csv")}
    assert used <= constants | {"vcpu_w"}


def test_every_reason_why_a_line_has_no_energy_says_whether_it_used_some() -> None:
    reasons = {row["missing_reason"] for row in read("reference/line_energy_gaps.csv")}
    rules = read("reference/billing_line_rules.csv")
    assert {row["energy_rule"][5:] for row in rules if row["energy_rule"][:5] == "none:"} <= reasons


def test_every_reason_for_no_energy_is_documented() -> None:
    page = (ROOT / "docs" / "factors.md").read_text()
    for row in read("reference/billing_line_rules.csv"):
        kind, _, reason = row["energy_rule"].partition(":")
        assert kind != "none" or f"`{reason}`" in page, reason


@pytest.mark.parametrize(
    ("provider", "service", "text", "unit", "category", "energy_rule", "hint"),
    [
        ("aws", "Amazon Elastic Compute Cloud", "EUW2-BoxUsage:p4d.24xlarge", "Hours", "Usage",
         "instance_hours", "ml"),
        ("aws", "Amazon SageMaker", "USE1-Train:ml.g5.xlarge $1.4 per Training", "Hours", "Usage",
         "instance_hours", "ml"),
        ("aws", "Amazon SageMaker", "USE1-Train:ml.m5.xlarge", "Hours", "Usage",
         "instance_hours", "ml"),
        ("aws", "Amazon Elastic Compute Cloud", "$0.00 for 175 Mbps per t3a.small instance-hour",
         "Hours", "Usage", "none:no_energy_surcharge", "ml"),
        ("aws", "Amazon Elastic Container Service", "AWS Fargate - vCPU", "Hours", "Usage",
         "serverless_vcpu_hours", "ml"),
        ("aws", "Amazon Elastic Compute Cloud", "gp3 provisioned storage", "GB-Months", "Usage",
         "storage_ssd", "ml"),
        ("aws", "AWS Support (Business)", "10% of monthly usage", "", "Usage",
         "none:not_usage", "shared"),
        ("aws", "Amazon Elastic Compute Cloud", "Tax for product code", "", "Tax",
         "none:not_usage", "shared"),
        ("gcp", "Compute Engine", "N1 Predefined Instance Core running in Americas", "hour",
         "Usage", "vcpu_hours", "ml"),
        ("gcp", "Compute Engine", "N1 Predefined Instance Ram running in EMEA", "gibibyte hour",
         "Usage", "memory_gib_hours", "ml"),
        ("gcp", "Compute Engine", "Nvidia Tesla T4 GPU running in EMEA", "hour", "Usage",
         "accelerator_hours", "ml"),
        ("gcp", "Vertex AI", "Gemini text output", "count", "Usage",
         "none:no_published_energy_per_token", "ml"),
        ("gcp", "Compute Engine", "SSD backed PD Capacity", "gibibyte month", "Usage",
         "storage_ssd", "ml"),
        ("gcp", "Cloud Storage", "Standard Storage US Regional", "gibibyte month", "Usage",
         "storage_hdd", "ml"),
        ("gcp", "Compute Engine", "Network Inter Zone Data Transfer Out", "gibibyte", "Usage",
         "network_intra_region", "ml"),
        ("azure", "Virtual Machines", "Virtual Machines NCasT4_v3 Series - NC4as T4 v3", "Hours",
         "Usage", "instance_hours", "ml"),
        ("azure", "Virtual Machines", "Virtual Machines Dv3 Series - D2 v3", "Hours", "Usage",
         "instance_hours", "ml"),
        ("somewhere", "Unheard of", "", "", "Usage", "none:unknown_line", "not_ml"),
    ],
)  # fmt: skip
def test_typical_lines(
    provider: str, service: str, text: str, unit: str, category: str, energy_rule: str, hint: str
) -> None:
    values = ", ".join(f"'{value}'" for value in (provider, service, text, unit, category))
    lines = f"(values (1, {values})) as v(line, provider_code, service_name, text, unit, category)"
    (found,) = classify(lines)
    assert (found[2], found[3]) == (energy_rule, hint), found[1]


@pytest.mark.skipif(not FOCUS_SAMPLE.is_file(), reason="the real FOCUS sample is not there")
def test_every_line_of_the_real_sample_is_described_by_more_than_the_catch_all() -> None:
    lines = f"""(
        select
            row_number() over () as line,
            case ProviderName when 'AWS' then 'aws' when 'Microsoft' then 'azure' else 'oracle' end
                as provider_code,
            ServiceName as service_name,
            ' ' || ChargeDescription || ' ' || coalesce(SkuId, '') as text,
            ConsumedUnit as unit,
            ChargeCategory as category
        from read_csv('{FOCUS_SAMPLE}', all_varchar = true)
    )"""
    found = classify(lines)
    assert len(found) == 1000
    assert not [row for row in found if row[1] == "catch_all"]
    energy = Counter(row[2] for row in found)
    assert energy["instance_hours"] == 28
    assert energy["network_internet"] == 390
    hints = Counter(row[3] for row in found)
    assert hints["shared"] == 3
