"""The columns of a file of grid intensities: which of the user's columns is which of ours."""

import re
from collections.abc import Mapping, Sequence

from ingest.errors import FileRejected
from ingest.table_csv import Header

# What a file may call its columns; case, spaces and punctuation do not matter. The first that is
# there is taken. What a column is called by setting `columns` goes first.
NAMES: Mapping[str, tuple[str, ...]] = {
    "zone": ("zone", "grid_zone", "grid_zone_id", "zone_id"),
    "from": (
        "from",
        "from_at_utc",
        "start",
        "start_at_utc",
        "datetime",
        "datetime_utc",
        "timestamp",
        "timestamp_utc",
        "date",
    ),
    "to": ("to", "to_at_utc", "end", "end_at_utc"),
    "year": ("year",),
    "month": ("month",),
    "intensity": (
        "intensity_g_per_kwh",
        "carbon_intensity_g_per_kwh",
        "intensity",
        "carbon_intensity",
    ),
    "signal": ("signal",),
    "accounting": ("accounting",),
    "basis": ("basis",),
    "is_estimated": ("is_estimated", "estimated"),
    "estimation_method": ("estimation_method",),
    "published_on": ("published_on", "published_at", "published_at_utc", "updated_at"),
    "version": ("version", "source_version"),
}
REMEDY = "name it in `columns` of the source"


def match_columns(
    source_file: str,
    names: Sequence[str],
    columns: Mapping[str, str],
    given: Mapping[str, str | None],
) -> Header:
    """Match a file's columns to ours. `given` is what the settings say instead of a column.

    Raises FileRejected: duplicate_header or missing_column.
    """
    plain = [plain_name(name) for name in names]
    known: dict[str, int] = {}
    for ours, theirs in columns.items():
        if plain_name(theirs) not in plain:
            raise FileRejected(
                source_file,
                "missing_column",
                f"the file has no column {theirs!r}, which `columns` of the source names as "
                f"{ours}; correct one of the two",
            )
    for ours, spellings in NAMES.items():
        wished = [columns[ours]] if ours in columns else spellings
        found = next((s for s in map(plain_name, wished) if s in plain), None)
        if found is None:
            continue
        if plain.count(found) > 1:
            raise FileRejected(
                source_file,
                "duplicate_header",
                f"the header names the column {names[plain.index(found)]} twice, so it is not "
                "known which one counts; remove one",
            )
        known[ours] = plain.index(found)
    if "from" not in known and not {"year", "month"} & known.keys():
        detail = f"the file has no column that says when (from, datetime, date, year); {REMEDY}"
        raise FileRejected(source_file, "missing_column", detail)
    for ours in ("intensity", "zone", "accounting"):
        if ours not in known and not given.get(ours):
            instead = f", or set `{ours}`" if ours in given else ""
            detail = f"the file has no column {ours}; {REMEDY}{instead}"
            raise FileRejected(source_file, "missing_column", detail)
    extra = {name: i for i, name in enumerate(names) if i not in known.values()}
    return Header(tuple(names), known, extra)


def plain_name(name: str) -> str:
    """A column's name in lower case, letters and digits alone."""
    return re.sub(r"[\W_]", "", name.lower())
