"""Electricity Maps: is each answer understood, each refusal told, and no hour lost or doubled?"""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from grid_api import HOUR, NOW, Api, Asked, GridNight, Reply, hours, serving, utc, window
from pydantic import ValidationError

from ingest.errors import ConfigError
from ingest.sources import electricity_maps as source
from observatory.settings import load_settings

PAYLOADS = Path(__file__).parent / "payloads" / "electricity_maps"
TOKEN = "em-7f3a-token"  # noqa: S105 - of nobody
KEEP = (
    "from_at_utc",
    "intensity_g_per_kwh",
    "is_estimated",
    "estimation_method",
    "is_final",
)


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / name).read_text())


def hourly(asked: Asked, **over: Any) -> Reply:
    """The API as documented: every hour of the range, a value made from the zone and the hour."""
    kind, query = asked.path.rsplit("/", 1)[-1], asked.query
    if kind == "history":
        last = NOW.replace(minute=0)
        starts = hours(last - 23 * HOUR, last + HOUR)
    else:
        starts = hours(datetime.fromisoformat(query["start"]), datetime.fromisoformat(query["end"]))
    items = [
        {
            "zone": query["zone"],
            "carbonIntensity": value_of(query["zone"], at, query["emissionFactorType"]),
            "datetime": at.isoformat().replace("+00:00", ".000Z"),
            "updatedAt": "2026-11-01T00:00:00.000Z",
            "emissionFactorType": query["emissionFactorType"],
            "isEstimated": False,
            "estimationMethod": None,
            **over,
        }
        for at in starts
    ]
    return Reply({"zone": query["zone"], "history" if kind == "history" else "data": items})


def value_of(zone: str, at: datetime, factor_type: str = "lifecycle") -> float:
    number = int(at.timestamp()) // 3600 % 500 + len(zone)
    return float(number if factor_type == "lifecycle" else number / 2)


@pytest.fixture
def night(tmp_path: Path) -> GridNight:
    return GridNight(tmp_path, source)


def run(night: GridNight, api: Api, *wanted: source.Window, **told: Any) -> Any:
    return night.run(api, *wanted, **{"token": TOKEN, **told})


def test_an_answer_as_documented(night: GridNight) -> None:
    with serving(lambda _: Reply(payload("past_range.json"))) as api:
        report = run(night, api, window("DE", "2026-10-01", "2026-10-01T03"), final_after_days=90)
    assert (report.status, report.error) == ("ok", None)
    (asked,) = api.asked
    assert asked.path == "/v3/carbon-intensity/past-range"
    assert asked.query == {
        "zone": "DE",
        "emissionFactorType": "lifecycle",
        "temporalGranularity": "hourly",
        "start": "2026-10-01T00:00:00Z",
        "end": "2026-10-01T03:00:00Z",
    }
    assert asked.headers["auth-token"] == TOKEN
    assert night.rows.select(KEEP).rows() == [
        (utc("2026-10-01T00"), 302.0, False, None, True),
        (utc("2026-10-01T01"), 311.5, False, None, True),
        (utc("2026-10-01T02"), 318.0, True, "TIME_SLICER_AVERAGE", False),
    ]
    first = night.rows.row(0, named=True)
    assert first["source_file"].startswith("carbon-intensity/past-range?zone=DE&")
    assert first["source_row"] == 1
    assert first["to_at_utc"] == utc("2026-10-01T01")
    assert (first["grid_zone"], first["signal"]) == ("DE", "average")
    assert (first["accounting"], first["basis"]) == ("lifecycle", "consumption")
    assert first["published_at_utc"] == datetime(2026, 10, 3, 8, 4, 17, 201000, tzinfo=UTC)
    assert first["source_version"] == "v3"
    assert night.scopes == ["default/DE/2026-10-01T00:00Z--2026-10-01T03:00Z"]


def test_version_4(night: GridNight) -> None:
    with serving(lambda _: Reply(payload("past_range_v4.json"))) as api:
        run(night, api, window("DE", "2026-10-01", "2026-10-01T01"), version="v4")
    assert api.asked[0].path == "/v4/carbon-intensity/past-range"
    assert night.rows.select("intensity_g_per_kwh", "source_version").rows() == [(302.0, "v4")]


def test_the_last_day_is_one_request_however_many_windows(night: GridNight) -> None:
    wanted = [
        window("DE", "2026-11-22T10", "2026-11-22T11"),
        window("DE", "2026-11-22T15", "2026-11-22T17"),
        window("DE", "2026-11-23T08", "2026-11-23T10"),
        window("FR", "2026-11-22T23", "2026-11-23T00"),
    ]
    with serving(hourly) as api:
        report = run(night, api, *wanted)
    assert report.status == "ok"
    assert [(a.path.rsplit("/", 1)[-1], a.query["zone"]) for a in api.asked] == [
        ("history", "DE"),
        ("history", "FR"),
    ]
    assert len(night.scopes) == 4
    wished = [(w.grid_zone_id, at) for w in wanted for at in hours(w.from_at, w.to_at)]
    assert night.rows.select("grid_zone", "from_at_utc").rows() == wished


def test_history_as_documented_leaves_what_it_lacks_for_the_next_night(night: GridNight) -> None:
    with serving(lambda _: Reply(payload("history.json"))) as api:
        run(night, api, window("DE", "2026-11-23T07", "2026-11-23T10"))
    assert night.rows.select(KEEP).rows() == [
        (utc("2026-11-23T07"), 276.0, False, None, True),
        (utc("2026-11-23T08"), 281.0, True, "FORECASTS_HIERARCHY", False),
        (utc("2026-11-23T09"), None, None, None, False),
    ]


def test_the_day_before_is_asked_apart_from_what_lies_behind_it(night: GridNight) -> None:
    """So a plan that has no past still brings the last day."""

    def answer(asked: Asked) -> Reply:
        is_past = asked.path.endswith("past-range")
        return Reply(payload("failure_403.json"), 403) if is_past else hourly(asked)

    with serving(answer) as api:
        report = run(night, api, window("DE", "2026-11-21", "2026-11-23T09"))
    assert report.status == "partial"
    assert report.error == (
        "electricity_maps DE 2026-11-21T00:00Z--2026-11-22T10:00Z: HTTP 403 Forbidden (Your "
        "subscription does not include the zone DE for this range): the zone or the range is not "
        "in the plan of this token; `zones` names those to ask for"
    )
    assert night.rows["from_at_utc"].to_list() == hours(utc("2026-11-22T10"), utc("2026-11-23T09"))


def test_no_window_is_longer_than_10_days_and_no_hour_is_asked_twice(night: GridNight) -> None:
    wanted = (window("DE", "2026-09-01", "2026-09-26"), window("FR", "2026-09-03", "2026-09-04"))
    with serving(hourly) as api:
        report = run(night, api, *wanted)
    spans = [(a.query["zone"], a.query["start"], a.query["end"]) for a in api.asked]
    assert spans == [
        ("DE", "2026-09-01T00:00:00Z", "2026-09-11T00:00:00Z"),
        ("DE", "2026-09-11T00:00:00Z", "2026-09-21T00:00:00Z"),
        ("DE", "2026-09-21T00:00:00Z", "2026-09-26T00:00:00Z"),
        ("FR", "2026-09-03T00:00:00Z", "2026-09-04T00:00:00Z"),
    ]
    assert (report.rows_landed, report.rows_rejected) == (26 * 24, 0)
    for zone, at, value in night.rows.select("grid_zone", "from_at_utc", KEEP[1]).iter_rows():
        assert value == value_of(zone, at)
    assert not night.rows.select("grid_zone", "from_at_utc").is_duplicated().any()


def test_the_same_answer_again_lands_nothing(night: GridNight) -> None:
    wanted = window("DE", "2026-09-01", "2026-09-26")
    with serving(hourly) as api:
        run(night, api, wanted)
    with serving(hourly) as api:  # on another port
        again = run(night, api, wanted, at=NOW + timedelta(days=1))
    assert (again.status, again.rows_landed, again.rows_unchanged) == ("ok", 0, 25 * 24)


def test_both_factor_types_are_one_delivery(night: GridNight) -> None:
    wanted = window("DE", "2026-10-01", "2026-10-02")
    with serving(hourly) as api:
        run(night, api, wanted, emission_factor_type="both")
    assert [a.query["emissionFactorType"] for a in api.asked] == ["lifecycle", "direct"]
    assert len(night.scopes) == 1
    for accounting, at, value in night.rows.select("accounting", "from_at_utc", KEEP[1]).rows():
        factor_type = {"lifecycle": "lifecycle", "operational": "direct"}[accounting]
        assert value == value_of("DE", at, factor_type)
    assert night.rows["accounting"].value_counts().sort("accounting").rows() == [
        ("lifecycle", 24),
        ("operational", 24),
    ]


def test_the_accounting_is_that_of_the_answer(night: GridNight) -> None:
    """An API that answers with other factors than those asked for is not believed to have."""
    with serving(lambda a: hourly(a, emissionFactorType="direct")) as api:
        run(night, api, window("DE", "2026-10-01", "2026-10-01T02"))
    assert night.rows.select("accounting", KEEP[1]).rows() == [
        ("lifecycle", None),
        ("lifecycle", None),
        ("operational", value_of("DE", utc("2026-10-01T00"))),
        ("operational", value_of("DE", utc("2026-10-01T01"))),
    ]


def test_when_one_of_both_factor_types_fails_the_window_is_asked_again(night: GridNight) -> None:
    def answer(asked: Asked) -> Reply:
        is_direct = asked.query["emissionFactorType"] == "direct"
        return Reply(b"", 403) if is_direct else hourly(asked)

    with serving(answer) as api:
        report = run(
            night, api, window("DE", "2026-10-01", "2026-10-02"), emission_factor_type="both"
        )
    assert (report.status, night.rows.height) == ("failed", 0)


def test_only_the_zones_that_are_named_and_by_their_name_there(night: GridNight) -> None:
    wanted = [
        window(zone, "2026-10-01", "2026-10-01T02") for zone in ("DE", "FR", "US-CA", "not-a-zone")
    ]
    with serving(hourly) as api:
        report = run(night, api, *wanted, zones="FR, US-CA", zone_names={"US-CA": "US-CAL-CISO"})
    assert report.status == "ok"
    assert [a.query["zone"] for a in api.asked] == ["FR", "US-CAL-CISO"]
    assert night.rows["grid_zone"].unique().sort().to_list() == ["FR", "US-CA"]


def test_nothing_wanted_asks_nothing_and_needs_no_token(night: GridNight) -> None:
    with serving(hourly) as api:
        report = run(night, api, token=None)
    assert (report.status, api.asked) == ("ok", [])


def test_without_a_token_nothing_is_asked(night: GridNight) -> None:
    with serving(hourly) as api:
        report = run(night, api, window("DE", "2026-10-01", "2026-10-02"), token=None)
    assert (report.status, api.asked) == ("failed", [])
    assert "token_file" in (report.error or "")


def test_what_an_answer_lacks_is_known_to_be_lacking(night: GridNight) -> None:
    """After `final_after_days` it is not asked for again."""
    with serving(lambda _: Reply({"zone": "DE", "data": []})) as api:
        run(
            night,
            api,
            window("DE", "2026-10-24T08", "2026-10-24T11"),  # now is 2026-11-23 09:30
        )
    assert night.rows.select("source_row", *KEEP).rows() == [
        (None, utc("2026-10-24T08"), None, None, None, True),
        (None, utc("2026-10-24T09"), None, None, None, False),
        (None, utc("2026-10-24T10"), None, None, None, False),
    ]


def test_an_old_hour_that_is_still_estimated_is_taken_as_it_is(night: GridNight) -> None:
    wanted = window("DE", "2026-10-24T08", "2026-10-24T10")
    with serving(lambda a: hourly(a, isEstimated=True, estimationMethod="RECONSTRUCT")) as api:
        run(night, api, wanted)
    assert night.rows["is_final"].to_list() == [True, False]
    assert night.rows["is_estimated"].to_list() == [True, True]


def test_without_estimations_their_hours_are_lacking(night: GridNight) -> None:
    with serving(lambda a: hourly(a, carbonIntensity=None)) as api:
        run(night, api, window("DE", "2026-11-20", "2026-11-20T02"), disable_estimations=True)
    assert api.asked[0].query["disableEstimations"] == "true"
    assert night.rows.select(KEEP[1:]).rows() == [(None, None, None, False)] * 2


def test_hours_that_are_not_yet_are_not_asked(night: GridNight) -> None:
    with serving(hourly) as api:
        run(night, api, window("DE", "2026-11-23T08", "2026-11-25"))
    assert night.rows["from_at_utc"].to_list() == [utc("2026-11-23T08"), utc("2026-11-23T09")]
    assert len(api.asked) == 1


def test_the_better_of_two_is_taken_and_the_other_refused(night: GridNight) -> None:
    with serving(lambda _: Reply(payload("failure_duplicate_interval.json"))) as api:
        report = run(night, api, window("DE", "2026-10-01", "2026-10-01T03"))
    assert report.status == "partial"
    assert night.rows["intensity_g_per_kwh"].to_list() == [300.0, 310.0, 321.0]
    assert night.rows["is_final"].all()
    refused = night.rejected.select("source_row", "field", "reason").rows()
    assert refused == [
        (2, "intensity_g_per_kwh", "duplicate_interval"),
        (5, "intensity_g_per_kwh", "duplicate_interval"),
    ]
    assert "300 g/kWh was taken instead" in night.rejected["detail"][0]


def test_items_that_cannot_be_are_refused_one_by_one(night: GridNight) -> None:
    body = (PAYLOADS / "failure_items.json").read_bytes()
    with serving(lambda _: Reply(body)) as api:
        report = run(night, api, window("DE", "2026-10-01", "2026-10-01T03"))
    assert report.status == "partial"
    assert night.rows.select("source_row", KEEP[1]).rows() == [
        (None, None),
        (None, None),
        (10, 305),
    ]
    assert night.rejected.select("source_row", "field", "reason").rows() == [
        (1, "carbonIntensity", "wrong_type"),
        (2, "datetime", "wrong_type"),
        (3, "datetime", "missing_value"),
        (4, "intensity_g_per_kwh", "out_of_range"),
        (5, "intensity_g_per_kwh", "out_of_range"),
        (6, "from_at_utc", "value_not_allowed"),
        (7, "from_at_utc", "outside_window"),
        (8, "carbonIntensity", "out_of_range"),
        (9, None, "wrong_type"),
    ]
    assert json.loads(night.rejected["raw"][0])["carbonIntensity"] == "302"


@pytest.mark.parametrize(
    ("zone", "from_at", "to_at"),
    [
        ("GB", "2026-03-28T12", "2026-03-30T12"),
        ("GB", "2026-10-24T12", "2026-10-26T12"),
        ("FR", "2026-03-28T12", "2026-03-30T12"),
        ("FR", "2026-10-24T12", "2026-10-26T12"),
    ],
)
def test_a_change_of_the_local_clock_changes_no_hour(
    night: GridNight, zone: str, from_at: str, to_at: str
) -> None:
    with serving(hourly) as api:
        run(night, api, window(zone, from_at, to_at))
    assert night.rows["from_at_utc"].to_list() == hours(utc(from_at), utc(to_at))
    assert night.rows["intensity_g_per_kwh"].null_count() == 0


# Refusals: what is told, how often it was asked, and whether the rest goes on.


def test_a_wrong_token_ends_the_asking_at_once(
    night: GridNight, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wanted = (window("DE", "2026-09-01", "2026-10-01"), window("FR", "2026-09-01", "2026-09-02"))
    # The server repeats the token, as some do.
    refusal = Reply({"message": f"Invalid token {TOKEN}"}, 401)
    with serving(lambda _: refusal) as api:
        report = run(night, api, *wanted)
    assert len(api.asked) == 1
    assert report.status == "failed"
    assert report.error == (
        "electricity_maps DE 2026-09-01T00:00Z--2026-09-11T00:00Z: HTTP 401 Unauthorized: the "
        "token is not accepted; check `token` or `token_file` of [sources.electricity_maps]; "
        "electricity_maps DE 2026-09-11T00:00Z--2026-10-01T00:00Z, "
        "FR 2026-09-01T00:00Z--2026-09-02T00:00Z: not asked after that"
    )
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(source.Settings.model_validate({"token": TOKEN}))


@pytest.mark.parametrize("status", [403, 404, 500])
def test_the_token_is_in_no_error_and_no_log(
    night: GridNight, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(lambda _: Reply({"message": f"no luck with {TOKEN}"}, status)) as api:
        report = run(night, api, window("DE", "2026-10-01", "2026-10-02"))
    assert "no luck with [token]" in (report.error or "")
    assert TOKEN not in f"{report}{caplog.text}"
    assert all(asked.headers["auth-token"] == TOKEN for asked in api.asked)


def test_an_unknown_zone_does_not_stop_the_others(night: GridNight) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.query["zone"] == "XX":
            return Reply(payload("failure_404.json"), 404)
        return hourly(asked)

    wanted = [window(zone, "2026-10-01", "2026-10-02") for zone in ("DE", "XX", "YY")]
    with serving(answer) as api:
        report = run(night, api, *wanted)
    assert report.status == "partial"
    assert report.error == (
        "electricity_maps XX 2026-10-01T00:00Z--2026-10-02T00:00Z: HTTP 404 Not Found (Zone 'XX' "
        "does not exist.): is the zone one of Electricity Maps? `zone_names` says how a zone is "
        "called there"
    )
    assert night.rows["grid_zone"].unique().sort().to_list() == ["DE", "YY"]
    assert len(api.asked) == 3


def test_a_zone_that_keeps_failing_is_left_alone(night: GridNight) -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(b"", 403) if asked.query["zone"] == "DE" else hourly(asked)

    wanted = (window("DE", "2026-01-01", "2026-07-01"), window("FR", "2026-09-01", "2026-09-02"))
    with serving(answer) as api:
        report = run(night, api, *wanted)
    assert [a.query["zone"] for a in api.asked] == ["DE", "DE", "DE", "FR"]
    assert "DE 2026-01-01T00:00Z--2026-01-31T00:00Z: HTTP 403" in (report.error or "")
    assert "DE 2026-01-31T00:00Z--2026-07-01T00:00Z: not asked after" in (report.error or "")
    assert night.rows["grid_zone"].unique().to_list() == ["FR"]


def flaky(*first: Reply) -> Callable[[Asked], Reply]:
    """The API, after these replies."""
    waiting = list(first)
    return lambda asked: waiting.pop(0) if waiting else hourly(asked)


def test_too_many_requests_waits_as_long_as_it_is_told(night: GridNight) -> None:
    with serving(flaky(Reply(b"", 429, {"Retry-After": "1"}))) as api:
        report = run(night, api, window("DE", "2026-10-01", "2026-10-02"), longest_wait_s=5)
    assert (report.status, night.rows.height) == ("ok", 24)
    first, second = api.asked
    assert second.at_s - first.at_s >= 1.0


def test_too_many_requests_for_ever_ends_the_asking(night: GridNight) -> None:
    """`Retry-After` of a day does not hold the night up."""

    def answer(asked: Asked) -> Reply:
        if asked.query["start"] == "2026-09-01T00:00:00Z":
            return hourly(asked)
        return Reply(b"", 429, {"Retry-After": "86400"})

    with serving(answer) as api:
        report = run(night, api, window("DE", "2026-09-01", "2026-10-11"), attempts=3)
    assert len(api.asked) == 1 + 3
    assert (report.status, night.rows.height) == ("partial", 240)
    assert "2026-09-11T00:00Z--2026-09-21T00:00Z: HTTP 429" in (report.error or "")
    assert "2026-09-21T00:00Z--2026-10-11T00:00Z: not asked after" in (report.error or "")


def test_a_server_error_is_tried_again(night: GridNight) -> None:
    with serving(flaky(Reply(b"", 503), Reply(b"<html>", 500))) as api:
        report = run(night, api, window("DE", "2026-10-01", "2026-10-02"), attempts=3)
    assert (report.status, night.rows.height, len(api.asked)) == ("ok", 24, 3)


def test_a_server_error_that_stays_is_told_without_its_web_page(night: GridNight) -> None:
    with serving(lambda _: Reply(b"<html><body>oops", 502)) as api:
        report = run(night, api, window("DE", "2026-10-01", "2026-10-02"))
    assert len(api.asked) == 2
    assert report.error == (
        "electricity_maps DE 2026-10-01T00:00Z--2026-10-02T00:00Z: HTTP 502 Bad Gateway: "
        "the next night asks again"
    )


def test_an_api_that_says_nothing_ends_the_asking(night: GridNight) -> None:
    with serving(lambda _: Reply(hangs=True)) as api:
        report = run(
            night, api, window("DE", "2026-09-01", "2026-10-01"), timeout_s=0.2, attempts=2
        )
    assert len(api.asked) == 2
    assert report.status == "failed"
    assert "no answer within 0.2 s, 2 time(s)" in (report.error or "")


def test_an_api_that_is_not_there(night: GridNight) -> None:
    with serving(hourly) as api:
        pass
    report = run(night, api, window("DE", "2026-10-01", "2026-10-02"))
    assert report.status == "failed"
    assert "no connection with 127.0.0.1" in (report.error or "")


def test_an_answer_that_breaks_off_fails_its_window_alone(night: GridNight) -> None:
    def answer(asked: Asked) -> Reply:
        whole = hourly(asked)
        if asked.query["zone"] == "FR":
            return whole
        return Reply(whole.content, headers={"Content-Length": str(len(whole.content) + 1)})

    wanted = [window(zone, "2026-10-01", "2026-10-02") for zone in ("DE", "FR")]
    with serving(answer) as api:
        report = run(night, api, *wanted)
    assert report.status == "partial"
    assert "DE 2026-10-01T00:00Z--2026-10-02T00:00Z: HTTP 200, but the answer broke off" in (
        report.error or ""
    )
    assert (night.rows["grid_zone"].unique().to_list(), night.rows.height) == (["FR"], 24)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"zone": "DE", "data": [', "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b'{"zone": "DE"}', "holds no list"),
        (b'{"zone": "DE", "data": {"a": 1}}', "holds no list"),
        (b'{"zone": "AT", "data": []}', "asked for DE, the answer is of 'AT'"),
        (b" " * (33 * 2**20), "longer than 32 MiB"),
    ],
    ids=["cut", "deep", "empty", "no list", "another zone", "too large"],
)
def test_an_answer_of_no_use_fails_its_window_alone(
    night: GridNight, body: bytes, said: str
) -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(body) if asked.query["zone"] == "DE" else hourly(asked)

    wanted = [window(zone, "2026-10-01", "2026-10-02") for zone in ("DE", "FR")]
    with serving(answer) as api:
        report = run(night, api, *wanted)
    assert report.status == "partial"
    assert said in (report.error or "")
    assert "DE 2026-10-01T00:00Z--2026-10-02T00:00Z" in (report.error or "")
    assert (night.rows["grid_zone"].unique().to_list(), night.rows.height) == (["FR"], 24)


def test_a_redirect_is_not_followed(night: GridNight) -> None:
    with serving(hourly) as elsewhere:
        with serving(lambda _: Reply(b"", 307, {"Location": f"{elsewhere.url}/v3"})) as api:
            report = run(night, api, window("DE", "2026-10-01", "2026-10-02"))
        assert elsewhere.asked == []
    assert "redirects are not followed" in (report.error or "")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.electricitymaps.com",
        "http://127.0.0.1.example.org",
        "ftp://127.0.0.1",
        "https://user:secret@api.electricitymaps.com",
        "https://api.electricitymaps.com?token=1",
        "https://",
        "https://[::1",
        "api.electricitymaps.com",
    ],
)
def test_the_token_only_goes_over_https(url: str) -> None:
    with pytest.raises(ValidationError, match="url"):
        source.Settings(url=url)


def test_the_token_of_a_file_is_read_and_a_wrong_one_is_not_shown(tmp_path: Path) -> None:
    config = tmp_path / "observatory.toml"
    config.write_text('[sources.electricity_maps]\ntoken_file = "token"\n')
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (told,) = [s for name, _, s in load_settings(config).instances() if name == source.NAME]
    assert isinstance(told, source.Settings)
    assert told.token is not None
    assert told.token.get_secret_value() == TOKEN
    (tmp_path / "token").write_text("abc def")
    with pytest.raises(ConfigError, match="must be printable ASCII without spaces") as error:
        load_settings(config)
    assert "abc" not in str(error.value)


def test_a_night_lands_the_newest_of_each_hour_beside_the_old(night: GridNight) -> None:
    """A second night that wants one hour of it again leaves the first delivery as it was."""
    with serving(lambda a: hourly(a, isEstimated=True)) as api:
        run(night, api, window("DE", "2026-11-20", "2026-11-21"))
    with serving(hourly) as api:
        run(night, api, window("DE", "2026-11-20T05", "2026-11-20T06"), at=NOW + timedelta(days=1))
    assert len(night.scopes) == 2
    frame = pl.read_parquet(night.landing.root / "electricity_maps__intensity" / "*.parquet")
    assert frame.height == 25
    assert frame.filter("is_final")["from_at_utc"].to_list() == [utc("2026-11-20T05")]
