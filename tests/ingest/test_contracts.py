"""Row contracts: is every row either kept or rejected with a reason, and never both?"""

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.contracts import (
    REJECTED_SCHEMA,
    Dataset,
    empty_rejected,
    rejected_file,
    split,
)
from ingest.sources import registry

METER = Dataset(
    name="test__meter",
    columns={"device": pl.String(), "energy_j": pl.Float64()},
    checks={
        "device": pa.Column(pl.String(), nullable=False),
        "energy_j": pa.Column(pl.Float64(), pa.Check.ge(0), nullable=True),
    },
)


def readings(*rows: tuple[str | None, float | None]) -> pl.DataFrame:
    return pl.DataFrame(
        [("m.csv", i + 2, *row) for i, row in enumerate(rows)], schema=METER.schema, orient="row"
    )


def raws(frame: pl.DataFrame) -> pl.Series:
    return pl.Series([f"raw {row}" for row in frame["source_row"]], dtype=pl.String)


def test_a_dataset_starts_with_the_origin_of_its_rows() -> None:
    assert METER.schema.names() == ["source_file", "source_row", "device", "energy_j"]
    assert list(METER.contract().columns) == METER.schema.names()


def test_rows_that_keep_the_contract_pass_unchanged() -> None:
    frame = readings(("a", 1.0), ("b", None), ("c", 0.0))
    rows, rejected = split(METER, frame, raws(frame))
    assert rows.equals(frame)
    assert rejected.is_empty() and rejected.schema == REJECTED_SCHEMA


def test_a_broken_row_is_kept_whole_with_its_place_and_reason() -> None:
    frame = readings(("a", 1.0), (None, 2.0), ("c", -3.0), ("d", 4.0))
    rows, rejected = split(METER, frame, raws(frame))
    assert rows["device"].to_list() == ["a", "d"]
    assert rejected.schema == REJECTED_SCHEMA
    assert rejected.select("source_file", "source_row", "field", "reason", "raw").rows() == [
        ("m.csv", 3, "device", "missing_value", "raw 3"),
        ("m.csv", 4, "energy_j", "value_not_allowed", "raw 4"),
    ]
    assert "-3" in rejected["detail"][1]


def test_what_typing_found_comes_before_what_the_contract_finds() -> None:
    frame = readings((None, -1.0), ("b", 1.0))
    problems = [
        ("energy_j", "wrong_type", "energy_j must be a number", pl.Series([True, False])),
        ("device", "out_of_range", "second", pl.Series([True, False])),
    ]
    rows, rejected = split(METER, frame, raws(frame), problems)
    assert rows["device"].to_list() == ["b"]
    assert rejected.select("field", "reason").rows() == [("energy_j", "wrong_type")]


@pytest.mark.parametrize(
    "frame",
    [
        readings(("a", 1.0)).drop("energy_j"),
        readings(("a", 1.0)).with_columns(pl.col("energy_j").cast(pl.Int64)),
        readings(("a", 1.0)).with_columns(pl.lit(1).alias("more")),
        readings(("a", 1.0)).select("source_row", "source_file", "device", "energy_j"),
    ],
    ids=["a column less", "another type", "a column more", "another order"],
)
def test_a_frame_that_is_not_the_datasets_is_an_error_of_the_source(frame: pl.DataFrame) -> None:
    with pytest.raises(TypeError, match="test__meter"):
        split(METER, frame, raws(frame))


def test_a_file_that_nobody_could_read_is_one_rejected_row() -> None:
    rejected = rejected_file("a.csv", "empty_file", "write it again")
    assert rejected.schema == REJECTED_SCHEMA == empty_rejected().schema
    assert rejected.rows() == [("a.csv", None, None, "empty_file", "write it again", None)]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.none() | st.text("ab", max_size=2),
            st.none() | st.floats(-2, 2),
            st.booleans(),
        ),
        max_size=20,
    )
)
def test_rows_in_are_rows_kept_and_rows_rejected(
    given_rows: list[tuple[str | None, float | None, bool]],
) -> None:
    frame = readings(*((device, energy) for device, energy, _ in given_rows))
    marked = pl.Series([bad for *_, bad in given_rows], dtype=pl.Boolean)
    rows, rejected = split(METER, frame, raws(frame), [("device", "wrong_type", "bad", marked)])
    assert rows.schema == METER.schema and rejected.schema == REJECTED_SCHEMA
    assert rows.height + rejected.height == len(given_rows)
    both = [*rows["source_row"], *rejected["source_row"]]
    assert sorted(both) == frame["source_row"].to_list()
    assert rows["source_row"].is_sorted() and rejected["source_row"].is_sorted()
    assert rejected["raw"].to_list() == [f"raw {row}" for row in rejected["source_row"]]
    assert not rows["device"].null_count()
    assert rows.filter(pl.col("energy_j") < 0).is_empty()


def test_every_source_says_what_it_lands_and_what_it_can_be_told() -> None:
    for name, source in registry().items():
        assert name == source.NAME
        assert source.Settings.model_fields["enabled"].default is True
        for field_name, field in source.Settings.model_fields.items():
            assert field.description, f"{name}.{field_name}"
        for dataset in source.DATASETS:
            teller, _, _ = dataset.name.partition("__")
            assert teller == name or dataset in registry()[teller].DATASETS
            assert set(dataset.checks) <= set(dataset.schema)
            empty = pl.DataFrame(schema=dataset.schema)
            assert split(dataset, empty, pl.Series(dtype=pl.String))[0].equals(empty)
