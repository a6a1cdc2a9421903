"""Every deployment file parses, and starts the one command there is."""

import ast
import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from observatory.settings import load_settings

DEPLOY = Path(__file__).parents[2] / "deploy"
COMMAND = (
    "/opt/observatory/.venv/bin/observatory --config /etc/observatory/observatory.toml refresh"
)


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(
        delimiters=("=",), comment_prefixes=("#",), interpolation=None, strict=False
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((DEPLOY / name).read_text())
    return parser


def crontab_jobs() -> list[str]:
    lines = (DEPLOY / "observatory.cron").read_text().splitlines()
    return [line for line in lines if re.match(r"[0-9*@]", line)]


def test_cron_starts_the_night_as_its_own_user() -> None:
    field = r"(\*|\d+(-\d+)?(,\d+)*)(/\d+)?"
    (job,) = crontab_jobs()
    match = re.fullmatch(rf"({field}\s+){{5}}(?P<user>[a-z_]+)\s+(?P<command>.+)", job)
    assert match, job
    assert match["user"] == "observatory"
    assert COMMAND in match["command"]
    assert "%" not in match["command"], "cron turns % into a newline"


def test_cron_environment_lines_are_assignments() -> None:
    for line in (DEPLOY / "observatory.cron").read_text().splitlines():
        if line and not line.startswith("#") and line not in crontab_jobs():
            assert re.fullmatch(r"[A-Z_]+=\S+", line), line


def test_systemd_service_runs_once_and_is_hardened() -> None:
    service = unit("observatory.service")["Service"]
    assert service["Type"] == "oneshot"
    assert service["ExecStart"] == COMMAND
    assert service["SuccessExitStatus"] == "3"
    assert service["User"] != "root"
    for setting in ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "LockPersonality"):
        assert service[setting] == "yes"
    assert service["ProtectSystem"] == "strict"


def test_systemd_keeps_the_collector_up_and_hardened() -> None:
    service = unit("observatory-collector.service")["Service"]
    assert service["ExecStart"] == COMMAND.replace("refresh", "collector")
    assert service["Restart"] == "always"
    assert service["RestartPreventExitStatus"] == "2"
    assert service["User"] == unit("observatory.service")["Service"]["User"] != "root"
    for setting in ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "LockPersonality"):
        assert service[setting] == "yes"
    assert service["ProtectSystem"] == "strict"


def test_systemd_timer_starts_the_service() -> None:
    timer = unit("observatory.timer")
    assert timer["Timer"]["Unit"] == "observatory.service"
    assert timer["Timer"]["OnCalendar"].endswith("UTC")
    assert timer["Install"]["WantedBy"] == "timers.target"


def test_systemd_itself_accepts_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for name in (
        "observatory.service",
        "observatory.timer",
        "observatory-collector.service",
    ):
        text = (DEPLOY / name).read_text()
        # The command is not installed here; any executable will do for the parser.
        (tmp_path / name).write_text(text.replace(COMMAND.split()[0], "/bin/true"))
    result = subprocess.run(
        ["systemd-analyze", "verify", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        timeout=60,
    )
    ours = [line for line in result.stderr.splitlines() if "observatory" in line]
    assert not ours


def kubernetes() -> dict[str, dict[str, Any]]:
    documents = yaml.safe_load_all((DEPLOY / "kubernetes-cronjob.yaml").read_text())
    return {document["kind"]: document for document in documents}


def test_kubernetes_cronjob_never_overlaps_and_has_no_privilege() -> None:
    spec = kubernetes()["CronJob"]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    assert pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    script = " ".join(container["command"][-1].replace("\\\n", " ").split())
    assert script.startswith(COMMAND)
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (1, 1), (2, 2), (3, 0)])
def test_kubernetes_counts_a_published_night_as_done(code: int, expected: int) -> None:
    pod = kubernetes()["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    script = pod["containers"][0]["command"][-1].replace(COMMAND.split()[0], f"exit_{code}")
    prelude = f"exit_{code}() {{ return {code}; }}\n"
    assert subprocess.run(["/bin/sh", "-c", prelude + script], timeout=10).returncode == expected


def test_kubernetes_settings_are_the_products(tmp_path: Path) -> None:
    config = tmp_path / "observatory.toml"
    config.write_text(kubernetes()["ConfigMap"]["data"]["observatory.toml"])
    load_settings(config)


def test_airflow_dag_is_one_command_never_twice() -> None:
    source = (DEPLOY / "airflow_dag.py").read_text()
    tree = ast.parse(source)
    compile(source, "airflow_dag.py", "exec")
    calls = {
        node.func.id: {keyword.arg: keyword.value for keyword in node.keywords}
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert ast.literal_eval(calls["DAG"]["max_active_runs"]) == 1
    assert ast.literal_eval(calls["DAG"]["catchup"]) is False
    assert ast.literal_eval(calls["BashOperator"]["skip_on_exit_code"]) == 3
    assert COMMAND in source.replace('"\n    "', "")


def test_containerfile_is_well_formed() -> None:
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    known = {"FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE"}
    known |= {"ENTRYPOINT", "CMD"}
    words = [line.split(maxsplit=1) for line in lines]
    assert words[0][0] == "FROM"
    assert {word[0] for word in words} <= known
    instructions = {word[0]: word[1] for word in words}
    assert instructions["USER"] not in ("root", "0")
    for name in ("ENTRYPOINT", "CMD"):
        assert isinstance(ast.literal_eval(instructions[name]), list), "the exec form"
    for word, rest in words:
        if word == "COPY":
            *sources, _ = shlex.split(rest)
            assert all((DEPLOY.parent / source).exists() for source in sources)
