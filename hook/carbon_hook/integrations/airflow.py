"""Airflow listener: every task instance is a run. In `airflow.cfg` nothing is to be set; a plugin
file with `from carbon_hook.integrations.airflow import CarbonHookPlugin` is all."""

from __future__ import annotations

import sys
from typing import Any, Dict, Optional

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

from carbon_hook import Track
from carbon_hook.quiet import quietly

_running: Dict[Any, Track] = {}


def fields_of(task_instance: Any) -> Dict[str, Any]:
    """What the task instance says of the run."""
    dag, task = task_instance.dag_id, task_instance.task_id
    return {
        "job_name": f"{dag}.{task}",
        "pipeline": dag,
        "step": task,
        "attempt": task_instance.try_number,
        "tags": {
            "airflow.dag_id": dag,
            "airflow.task_id": task,
            "airflow.run_id": task_instance.run_id,
            "airflow.try_number": str(task_instance.try_number),
            "airflow.map_index": str(getattr(task_instance, "map_index", -1)),
        },
    }


@hookimpl
@quietly
def on_task_instance_running(previous_state: Any, task_instance: Any) -> None:
    """Begin the run."""
    _running[_key(task_instance)] = Track(**fields_of(task_instance)).start()


@hookimpl
@quietly
def on_task_instance_success(previous_state: Any, task_instance: Any) -> None:
    """End it well."""
    _end(task_instance, "succeeded")


@hookimpl
@quietly
def on_task_instance_failed(
    previous_state: Any, task_instance: Any, error: Optional[Any] = None
) -> None:
    """End it as failed."""
    _end(task_instance, "failed")


def _key(task_instance: Any) -> Any:
    index = getattr(task_instance, "map_index", -1)
    return task_instance.dag_id, task_instance.task_id, task_instance.run_id, index


def _end(task_instance: Any, status: str) -> None:
    run = _running.pop(_key(task_instance), None)
    if run is not None:
        run.finish(status)


class CarbonHookPlugin(AirflowPlugin):  # type: ignore[misc]
    """Registers the listener."""

    name = "carbon_hook"
    listeners = [sys.modules[__name__]]  # noqa: RUF012
