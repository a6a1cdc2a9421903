"""Numbers as people read them: always with a unit, in the reader's language. Pure.

A value that is not known is never 0: it reads "unknown", with the reason where there is one.
"""

import math
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.i18n import Language, reason_label, translate

NARROW_SPACE = "\u202f"
NO_BREAK_SPACE = "\u00a0"
_MONTHS = {
    "en": ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    "fr": [
        "janv.",
        "févr.",
        "mars",
        "avr.",
        "mai",
        "juin",
        "juil.",
        "août",
        "sept.",
        "oct.",
        "nov.",
        "déc.",
    ],
}
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}


@dataclass(frozen=True)
class Formatter:
    """Formats for one language: 'en' (1,234.5) or 'fr' (1 234,5), with so many digits."""

    language: Language = "en"
    digits: int = 3

    def unknown(self, reason: str | None = None) -> str:
        """ "unknown", or "unknown: why"."""
        word = translate(self.language, "unknown")
        return f"{word}: {reason_label(self.language, reason)}" if reason else word

    def number(
        self, value: float | None, digits: int | None = None, reason: str | None = None
    ) -> str:
        """`digits` significant digits, but never fewer than the integer part has."""
        if value is None or math.isnan(value):
            return self.unknown(reason)
        if value == 0:
            return "0"
        shown = digits or self.digits
        rounded = float(f"{abs(value):.{shown}g}")  # 0.9996 has the decimals of 1.00
        decimals = max(0, shown - 1 - math.floor(math.log10(rounded)))
        return self._localised(f"{value:,.{min(decimals, 9)}f}")

    def quantity(self, value: float | None, reason: str | None = None) -> str:
        """An amount as it was given: no zeros that say nothing."""
        if value is None or math.isnan(value):
            return self.unknown(reason)
        return self._localised(f"{float(f'{value:.6g}'):,.10f}".rstrip("0").rstrip("."))

    def count(self, value: Any) -> str:
        """A whole number of things."""
        return self.unknown() if value is None else self._localised(f"{int(value):,d}")

    def energy(self, kwh: float | None, reason: str | None = None) -> str:
        """Wh, kWh, MWh or GWh."""
        return self._scaled(kwh, [(1e6, "GWh"), (1e3, "MWh"), (1, "kWh"), (1e-3, "Wh")], reason)

    def mass(self, g_co2e: float | None, reason: str | None = None) -> str:
        """mg, g, kg or t of CO2e."""
        units = [(1e6, "t CO₂e"), (1e3, "kg CO₂e"), (1, "g CO₂e"), (1e-3, "mg CO₂e")]
        return self._scaled(g_co2e, units, reason)

    def intensity(self, g_per_kwh: float | None, reason: str | None = None) -> str:
        """Grid intensity."""
        if g_per_kwh is None:
            return self.unknown(reason)
        return f"{self.number(g_per_kwh)}{NO_BREAK_SPACE}g CO₂e/kWh"

    def water(self, litres: float | None, reason: str | None = None) -> str:
        """Litres or cubic metres."""
        return self._scaled(litres, [(1e3, "m³"), (1, "L"), (1e-3, "mL")], reason)

    def water_intensity(self, l_per_kwh: float | None, reason: str | None = None) -> str:
        """Litres per IT kWh."""
        if l_per_kwh is None:
            return self.unknown(reason)
        return f"{self.quantity(l_per_kwh)}{NO_BREAK_SPACE}L/kWh"

    def mass_per_unit(self, g_co2e: float | None, unit: str | None) -> str:
        """CO2e for one unit of work, down to billionths of a gram."""
        units = [(1e3, "kg"), (1, "g"), (1e-3, "mg"), (1e-6, "µg"), (1e-9, "ng")]
        return self._scaled(g_co2e, [(size, f"{name} CO₂e/{unit}") for size, name in units], None)

    def power(self, watts: float | None, reason: str | None = None) -> str:
        """W or kW."""
        return self._scaled(watts, [(1e3, "kW"), (1, "W")], reason)

    def money(self, amount: float | None, currency: str | None, reason: str | None = None) -> str:
        """With its currency, two decimals (more below one cent)."""
        if amount is None:
            return self.unknown(reason)
        small = amount != 0 and abs(amount) < 0.01
        text = self.number(amount, 2) if small else self._localised(f"{amount:,.2f}")
        if abs(amount) >= 10_000:
            text = self._localised(f"{amount:,.0f}")
        unit = currency or translate(self.language, "unknown_currency")
        symbol = _SYMBOLS.get(unit)
        if self.language == "fr":
            return f"{text}{NO_BREAK_SPACE}{symbol or unit}"
        if not symbol:
            return f"{text}{NO_BREAK_SPACE}{unit}"
        return f"−{symbol}{text[1:]}" if amount < 0 else f"{symbol}{text}"

    def duration(self, seconds: float | None, reason: str | None = None) -> str:
        """The two largest parts: '3 d 4 h', '2 h 05 min', '42 s'."""
        if seconds is None:
            return self.unknown(reason)
        if seconds < 60:
            return f"{self.number(seconds, 2)}{NO_BREAK_SPACE}s"
        minutes = round(seconds / 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        day = "j" if self.language == "fr" else "d"
        if days:
            return self._joined([(days, day), (hours, "h")])
        return self._joined([(hours, "h"), (minutes, "min")] if hours else [(minutes, "min")])

    def ratio(self, value: float | None, reason: str | None = None) -> str:
        """0-1 as a percentage; just under 100 % stays under it."""
        if value is None or math.isnan(value):
            return self.unknown(reason)
        percent = 100 * value
        text = f"{percent:.1f}" if percent and (percent < 10 or 99 <= percent < 100) else ""
        if 99.95 <= percent < 100:
            text = "99.9"
        text = text or f"{percent:.0f}"
        sign = f"{NARROW_SPACE}%" if self.language == "fr" else "%"
        return self._localised(text.removesuffix(".0")) + sign

    def change(self, value: float | None, before: float | None) -> str | None:
        """'+12%' against `before`; None where either is unknown or `before` is 0."""
        if value is None or not before:
            return None
        relative = value / before - 1
        if relative >= 10:
            return f"×{NARROW_SPACE}{self.number(value / before, 2)}"
        if abs(relative) < 0.0005:
            return f"±{self.ratio(0.0)}"
        return ("+" if relative >= 0 else "−") + self.ratio(abs(relative))

    def times(self, value: float | None, reason: str | None = None) -> str:
        """'× 3.2'."""
        if value is None:
            return self.unknown(reason)
        return f"×{NO_BREAK_SPACE}{self.number(value, 3 if value < 100 else 2)}"

    def day(self, value: date | None, with_year: bool = True) -> str:
        """'22 Nov 2026'."""
        if value is None:
            return self.unknown()
        month = _MONTHS[self.language][value.month - 1]
        text = f"{value.day}{NO_BREAK_SPACE}{month}"
        return f"{text}{NO_BREAK_SPACE}{value.year}" if with_year else text

    def month(self, value: date | None) -> str:
        """'Nov 2026'."""
        if value is None:
            return self.unknown()
        return f"{_MONTHS[self.language][value.month - 1]}{NO_BREAK_SPACE}{value.year}"

    def instant(self, value: datetime | None) -> str:
        """'22 Nov 2026 14:05 UTC'."""
        return self.unknown() if value is None else f"{self.day(value)} {value:%H:%M} UTC"

    def interval(self, low: str, high: str) -> str:
        """A 90 % interval, from its two formatted ends."""
        word = translate(self.language, "to")
        return f"{low} {word} {high}"

    def _scaled(
        self, value: float | None, units: list[tuple[float, str]], reason: str | None
    ) -> str:
        if value is None or math.isnan(value):
            return self.unknown(reason)
        # 999.6 kWh would read 1,000 kWh: the unit is chosen after rounding.
        size = float(f"{abs(value):.{self.digits}g}")
        base = next(unit for unit in units if unit[0] == 1)
        scale, name = base if value == 0 else next((u for u in units if size >= u[0]), units[-1])
        return f"{self.number(value / scale)}{NO_BREAK_SPACE}{name}"

    def _joined(self, parts: list[tuple[int, str]]) -> str:
        shown = [f"{amount}{NO_BREAK_SPACE}{unit}" for amount, unit in parts if amount]
        return " ".join(shown)

    def _localised(self, text: str) -> str:
        if self.language == "fr":
            return text.replace(",", NARROW_SPACE).replace(".", ",").replace("-", "−")
        return text.replace("-", "−")
