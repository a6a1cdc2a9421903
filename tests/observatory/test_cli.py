"""The command line: exit codes, one JSON object on standard output, words for people."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from observatory import cli, explain, lock
from observatory.refresh import DEMO_CONFIG

Json = dict[str, Any]
Run = Callable[..., tuple[int, Json]]


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("observatory", "ingest")]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.fixture
def run(site: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command with --json: (exit code, the object)."""

    def run_json(*arguments: str) -> tuple[int, Json]:
        capsys.readouterr()
        code = cli.run(["--json", *arguments])
        printed: Json = json.loads(capsys.readouterr().out)
        return code, printed

    return run_json


def test_refresh_prints_what_is_promised(run: Run) -> None:
    code, printed = run("refresh")
    assert code == 0
    assert {
        "published_version",
        "published_path",
        "as_of",
        "duration_s",
        "sources",
        "runs",
        "facility_energy_kwh",
        "emissions_location_g_co2e",
        "effective_cost",
        "coverage_ratio",
        "alerts_sent",
        "failed_tests",
    } <= set(printed)
    assert {
        "name",
        "instance",
        "status",
        "rows_in",
        "rows_landed",
        "rows_unchanged",
        "rows_rejected",
        "error",
    } <= set(printed["sources"][0])


@pytest.mark.parametrize("arguments", [["--json", "status"], ["status", "--json"]])
def test_json_goes_before_or_after_the_command(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    run("refresh")
    assert cli.run(arguments) == 0
    assert json.loads(capsys.readouterr().out)["last_night"]["status"] == "ok"


def test_a_failed_source_or_a_rejected_row_is_exit_code_3(run: Run, site: Path) -> None:
    (site / "in" / "b.txt").write_text("r4,much\n")
    code, printed = run("refresh")
    assert (code, printed["runs"]) == (3, 3)
    assert "b.txt" in printed["message"]
    (site / "in" / "b.txt").unlink()
    (site / "in" / "a.txt").unlink()
    (site / "in").rmdir()
    code, printed = run("refresh")
    assert (code, printed["runs"]) == (3, 3)  # what was landed stays
    assert "tiny.default failed" in printed["message"]
    code, printed = run("ingest")
    assert (code, printed["status"]) == (3, "partial")


def test_a_failed_audit_is_exit_code_1_and_names_the_test(run: Run, site: Path) -> None:
    (site / "in" / "b.txt").write_text("r4,-1\n")
    code, printed = run("refresh")
    assert code == 1
    assert printed["failed_tests"] == ["assert_no_negative_energy"]
    assert printed["published_version"] is None
    code, printed = run("status")
    assert (code, printed["last_night"]["status"], printed["published"]) == (0, "failed", None)
    code, printed = run("doctor")
    assert code == 1
    assert next(c for c in printed["checks"] if c["name"] == "last night")["status"] == "failed"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["refresh", "--target", "spark"], "duckdb"),
        (["refresh", "--as-of", "soon"], "--as-of soon"),
        (["refresh", "--as-of", "2999-01-01"], "future"),
        (["refresh", "--promote"], "--as-of"),
        (["refresh", "--nonsense"], "nonsense"),
        (["ingest", "nonsense"], "unknown source nonsense"),
        (["alerts"], "alerts"),
        (["export"], "--out"),
        (["explain"], "RUN_ID"),
        (["--config", "none.toml", "status"], "none.toml"),
    ],
)
def test_wrong_usage_is_exit_code_2(run: Run, arguments: list[str], part: str) -> None:
    code, printed = run(*arguments)
    assert code == 2
    assert part in printed["message"]


def test_a_wrong_setting_is_exit_code_2(run: Run, site: Path) -> None:
    (site / "observatory.toml").write_text("[paths]\nlandng = 1\n")
    code, printed = run("refresh")
    assert code == 2
    assert "did you mean landing?" in printed["message"]


def test_a_setting_that_no_audit_would_pass_is_exit_code_2(run: Run, site: Path) -> None:
    (site / "observatory.toml").write_text("[sites.lyon]\npue = 12\n")
    code, printed = run("refresh")
    assert code == 2
    assert "sites.lyon.pue" in printed["message"]


def test_what_reads_needs_a_snapshot(run: Run) -> None:
    for arguments in (["status"], ["explain", "r1"], ["export", "--out", "o"]):
        code, printed = run(*arguments)
        assert code == 1
        assert "observatory refresh" in printed["message"]


def test_a_held_lock_is_exit_code_1(site: Path, now: datetime) -> None:
    (site / "other.toml").write_text("")  # the same places, another process
    command = [sys.executable, "-m", "observatory.cli", "--config", "other.toml", "--json"]
    with lock.hold(site / "data" / "warehouse.duckdb", site / "data" / "landing", now):
        other = subprocess.run(
            [*command, "refresh"], capture_output=True, text=True, timeout=60, cwd=site
        )
    assert other.returncode == 1, other.stderr
    assert f"pid {os.getpid()} on " in json.loads(other.stdout)["message"]


def test_init_writes_a_config_once(run: Run, site: Path) -> None:
    (site / "observatory.toml").unlink()
    code, printed = run("init")
    assert (code, printed["config_written"]) == (0, True)
    assert (site / "data" / "landing" / "tiny__values" / "_empty.parquet").exists()
    (site / "observatory.toml").write_text("# mine\n")
    code, printed = run("init")
    assert (code, printed["config_written"]) == (0, False)
    assert (site / "observatory.toml").read_text() == "# mine\n"


def test_init_writes_the_config_it_is_told(run: Run, site: Path) -> None:
    code, printed = run("--config", "etc/o.toml", "init")
    assert code == 0
    assert Path(printed["config"]) == site / "etc" / "o.toml"
    assert Path(printed["landing"]) == site / "etc" / "data" / "landing"


def test_sources_lists_every_registered_one(run: Run, site: Path) -> None:
    code, printed = run("sources")
    before = {(s["name"], s["instance"]): s for s in printed["sources"]}
    assert code == 0
    assert before["tiny", "default"]["last_delivery"] is None
    (site / "in" / "b.txt").write_text("r4,much\n")
    run("ingest", "tiny")
    _, printed = run("sources")
    tiny = next(s for s in printed["sources"] if s["name"] == "tiny")
    assert (tiny["configured"], tiny["enabled"], tiny["rows"], tiny["rows_rejected"]) == (
        True,
        True,
        3,
        1,
    )
    assert tiny["last_delivery"]
    assert 0 <= tiny["age_hours"] < 1
    (site / "observatory.toml").write_text("")
    _, printed = run("sources")
    tiny = next(s for s in printed["sources"] if s["name"] == "tiny")
    assert (tiny["configured"], tiny["rows"]) == (False, 3)


def test_status_tells_the_night_and_the_snapshot(run: Run) -> None:
    run("refresh")
    _, printed = run("status")
    assert printed["last_night"]["rows_landed"] == 3
    assert printed["published"]["runs"] == 3
    assert printed["published"]["coverage_ratio"] == 1.0
    assert printed["published"]["oldest_factor_age_years"] == 2.0
    assert 0 <= printed["published"]["age_hours"] < 1


def test_doctor_finds_what_is_wrong(run: Run, site: Path) -> None:
    code, printed = run("doctor")
    states = {check["name"]: check["status"] for check in printed["checks"]}
    assert (code, printed["ok"]) == (0, True)
    assert states["sources.tiny.default"] == "ok"
    assert states["last night"] == "warning"
    (site / "observatory.toml").write_text(
        '[paths]\npublished = "in/a.txt"\n[sources.tiny]\npath = "gone"\n'
    )
    code, printed = run("doctor")
    failed = {check["name"] for check in printed["checks"] if check["status"] == "failed"}
    assert code == 1
    assert {"sources.tiny.default", "paths.published"} <= failed


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("parquet", {"fct_runs.parquet", "fct_twice.parquet", "version.json"}),
        ("csv", {"fct_runs.csv", "fct_twice.csv", "version.json"}),
        ("duckdb", {"observatory.duckdb", "version.json"}),
    ],
)
def test_export_writes_the_marts(run: Run, site: Path, kind: str, names: set[str]) -> None:
    run("refresh")
    code, printed = run("export", "--out", "given", "--format", kind)
    assert code == 0
    assert {path.name for path in (site / "given").iterdir()} == names
    assert len(printed["files"]) == len(names)


@pytest.mark.parametrize(
    "arguments", [["refresh"], ["status"], ["sources"], ["doctor"], ["ingest"], ["--help"]]
)
def test_people_get_words(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    run("refresh")
    assert cli.run(arguments) == 0
    printed = capsys.readouterr().out
    assert printed.strip()
    assert not printed.lstrip().startswith("{")


def test_logs_are_lines_on_standard_error(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["refresh"]) == 0
    lines = capsys.readouterr().err.splitlines()
    landed = [line for line in lines if "landed tiny__values scope=default/a.txt rows=3" in line]
    assert len(landed) == 1
    assert "INFO ingest.landing" in landed[0]
    assert cli.run(["--quiet", "refresh"]) == 0
    assert capsys.readouterr().err == ""


def test_no_secret_is_printed(
    run: Run, site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hush = "xoxb-very-hush"
    monkeypatch.setenv("OBSERVATORY_ALERTS__SLACK_BOT_TOKEN", hush)
    monkeypatch.setenv("OBSERVATORY_SOURCES__TINY__TOKEN", hush)
    monkeypatch.setenv("OBSERVATORY_COLLECTOR__TOKENS", hush)
    for command in ("refresh", "status", "sources", "doctor"):
        cli.run(["--verbose", command])
        cli.run(["--verbose", "--json", command])
    printed = capsys.readouterr()
    assert hush not in printed.out + printed.err
    for path in (site / "data").rglob("*"):
        if path.is_file():
            assert hush.encode() not in path.read_bytes(), path


def test_app_starts_the_server_on_the_published_folder(
    run: Run, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    monkeypatch.setattr("os.execvpe", lambda *arguments: started.append(arguments))
    assert cli.run(["app", "--port", "8777"]) == 0
    ((program, argv, environment),) = started
    assert program == argv[0]
    assert "8777" in argv
    assert "127.0.0.1" in argv
    assert environment["OBSERVATORY_PATHS__PUBLISHED"] == str(site / "data" / "published")


def test_docs_is_one_page(run: Run, site: Path) -> None:
    run("refresh")
    code, printed = run("docs")
    page = Path(printed["path"])
    assert (code, page) == (0, site / "data" / "docs" / "index.html")
    assert b"fct_twice" in page.read_bytes()


def test_without_config_or_snapshot_readers_are_shown_the_demo(
    run: Run, site: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("refresh")
    monkeypatch.setattr("observatory.refresh.DEMO_CONFIG", site / "observatory.toml")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    code, printed = run("status")
    assert (code, printed["published"]["runs"]) == (0, 3)


def test_the_demo_config_is_packaged() -> None:
    assert DEMO_CONFIG.is_file()


def test_explain_without_derivation_marts_still_tells_the_run(run: Run) -> None:
    run("refresh")
    code, printed = run("explain", "r")
    assert code == 1
    assert printed["error"] == explain.UnknownRunError.__name__
    assert "r1, r2, r3" in printed["message"]
