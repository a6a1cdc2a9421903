"""A job reports itself: what it ran, on what, how long, and the energy that its counters saw.

    import carbon_hook

    with carbon_hook.track(model_name="churn", dataset_rows=10_000):
        ...
        carbon_hook.log_metric("accuracy", 0.93)

or, with no change to the job, `carbon-hook run -- python train.py`.
"""

from carbon_hook.tracking import Track, describe, log_metric, track

__all__ = ["Track", "describe", "log_metric", "track"]
__version__ = "0.1.0"
