"""MLflow: `with tracked_run(run_name=…):` opens an MLflow run and tracks it under its id; its
metrics and registered model version go with it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator

import mlflow

from carbon_hook import track
from carbon_hook.quiet import quietly


@contextmanager
def tracked_run(**named: Any) -> Iterator[Any]:
    """`mlflow.start_run(**named)`, tracked."""
    with mlflow.start_run(**named) as run, track(**fields_of(run)) as tracked:
        try:
            yield run
        finally:
            quietly(_tell)(run.info.run_id, tracked)


def fields_of(run: Any) -> Any:
    """What the MLflow run says of itself."""
    return {
        "job_name": run.info.run_name,
        "tags": {"mlflow.run_id": run.info.run_id, "mlflow.experiment_id": run.info.experiment_id},
    }


def _tell(run_id: str, tracked: Any) -> None:
    for name, value in mlflow.get_run(run_id).data.metrics.items():
        tracked.log_metric(name, value)
