"""Hugging Face: `Trainer(callbacks=[CarbonHook(model_name="churn")])`. A training that raises is
told by `carbon-hook run`, or by its last heartbeat: the trainer calls nobody then."""

from __future__ import annotations

from typing import Any, Optional

from transformers import TrainerCallback

from carbon_hook import Track
from carbon_hook.quiet import quietly


class CarbonHook(TrainerCallback):  # type: ignore[misc]
    """A training is a run; what the trainer logs are its metrics."""

    def __init__(self, **fields: Any) -> None:
        self._run = Track(**{"workload_kind": "training", **fields})

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._run.start()

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Optional[Any] = None, **_: Any
    ) -> None:
        for name, value in (logs or {}).items():
            quietly(self._run.log_metric)(name, value)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._run.finish()
