"""Where the webhook's events go."""

import pytest
from carbon_hook.targets import Webhook


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787/v1/events"),
        ("https://carbon.example/", "https://carbon.example/v1/events"),
        ("https://carbon.example/v1/events", "https://carbon.example/v1/events"),
        ("https://hooks.example/services/a?b=c", "https://hooks.example/services/a?b=c"),
    ],
)
def test_the_address_of_a_collector_is_enough(told: str, asked: str) -> None:
    assert Webhook(told, None, None).name == f"webhook {asked}"
