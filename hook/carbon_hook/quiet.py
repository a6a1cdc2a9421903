"""Fail-open: what goes wrong in the hook is told on standard error if CARBON_HOOK_DEBUG is set, and
never reaches the job."""

from __future__ import annotations

import os
import sys
from functools import wraps
from typing import Any, Callable, Optional, TypeVar

T = TypeVar("T")


def told(what: str, error: object = "") -> None:
    """One line on standard error, where somebody asked for it."""
    if os.environ.get("CARBON_HOOK_DEBUG"):
        try:
            reason = f": {type(error).__name__}: {error}" if error != "" else ""
            sys.stderr.write(f"carbon-hook: {what}{reason}\n")
        except Exception:
            pass


def quietly(function: Callable[..., T]) -> Callable[..., Optional[T]]:
    """None instead of an exception."""

    @wraps(function)
    def guarded(*arguments: Any, **named: Any) -> Optional[T]:
        try:
            return function(*arguments, **named)
        except Exception as error:
            told(function.__qualname__, error)
            return None

    return guarded


def text_of(path: str) -> Optional[str]:
    """What is in a small file of /proc or /sys; None where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(1 << 20).decode("utf-8", "replace").strip()
    except OSError:
        return None


def number_of(path: str) -> Optional[int]:
    """The integer in a file; None where there is none."""
    text = text_of(path)
    try:
        return int(text) if text else None
    except ValueError:
        return None
