"""What users do at an MLflow server; run by a Python that has MLflow: `mlflow_runs.py ANSWER`."""

import json
import sys
import time
from pathlib import Path

import mlflow
from carbon_hook.integrations.mlflow import tracked_run
from mlflow import MlflowClient
from mlflow.entities import Metric
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

START = 1_793_700_000_000  # 2026-11-03T10:00:00Z
MACHINE = {"provider": "aws", "region": "eu-west-1", "instance_type": "m5.xlarge"}
client = MlflowClient()
found: dict[str, str] = {}


def run(name: str, seconds: float, status: str = "FINISHED", at_s: float = 0, **tags: str) -> str:
    """A run of the past; it ran for so long from `at_s`."""
    started = START + round(at_s * 1000)
    tags = {key.replace("__", "."): value for key, value in tags.items()}
    made = client.create_run(experiment, started, tags, name)
    if status != "RUNNING":
        client.set_terminated(made.info.run_id, status, started + round(seconds * 1000))
    found[name] = made.info.run_id
    return found[name]


def samples(run_id: str, key: str, value: float, first_s: int, last_s: int) -> None:
    """One a minute."""
    client.log_batch(
        run_id,
        [
            Metric(f"system/{key}", value, START + second * 1000, second)
            for second in range(first_s, last_s + 1, 60)
        ],
    )


# A real training, under the hook, with a registered model.
mlflow.set_experiment("iris")
with tracked_run(run_name="trained", tags={"team": "vision", "mlflow.user": "ana"}) as trained:
    found["trained"] = trained.info.run_id
    rows, kinds = load_iris(return_X_y=True)
    mlflow.log_input(mlflow.data.from_numpy(rows, name="irises"), context="training")
    model = LogisticRegression(max_iter=500).fit(rows, kinds)
    mlflow.log_param("max_iter", 500)
    mlflow.log_metric("accuracy", model.score(rows, kinds))
    mlflow.log_metric("strange", float("nan"))
    mlflow.sklearn.log_model(model, name="model", registered_model_name="iris-kinds")

experiment = client.create_experiment("nightly")
job = {"slurm__cluster": "lyra", "slurm__job_id": "11"}
slurm = run("in_slurm", 3600, mlflow__user="ana", model_name="sorter", model_version="3", **job)
client.log_metric(slurm, "predictions", 1000, timestamp=START + 1000)
client.log_metric(slurm, "system/cpu_utilization_percentage", 50, timestamp=START + 1000)

# An hour, of which the children ran three quarters: two at once, then one.
parent = run("parent", 3600, **MACHINE)
for child, at_s, seconds in (("first", 0, 1800), ("second", 900, 1200), ("third", 2400, 600)):
    run(child, seconds, at_s=at_s, mlflow__parentRunId=parent, **MACHINE)

# A machine of 8 GPUs, 300 W each, measured for all of its hour but the last ten minutes.
gpus = {"instance_type": "p4d.24xlarge"}
powered = run("powered", 3600, **{**MACHINE, **gpus})
for number in range(8):
    samples(powered, f"gpu_{number}_power_usage_watts", 300.0, 0, 3000)
    samples(powered, f"gpu_{number}_utilization_percentage", 75.0, 0, 3000)
# The same beside the hook's own counters.
counted = run("counted", 3600, **{**MACHINE, **gpus})
samples(counted, "gpu_0_power_usage_watts", 999.0, 0, 3600)

run("failed", 60, "FAILED", **MACHINE)
run("killed", 60, "KILLED", **MACHINE)
run("deleted", 60, **MACHINE)
client.delete_run(found["deleted"])
lost = run("lost", 0, "RUNNING", **MACHINE)
client.log_metric(lost, "loss", 0.5, timestamp=START + 600_000)
silent = run("silent", 0, "RUNNING")
found["now"] = str(round(time.time() * 1000))
Path(sys.argv[1]).write_text(json.dumps(found))
