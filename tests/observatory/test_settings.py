"""Settings: where they come from, and what is said of a wrong one."""

import re
import tomllib
from pathlib import Path

import pytest

from ingest.errors import ConfigError
from observatory import example
from observatory.settings import SECTIONS, load_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(site: Path) -> Path:
    return site / "observatory.toml"


def refused(config: Path, text: str) -> str:
    config.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_settings(config)
    return str(error.value)


def test_defaults_start_at_the_config_files_folder(config: Path, tmp_path: Path) -> None:
    paths = load_settings(config).paths
    assert paths.landing == tmp_path / "data" / "landing"
    assert paths.warehouse == tmp_path / "data" / "warehouse.duckdb"
    assert paths.published == tmp_path / "data" / "published"
    assert paths.inbox == tmp_path / "data" / "inbox"


def test_relative_paths_start_there_too_and_absolute_ones_stay(
    config: Path, tmp_path: Path
) -> None:
    config.write_text('[paths]\nlanding = "../l"\nwarehouse = "/w/x.duckdb"\n')
    paths = load_settings(config).paths
    assert paths.landing == tmp_path.parent / "l"
    assert paths.warehouse == Path("/w/x.duckdb")


def test_without_a_config_they_start_at_the_current_folder(site: Path) -> None:
    assert load_settings(None).paths.landing == site / "data" / "landing"


def test_the_tree_is_frozen(config: Path) -> None:
    settings = load_settings(config)
    with pytest.raises(ValueError, match="frozen"):
        settings.paths.landing = Path("/x")  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        settings.paths = settings.paths  # type: ignore[misc]


def test_the_environment_goes_before_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text('[paths]\nlanding = "a"\n[sources.tiny]\npath = "b"\nfactor = 2\n')
    monkeypatch.setenv("OBSERVATORY_PATHS__LANDING", "/env/landing")
    monkeypatch.setenv("OBSERVATORY_SOURCES__TINY__PATH", "/env/in")
    monkeypatch.setenv("OBSERVATORY_ANOMALY__THRESHOLD", "4.5")
    monkeypatch.setenv("OBSERVATORY_REFRESH__KEEP_VERSIONS", "")  # empty is not given
    settings = load_settings(config)
    assert settings.paths.landing == Path("/env/landing")
    tiny = settings.sources["tiny"]["default"]
    assert (tiny.path, tiny.factor) == ("/env/in", 2.0)  # type: ignore[attr-defined]
    assert settings.anomaly.threshold == 4.5
    assert settings.refresh.keep_versions == 30


def test_the_environment_alone_is_enough(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBSERVATORY_SOURCES__TINY__LYON__PATH", "in")
    monkeypatch.setenv("OBSERVATORY_SITES__LYON__PUE", "1.2")
    settings = load_settings(None)
    assert settings.sources["tiny"]["lyon"].path == str(site / "in")  # type: ignore[attr-defined]
    assert settings.sites["lyon"].pue == 1.2


def test_the_environment_meets_a_key_with_capitals(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text('[sources.tiny.Lyon]\npath = "a"\n')
    monkeypatch.setenv("OBSERVATORY_SOURCES__TINY__LYON__FACTOR", "3")
    assert load_settings(config).sources["tiny"]["Lyon"].factor == 3.0  # type: ignore[attr-defined]


def test_several_instances_share_what_stands_above_them(config: Path) -> None:
    config.write_text(
        '[sources.tiny]\nfactor = 5\n[sources.tiny.a]\npath = "a"\n'
        '[sources.tiny.b]\npath = "b"\nfactor = 6\nenabled = false\n'
    )
    settings = load_settings(config)
    found = settings.sources["tiny"]
    assert {name: tiny.factor for name, tiny in found.items()} == {"a": 5, "b": 6}  # type: ignore[attr-defined]
    read = [(name, instance) for name, instance, _ in settings.instances()]
    assert read == [("run_events", "inbox"), ("tiny", "a")]


@pytest.mark.parametrize(
    ("text", "instances"),
    [
        ("", ["inbox"]),
        ('[sources.run_events]\npath = "elsewhere"', ["default", "inbox"]),
        ('[sources.run_events]\npath = "data/inbox"', ["inbox"]),  # never read twice
        ('[sources.run_events]\npath = "x"\nenabled = false', []),
    ],
)
def test_run_events_always_reads_the_inbox(config: Path, text: str, instances: list[str]) -> None:
    config.write_text(text)
    read = [i for name, i, _ in load_settings(config).instances() if name == "run_events"]
    assert read == instances


@pytest.mark.parametrize(
    ("text", "setting", "hint"),
    [
        ('[path]\nlanding = "x"', "[path]", "paths"),
        ('[paths]\nlandng = "x"', "paths.landng", "landing"),
        ("[anomaly]\ntreshold = 3", "anomaly.treshold", "threshold"),
        ('[sources.tny]\npath = "x"', "sources.tny", "tiny"),
        ('[sources.tiny]\npath = "x"\nfacto = 2', "sources.tiny.facto", "factor"),
        ('[sources.tiny.a]\npath = "x"\nfacto = 2', "sources.tiny.a.facto", "factor"),
        ("[sites.lyon]\npeu = 1.2", "sites.lyon.peu", "pue"),
        ("[sites.lyon.hosts.a100]\nvcpu = 1", "sites.lyon.hosts.a100.vcpu", "vcpus"),
    ],
)
def test_an_unknown_key_names_the_nearest(config: Path, text: str, setting: str, hint: str) -> None:
    message = refused(config, text)
    assert setting in message
    assert f"did you mean {hint}?" in message
    assert str(config) in message


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('[anomaly]\nthreshold = "much"', ["anomaly.threshold", "valid number", "'much'"]),
        ("[anomaly]\nthreshold = 0.5", ["anomaly.threshold", "greater than 1", "0.5"]),
        ("[sites.lyon]\npue = 0.9", ["sites.lyon.pue", "greater than or equal to 1", "0.9"]),
        ("[sites.lyon.hosts.x]\nvcpus = -1", ["sites.lyon.hosts.x.vcpus", "greater than 0"]),
        ('[reporting]\ntimezone = "Mars"', ["reporting.timezone", "Europe/Paris", "'Mars'"]),
        ('[reporting]\ncurrency = "euro"', ["reporting.currency", "'euro'"]),
        ('[refresh]\ntarget = "spark"', ["refresh.target", "duckdb", "'spark'"]),
        ('[refresh]\nmemory_limit = "lots"', ["refresh.memory_limit", "'lots'"]),
        ('[attribution]\nidle_policy = "no"', ["attribution.idle_policy", "reserved"]),
        ("[sources.tiny]", ["sources.tiny.path is missing", "a folder"]),
        ("[sources.tiny]\npath = 3", ["sources.tiny.path", "valid string"]),
        ('sources = "tiny"', ["sources must be a table"]),
        ('[sources]\ntiny = "x"', ["sources.tiny must be a table"]),
        ("paths = 3", ["paths must be a table"]),
        ("[paths\n", ["not valid TOML"]),
        ("[paths]\n[paths]\n", ["not valid TOML", "join the two"]),
        ("[anomaly]\nthreshold = nan", ["anomaly.threshold"]),
        ("[sites.lyon]\npue = 5.1", ["sites.lyon.pue", "less than or equal to 5", "5.1"]),
        ("[sites.lyon]\npue = inf", ["sites.lyon.pue", "inf"]),
        ("[sites.lyon]\nintensity_g_per_kwh = 2001", ["sites.lyon.intensity_g_per_kwh", "2000"]),
        ("[sites.lyon]\nintensity_g_per_kwh = -1", ["sites.lyon.intensity_g_per_kwh", "to 0"]),
        ("[sites.lyon]\nprice_per_vcpu_hour = -1", ["sites.lyon.price_per_vcpu_hour", "to 0"]),
        ("[sites.lyon]\nprice_per_device_hour = inf", ["sites.lyon.price_per_device_hour"]),
        ("[sites.lyon.hosts.x]\nvcpus = inf", ["sites.lyon.hosts.x.vcpus", "inf"]),
        ("[sites.lyon.hosts.x]\nvcpus = 1e9", ["sites.lyon.hosts.x.vcpus", "100000"]),
        ("[sites.lyon.hosts.x]\nmemory_gib = 0", ["sites.lyon.hosts.x.memory_gib", "than 0"]),
        ("[sites.lyon.hosts.x]\nmemory_gib = 1e9", ["sites.lyon.hosts.x.memory_gib", "10000000"]),
        ("[sites.lyon.hosts.x]\naccelerator_count = 0", ["hosts.x.accelerator_count", "than 0"]),
        ("[sites.lyon.hosts.x]\naccelerator_count = 1e6", ["hosts.x.accelerator_count", "10000"]),
        ("[sites.lyon.hosts.x]\nrated_w = 0", ["sites.lyon.hosts.x.rated_w", "greater than 0"]),
        ("[sites.lyon.hosts.x]\nrated_w = nan", ["sites.lyon.hosts.x.rated_w"]),
    ],
)
def test_a_wrong_value_names_the_setting_and_the_file(
    config: Path, text: str, parts: list[str]
) -> None:
    message = refused(config, text)
    for part in [*parts, str(config)]:
        assert part in message


def test_all_problems_are_told_at_once(config: Path) -> None:
    message = refused(config, '[anomaly]\nwindow = 0\n[reporting]\ncurrency = "x"')
    assert "anomaly.window" in message
    assert "reporting.currency" in message


def test_a_wrong_variable_is_named_instead_of_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBSERVATORY_ANOMALY__WINDOW", "0")
    with pytest.raises(ConfigError, match="environment variable OBSERVATORY_ANOMALY__WINDOW"):
        load_settings(config)


@pytest.mark.parametrize("variable", ["OBSERVATORY_PATHS__LANDNG", "OBSERVATORY_PATH__LANDING"])
def test_an_unknown_variable_is_an_error(
    config: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "/x")
    with pytest.raises(ConfigError, match=r"did you mean (landing|paths)"):
        load_settings(config)


def test_variables_of_the_models_are_not_settings(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBSERVATORY_LANDING", "/x")
    load_settings(config)


def test_a_config_that_is_not_there_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such config file; .* init"):
        load_settings(tmp_path / "no.toml")


HUSH = "xoxb-very-secret"


def test_tokens_come_from_the_environment_separated_by_commas(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBSERVATORY_COLLECTOR__TOKENS", f"{HUSH},second")
    settings = load_settings(config)
    assert [t.get_secret_value() for t in settings.collector.tokens] == [HUSH, "second"]
    assert HUSH not in repr(settings)
    assert HUSH not in settings.model_dump_json()


def test_a_secret_may_come_from_a_file(config: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{HUSH}\n")
    config.write_text(
        '[alerts]\nslack_bot_token_file = "secret"\n'
        '[sources.tiny]\npath = "in"\ntoken_file = "secret"\n'
    )
    settings = load_settings(config)
    assert settings.alerts.slack_bot_token is not None
    assert settings.alerts.slack_bot_token.get_secret_value() == HUSH
    assert settings.sources["tiny"]["default"].token.get_secret_value() == HUSH  # type: ignore[attr-defined]
    assert HUSH not in repr(settings)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('[alerts]\nslack_bot_token_file = "none"', ["alerts.slack_bot_token_file", "cannot read"]),
        (
            f'[alerts]\nslack_webhook = "{HUSH}"\nslack_webhook_file = "x"',
            ["both alerts.slack_webhook_file and alerts.slack_webhook"],
        ),
        (f'[alerts]\nslack_bot_tokn = "{HUSH}"', ["did you mean slack_bot_token?"]),
        (f'[alerts]\nslack_webhook = ["{HUSH}"]', ["alerts.slack_webhook", "valid string"]),
        (f'[collector]\ntokens = {{a = "{HUSH}"}}', ["collector.tokens"]),
        (f'[sources.tiny]\npath = "x"\ntoken = ["{HUSH}"]', ["sources.tiny.token"]),
    ],
)
def test_no_message_holds_a_secret(config: Path, text: str, parts: list[str]) -> None:
    message = refused(config, text)
    assert HUSH not in message
    for part in parts:
        assert part in message


def test_the_example_is_made_from_the_tree() -> None:
    written = (ROOT / "observatory.example.toml").read_text()
    assert written == example.example(), (
        "run: python -m observatory.example > observatory.example.toml"
    )


def test_the_example_as_it_is_means_the_defaults(site: Path) -> None:
    path = site / "example.toml"
    path.write_text(example.example())
    written, nothing = load_settings(path), load_settings(None)
    assert written.model_dump() == nothing.model_dump()


def test_every_line_of_the_example_is_a_setting(site: Path) -> None:
    given = r"^# {1,3}(?=\[[a-zA-Z_.]+\]$|[a-z_]+ = )"
    lines = re.sub(given, "", example.example(), flags=re.MULTILINE).splitlines()
    keep = [line for line in lines if "_file = " not in line]
    path = site / "example.toml"
    path.write_text("\n".join(keep))
    table = tomllib.loads(path.read_text())
    assert set(table) == set(SECTIONS)
    settings = load_settings(path)
    assert settings.sites["NAME"].hosts["TYPE"].vcpus == 128
    assert settings.alerts.owners == {"nlp": "#nlp-costs"}
