"""Kubeflow Pipelines: `tracked(spec)` puts `carbon-hook run` before a component's command."""

from __future__ import annotations

from typing import Any

from carbon_hook.quiet import told


def tracked(container_spec: Any, **fields: str) -> Any:
    """A `kfp.dsl.ContainerSpec` whose command reports itself; the image must have carbon-hook. A
    spec without a command is left as it is: what its image starts is known to the image alone."""
    if not container_spec.command:
        told("a component without a command is not tracked")
        return container_spec
    words = [f"{name}={value}" for name, value in fields.items()]
    container_spec.command = ["carbon-hook", "run", *words, "--", *container_spec.command]
    return container_spec
