"""The command `observatory`: the only place that knows the clock, the terminal and exit codes.

Exit codes: 0 done · 1 failed, nothing published · 2 wrong usage or setting · 3 published, but a
source failed or rows were rejected · 130 interrupted · 143 ended by SIGTERM.
"""

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import duckdb
import polars as pl
import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from typer.main import get_command

from ingest.collector import tokens
from ingest.errors import ConfigError, ObservatoryError
from ingest.landing import REJECTED
from observatory import (
    checks,
    compare,
    demo,
    docs,
    example,
    explain,
    export,
    factors,
    files,
    refresh,
    snapshot,
)
from observatory.settings import Settings, load_settings
from observatory.version import code_version

logger = logging.getLogger("observatory")

DEFAULT_CONFIG = Path("observatory.toml")
DONE, FAILED, WRONG_USAGE, PARTIAL, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 130, 143
# How much of a long list a screen is given.
SHOWN_CHANGES, SHOWN_NAMES = 40, 12

app = typer.Typer(
    name="observatory",
    help="What did each machine-learning run use, emit and cost, and how sure are we?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
factors_app = typer.Typer(
    help="Versions of the factor tables: list them, compare two, deliver new ones.",
    no_args_is_help=True,
)
app.add_typer(factors_app, name="factors")


class Target(StrEnum):
    """The engines."""

    duckdb = "duckdb"


class Format(StrEnum):
    """What `export` writes."""

    parquet = "parquet"
    csv = "csv"
    duckdb = "duckdb"


@dataclass
class State:
    """The options before the command."""

    config: Path | None = None
    json: bool = False
    verbose: bool = False
    quiet: bool = False


JsonFlag = Annotated[
    bool, typer.Option("--json", help="Print one JSON object; logs go to standard error.")
]
Context = typer.Context


@app.callback()
def _options(
    context: Context,
    config: Annotated[
        Path | None,
        typer.Option(help="The settings; else observatory.toml of this folder, if there is one."),
    ] = None,
    as_json: JsonFlag = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log everything.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log only what is wrong.")] = False,
) -> None:
    context.obj = State(config, as_json, verbose, quiet)


@app.command()
def init(context: Context, as_json: JsonFlag = False) -> None:
    """Write a commented observatory.toml and create the typed, empty landing."""
    state = _state(context, as_json)
    config = state.config or DEFAULT_CONFIG
    written = not config.exists()
    if written:
        config.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(config, example.example())
    settings = load_settings(config)
    refresh.initialise(settings, now=_now())
    _out(
        state,
        {
            "config": str(config.absolute()),
            "config_written": written,
            "landing": str(settings.paths.landing),
        },
        f"{config}: "
        + ("written" if written else "is there already and was left as it is")
        + f"\nlanding: {settings.paths.landing}\nNext: name your sources in {config}, then "
        "`observatory refresh`.",
    )


@app.command("demo")
def demo_command(context: Context, as_json: JsonFlag = False) -> None:
    """Run the recorded sample through everything: no network, no secret."""
    state = _state(context, as_json, log_level=logging.WARNING)
    settings = refresh.demo_settings()
    with _reporter(state) as reporter:
        report = refresh.refresh(settings, now=_now(), reporter=reporter)
    summary = demo.summary(report.published.path)
    if state.json:
        _out(state, {**report.to_json(), "summary": summary}, "")
    else:
        _print_demo(report, summary)
    raise typer.Exit(_exit_code(report))


@app.command()
def sources(context: Context, as_json: JsonFlag = False) -> None:
    """List every source: configured, last delivery, freshness, rows, rejected."""
    state = _state(context, as_json)
    settings = _settings(state, reading=True)
    found = checks.sources(settings, _now())
    if state.json:
        _out(state, {"sources": found}, "")
        return
    table = Table("source", "instance", "state", "last delivery", "age", "rows", "rejected", "path")
    for row in found:
        state_word = "enabled" if row["enabled"] else "off" if row["configured"] else "–"
        table.add_row(
            row["name"],
            row["instance"] or "–",
            state_word,
            _instant(row["last_delivery"]),
            _age(row["age_hours"]),
            f"{row['rows']:,}",
            f"{row['rows_rejected']:,}",
            escape(row["path"] or "–"),
        )
    _console().print(table)
    if any(row["rows_rejected"] for row in found):
        typer.echo(f"Rejected rows, whole, with reasons: {settings.paths.landing / REJECTED}")


@app.command()
def ingest(
    context: Context,
    source: Annotated[
        list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Which; all if none.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Land what is new. Idempotent."""
    state = _state(context, as_json)
    settings = _settings(state)
    with _reporter(state) as reporter:
        outcomes = refresh.ingest_only(settings, source or [], now=_now(), reporter=reporter)
    status, message = refresh.verdict(outcomes, settings)
    if state.json:
        found = [outcome.to_json() for outcome in outcomes]
        _out(state, {"status": status, "message": message, "sources": found}, "")
    else:
        _console().print(_sources_table(outcomes))
        if status != "ok":
            typer.echo(message, err=True)
    raise typer.Exit(DONE if status == "ok" else PARTIAL)


@app.command("refresh")
def refresh_command(
    context: Context,
    as_of: Annotated[
        str | None,
        typer.Option(help="Rebuild what was known at this date (its end) or instant, UTC."),
    ] = None,
    promote: Annotated[
        bool, typer.Option("--promote", help="With --as-of: readers get this snapshot.")
    ] = False,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Forget all that can be rebuilt, and rebuild it.")
    ] = False,
    no_ingest: Annotated[bool, typer.Option("--no-ingest", help="Land nothing.")] = False,
    no_alerts: Annotated[bool, typer.Option("--no-alerts", help="Send no message.")] = False,
    target: Annotated[Target | None, typer.Option(help="The engine.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Run the night: ingest, build, audit, publish."""
    state = _state(context, as_json)
    now = _now()
    if promote and as_of is None:
        raise ConfigError("--promote needs --as-of: a night without it is always published")
    instant = refresh.parse_as_of(as_of, now) if as_of is not None else None
    settings = _settings(state)
    with _reporter(state) as reporter:
        report = refresh.refresh(
            settings,
            now=now,
            as_of=instant,
            promote=promote,
            ingest=not no_ingest,
            full_refresh=full_refresh,
            reporter=reporter,
        )
    if state.json:
        _out(state, report.to_json(), "")
    else:
        _print_refresh(report)
    raise typer.Exit(_exit_code(report))


@app.command()
def status(context: Context, as_json: JsonFlag = False) -> None:
    """Tell how the last night went, and what is published."""
    state = _state(context, as_json)
    found = checks.status(_settings(state, reading=True), _now())
    if state.json:
        _out(state, found, "")
    else:
        _print_status(found)


@app.command("explain")
def explain_command(
    context: Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", help="The id of a published run.")],
    as_json: JsonFlag = False,
) -> None:
    """Print the derivation of one run, every input with its origin."""
    state = _state(context, as_json)
    derivation = explain.explain(_settings(state, reading=True).paths.published, run_id)
    _out(state, derivation.to_json(), explain.as_text(derivation))


@app.command("compare")
def compare_command(
    context: Context,
    version_a: Annotated[
        str, typer.Argument(metavar="A", help="A version, `current`, or a date: what was then.")
    ],
    version_b: Annotated[str, typer.Argument(metavar="B", help="The same.")],
    runs: Annotated[int, typer.Option(min=0, help="How many runs to name behind each cause.")] = 3,
    as_json: JsonFlag = False,
) -> None:
    """Tell what changed between two published snapshots, by month and cause."""
    state = _state(context, as_json)
    settings = _settings(state, reading=True)
    before, after = compare.find(settings, version_a), compare.find(settings, version_b)
    found = compare.compare(settings, before, after, runs=runs)
    if state.json:
        _out(state, found.to_json(), "")
    else:
        _print_comparison(found)


@factors_app.command("list")
def factors_list(context: Context, as_json: JsonFlag = False) -> None:
    """List the versions of every factor table, their age, and whether published runs use them."""
    state = _state(context, as_json, log_level=logging.WARNING)
    found = factors.versions(_settings(state, reading=True), now=_now())
    if state.json:
        _out(state, found, "")
        return
    table = Table(
        "table", "source", "version", "published", "recorded", "rows", "in force", "newest year",
        "age", "in use",
    )  # fmt: skip
    for row in found["versions"]:
        table.add_row(
            row["factor_table"],
            escape(row["source_id"]),
            escape(row["version"] or "–"),
            str(row["published_on"]),
            str(row["recorded_on"]),
            f"{row['factor_rows']:,}",
            f"{row['rows_not_superseded']:,}",
            str(row["newest_year"] or "–"),
            f"{row['factor_age_years']} y",
            {True: "yes", False: "no", None: "–"}[row["is_in_use"]],
        )
    _console().print(table)


@factors_app.command("diff")
def factors_diff(
    context: Context,
    a: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="A date or instant (as known then), a published snapshot, or a version of a "
            "factor table, if need be as TABLE:VERSION.",
        ),
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="The same, to compare with.")],
    as_json: JsonFlag = False,
) -> None:
    """Tell what changed in the factor tables from A to B: table by table, row by row."""
    state = _state(context, as_json, log_level=logging.WARNING)
    found = factors.diff(_settings(state, reading=True), a, b, now=_now())
    if state.json:
        _out(state, found, "")
    else:
        _print_factor_changes(found)


@factors_app.command("update")
def factors_update(
    context: Context,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="A CSV file named like its factor table, or a folder of them."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Land new rows of factor tables; the next night uses them. Idempotent."""
    state = _state(context, as_json)
    report = factors.update(_settings(state), source, now=_now())
    if state.json:
        _out(state, report.to_json(), "")
    else:
        _print_factor_update(report)
    raise typer.Exit({"ok": DONE, "partial": PARTIAL}.get(report.status, FAILED))


@app.command("export")
def export_command(
    context: Context,
    out: Annotated[Path, typer.Option(help="The folder to write into.")],
    kind: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.parquet,
    as_json: JsonFlag = False,
) -> None:
    """Write the published marts as files."""
    state = _state(context, as_json)
    published = _settings(state, reading=True).paths.published
    written = export.export(published, out, kind.value)
    _out(
        state,
        {"version": snapshot.current(published).name, "files": [str(path) for path in written]},
        f"{len(written)} files in {out}",
    )


@app.command("app")
def app_command(
    context: Context,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port.")] = 8501,
) -> None:
    """Start the web app on the published numbers."""
    from app import server

    settings = _settings(_state(context, False), reading=True)
    argv = server.command(host, port)
    environment = {**os.environ, "OBSERVATORY_PATHS__PUBLISHED": str(settings.paths.published)}
    typer.echo(f"http://{host}:{port} shows {settings.paths.published}", err=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvpe(argv[0], argv, environment)  # noqa: S606 - the argv is the app's own


@app.command("collector")
def collector_command(
    context: Context,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")
    ] = None,
    new_token: Annotated[
        str | None,
        typer.Option(
            metavar="TEAM", help="Print a new token and its line for the tokens file, and end."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Receive run events over HTTP and keep them for the night, until SIGTERM."""
    state = _state(context, as_json)
    if new_token is not None:
        token = tokens.made()
        line = tokens.checked_line(token, new_token)
        _out(
            state,
            {"token": token, "line": line},
            f"the token, for the sender, shown once:\n{token}\n\n"
            f"its line for collector.tokens_file:\n{line}",
        )
        return
    from ingest.collector import server

    settings = _settings(state)
    given = {"host": host, "port": port}
    options = settings.collector.model_copy(
        update={name: value for name, value in given.items() if value is not None}
    )

    def started(url: str) -> None:
        if state.json:
            _print_json({"url": url, "inbox": str(settings.paths.inbox)})
        else:
            typer.echo(f"{url}/v1/events receives run events for {settings.paths.inbox}", err=True)

    server.serve(options, settings.paths.inbox, code_version(), started)


@app.command("docs")
def docs_command(
    context: Context,
    serve: Annotated[bool, typer.Option("--serve", help="Serve it on this machine.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port.")] = 8580,
    as_json: JsonFlag = False,
) -> None:
    """Write the models' documentation with lineage: one HTML file, no network needed."""
    state = _state(context, as_json)
    settings = _settings(state, reading=True)
    page = docs.generate(settings, _now())
    _out(state, {"path": str(page)}, str(page))
    if serve:
        with docs.server(page, port) as server:
            typer.echo(f"http://127.0.0.1:{server.server_address[1]}/index.html", err=True)
            server.serve_forever()


@app.command()
def doctor(context: Context, as_json: JsonFlag = False) -> None:
    """Check settings, places, disk, versions and sources."""
    state = _state(context, as_json)
    found = checks.doctor(_settings(state), _now())
    failed = any(check.status == "failed" for check in found)
    if state.json:
        _out(state, {"ok": not failed, "checks": checks.as_json(found)}, "")
    else:
        colours = {"ok": "green", "warning": "yellow", "failed": "red"}
        table = Table("check", "state", "detail", box=None)
        for check in found:
            colour = colours[check.status]
            table.add_row(check.name, f"[{colour}]{check.status}[/]", escape(check.detail))
        _console().print(table)
    raise typer.Exit(FAILED if failed else DONE)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(given))


def run(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit code."""
    as_json = "--json" in arguments
    try:
        with _terminable() as ended:
            code = get_command(app).main(list(arguments), "observatory", standalone_mode=False)
    except ObservatoryError as error:
        return _failed(as_json, error, WRONG_USAGE if isinstance(error, ConfigError) else FAILED)
    except (OSError, duckdb.Error, pl.exceptions.PolarsError, json.JSONDecodeError) as error:
        logger.debug("failed", exc_info=True)
        return _failed(as_json, error, FAILED)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except _usage_errors() as error:
        error.show()
        if as_json:
            _print_json(_error_json(error, error.format_message()))
        return WRONG_USAGE
    if code == INTERRUPTED:  # Typer makes it of a KeyboardInterrupt
        typer.echo("ended by SIGTERM" if ended else "interrupted", err=True)
        return TERMINATED if ended else INTERRUPTED
    return code if isinstance(code, int) else DONE


class Terminated(KeyboardInterrupt):
    """SIGTERM: a scheduler ends us, and the night is to say so before it goes."""


@contextmanager
def _terminable() -> Iterator[list[int]]:
    """SIGTERM raises Terminated, as Ctrl-C raises KeyboardInterrupt; yields the signals that came.

    Only the main thread may say what a signal does.
    """
    ended: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield ended
        return

    def end(number: int, frame: FrameType | None) -> None:
        ended.append(number)
        raise Terminated("ended by SIGTERM")

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield ended
    finally:
        signal.signal(signal.SIGTERM, before)


def _usage_errors() -> type[Any]:
    """Typer carries its own copy of click in some versions: take the one it raises."""
    kinds = {kind.__name__: kind for kind in typer.BadParameter.__mro__}
    return kinds["ClickException"]


def _failed(as_json: bool, error: Exception, code: int) -> int:
    message = str(error) or type(error).__name__
    if as_json:
        _print_json(_error_json(error, message))
    typer.echo(f"error: {message}", err=True)
    return code


def _error_json(error: Exception, message: str) -> dict[str, Any]:
    failed_tests = getattr(error, "failed_tests", [])
    return {
        "status": "failed",
        "error": type(error).__name__,
        "message": message,
        "failed_tests": failed_tests,
        "published_version": None,
    }


def _now() -> datetime:
    return datetime.now(UTC)


def _state(context: Context, as_json: bool, log_level: int | None = None) -> State:
    state: State = context.obj
    state.json = state.json or as_json
    _log(state, log_level)
    return state


def _log(state: State, default: int | None) -> None:
    """One structured line per event on standard error; a terminal gets the progress bar instead."""
    interactive = sys.stderr.isatty()
    level = default if default is not None else logging.WARNING if interactive else logging.INFO
    level = logging.DEBUG if state.verbose else logging.WARNING if state.quiet else level
    if interactive:
        handler: logging.Handler = RichHandler(
            console=Console(stderr=True), show_path=False, markup=False
        )
    else:
        handler = logging.StreamHandler(sys.stderr)
        form = logging.Formatter(
            "%(asctime)sZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S"
        )
        form.converter = time.gmtime
        handler.setFormatter(form)
    for name in ("observatory", "ingest"):
        ours = logging.getLogger(name)
        ours.handlers = [handler]
        ours.setLevel(level)
        ours.propagate = False


def _settings(state: State, reading: bool = False) -> Settings:
    """The settings of --config, else of ./observatory.toml, else the defaults.

    Who only reads, and has neither settings nor a snapshot here, is shown the demo's, if it ran.
    """
    if state.config is not None:
        return load_settings(state.config)
    if DEFAULT_CONFIG.is_file():
        return load_settings(DEFAULT_CONFIG)
    settings = load_settings(None)
    if reading and not settings.paths.published.exists() and refresh.DEMO_CONFIG.is_file():
        shown = refresh.demo_settings()
        if shown.paths.published.exists():
            logger.warning("no settings here: showing the demo")
            return shown
    return settings


def _exit_code(report: refresh.RefreshReport) -> int:
    return DONE if report.status == "ok" else PARTIAL


def _out(state: State, data: dict[str, Any], text: str) -> None:
    if state.json:
        _print_json(data)
    else:
        typer.echo(text)


def _print_json(data: dict[str, Any]) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False, default=str))


def _console() -> Console:
    # A pipe has no width of its own: do not fold lines at 80 there.
    return Console() if sys.stdout.isatty() else Console(width=160)


class _Bar:
    """Progress on a terminal."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.task: Any = None

    def phase(self, name: str) -> None:
        self.finish()
        self.task = self.progress.add_task(name, total=None)

    def step(self, done: int, total: int, name: str) -> None:
        self.progress.update(self.task, completed=done, total=total)

    def finish(self) -> None:
        if self.task is not None:
            total = self.progress.tasks[-1].total or 1
            self.progress.update(self.task, completed=total, total=total)


class _Lines:
    """Progress elsewhere: plain lines in the log."""

    def __init__(self) -> None:
        self.name = ""
        self.tenth = 0

    def phase(self, name: str) -> None:
        self.name, self.tenth = name, 0
        logger.info("phase %s", name)

    def step(self, done: int, total: int, name: str) -> None:
        if (tenth := done * 10 // max(total, 1)) != self.tenth:
            self.tenth = tenth
            logger.info("%s: %d of %d, %s", self.name, done, total, name)


@contextmanager
def _reporter(state: State) -> Iterator[refresh.Reporter]:
    if not sys.stderr.isatty() or state.quiet:
        yield _Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=state.json) as progress:
        bar = _Bar(progress)
        yield bar
        bar.finish()


def _print_refresh(report: refresh.RefreshReport) -> None:
    if report.sources:
        _console().print(_sources_table(report.sources))
    totals = report.totals
    pointer = "" if report.promoted else " (beside the others: `current` did not move)"
    typer.echo(
        f"published {report.published.version}{pointer}\n"
        f"{report.published.path}\n"
        f"{_number(totals['runs'], 0)} runs · {_number(totals['facility_energy_kwh'])} kWh · "
        f"{_kilograms(totals['emissions_location_g_co2e'])} kgCO2e · "
        f"{_money(totals['effective_cost'], totals['cost_currency'])} · "
        f"energy known of {_share(totals['coverage_ratio'])} of runs · "
        f"{report.tests_passed} tests passed · {report.duration_s:.1f} s"
    )
    if report.restated.changes:
        months = sorted({_month(change.month) for change in report.restated.changes})
        typer.echo(
            f"restated {', '.join(months)}: see fct_restatements, or "
            f"`observatory compare {report.restated.from_version} {report.published.version}`"
        )
    if report.status != "ok":
        typer.echo(f"warning: {report.message}", err=True)


def _sources_table(outcomes: Sequence[refresh.SourceOutcome]) -> Table:
    table = Table("source", "status", "rows in", "landed", "unchanged", "rejected", "error")
    for outcome in outcomes:
        row = outcome.to_json()
        table.add_row(
            f"{row['name']}.{row['instance']}",
            row["status"],
            *(
                f"{row[key]:,}"
                for key in ("rows_in", "rows_landed", "rows_unchanged", "rows_rejected")
            ),
            escape(row["error"] or ""),
        )
    return table


def _print_comparison(found: compare.Comparison) -> None:
    before, after = found.before, found.after
    for word, side in (("from", before), ("to", after)):
        typer.echo(f"{word:<5}{side.version}, as of {side.as_of.isoformat()}, {side.code_version}")
    changes = found.attribution.changes
    if not changes:
        typer.echo("Nothing changed.")
        return
    table = Table("month", "metric", "unit", "cause", "before", "after", "change", "", "runs")
    for column in table.columns[4:]:
        column.justify = "right"
    for change in changes:
        table.add_row(
            _month(change.month),
            change.metric,
            change.unit or "–",
            change.cause,
            _figure(change.before),
            _figure(change.after),
            f"{change.change:+,.6g}",
            f"{change.change / abs(change.before):+.2%}" if change.before else "",
            str(change.runs or ""),
        )
    _console().print(table)
    if found.attribution.runs:
        runs = Table("cause", "run", "job", "month", "changes")
        runs.title = "The largest runs behind each cause"
        for row in found.attribution.runs:
            runs.add_row(
                row["cause"],
                escape(row["run_id"]),
                escape(row["job_name"] or "–"),
                _month(row["month"]),
                ", ".join(f"{name} {value:+,.6g}" for name, value in row["changes"].items()),
            )
        _console().print(runs)


def _print_factor_changes(found: dict[str, Any]) -> None:
    if not found["tables"]:
        typer.echo(f"no factor changed from {found['from']['given']} to {found['to']['given']}")
    for summary in found["tables"]:
        counts = ", ".join(f"{summary[kind]:,} {kind}" for kind in factors.CHANGES if summary[kind])
        typer.echo(f"{summary['factor_table']}: {counts}")
        for name in ("zones", "regions"):
            if summary[name]:
                typer.echo(f"  {name}: {_some(summary[name], SHOWN_NAMES)}")
        rows = [row for row in found["changes"] if row["factor_table"] == summary["factor_table"]]
        table = Table("change", "fact", "attribute", "old", "new", "change", "version", box=None)
        for row in rows[:SHOWN_CHANGES]:
            relative = row["relative_change"]
            versions = (row["old_version"], row["new_version"])
            table.add_row(
                row["change"],
                escape(f"{row['fact']} ({row['source_id']})"),
                f"{row['attribute']}, {row['unit']}",
                _plain(row["old_value"]),
                _plain(row["new_value"]),
                "–" if relative is None else f"{relative:+.2%}",
                escape(" → ".join(dict.fromkeys(text for text in versions if text)) or "–"),
            )
        _console().print(table)
        if len(rows) > SHOWN_CHANGES:
            typer.echo(f"  and {len(rows) - SHOWN_CHANGES:,} more; --json has all")


def _print_factor_update(report: factors.UpdateReport) -> None:
    table = Table("table", "status", "rows in", "landed", "unchanged", "rejected")
    for row in report.tables:
        counts = ("rows_in", "rows_landed", "rows_unchanged", "rows_rejected")
        table.add_row(row["table"], row["status"], *(f"{row[key]:,}" for key in counts))
    _console().print(table)
    for row in report.rejected[:SHOWN_CHANGES]:
        line = f" line {row['source_row']}" if row["source_row"] is not None else ""
        column = f", {row['field']}" if row["field"] else ""
        typer.echo(
            f"rejected {row['source_file']}{line}{column}: {row['detail']} ({row['reason']})",
            err=True,
        )
    if len(report.rejected) > SHOWN_CHANGES:
        typer.echo(f"and {len(report.rejected) - SHOWN_CHANGES:,} more rejected", err=True)
    typer.echo(report.message, err=report.status != "ok")


def _some(names: Sequence[str], most: int) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _print_status(found: dict[str, Any]) -> None:
    night, published = found["last_night"], found["published"]
    if night is None:
        typer.echo("last night   none; run `observatory refresh`")
    else:
        typer.echo(f"last night   {night['status']}, {_age(night['age_hours'])} ago")
        typer.echo(
            f"landed       {night['rows_landed']:,} rows, {night['rows_rejected']:,} rejected"
        )
        if night["status"] != "ok":
            typer.echo(f"message      {night['message']}")
        for test in night["failed_tests"]:
            typer.echo(f"failed test  {test}")
    if published is None:
        typer.echo("published    nothing yet")
        return
    typer.echo(f"published    {published['version']}, {_age(published['age_hours'])} ago")
    typer.echo(f"as of        {published['as_of']}, code {published['code_version']}")
    typer.echo(
        f"holds        {_number(published['runs'], 0)} runs, energy known of "
        f"{_share(published['coverage_ratio'])}"
    )
    age = published["oldest_factor_age_years"]
    typer.echo(f"factors      the oldest in use is {'–' if age is None else f'{age:g} years'} old")
    for warning in found["warnings"]:
        typer.echo(f"warning      {warning}")


def _print_demo(report: refresh.RefreshReport, summary: dict[str, Any]) -> None:
    console, totals, recent = _console(), report.totals, summary["recent"] or {}
    period = " to ".join(_instant(text)[:10] for text in summary["period"])
    table = Table("", f"all, {period}", "last 30 days, as the app opens")
    table.title = "The demo: a small organisation's autumn"
    written: dict[str, Callable[[dict[str, Any]], str]] = {
        "runs": lambda row: _number(row.get("runs"), 0),
        "energy, with cooling": lambda row: f"{_number(row.get('facility_energy_kwh'))} kWh",
        "emissions, location-based": lambda row: (
            f"{_kilograms(row.get('emissions_location_g_co2e'))} kgCO2e"
        ),
        "cost of runs": lambda row: _money(row.get("effective_cost"), totals["cost_currency"]),
        "runs whose energy is known": lambda row: _share(row.get("coverage_ratio")),
    }
    for name, write in written.items():
        table.add_row(name, write(totals), write(recent))
    for bill in summary["bills"]:
        table.add_row("bills", _money(bill["effective_cost"], bill["cost_currency"]))
    console.print(table)
    teams = Table("team", "runs", "kWh", "kgCO2e", "cost")
    for row in summary["teams"]:
        teams.add_row(
            escape(row["team"] or "unknown"),
            _number(row["runs"], 0),
            _number(row["facility_energy_kwh"]),
            _kilograms(row["emissions_location_g_co2e"]),
            _money(row["effective_cost"], row["cost_currency"]),
        )
    console.print(teams)
    for row in summary["remarkable"]:
        typer.echo(row["sentence"])
    if report.status != "ok":
        typer.echo(f"warning: {report.message}", err=True)
    run_id = summary["example_run_id"]
    typer.echo(
        f"\npublished {report.published.version} in {report.duration_s:.0f} s\n"
        "next      observatory app                      the pages"
        + (f"\n          observatory explain {run_id}" if run_id else "")
    )


def _number(value: float | None, digits: int = 1) -> str:
    return "unknown" if value is None else f"{value:,.{digits}f}"


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.6f}".rstrip("0").rstrip(".")


def _month(month: date | None) -> str:
    return "no start" if month is None else f"{month:%Y-%m}"


def _kilograms(grams: float | None) -> str:
    return _number(None if grams is None else grams / 1000)


def _money(value: float | None, currency: str | None) -> str:
    return "unknown" if value is None else f"{value:,.2f} {currency or '(several currencies)'}"


def _share(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.1%}"


def _instant(text: str | None) -> str:
    return "–" if text is None else text[:16].replace("T", " ")


def _age(hours: float | None) -> str:
    if hours is None:
        return "–"
    return (
        f"{hours * 60:.0f} min"
        if hours < 1
        else f"{hours:.1f} h"
        if hours < 48
        else (f"{hours / 24:.1f} days")
    )


if __name__ == "__main__":
    main()
