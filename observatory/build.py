"""Builds the models with dbt, inside this process, into a fresh warehouse file.

The warehouse can always be rebuilt from landing: a night builds `<folder>/.building/<warehouse
name>` and moves it into place only after the audit. Of yesterday's it takes over what models
remember of deliveries (observatory/memory.py), and nothing else. The name stays
the same because DuckDB's views hold the file's name as that of their catalogue. A warehouse whose
build or audit failed is kept as `<folder>/failed/<warehouse name>` to look into.
"""

import contextlib
import json
import logging
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from ingest.errors import AuditFailed, BuildFailed, ConfigError, ObservatoryError
from observatory import memory
from observatory.settings import Settings
from observatory.version import PROJECT
from observatory.version import models as models_of

logger = logging.getLogger(__name__)

# (models, seeds and tests done, all of them, the name of the one just done)
Progress = Callable[[int, int, str], None]

DEFAULT_MEMORY_LIMIT = "75%"
# Kinds of knowledge that may have an as-of time of their own.
KINDS = ("settings", "data", "factors")
PROBLEMS_LISTED = 8
VALUES_TOLD = 5
PARSED = "partial_parse.msgpack"
_MODELS = ("model", "seed", "snapshot")
_dbt_lock = threading.Lock()


@dataclass(frozen=True)
class BuildResult:
    """What dbt did: its manifest, and the names of what passed, failed or warned."""

    project: Path
    warehouse: Path  # where it was built
    home: Path  # where it will be
    manifest: Mapping[str, Any]
    invocation_id: str
    dbt_version: str
    models_built: int
    tests_passed: int
    failed_tests: list[str] = field(default_factory=list)
    warned_tests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  # a sentence per model or test that failed
    broken_models: list[str] = field(default_factory=list)
    is_part: bool = False  # not the night's build of everything

    def raise_for_failure(self) -> None:
        """Raise BuildFailed or AuditFailed if anything did not succeed."""
        counts = [
            f"{len(names)} {what}"
            for names, what in (
                (self.broken_models, "model(s) could not be built"),
                (self.failed_tests, "test(s) failed"),
            )
            if names
        ]
        if not counts:
            return
        listed = "; ".join(self.problems[:PROBLEMS_LISTED])
        if (more := len(self.problems) - PROBLEMS_LISTED) > 0:
            listed += f"; and {more} more, in {dbt_folder(self.home) / 'logs' / 'dbt.log'}"
        outcome = kept = ""
        if not self.is_part:
            outcome = ", nothing was published"
            kept = f". The warehouse is kept as {failed_path(self.home)}"
        message = f"{' and '.join(counts)}{outcome}: {listed}{kept}"
        if self.broken_models:
            # What could not be built is the cause; its tests were skipped.
            error: ObservatoryError = BuildFailed(message)
        else:
            error = AuditFailed(self.failed_tests, message)
        raise error


def project_dir() -> Path:
    """The folder of dbt_project.yml."""
    if (PROJECT / "dbt_project.yml").is_file():
        return PROJECT
    raise ConfigError(f"no dbt_project.yml in {PROJECT}: the installation is not complete")


def building_path(warehouse: Path) -> Path:
    """Where a warehouse is built before it takes its place."""
    return warehouse.parent / ".building" / warehouse.name


def failed_path(warehouse: Path) -> Path:
    """Where a warehouse that failed is kept."""
    return warehouse.parent / "failed" / warehouse.name


def dbt_folder(warehouse: Path) -> Path:
    """Where dbt keeps manifest.json, run_results.json, compiled SQL and logs."""
    return warehouse.parent / "dbt"


def build(
    settings: Settings,
    as_of: datetime,
    *,
    project: Path | None = None,
    full_refresh: bool = False,
    progress: Progress | None = None,
) -> BuildResult:
    """Build and test every model as of an instant, into `building_path`.

    `full_refresh` takes nothing over from the warehouse before, and also forgets what dbt remembers
    of the project's files.
    Raises BuildFailed when dbt could not even start.
    """
    project = project or project_dir()
    warehouse = building_path(settings.paths.warehouse)
    clear_building(settings.paths.warehouse)
    warehouse.parent.mkdir(parents=True)
    target = dbt_folder(settings.paths.warehouse)
    if full_refresh:
        shutil.rmtree(target, ignore_errors=True)
    else:
        memory.hand_on(settings.paths.warehouse, warehouse, models_of(project))
    target.mkdir(parents=True, exist_ok=True)
    for name in ("run_results.json", "manifest.json"):
        (target / name).unlink(missing_ok=True)
    arguments = [
        "build",
        "--exclude-resource-type",
        "unit_test",
        *(["--full-refresh"] if full_refresh else []),
    ]
    invoke(arguments, settings, warehouse, project, progress, as_of=as_of)
    result = _read_result(project, warehouse, settings.paths.warehouse, target)
    memory.note(warehouse, result.manifest, models_of(project))
    return result


def build_again(
    built: BuildResult, settings: Settings, as_of: datetime, models: Sequence[str]
) -> None:
    """Build and test some models of a build again, in its warehouse.

    Raises BuildFailed or AuditFailed.
    """
    whole = dbt_folder(settings.paths.warehouse)
    target = whole / "again"
    _hand_on_parsed(whole, target)
    (target / "run_results.json").unlink(missing_ok=True)
    arguments = [
        "build",
        *("--select", *models),
        *("--exclude-resource-type", "unit_test"),
    ]
    invoke(arguments, settings, built.warehouse, built.project, target=target, as_of=as_of)
    part = replace(_read_result(built.project, built.warehouse, built.home, target), is_part=True)
    part.raise_for_failure()


def build_part(
    settings: Settings,
    as_of: datetime,
    models: Sequence[str],
    warehouse: Path,
    *,
    project: Path | None = None,
    kinds_as_of: Mapping[str, datetime] | None = None,
) -> BuildResult:
    """Build some models and what they need, untested, into a warehouse file of its own.

    What is built this way answers a question of the night; it is never published. `kinds_as_of`
    are instants of kinds of knowledge (data, settings, factors) that have one of their own. A
    warehouse named like the night's spares dbt reading the whole project once more.
    Raises BuildFailed when a model could not be built.
    """
    project = project or project_dir()
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    built = building_path(settings.paths.warehouse)
    memory.hand_on(
        built if built.is_file() else settings.paths.warehouse, warehouse, models_of(project)
    )
    target = warehouse.parent / "dbt"
    _hand_on_parsed(dbt_folder(settings.paths.warehouse), target)
    (target / "run_results.json").unlink(missing_ok=True)
    arguments = [
        "build",
        *("--select", *(f"+{model}" for model in models)),
        *("--exclude-resource-type", "test", "unit_test"),
    ]
    invoke(
        arguments,
        settings,
        warehouse,
        project,
        target=target,
        as_of=as_of,
        kinds_as_of=kinds_as_of,
    )
    part = replace(_read_result(project, warehouse, warehouse, target), is_part=True)
    part.raise_for_failure()
    return part


def invoke(
    arguments: Sequence[str],
    settings: Settings,
    warehouse: Path,
    project: Path,
    progress: Progress | None = None,
    target: Path | None = None,
    as_of: datetime | None = None,
    kinds_as_of: Mapping[str, datetime] | None = None,
) -> None:
    """Run one dbt command in this process; its warnings and errors go to its log file, not to the
    screen.

    Raises BuildFailed when dbt stopped before it ran anything (a model that does not parse).
    """
    from dbt.cli.main import dbtRunner  # importing it takes more than a second

    _parse_wherever_the_warehouse_is()
    instants = {"AS_OF": as_of}
    instants |= {f"{kind.upper()}_AS_OF": (kinds_as_of or {}).get(kind) for kind in KINDS}
    target = target or dbt_folder(settings.paths.warehouse)
    command = [
        *arguments,
        *("--project-dir", str(project)),
        *("--profiles-dir", str(project)),
        *("--target", settings.refresh.target),
        *("--target-path", str(target)),
        *("--log-path", str(target / "logs")),
        *("--log-level", "none"),
        "--no-use-colors",
    ]
    with (
        _dbt_lock,
        _environment(settings, warehouse, instants),
        contextlib.redirect_stdout(sys.stderr),
    ):
        log = _Log(target / "logs" / "dbt.log")
        callbacks: list[Callable[[Any], None]] = [log, *([_Watcher(progress)] if progress else [])]
        outcome = dbtRunner(callbacks=callbacks).invoke(command)
        _close_connections()
    if isinstance(outcome.exception, KeyboardInterrupt | SystemExit):
        raise outcome.exception
    if outcome.exception is not None:
        raise BuildFailed(f"the models could not be built: {outcome.exception}")


def take_place(warehouse: Path) -> None:
    """The audited build becomes the warehouse, in one step."""
    built = building_path(warehouse)
    warehouse.with_name(f"{warehouse.name}.wal").unlink(missing_ok=True)
    built.replace(warehouse)
    clear_building(warehouse)


def keep_failed(warehouse: Path) -> None:
    """The build that failed is put aside."""
    built = building_path(warehouse)
    if built.exists():
        kept = failed_path(warehouse)
        kept.parent.mkdir(parents=True, exist_ok=True)
        built.replace(kept)
    clear_building(warehouse)


def clear_building(warehouse: Path) -> None:
    """Remove what an interrupted or finished build left."""
    shutil.rmtree(building_path(warehouse).parent, ignore_errors=True)


def threads(settings: Settings) -> int:
    """How many models are built at the same time."""
    return settings.refresh.threads or os.cpu_count() or 2


def memory_limit(settings: Settings) -> str:
    """DuckDB's memory limit."""
    return settings.refresh.memory_limit or DEFAULT_MEMORY_LIMIT


class _Log:
    """dbt's warnings and errors, in a file. Its own log formats what it then leaves out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", "utf-8")

    def __call__(self, event: Any) -> None:
        if event.info.level not in ("warn", "error"):
            return
        with self.lock, self.path.open("a", encoding="utf-8") as file:
            file.write(f"{event.info.ts.ToJsonString()} {event.info.level} {event.info.msg}\n")


class _Watcher:
    """Counts finished nodes from dbt's events, which come from several threads."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.done = 0
        self.total = 0
        self.lock = threading.Lock()

    def __call__(self, event: Any) -> None:
        with self.lock:
            if event.info.name == "LogStartLine":
                self.total = max(self.total, event.data.total)
            elif event.info.name == "NodeFinished":
                self.done += 1
                node = event.data.node_info
                self.progress(self.done, max(self.total, self.done), node.node_name)


@contextlib.contextmanager
def _environment(
    settings: Settings, warehouse: Path, instants: Mapping[str, datetime | None]
) -> Iterator[None]:
    """What profiles.yml, the sources and the models read, only while dbt runs."""
    values = {
        "OBSERVATORY_LANDING": str(settings.paths.landing),
        "OBSERVATORY_WAREHOUSE": str(warehouse),
        "OBSERVATORY_THREADS": str(threads(settings)),
        "OBSERVATORY_MEMORY_LIMIT": memory_limit(settings),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        **{
            f"OBSERVATORY_{name}": sql_instant(instant) if instant else None
            for name, instant in instants.items()
        },
    }
    before = {name: os.environ.get(name) for name in values}
    _set_environment(values)
    try:
        yield
    finally:
        _set_environment(before)


def _set_environment(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _hand_on_parsed(before: Path, target: Path) -> None:
    """What dbt remembers of the project spares it reading all of it once more; files that are
    others by now it reads.
    """
    target.mkdir(parents=True, exist_ok=True)
    if (before / PARSED).exists():
        shutil.copyfile(before / PARSED, target / PARSED)


def _parse_wherever_the_warehouse_is() -> None:
    """dbt forgets what it knows of the project when the connection is another. The path of the
    warehouse is no reason to: nothing that is parsed depends on it, but on its name.
    """
    from dbt.adapters.duckdb.credentials import DuckDBCredentials

    DuckDBCredentials._connection_keys = lambda _: ("database", "schema")  # type: ignore[method-assign]


def _close_connections() -> None:
    """DuckDB allows one writer per file: let go of it."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]


def sql_instant(instant: datetime) -> str:
    """An instant as the models' variables take it."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"


def _read_result(project: Path, warehouse: Path, home: Path, target: Path) -> BuildResult:
    try:
        manifest = json.loads((target / "manifest.json").read_text("utf-8"))
        run = json.loads((target / "run_results.json").read_text("utf-8"))
    except FileNotFoundError as error:
        raise BuildFailed(f"dbt left no result; see {target / 'logs' / 'dbt.log'}") from error
    found = _found(warehouse, run["results"])
    built = passed = 0
    failed: list[str] = []
    warned: list[str] = []
    broken: list[str] = []
    problems: list[str] = []
    for result in run["results"]:
        kind, _, rest = result["unique_id"].partition(".")
        name = _name(manifest, result["unique_id"], rest)
        message = found.get(result["unique_id"]) or _one_line(result.get("message"))
        status = result["status"]
        if status == "warn":
            warned.append(name)
            logger.warning("test %s warns: %s", name, message)
        elif status in ("success", "pass"):
            built += kind in _MODELS
            passed += kind == "test"
        elif status in ("error", "fail"):
            (failed if kind == "test" else broken).append(name)
            problems.append(f"{kind} {name}: {message}")
        # "skipped": what it depends on failed, and is named
    return BuildResult(
        project=project,
        warehouse=warehouse,
        home=home,
        manifest=manifest,
        invocation_id=run["metadata"]["invocation_id"],
        dbt_version=run["metadata"]["dbt_version"],
        models_built=built,
        tests_passed=passed,
        failed_tests=sorted(failed),
        warned_tests=sorted(warned),
        broken_models=sorted(broken),
        problems=sorted(problems, key=lambda problem: problem.startswith("test ")),
    )


def _name(manifest: Mapping[str, Any], unique_id: str, otherwise: str) -> str:
    """What a node is called: a generic test by what it asks and of what, whatever its length."""
    nodes = manifest["nodes"]
    node = nodes.get(unique_id, {})
    test, about = node.get("test_metadata"), nodes.get(node.get("attached_node"))
    if not test or not about:
        return str(node.get("name", otherwise))
    return "_".join(filter(None, [test["name"], about["name"], test["kwargs"].get("column_name")]))


def _found(warehouse: Path, results: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What tests that did not pass found, by their id: how many rows, and one of them. A test may
    say in a column `problem` what is wrong with a row.
    """
    sought = [r for r in results if r["status"] in ("fail", "warn") and r.get("compiled_code")]
    if not sought:
        return {}
    told = {}
    with duckdb.connect(warehouse, read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for result in sought:
            try:
                told[result["unique_id"]] = _rows_found(connection, result["compiled_code"])
            except duckdb.Error as error:  # dbt's own message then
                logger.info("%s cannot be asked again: %s", result["unique_id"], error)
    return told


def _rows_found(connection: duckdb.DuckDBPyConnection, test: str) -> str:
    problem = "problem" if "problem" in connection.sql(test).columns else "null"
    found = connection.execute(
        f"select {problem}, count(*), min(found) from ({test}) as found "  # noqa: S608
        "group by 1 order by 2 desc, 1"
    ).fetchall()
    return ", ".join(
        f"{f'{what} in ' if what else ''}{rows} row(s), such as {_example(row)}"
        for what, rows, row in found
    )


def _example(row: Mapping[str, Any]) -> str:
    """The first values of a row: those that tell it apart from others."""
    known = [(key, value) for key, value in row.items() if value is not None and key != "problem"]
    return " ".join(f"{key}={value}" for key, value in known[:VALUES_TOLD]) or "all null"


def _one_line(message: str | None) -> str:
    return " ".join((message or "no message").split())
