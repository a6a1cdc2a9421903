"""PyTorch Lightning: `Trainer(callbacks=[CarbonHook(model_name="churn")])`."""

from __future__ import annotations

from typing import Any

from carbon_hook import Track
from carbon_hook.quiet import quietly

try:
    from lightning.pytorch.callbacks import Callback
except ImportError:
    from pytorch_lightning.callbacks import Callback


class CarbonHook(Callback):  # type: ignore[misc]
    """A fit is a run; what was logged are its metrics."""

    def __init__(self, **fields: Any) -> None:
        self._run = Track(**{"workload_kind": "training", **fields})

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        self._run.start()

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        quietly(self._tell)(trainer)
        self._run.finish()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        quietly(self._tell)(trainer)
        is_stopped = isinstance(exception, KeyboardInterrupt)
        self._run.finish("cancelled" if is_stopped else "failed")

    def _tell(self, trainer: Any) -> None:
        for name, value in trainer.callback_metrics.items():
            self._run.log_metric(name, value)
