"""Integrations against the real libraries: MLflow, transformers and kfp in an environment of their
own. Lightning needs torch, gigabytes of it: a stand-in with its documented interface calls back."""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hooked_jobs import HOOK, Event, Place

STAND_INS = Path(__file__).parent / "stand_ins"


def needs(library: str) -> pytest.MarkDecorator:
    is_there = importlib.util.find_spec(library) is not None
    return pytest.mark.skipif(not is_there, reason=f"{library} is not installed")


def ran(place: Place, text: str, programs: Path = Path(sys.executable).parent) -> tuple[int, str]:
    """(exit code, standard output) of a program that runs without `carbon-hook run`."""
    place.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "HF_HUB_OFFLINE": "1"}
    place.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{place.folder}/mlflow.db"
    place.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    place.environ["AIRFLOW_HOME"] = str(place.folder / "airflow")
    path = place.folder / "program.py"
    path.write_text(text)
    job = place.start([str(programs / "python"), str(path)], is_hooked=False)
    out, err = job.communicate(timeout=120)
    assert place.events() or out, err
    return job.returncode, out


def finished(place: Place) -> Event:
    """The last event."""
    return [event for event in place.events() if event["event_type"] == "finished"][-1]


def test_mlflow(place: Place, frameworks: Path) -> None:
    code, _ = ran(
        place,
        "import mlflow\n"
        "from carbon_hook.integrations.mlflow import tracked_run\n"
        "with tracked_run(run_name='fit') as run:\n"
        "    mlflow.log_metric('accuracy', 0.9)\n"
        "    mlflow.set_tag('id', run.info.run_id)\n"
        "    raise SystemExit(3)\n",
        frameworks,
    )
    event = finished(place)
    assert (code, event["status"], event["job_name"]) == (3, "failed", "fit")
    assert event["metrics"] == {"accuracy": 0.9}
    assert event["tags"]["mlflow.run_id"]


def test_airflow(place: Place, airflow: Path) -> None:
    """A real DAG, with the plugin in its folder: a task that is tried twice, and a mapped one."""
    home = place.folder / "airflow"
    for name, text in {
        "plugins/carbon.py": "from carbon_hook.integrations.airflow import CarbonHookPlugin\n",
        "dags/daily.py": (
            "from datetime import datetime, timedelta\n"
            "from airflow.sdk import dag, task\n"
            "@dag(dag_id='daily', schedule=None, start_date=datetime(2026, 11, 1))\n"
            "def daily():\n"
            "    @task(retries=1, retry_delay=timedelta(seconds=0))\n"
            "    def prepare(ti=None):\n"
            "        if ti.try_number == 1:\n"
            "            raise RuntimeError('once')\n"
            "        return [1, 2]\n"
            "    @task\n"
            "    def fit(part):\n"
            "        pass\n"
            "    fit.expand(part=prepare())\n"
            "daily = daily()\n"
            "if __name__ == '__main__':\n"
            "    daily.test()\n"
        ),
    }.items():
        (home / name).parent.mkdir(parents=True)
        (home / name).write_text(text)
    ran(
        place,
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-m', 'airflow', 'db', 'migrate'], check=True)\n"
        f"subprocess.run([sys.executable, {str(home / 'dags/daily.py')!r}], check=True)\n",
        airflow,
    )
    ends = [event for event in place.events() if event["event_type"] == "finished"]
    told = {
        (e["job_name"], e["tags"]["airflow.map_index"], e["attempt"], e["status"]) for e in ends
    }
    assert told == {
        ("daily.prepare", "-1", 1, "failed"),
        ("daily.prepare", "-1", 2, "succeeded"),
        ("daily.fit", "0", 1, "succeeded"),
        ("daily.fit", "1", 1, "succeeded"),
    }
    assert len(ends) == 4
    assert len({event["tags"]["airflow.run_id"] for event in ends}) == 1
    assert {event["pipeline"] for event in ends} == {"daily"}


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("pass", "succeeded"),
        ("raise ValueError('no convergence')", "failed"),
        ("raise KeyboardInterrupt", "cancelled"),
    ],
)
def test_lightning(ending: str, status: str, place: Place) -> None:
    place.environ["PYTHONPATH"] = f"{HOOK}:{STAND_INS}"
    ran(
        place,
        "from lightning.pytorch import Trainer\n"
        "from carbon_hook.integrations.lightning import CarbonHook\n"
        "def model(trainer):\n"
        "    trainer.callback_metrics['loss'] = 0.25\n"
        f"    {ending}\n"
        "Trainer(callbacks=[CarbonHook(model_name='line')]).fit(model)\n",
    )
    event = finished(place)
    assert (event["status"], event["model_name"]) == (status, "line")
    assert event["metrics"] == {"loss": 0.25}


def test_transformers(place: Place, frameworks: Path) -> None:
    ran(
        place,
        "from transformers import TrainerControl, TrainerState\n"
        "from transformers.trainer_callback import CallbackHandler\n"
        "from carbon_hook.integrations.transformers import CarbonHook\n"
        "handler = CallbackHandler([CarbonHook(model_name='bert')], None, None, None, None)\n"
        "state, control = TrainerState(), TrainerControl()\n"
        "handler.on_train_begin(None, state, control)\n"
        "handler.on_log(None, state, control, {'loss': 0.5, 'note': 'text'})\n"
        "handler.on_train_end(None, state, control)\n",
        frameworks,
    )
    event = finished(place)
    assert (event["status"], event["model_name"]) == ("succeeded", "bert")
    assert event["metrics"] == {"loss": 0.5}


def test_kubeflow_leaves_what_the_image_starts() -> None:
    from carbon_hook.integrations.kubeflow import tracked

    spec = SimpleNamespace(image="train", command=None, args=["--lr", "1"])
    assert vars(tracked(spec, team="growth")) == {
        "image": "train",
        "command": None,
        "args": ["--lr", "1"],
    }


def test_kubeflow(place: Place, frameworks: Path) -> None:
    _, out = ran(
        place,
        "from carbon_hook.integrations.kubeflow import tracked\n"
        "from kfp import dsl\n"
        "spec = dsl.ContainerSpec(image='train', command=['python', 't.py'])\n"
        "print(*tracked(spec, team='growth').command)\n",
        frameworks,
    )
    assert out == "carbon-hook run team=growth -- python t.py\n"
