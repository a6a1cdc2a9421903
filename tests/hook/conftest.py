"""A folder with a job in it, and a collector."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hooked_jobs import HOOK, Collector, Place, Until, listening

sys.path.insert(0, str(HOOK))  # a package of its own, that need not be installed


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with listening() as server:
        yield server


@pytest.fixture
def until() -> Until:
    """Wait for something to become true; what it was."""

    def wait(question: Callable[[], Any]) -> Any:
        for _ in range(600):
            answer = question()
            if answer:
                return answer
            time.sleep(0.02)
        raise AssertionError("it did not happen in time")

    return wait
