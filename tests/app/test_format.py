# ruff: noqa: DTZ001  (the marts hold naive UTC)
"""Numbers as people read them, and the words of both languages."""

import string
from datetime import datetime

import pytest

from app.format import Formatter
from app.i18n import ENGLISH, FRENCH, reason_label, value_label

EN, FR = Formatter("en"), Formatter("fr")


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("value", "english", "french"),
    [
        (0.0, "0 kWh", "0 kWh"),
        (0.0004, "0.400 Wh", "0,400 Wh"),
        (0.25, "250 Wh", "250 Wh"),
        (1.0, "1.00 kWh", "1,00 kWh"),
        (999.4, "999 kWh", "999 kWh"),
        (999.6, "1.00 MWh", "1,00 MWh"),
        (1234.0, "1.23 MWh", "1,23 MWh"),
        (2.5e6, "2.50 GWh", "2,50 GWh"),
        (7.2e9, "7,200 GWh", "7 200 GWh"),
        (-3.0, "−3.00 kWh", "−3,00 kWh"),
        (None, "unknown", "inconnu"),
        (float("nan"), "unknown", "inconnu"),
    ],
)
def test_energy(value: float | None, english: str, french: str) -> None:
    assert plain(EN.energy(value)) == english and plain(FR.energy(value)) == french


def test_the_reason_is_told_with_the_unknown() -> None:
    assert EN.energy(None, "no_duration") == "unknown: no duration"
    assert FR.mass(None, "no_duration") == "inconnu: no duration"


@pytest.mark.parametrize(
    ("grams", "text"),
    [(0.5, "500 mg CO₂e"), (12.0, "12.0 g CO₂e"), (5400.0, "5.40 kg CO₂e"), (2e6, "2.00 t CO₂e")],
)
def test_mass(grams: float, text: str) -> None:
    assert plain(EN.mass(grams)) == text


@pytest.mark.parametrize(
    ("amount", "currency", "english", "french"),
    [
        (9.5, "EUR", "€9.50", "9,50 €"),
        (1234.5, "USD", "$1,234.50", "1 234,50 $"),
        (-12.0, "EUR", "−€12.00", "−12,00 €"),
        (12345.6, "CHF", "12,346 CHF", "12 346 CHF"),
        (0.004, "EUR", "€0.0040", "0,0040 €"),
        (0.0, "EUR", "€0.00", "0,00 €"),
        (5.0, None, "5.00 (unknown currency)", "5,00 (devise inconnue)"),
        (None, "EUR", "unknown", "inconnu"),
    ],
)
def test_money_has_its_currency(
    amount: float | None, currency: str | None, english: str, french: str
) -> None:
    assert plain(EN.money(amount, currency)) == english
    assert plain(FR.money(amount, currency)) == french


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"), (42.0, "42 s"), (60.0, "1 min"), (3599.9, "1 h"), (5400.0, "1 h 30 min"),
        (86_400.0, "1 d"), (97_200.0, "1 d 3 h"), (None, "unknown"),
    ],
)  # fmt: skip
def test_duration(seconds: float | None, text: str) -> None:
    assert plain(EN.duration(seconds)) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0.0, "0%"), (0.034, "3.4%"), (0.5, "50%"), (0.9999, "99.9%"), (0.992, "99.2%"), (1.0, "100%"),
     (None, "unknown")],
)  # fmt: skip
def test_a_ratio_is_100_percent_only_when_it_is(ratio: float | None, text: str) -> None:
    assert EN.ratio(ratio) == text


def test_change() -> None:
    assert EN.change(66.0, 24.0) == "+175%"
    assert EN.change(12.0, 24.0) == "−50%"
    assert EN.change(24.0, 24.0) == "±0%"
    assert EN.change(1.0, 0.0) is None and EN.change(None, 1.0) is None
    assert plain(EN.change(240.0, 10.0) or "") == "× 24"


def test_quantities_keep_no_empty_zeros() -> None:
    assert EN.quantity(8.0) == "8" and EN.quantity(0.25) == "0.25" and EN.quantity(1152) == "1,152"
    assert EN.quantity(None) == "unknown" and EN.quantity(0.0) == "0"


def test_instants_say_utc() -> None:
    assert plain(EN.instant(datetime(2026, 11, 22, 14, 5))) == "22 Nov 2026 14:05 UTC"
    assert plain(FR.instant(datetime(2026, 2, 1))) == "1 févr. 2026 00:00 UTC"


def test_both_languages_say_the_same_things() -> None:
    assert ENGLISH.keys() == FRENCH.keys()
    for key, text in ENGLISH.items():
        names = [
            {n for _, n, _, _ in string.Formatter().parse(t) if n} for t in (text, FRENCH[key])
        ]
        assert names[0] == names[1], key
        assert text.strip() and FRENCH[key].strip(), key


def test_codes_of_tomorrow_are_shown_as_they_are() -> None:
    assert value_label("fr", "rung", "measured") == "mesuré"
    assert value_label("en", "rung", "brand_new") == "brand new"
    assert value_label("en", "rung", None) == "unknown"
    assert reason_label("en", None) == "no reason recorded"
