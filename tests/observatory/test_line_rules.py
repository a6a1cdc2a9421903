"""The organisation's own rules of bill lines: read, checked."""

from pathlib import Path

import pytest

from ingest.errors import ConfigError
from observatory.line_rules import read_line_rules
from observatory.settings import load_settings

HEADER = "rule_id,priority,text_like,resource_class,allocation_hint,energy_rule"
GOOD = f"{HEADER}\nmine,7,%Fleet%,compute,ml,vcpu_hours\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "rules.csv"
    path.write_text(text)
    return path


def test_what_is_left_out_fits_anything(tmp_path: Path) -> None:
    (rule,) = read_line_rules(write(tmp_path, "\ufeff" + GOOD))
    assert rule == {
        "rule_id": "mine",
        "priority": 7,
        "provider_code": "%",
        "service_name_like": "%",
        "text_like": "%fleet%",
        "consumed_unit_like": "%",
        "hardware_named": "%",
        "charge_category": "%",
        "resource_class": "compute",
        "allocation_hint": "ml",
        "energy_rule": "vcpu_hours",
        "note": None,
    }


def test_without_priorities_the_files_order_holds(tmp_path: Path) -> None:
    rows = "b,,%,other,ml,none:ours\na,,%,other,ml,none:ours\n"
    rules = read_line_rules(write(tmp_path, f"{HEADER}\n{rows}"))
    assert [(rule["rule_id"], rule["priority"]) for rule in rules] == [("b", 1), ("a", 2)]


def test_the_products_rules_can_be_read_as_own(tmp_path: Path) -> None:
    product = Path(__file__).parents[2] / "seeds" / "reference" / "billing_line_rules.csv"
    assert len(read_line_rules(product)) == len(product.read_text().splitlines()) - 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("text_like", "txt_like"), "unknown column 'txt_like'"),
        (GOOD.replace("energy_rule", "note"), "no column 'energy_rule'"),
        (GOOD.replace("compute", "computer"), "rules.csv:2: resource_class 'computer' is none of"),
        (GOOD.replace(",ml,", ",,"), "rules.csv:2: allocation_hint '' is none of"),
        (GOOD.replace("vcpu_hours", "cpu_hours"), "energy_rule 'cpu_hours' is none of"),
        (GOOD.replace("vcpu_hours", "none:"), "energy_rule 'none:' is none of"),
        (GOOD.replace(",7,", ",first,"), "priority 'first' is no whole number"),
        (GOOD.replace("mine", ""), "rule_id is empty"),
        (GOOD + "mine,8,%,other,ml,none:x\n", "rules.csv:3: rule_id 'mine' is there twice"),
        (GOOD + "short,8\n", "rules.csv:3: not as many fields as the header"),
        (GOOD + "long,8,%,other,ml,none:x,1,2\n", "rules.csv:3: not as many fields"),
        ("", "no column 'rule_id'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_line_rules(write(tmp_path, text))


def test_the_path_starts_at_the_config_file(tmp_path: Path) -> None:
    config = tmp_path / "observatory.toml"
    config.write_text('[billing]\nline_rules = "own/rules.csv"\n')
    path = load_settings(config).billing.line_rules
    assert path == tmp_path / "own" / "rules.csv"
    with pytest.raises(ConfigError, match="cannot read"):
        read_line_rules(path)
