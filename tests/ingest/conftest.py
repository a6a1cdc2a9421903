"""Servers that tests of sources share."""

from collections.abc import Iterator

import pytest
from bigquery_stand_in import Emulator, emulator


@pytest.fixture(scope="session")
def bigquery_emulator() -> Iterator[Emulator]:
    """A BigQuery on this machine; every test brings tables of its own."""
    with emulator() as started:
        yield started
