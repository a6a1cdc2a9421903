"""Reads the file of exchange rates that `[billing] exchange_rates` names.

A CSV file with the columns of `COLUMNS`, in any order. `rate` is what one unit of `from_currency`
is worth in `to_currency` on the days from `valid_from` to `valid_to`, which is not included and may
be empty. A later `published_on` replaces what an earlier one said of the same day.
"""

import csv
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ingest.errors import ConfigError

COLUMNS: Mapping[str, pl.DataType] = {
    "from_currency": pl.String(),
    "to_currency": pl.String(),
    "rate": pl.Float64(),
    "valid_from": pl.Date(),
    "valid_to": pl.Date(),
    "published_on": pl.Date(),
    "source": pl.String(),
}
_SETTING = "billing.exchange_rates"


class _Rate(BaseModel):
    """A row of the file."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    from_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    to_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    valid_from: date
    valid_to: date | None = None
    published_on: date
    source: Annotated[str, Field(min_length=1)]

    @field_validator("valid_to", mode="before")
    @classmethod
    def _empty(cls, value: object) -> object:
        return value or None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError("valid_to must be after valid_from; it is not included")
        if self.from_currency == self.to_currency:
            raise ValueError("from_currency and to_currency must be two currencies")
        return self


def read(path: Path | None) -> Iterator[dict[str, Any]]:
    """The rows of the file, none without one. Raises ConfigError, with the line and the remedy."""
    if path is None:
        return
    said: dict[tuple[str, str, date, date], int] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            for row in reader:
                rate = _checked(path, reader.line_num, row)
                key = (rate.from_currency, rate.to_currency, rate.valid_from, rate.published_on)
                if key in said:
                    raise ConfigError(
                        f"{_SETTING}: {path} line {reader.line_num} says again what line "
                        f"{said[key]} says of {' '.join(key[:2])} from {key[2]}; keep one, or give "
                        "the correction a later published_on"
                    )
                said[key] = reader.line_num
                yield rate.model_dump()
    except OSError as error:
        raise ConfigError(f"{_SETTING}: cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(
            f"{_SETTING}: {path} is no CSV file in UTF-8 ({error}); save it as such"
        ) from error


def _checked(path: Path, line: int, row: Mapping[str | Any, Any]) -> _Rate:
    try:
        return _Rate.model_validate({key or "more columns": value for key, value in row.items()})
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'row'}: "
            f"{problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_url=False)
        )
        raise ConfigError(
            f"{_SETTING}: {path} line {line}: {problems}; the columns are {', '.join(COLUMNS)}"
        ) from None
