"""What the collector publishes about itself holds for whatever comes."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from service import TOKEN, Collector, landed, running, write_config


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    folder = tmp_path_factory.mktemp("openapi")
    write_config(folder)
    with running(folder) as started:
        yield started
        assert started.stop() == 0
        assert "Traceback" not in (folder / "collector.log").read_text()
        landed(folder)  # whatever was accepted is accepted again


OPERATIONS = [
    ("/v1/events", "POST"),
    ("/api/v1/lineage", "POST"),
    ("/healthz", "GET"),
    ("/metrics", "GET"),
]


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_as_published(
    collector: Collector, path: str, method: str, mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_url(f"{collector.url}/openapi.json")
    assert len(list(schema.get_all_operations())) == len(OPERATIONS)
    statuses = set()

    @given(schema[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    def sent(case: Case) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
        statuses.add(answer.status_code)
        case.validate_response(
            answer,
            checks=[
                not_a_server_error,
                status_code_conformance,
                content_type_conformance,
                response_schema_conformance,
            ],
        )

    try:
        sent()
    except Unsatisfiable:  # nothing can be wrong about a request without parameters
        assert (method, mode) == ("GET", GenerationMode.NEGATIVE)
        return
    if method == "POST":
        assert (202 if mode is GenerationMode.POSITIVE else 422) in statuses
