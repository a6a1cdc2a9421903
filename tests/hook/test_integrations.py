"""Integrations against the real library, where it is installed."""

import importlib.util
import sys

import pytest
from hooked_jobs import Place


def needs(library: str) -> pytest.MarkDecorator:
    is_there = importlib.util.find_spec(library) is not None
    return pytest.mark.skipif(not is_there, reason=f"{library} is not installed")


def finished(place: Place, text: str) -> tuple[int, dict[str, object]]:
    """(exit code, the last event) of a program that runs without `carbon-hook run`."""
    place.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "HF_HUB_OFFLINE": "1"}
    place.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{place.folder}/mlflow.db"
    place.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    place.environ["AIRFLOW_HOME"] = str(place.folder / "airflow")
    path = place.folder / "program.py"
    path.write_text(text)
    job = place.start([sys.executable, str(path)], is_hooked=False)
    _, err = job.communicate(timeout=120)
    events = [event for event in place.events() if event["event_type"] == "finished"]
    assert events, err
    return job.returncode, events[-1]


@needs("mlflow")
def test_mlflow(place: Place) -> None:
    code, event = finished(
        place,
        "import mlflow\n"
        "from carbon_hook.integrations.mlflow import tracked_run\n"
        "with tracked_run(run_name='fit') as run:\n"
        "    mlflow.log_metric('accuracy', 0.9)\n"
        "    mlflow.set_tag('id', run.info.run_id)\n"
        "    raise SystemExit(3)\n",
    )
    assert (code, event["status"], event["job_name"]) == (3, "failed", "fit")
    assert event["metrics"] == {"accuracy": 0.9}
    assert event["tags"]["mlflow.run_id"]


@needs("airflow")
@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
def test_airflow(outcome: str, place: Place) -> None:
    ending = {"succeeded": "success", "failed": "failed"}[outcome]
    error = ", error=None" if outcome == "failed" else ""
    _, event = finished(
        place,
        "from types import SimpleNamespace\n"
        "from airflow.listeners.listener import ListenerManager, get_listener_manager\n"
        "from carbon_hook.integrations.airflow import CarbonHookPlugin\n"
        "manager = get_listener_manager()\n"
        "for listener in CarbonHookPlugin.listeners:\n"
        "    manager.add_listener(listener)\n"
        "task = SimpleNamespace(dag_id='daily', task_id='fit', run_id='r', try_number=2)\n"
        "manager.hook.on_task_instance_running(previous_state=None, task_instance=task)\n"
        f"manager.hook.on_task_instance_{ending}(previous_state=None, task_instance=task{error})\n",
    )
    assert (event["status"], event["job_name"], event["attempt"]) == (outcome, "daily.fit", 2)
    assert event["tags"]["airflow.run_id"] == "r"


@needs("lightning")
def test_lightning(place: Place) -> None:
    _, event = finished(
        place,
        "import torch\n"
        "from lightning.pytorch import LightningModule, Trainer\n"
        "from carbon_hook.integrations.lightning import CarbonHook\n"
        "class Line(LightningModule):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.layer = torch.nn.Linear(1, 1)\n"
        "    def training_step(self, batch, _):\n"
        "        loss = self.layer(batch).square().mean()\n"
        "        self.log('loss', loss)\n"
        "        return loss\n"
        "    def configure_optimizers(self):\n"
        "        return torch.optim.SGD(self.parameters(), 0.1)\n"
        "rows = torch.utils.data.DataLoader(torch.ones(8, 1))\n"
        "Trainer(max_epochs=1, logger=False, enable_checkpointing=False, accelerator='cpu',\n"
        "        callbacks=[CarbonHook(model_name='line')]).fit(Line(), rows)\n",
    )
    assert (event["status"], event["model_name"]) == ("succeeded", "line")
    assert "loss" in event["metrics"]


@needs("transformers")
def test_transformers(place: Place) -> None:
    _, event = finished(
        place,
        "from transformers import TrainerControl, TrainerState\n"
        "from transformers.trainer_callback import CallbackHandler\n"
        "from carbon_hook.integrations.transformers import CarbonHook\n"
        "handler = CallbackHandler([CarbonHook(model_name='bert')], None, None, None, None)\n"
        "state, control = TrainerState(), TrainerControl()\n"
        "handler.on_train_begin(None, state, control)\n"
        "handler.on_log(None, state, control, {'loss': 0.5, 'note': 'text'})\n"
        "handler.on_train_end(None, state, control)\n",
    )
    assert (event["status"], event["model_name"]) == ("succeeded", "bert")
    assert event["metrics"] == {"loss": 0.5}


@needs("kfp")
def test_kubeflow() -> None:
    from carbon_hook.integrations.kubeflow import tracked
    from kfp import dsl

    spec = tracked(dsl.ContainerSpec(image="train", command=["python", "t.py"]), team="growth")
    assert spec.command == ["carbon-hook", "run", "team=growth", "--", "python", "t.py"]
