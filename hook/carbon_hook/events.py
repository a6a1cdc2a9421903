"""The run event: its fields and what they may hold. What the contract would refuse is left out,
for a wrong word about the team must not cost the run its energy."""

from __future__ import annotations

import math
import os
import time
from typing import Any, Dict, Mapping, Optional

from carbon_hook.quiet import told

Fields = Dict[str, Any]

TEXTS = (
    "run_id job_name parent_run_id owner team project environment pipeline step "
    "model_name model_version dataset_name dataset_version git_commit "
    "provider region zone instance_type resource_id host_id accelerator_model tpu_topology"
).split()
CHOICES = {
    "event_type": ("started", "heartbeat", "finished"),
    "status": (
        "running",
        "succeeded",
        "failed",
        "cancelled",
        "timeout",
        "out_of_memory",
        "preempted",
    ),
    "workload_kind": ("training", "tuning", "inference", "data", "other"),
}
INTEGERS = {"attempt": (1, 100_000), "instance_count": (1, 100_000), "dataset_rows": (0, 2**63 - 1)}
NUMBERS = {
    "vcpus": (0.0, 100_000.0),
    "memory_gib": (0.0, 1e6),
    "memory_used_gib": (0.0, 1e6),
    "accelerator_count": (0.0, 100_000.0),
    "accelerator_share": (0.0, 1.0),
    "cpu_utilization_ratio": (0.0, 1.0),
    "accelerator_utilization_ratio": (0.0, 1.0),
}
LONGEST_TEXT = 2_000


def clean_text(value: object) -> Optional[str]:
    """Valid UTF-8 of a bearable length; None where nothing is left."""
    text = str(value).encode("utf-8", "replace").decode("utf-8").replace("\0", "").strip()
    return text[:LONGEST_TEXT] or None


def clean_number(value: object, low: float, high: float) -> Optional[float]:
    """A finite number inside its bounds, also from text or from an array of one; else None."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except Exception:  # tensors raise what they like
        return None
    return number if math.isfinite(number) and low <= number <= high else None


def clean_fields(given: Mapping[str, Any]) -> Fields:
    """Fields as the contract wants them; a name it does not know becomes a tag."""
    fields: Fields = {}
    tags: Dict[str, str] = {}
    for name, value in given.items():
        if value is None:
            continue
        kept: Any = None
        if name in TEXTS:
            kept = clean_text(value)
        elif name in CHOICES:
            kept = value if value in CHOICES[name] else None
        elif name in INTEGERS:
            number = clean_number(value, *INTEGERS[name])
            kept = None if number is None else int(number)
        elif name in NUMBERS:
            kept = clean_number(value, *NUMBERS[name])
        elif name == "metrics":
            kept = clean_metrics(value)
        elif name == "tags":
            tags.update(clean_tags(value))
            continue
        else:
            tags.update(clean_tags({name: value}))
            continue
        if kept is None:
            told(f"{name} may not be {value!r}, left out")
        else:
            fields[name] = kept
    if tags:
        fields["tags"] = tags
    return fields


def clean_tags(tags: Mapping[str, Any]) -> Dict[str, str]:
    """Names and texts; empty ones left out."""
    cleaned = {clean_text(name): clean_text(value) for name, value in dict(tags).items()}
    return {name: value for name, value in cleaned.items() if name and value}


def clean_metrics(metrics: Mapping[str, Any]) -> Dict[str, float]:
    """Finite numbers by name; NaN and text left out."""
    found: Dict[str, float] = {}
    for name, value in dict(metrics).items():
        key, number = clean_text(name), clean_number(value, -1.7e308, 1.7e308)
        if key and number is not None:
            found[key] = number
    return found


def merged(*parts: Mapping[str, Any]) -> Fields:
    """Later ones win; tags and metrics are joined name by name."""
    fields: Fields = {}
    for part in parts:
        for name, value in part.items():
            if name in ("tags", "metrics"):
                value = {**fields.get(name, {}), **value}
            fields[name] = value
    return fields


class Clock:
    """UTC that never goes backwards: the start by the wall clock, the rest by the monotonic one."""

    def __init__(self, started_at: Optional[float] = None) -> None:
        now = time.time()
        self._zero = now - time.monotonic()
        self.started_at = now if started_at is None else min(started_at, now)

    def now(self) -> float:
        """Seconds since 1970."""
        return self._zero + time.monotonic()


def rfc3339(at: float) -> str:
    """2026-11-23T03:55:00.123456Z"""
    whole, micro = divmod(round(at * 1e6), 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{micro:06d}Z"


def new_id() -> str:
    """128 random bits."""
    return os.urandom(16).hex()


def encoded(event: Mapping[str, Any]) -> bytes:
    """One line of JSON."""
    import json

    return json.dumps(event, allow_nan=False, separators=(",", ":")).encode()
