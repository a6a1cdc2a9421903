"""`Trainer.fit`, as its documentation says when it calls whom."""

from collections.abc import Callable, Sequence

from lightning.pytorch.callbacks import Callback


class Trainer:
    """Calls its callbacks; what was logged is in `callback_metrics`."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self.callbacks = callbacks
        self.callback_metrics: dict[str, object] = {}

    def fit(self, model: Callable[["Trainer"], None]) -> None:
        """`model` stands for the training: it may log, and it may raise."""
        for stage in ("setup", "on_fit_start"):
            self._call(stage, model)
        try:
            model(self)
        except BaseException as error:
            self._call("on_exception", model, error)
            raise
        self._call("on_fit_end", model)
        self._call("teardown", model)

    def _call(self, name: str, model: object, *more: object) -> None:
        stage = ("fit",) if name in ("setup", "teardown") else ()
        for callback in self.callbacks:
            getattr(callback, name)(self, model, *stage, *more)
