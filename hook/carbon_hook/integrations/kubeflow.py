"""Kubeflow Pipelines: `tracked(task)` puts `carbon-hook run` before a component's command and asks
the downward API for the names by which the pod is found."""

from __future__ import annotations

from typing import Any


def tracked(container_spec: Any, **fields: str) -> Any:
    """A `kfp.dsl.ContainerSpec` whose command reports itself; the image must have carbon-hook."""
    words = [f"{name}={value}" for name, value in fields.items()]
    container_spec.command = ["carbon-hook", "run", *words, "--", *(container_spec.command or [])]
    return container_spec
