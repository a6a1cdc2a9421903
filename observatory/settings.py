"""The settings: one frozen tree, built once from a TOML file and the environment, handed down.

    load_settings(Path("observatory.toml"))     the file, then OBSERVATORY_SECTION__KEY over it
    load_settings(None)                         the environment and the defaults only

Relative paths and defaults resolve against the config file's folder, without a file against the
current folder. A wrong setting raises `ConfigError`, which names the setting, where it came from
and the remedy, and never shows a secret.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    SerializeAsAny,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ingest.bounds import (
    MAX_ACCELERATORS,
    MAX_GRID_INTENSITY_G_PER_KWH,
    MAX_MEMORY_GIB,
    MAX_VCPUS,
)
from ingest.collector.settings import CollectorSettings
from ingest.errors import ConfigError
from ingest.sources import SourceSettings, registry

PREFIX = "OBSERVATORY_"
DEFAULT_INSTANCE = "default"
# `run_events` always reads the inbox, as an instance of this name.
INBOX_INSTANCE = "inbox"
INBOX_SOURCE = "run_events"

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
# What the audit of the marts allows: beyond it, one wrong setting would stop the night.
Pue = Annotated[float, Field(ge=1, le=5, allow_inf_nan=False)]
GridIntensity = Annotated[float, Field(ge=0, le=MAX_GRID_INTENSITY_G_PER_KWH, allow_inf_nan=False)]
Tags = tuple[Annotated[str, Field(min_length=1)], ...]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Section(BaseModel):
    """A table of the file. Unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PathSettings(Section):
    """Where things are. Relative paths start at the folder of this file."""

    landing: Path = Field(
        default=Path("data/landing"),
        description="The system of record: append-only Parquet. Keep it; the rest can be rebuilt.",
    )
    warehouse: Path = Field(
        default=Path("data/warehouse.duckdb"),
        description="The DuckDB file the models are built in.",
    )
    published: Path = Field(
        default=Path("data/published"),
        description="The published snapshots and the pointer `current`.",
    )
    inbox: Path = Field(
        default=Path("data/inbox"), description="Files of run events that are read every night."
    )


class ReportingSettings(Section):
    """How numbers are reported."""

    currency: Currency = Field(
        default="USD", description="ISO 4217 code that costs are converted to."
    )
    timezone: str = Field(default="UTC", description="IANA name of the time zone that pages show.")
    locale: str = Field(
        default="en",
        pattern=r"^[a-z]{2,3}([_-][A-Za-z0-9]{2,8})*$",
        description="Language of numbers.",
    )

    @field_validator("timezone")
    @classmethod
    def _exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("no such time zone; use an IANA name such as Europe/Paris") from error
        return value


class RefreshSettings(Section):
    """The night."""

    target: Literal["duckdb"] = Field(default="duckdb", description="The engine.")
    keep_versions: int = Field(
        default=30, ge=1, description="Snapshots of nights that are kept; as many of --as-of."
    )
    threads: int | None = Field(
        default=None,
        ge=1,
        le=256,
        examples=[4],
        description="Models built at the same time; as many as there are cores.",
    )
    memory_limit: str | None = Field(
        default=None,
        pattern=r"^\d+(\.\d+)?\s*([KMGT]i?B|%)$",
        examples=["8GB"],
        description='How much memory the engine may use, such as "8GB"; 75 % of what there is.',
    )


class AttributionSettings(Section):
    """Who carries what is shared."""

    idle_policy: Literal["reserved", "activity", "idle_row"] = Field(
        default="reserved",
        description="Who carries the idle power of a shared host, and its cost.",
    )
    run_tags: Tags = Field(
        default=("run_id", "mlflow_run_id", "vertex-ai-pipelines-run-billing-id"),
        description="Keys of tags on the bill whose value is a run's id. Case and punctuation of "
        "keys and values do not count.",
    )
    job_tags: Tags = Field(
        default=("job_name", "job", "aws:eks:workload-name"),
        description="Keys of tags whose value is a job's name.",
    )
    team_tags: Tags = Field(
        default=("team", "ml_team"),
        description="Keys of tags whose value is a team's name.",
    )
    project_tags: Tags = Field(
        default=("project", "ml_project"),
        description="Keys of tags whose value is a project's name.",
    )

    @field_validator("run_tags", "job_tags", "team_tags", "project_tags", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else value


class BillingSettings(Section):
    """What bills need that no provider tells."""

    line_rules: Path | None = Field(
        default=None,
        examples=["line_rules.csv"],
        description="A CSV of your own rules, with the columns of the product's "
        "billing_line_rules.csv; they go before the product's.",
    )
    exchange_rates: Path | None = Field(
        default=None,
        examples=["exchange_rates.csv"],
        description="A CSV file of rates to the reporting currency: from_currency, to_currency, "
        "rate (of one unit of the first), valid_from, valid_to (a day, not included; may be "
        "empty), published_on, source.",
    )


class AnomalySettings(Section):
    """When a run counts as out of the ordinary."""

    threshold: float = Field(
        default=3.0, gt=1, allow_inf_nan=False, description="Times the usual of the same job."
    )
    min_history: int = Field(
        default=3, ge=1, description="Successful runs before a job can be judged."
    )
    window: int = Field(default=20, ge=1, description="How many earlier runs say what is usual.")


class RunSettings(Section):
    """What is made of what runs tell."""

    lost_after_hours: float = Field(
        default=24.0,
        gt=0,
        allow_inf_nan=False,
        description="A run that never said that it ended is lost after so many hours of silence, "
        "as of the night.",
    )
    jobs: Tags = Field(
        default=(),
        examples=[("train_*", "prod/features.build")],
        description="Jobs that OpenLineage and Airflow tell of (dag_id.task_id) and that are runs "
        "also where nothing else tells of them; * stands for any text. A job's name, or its "
        "OpenLineage namespace/name.",
    )

    @field_validator("jobs", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else value


class FactorSettings(Section):
    """The factors that figures rest on."""

    path: Path | None = Field(
        default=None,
        examples=["/exports/factors"],
        description="What `factors update` reads: a CSV file named like its factor table, or a "
        "folder of them.",
    )
    stale_after_years: NotNegative = Field(
        default=2.0, description="`status` and the app warn of factors of runs older than this."
    )


class AlertSettings(Section):
    """Where messages go."""

    slack_webhook: SecretStr | None = Field(
        default=None, description="An incoming webhook of Slack."
    )
    slack_webhook_file: Path | None = Field(
        default=None, description="A file that holds it instead."
    )
    slack_bot_token: SecretStr | None = Field(default=None, description="Or a bot token.")
    slack_bot_token_file: Path | None = Field(
        default=None, description="A file that holds it instead."
    )
    default_channel: str | None = Field(
        default=None, examples=["#ml-carbon"], description="The channel where no owner is known."
    )
    owners: dict[str, str] = Field(
        default_factory=dict,
        examples=[{"nlp": "#nlp-costs"}],
        description="Owner or team → channel or member id.",
    )


class HostSettings(Section):
    """The hardware of one host type of a site."""

    vcpus: Annotated[Positive, Field(le=MAX_VCPUS)] | None = Field(
        default=None, examples=[128], description="Hardware threads."
    )
    memory_gib: Annotated[Positive, Field(le=MAX_MEMORY_GIB)] | None = Field(
        default=None, examples=[1024], description="Memory in GiB."
    )
    cpu_model: str | None = Field(
        default=None, examples=["AMD EPYC 7763"], description="The processor's name."
    )
    accelerator_model: str | None = Field(
        default=None, examples=["A100-SXM4-80GB"], description="The accelerator's name."
    )
    accelerator_count: Annotated[Positive, Field(le=MAX_ACCELERATORS)] | None = Field(
        default=None, examples=[8], description="Accelerators per host, if it has any."
    )
    rated_w: Positive | None = Field(
        default=None, examples=[6500], description="Rated power of the whole host in W."
    )


class SiteSettings(Section):
    """An on-premise site; a run whose region is its name uses it."""

    grid_zone: str | None = Field(
        default=None, examples=["FR"], description="The grid zone, such as FR or US-CAL-CISO."
    )
    intensity_g_per_kwh: GridIntensity | None = Field(
        default=None,
        examples=[56.0],
        description="gCO2e per kWh of the site's own supply, if it is not the zone's.",
    )
    pue: Pue | None = Field(
        default=None, examples=[1.28], description="Facility energy ÷ IT energy, 1 to 5."
    )
    wue_l_per_kwh: NotNegative | None = Field(
        default=None, examples=[0.4], description="Litres of water per IT kWh."
    )
    price_per_device_hour: NotNegative | None = Field(
        default=None, examples=[1.2], description="Price of an accelerator for an hour."
    )
    price_per_vcpu_hour: NotNegative | None = Field(
        default=None, examples=[0.012], description="Price of a vCPU hour."
    )
    price_currency: Currency | None = Field(
        default=None, examples=["EUR"], description="ISO 4217 code of both prices."
    )
    hosts: dict[str, HostSettings] = Field(
        default_factory=dict, description="Host types of the site."
    )


class ContractSettings(Section):
    """Electricity of a known origin that the organisation bought: a power purchase agreement,
    guarantees of origin or other certificates, a supplier's tariff. Market-based figures use it.
    """

    kind: Literal["ppa", "certificates", "supplier"] = Field(
        examples=["certificates"],
        description="ppa, certificates (GO, REC, I-REC …) or supplier (a tariff).",
    )
    regions: tuple[str, ...] = Field(
        default=(), examples=[("lyra",)], description="Cloud regions or sites it is for."
    )
    grid_zones: tuple[str, ...] = Field(
        default=(), examples=[("FR",)], description="Or every place in these grid zones."
    )
    valid_from: date = Field(
        examples=["2026-01-01"], description="First day of its period (UTC), included."
    )
    valid_to: date = Field(
        examples=["2027-01-01"], description="End of its period (UTC), not included."
    )
    volume_kwh: Positive | None = Field(
        default=None,
        examples=[250000],
        description="How much it covers; without it, all that is used.",
    )
    intensity_g_per_kwh: GridIntensity = Field(
        default=0.0, description="gCO2e per kWh of what was bought."
    )
    evidence: str | None = Field(
        default=None,
        examples=["cancellation statement 2026-0417"],
        description="What an auditor can ask for.",
    )

    @model_validator(mode="after")
    def _is_for_something(self) -> Self:
        if not self.regions and not self.grid_zones:
            raise ValueError("name the regions or the grid_zones it is for")
        if self.valid_from >= self.valid_to:
            raise ValueError("valid_to must be after valid_from; it is not included")
        return self


class Settings(BaseSettings):
    """The whole tree. Build it with `load_settings`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, enable_decoding=False
    )

    paths: PathSettings = Field(default_factory=PathSettings)
    reporting: ReportingSettings = Field(default_factory=ReportingSettings)
    refresh: RefreshSettings = Field(default_factory=RefreshSettings)
    attribution: AttributionSettings = Field(default_factory=AttributionSettings)
    billing: BillingSettings = Field(default_factory=BillingSettings)
    runs: RunSettings = Field(default_factory=RunSettings)
    anomaly: AnomalySettings = Field(default_factory=AnomalySettings)
    factors: FactorSettings = Field(default_factory=FactorSettings)
    collector: CollectorSettings = Field(default_factory=CollectorSettings)
    alerts: AlertSettings = Field(default_factory=AlertSettings)
    sites: dict[str, SiteSettings] = Field(default_factory=dict)
    contracts: dict[str, ContractSettings] = Field(default_factory=dict)
    sources: dict[str, dict[str, SerializeAsAny[SourceSettings]]] = Field(default_factory=dict)

    base: Path = Field(exclude=True)  # the folder that relative paths start at
    config_file: Path | None = Field(default=None, exclude=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load_settings` merged."""
        return (init_settings,)

    def instances(self) -> list[tuple[str, str, SourceSettings]]:
        """(source, instance, settings) of everything the night reads, in a stable order."""
        return [
            (name, instance, settings)
            for name, instances in sorted(self.sources.items())
            for instance, settings in sorted(instances.items())
            if settings.enabled
        ]


SECTIONS = tuple(name for name in Settings.model_fields if name not in ("base", "config_file"))


def load_settings(config: Path | None, paths_base: Path | None = None) -> Settings:
    """The settings of a config file and the environment. Raises ConfigError.

    Relative paths are relative to the config's folder, those of [paths] to `paths_base` if given.
    """
    if config is not None:
        config = config.expanduser().absolute()
    base = config.parent if config is not None else Path.cwd()
    table = _read_toml(config) if config is not None else {}
    environment = _read_environment(table)
    merged = _merge(table, environment)
    where = _Where(config, environment)
    for name in table:
        if name not in SECTIONS:
            raise ConfigError(f"{where.file}: unknown section [{name}]{_nearest(name, SECTIONS)}")
    for name in SECTIONS:
        if not isinstance(merged.get(name, {}), dict):
            raise ConfigError(f"{where(name)}: {name} must be a table")
    sources = _sources(merged.pop("sources", {}), base, where)
    _read_secret_files(AlertSettings, merged.get("alerts", {}), base, ("alerts",), where)
    try:
        settings = Settings(**merged, base=base, config_file=config)
    except ValidationError as error:
        raise ConfigError(_explain(error, Settings, (), merged, where)) from None
    paths = settings.paths
    resolved = PathSettings(
        **{
            name: _resolve(getattr(paths, name), paths_base or base)
            for name in PathSettings.model_fields
        }
    )
    with_inbox = _with_inbox(sources, resolved.inbox)
    factors = settings.factors
    if factors.path is not None:
        factors = factors.model_copy(update={"path": _resolve(factors.path, base)})
    billing = settings.billing
    if billing.exchange_rates is not None:
        rates = _resolve(billing.exchange_rates, base)
        billing = billing.model_copy(update={"exchange_rates": rates})
    if billing.line_rules is not None:
        billing = billing.model_copy(update={"line_rules": _resolve(billing.line_rules, base)})
    collector = settings.collector.model_copy(
        update={
            name: _resolve(path, base)
            for name in ("tokens_file", "tls_certificate", "tls_key")
            if (path := getattr(settings.collector, name)) is not None
        }
    )
    return settings.model_copy(
        update={
            "paths": resolved,
            "collector": collector,
            "factors": factors,
            "billing": billing,
            "sources": with_inbox,
        }
    )


class _Where:
    """Says where a setting was written: an environment variable, or the file."""

    def __init__(self, config: Path | None, environment: Mapping[str, Any]) -> None:
        self.file = str(config) if config is not None else "the environment"
        self.environment = environment

    def __call__(self, *loc: str) -> str:
        node: Any = self.environment
        for part in loc:
            if not isinstance(node, dict) or part not in node:
                return self.file
            node = node[part]
        return f"environment variable {PREFIX}{'__'.join(loc).upper()}"


def _read_toml(config: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(config.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"{config}: no such config file; `observatory --config {config} init` writes one"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{config}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        twice = "; a section is written once: join the two" if "twice" in str(error) else ""
        raise ConfigError(f"{config}: not valid TOML: {error}{twice}") from error


def _read_environment(table: Mapping[str, Any]) -> dict[str, Any]:
    """OBSERVATORY_SECTION__KEY as nested tables, with the spelling the file uses for its keys."""
    for variable in sorted(os.environ):
        if variable.upper().startswith(PREFIX) and "__" in variable and os.environ[variable]:
            section = variable[len(PREFIX) :].lower().split("__")[0]
            if section not in SECTIONS:
                raise ConfigError(
                    f"environment variable {variable}: unknown section "
                    f"[{section}]{_nearest(section, SECTIONS)}"
                )
    source = EnvSettingsSource(
        Settings, env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True
    )
    nested = {name: value for name, value in source().items() if name in SECTIONS}
    spelled: dict[str, Any] = _respell(nested, table)
    return spelled


def _respell(values: Any, like: Any) -> Any:
    """Environment variables have no case: `[sources.slurm.Lyon]` keeps the file's spelling."""
    if not isinstance(values, dict):
        return values
    spelling = {key.lower(): key for key in like} if isinstance(like, Mapping) else {}
    return {
        spelling.get(key, key): _respell(value, like.get(spelling[key]) if key in spelling else {})
        for key, value in values.items()
    }


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = _merge(below, value) if both else value  # type: ignore[arg-type]
    return merged


def _resolve(path: Path, base: Path) -> Path:
    """Absolute, without following links, so that a pointer stays a pointer."""
    return Path(os.path.normpath(base / path.expanduser()))


def _sources(
    tables: Mapping[str, Any], base: Path, where: _Where
) -> dict[str, dict[str, SourceSettings]]:
    """[sources.NAME] and [sources.NAME.INSTANCE], checked by each source's own settings."""
    modules = registry()
    settings: dict[str, dict[str, SourceSettings]] = {}
    for name, table in tables.items():
        loc = ("sources", name)
        if name not in modules:
            hint = _nearest(name, modules)
            known = f"; the sources are {', '.join(modules)}" if not hint else ""
            raise ConfigError(f"{where(*loc)}: unknown source [sources.{name}]{hint}{known}")
        model = modules[name].Settings
        if not isinstance(table, Mapping):
            raise ConfigError(f"{where(*loc)}: sources.{name} must be a table")
        nested = {
            key: value
            for key, value in table.items()
            if isinstance(value, Mapping) and key not in model.model_fields
        }
        shared = {key: value for key, value in table.items() if key not in nested}
        if nested:
            settings[name] = {
                instance: _source(model, {**shared, **own}, base, (*loc, instance), loc, where)
                for instance, own in nested.items()
            }
        else:
            settings[name] = {
                DEFAULT_INSTANCE: _source(model, shared, base, loc, loc, where),
            }
    return settings


def _source(
    model: type[SourceSettings],
    table: dict[str, Any],
    base: Path,
    loc: tuple[str, ...],
    shared_loc: tuple[str, ...],
    where: _Where,
) -> SourceSettings:
    _read_secret_files(model, table, base, loc, where)
    try:
        return model.model_validate(table, context={"base": str(base)})
    except ValidationError as error:
        raise ConfigError(_explain(error, model, loc, table, where)) from None


def _with_inbox(
    sources: dict[str, dict[str, SourceSettings]], inbox: Path
) -> dict[str, dict[str, SourceSettings]]:
    """The inbox is read even when no [sources.run_events] is given, but never twice."""
    modules = registry()
    if INBOX_SOURCE not in modules:
        return sources
    configured = sources.get(INBOX_SOURCE, {})
    if configured and not any(settings.enabled for settings in configured.values()):
        return sources
    others = {
        instance: settings
        for instance, settings in configured.items()
        if os.path.normpath(getattr(settings, "path", None) or inbox) != str(inbox)
    }
    settings = modules[INBOX_SOURCE].Settings.model_validate({"path": str(inbox)})
    return {**sources, INBOX_SOURCE: {**others, INBOX_INSTANCE: settings}}


def _is_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))


def _read_secret_files(
    model: type[BaseModel], table: Any, base: Path, loc: tuple[str, ...], where: _Where
) -> None:
    """Put the content of every given `…_file` where its secret belongs."""
    if not isinstance(table, dict):
        return
    for name, field in model.model_fields.items():
        given = table.get(f"{name}_file")
        if not _is_secret(field.annotation) or not given:
            continue
        setting = ".".join((*loc, f"{name}_file"))
        origin = where(*loc, f"{name}_file")
        if name in table:
            raise ConfigError(
                f"{origin}: both {setting} and {'.'.join((*loc, name))} are set; keep one"
            )
        path = _resolve(Path(str(given)), base)
        try:
            table[name] = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise ConfigError(f"{origin}: {setting}: cannot read {path}: {reason}") from None


def _nearest(key: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(key, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def _explain(
    error: ValidationError,
    model: type[BaseModel],
    loc: tuple[str, ...],
    table: Mapping[str, Any],
    where: _Where,
) -> str:
    """Every problem on its own line: where it is written, the setting, what is wrong."""
    lines = []
    for problem in error.errors(include_url=False, include_context=False):
        own = tuple(str(part) for part in problem["loc"])
        owner, field = _owner(model, own)
        written = tuple(part for part in own if not part.isdigit())
        setting = ".".join((*loc, *own))
        origin = where(*loc, *written)
        if problem["type"] == "extra_forbidden":
            known = sorted(owner.model_fields) if owner is not None else []
            hint = _nearest(own[-1], known)
            listed = f"; known here: {', '.join(known)}" if known and not hint else ""
            lines.append(f"{origin}: unknown setting {setting}{hint}{listed}")
        elif problem["type"] == "missing":
            meaning = (
                owner.model_fields[own[-1]].description
                if owner is not None and own[-1] in owner.model_fields
                else None
            )
            lines.append(f"{origin}: {setting} is missing" + (f". {meaning}" if meaning else ""))
        else:
            message = problem["msg"].removeprefix("Value error, ")
            value = problem["input"]
            shown = (
                f", got {value!r}"
                if field is not None
                and not _is_secret(field.annotation)
                and isinstance(value, str | int | float | bool)
                else ""
            )
            lines.append(f"{origin}: {setting}: {message}{shown}")
    return "\n".join(lines)


def _owner(model: type[BaseModel], loc: tuple[str, ...]) -> tuple[type[BaseModel] | None, Any]:
    """The model that holds the last part of `loc`, and its field if there is one."""
    current: type[BaseModel] | None = model
    field = None
    position = 0
    while position < len(loc):
        part = loc[position]
        if current is None or part not in current.model_fields:
            break
        field = current.model_fields[part]
        if position == len(loc) - 1:
            return current, field
        inner = _inner_model(field.annotation)
        position += 1
        if inner is None:
            return None, field
        if _is_mapping(field.annotation):
            position += 1  # the name of the site, host or owner
        current = inner
    return current, None if current is not None and position < len(loc) else field


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in get_args(annotation):
        if (inner := _inner_model(part)) is not None:
            return inner
    return None


def _is_mapping(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is dict
