"""What the endpoint promises, as OpenAPI 3.1; schemas of events are made from their models."""

from typing import Any

from pydantic import BaseModel

from ingest.collector.bodies import MAX_BODY_BYTES, MAX_EVENTS
from ingest.lineage_event import LineageEvent
from ingest.run_event import RunEvent

LINEAGE_PATH = "/api/v1/lineage"
"""Where OpenLineage's HTTP transport posts if it is told nothing else."""
_SCHEMAS = "#/components/schemas/"

_ACCEPTED = {
    "type": "object",
    "required": ["accepted", "duplicates"],
    "additionalProperties": False,
    "properties": {
        "accepted": {"type": "integer", "minimum": 0, "maximum": MAX_EVENTS},
        "duplicates": {"type": "integer", "minimum": 0, "maximum": MAX_EVENTS},
    },
}
_PROBLEM = {
    "type": "object",
    "required": ["index", "field", "reason", "detail"],
    "properties": {
        "index": {
            "type": ["integer", "null"],
            "description": "The event's place in the array, from 0.",
        },
        "field": {"type": ["string", "null"], "examples": ["energy.0.energy_j"]},
        "reason": {"type": "string", "examples": ["wrong_type"]},
        "detail": {"type": "string"},
    },
}
_ERROR = {
    "type": "object",
    "required": ["error", "problems"],
    "properties": {
        "error": {"type": "string"},
        "problems": {"type": "array", "items": {"$ref": f"{_SCHEMAS}Problem"}},
    },
}
_HEALTH = {
    "type": "object",
    "required": ["status", "problem"],
    "properties": {
        "status": {"enum": ["ok", "failing"]},
        "problem": {"type": ["string", "null"]},
    },
}
_CLOUD_EVENT = {
    "type": "object",
    "description": "A CloudEvents 1.0 structured event. Its `id` is the event's id.",
    "required": ["specversion", "id", "source", "type", "data"],
    "properties": {
        "specversion": {"type": "string", "pattern": r"^1\."},
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string"},
        "type": {"type": "string"},
        "time": {"type": "string", "format": "date-time"},
        "data": {"$ref": f"{_SCHEMAS}RunEvent"},
    },
}


def document(version: str, needs_token: bool) -> dict[str, Any]:
    """The OpenAPI document."""
    parts, event = _schemas(RunEvent)
    lineage_parts, lineage = _schemas(LineageEvent)
    one = {"anyOf": [{"$ref": f"{_SCHEMAS}RunEvent"}, {"$ref": f"{_SCHEMAS}CloudEvent"}]}
    refusals = {
        "400": "The body is no gzip, no UTF-8, no JSON, or nested too deeply.",
        "401": "No token, or none of ours.",
        "403": "The request comes from a web page.",
        "408": "The body did not come in time.",
        "413": f"More than {MAX_EVENTS:,} events, or {MAX_BODY_BYTES:,} bytes, also unpacked.",
        "415": "A Content-Encoding other than gzip.",
        "422": "An event breaks the contract: its place, the field's path and the reason. Nothing "
        "of the request is kept.",
        "429": "Too much; `Retry-After` says for how many seconds to wait.",
        "503": "The events could not be kept; send them again.",
    }
    answers = {
        "202": _answer("Kept.", "Accepted"),
        **{status: _answer(text, "Error") for status, text in refusals.items()},
    }
    events: dict[str, Any] = {
        "operationId": "send_events",
        "summary": "Send one run event, or an array of them",
        "description": "The answer comes when all of them are durable on disk. An event that was "
        "sent before, by its `event_id`, is a duplicate and is not kept again.",
        "requestBody": _body(one, "application/json", "application/cloudevents+json"),
        "responses": answers,
    }
    lineages: dict[str, Any] = {
        "operationId": "send_lineage",
        "summary": "Send one OpenLineage event, or an array of them",
        "description": "The same of OpenLineage. Its events have no id: one that was sent before, "
        "letter by letter, is a duplicate.",
        "requestBody": _body({"$ref": f"{_SCHEMAS}LineageEvent"}, "application/json"),
        "responses": answers,
    }
    if needs_token:
        events["security"] = lineages["security"] = [{"token": []}]
    return {
        "openapi": "3.1.0",
        "info": {"title": "ML carbon observatory: run events", "version": version},
        "paths": {
            "/v1/events": {"post": events},
            LINEAGE_PATH: {"post": lineages},
            "/healthz": {
                "get": {
                    "operationId": "health",
                    "summary": "Whether events can be kept",
                    "responses": {
                        "200": _answer("They can.", "Health"),
                        "503": _answer("They cannot.", "Health"),
                    },
                }
            },
            "/metrics": {
                "get": {
                    "operationId": "metrics",
                    "summary": "Prometheus text",
                    "responses": {
                        "200": {
                            "description": "The counters.",
                            "content": {"text/plain": {"schema": {"type": "string"}}},
                        }
                    },
                }
            },
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                **parts,
                **lineage_parts,
                "RunEvent": event,
                "LineageEvent": lineage,
                "CloudEvent": _CLOUD_EVENT,
                "Accepted": _ACCEPTED,
                "Error": _ERROR,
                "Problem": _PROBLEM,
                "Health": _HEALTH,
            },
        },
    }


def _schemas(model: type[BaseModel]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the schemas it refers to, its own)."""
    schema = model.model_json_schema(ref_template=f"{_SCHEMAS}{{model}}")
    return schema.pop("$defs", {}), schema


def _body(one: dict[str, Any], *media: str) -> dict[str, Any]:
    """A request's body: one event, or an array of them."""
    several = {"type": "array", "items": one, "minItems": 1, "maxItems": MAX_EVENTS}
    schema = {"anyOf": [one, several]}
    return {
        "required": True,
        "description": "Also with Content-Encoding gzip.",
        "content": {name: {"schema": schema} for name in media},
    }


def _answer(description: str, schema: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": f"{_SCHEMAS}{schema}"}}},
    }
