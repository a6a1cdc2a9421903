"""Does a text hold a run event that keeps the contract? The one answer for files, topics and HTTP.

    decoded(text)              the JSON of a text; raises EventRefused
    checked(parsed, text)      the event in it, or in its CloudEvents envelope; raises EventRefused

What is accepted here is accepted again when it is written as JSON and read back.
"""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ingest.run_event import EnvelopeError, RunEvent, derived_event_id, first_problem, unwrap

MAX_FIELD_CHARACTERS = 1_000_000
MAX_DEPTH = 64
"""Of objects and lists inside each other, in what the contract does not name."""


class EventRefused(ValueError):
    """A text that is no run event: the field's path (None: the whole), a code, a sentence."""

    def __init__(self, field: str | None, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Checked:
    """A run event that keeps the contract."""

    event: RunEvent
    data: dict[str, Any]
    """The bare event as it came, out of its envelope."""
    event_id: str
    """Its own, or derived from all of it."""
    flex: str | None
    """JSON"""
    extra: str | None
    """JSON of the fields that the contract does not name."""


class _DuplicateKeyError(ValueError):
    """The same name twice in one JSON object."""


class _ConstantError(ValueError):
    """NaN or Infinity, which are not JSON."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise _DuplicateKeyError(next(name for name in names if names.count(name) > 1))
    return found


def _constant(text: str) -> None:
    raise _ConstantError(text)


_decode = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant).decode


def decoded(text: str) -> Any:
    """The JSON of a text, strictly read. Raises EventRefused."""
    try:
        return _decode(text)
    except _DuplicateKeyError as error:
        raise EventRefused(
            str(error), "not_json", f"the name {error} stands twice in one JSON object"
        ) from None
    except _ConstantError as error:
        raise EventRefused(
            None, "not_json", f"{error} is not JSON; leave the field out or write null"
        ) from None
    except RecursionError:
        raise EventRefused(None, "not_json", "the JSON is nested too deeply") from None
    except ValueError as error:
        raise EventRefused(
            None, "not_json", f"the text is no JSON ({error}); was it cut?"
        ) from None


def plain_object(parsed: Any, text: str) -> dict[str, Any]:
    """An event of any kind: a JSON object of texts that can be kept. Raises EventRefused."""
    if not isinstance(parsed, dict):
        raise EventRefused(None, "wrong_type", "an event must be a JSON object")
    if len(text) > MAX_FIELD_CHARACTERS and _has_long_text(parsed):
        raise EventRefused(
            None, "field_too_long", f"a field has over {MAX_FIELD_CHARACTERS:,} characters"
        )
    if "\\u" in text and not _is_unicode(parsed):
        raise EventRefused(
            None, "not_utf8", "the event has half of a surrogate pair (\\ud800 … \\udfff)"
        )
    return parsed


def checked(parsed: Any, text: str) -> Checked:
    """The event in `parsed`, which `text` said, perhaps among others. Raises EventRefused."""
    told = plain_object(parsed, text)
    try:
        data = unwrap(told)
        event = RunEvent.model_validate(data)
    except ValidationError as error:
        path, reason, detail = first_problem(error)
        raise EventRefused(path or None, reason, detail) from None
    except EnvelopeError as error:
        raise EventRefused(error.field, error.reason, error.detail) from None
    except RecursionError:
        raise _too_deep("extra") from None
    unknown = event.unknown()
    flex = data["flex"] if event.flex is not None else None
    try:
        if unknown and is_deep(unknown):
            raise _too_deep("extra")
        if flex is not None and is_deep(flex):
            raise _too_deep("flex")
        return Checked(
            event,
            data,
            event.event_id or derived_event_id(told),
            _json(flex) if flex is not None else None,
            _json(unknown) if unknown else None,
        )
    except EventRefused:
        raise
    except ValueError as error:  # json.dumps: an unknown field holds 1e999
        raise EventRefused(
            "extra", "out_of_range", f"an unknown field is no finite number ({error})"
        ) from None


def _too_deep(field: str) -> EventRefused:
    return EventRefused(field, "not_json", f"nested more than {MAX_DEPTH} levels deep")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def is_deep(value: object) -> bool:
    """Are there more than `MAX_DEPTH` objects and lists inside each other?"""
    level = [value]
    for _ in range(MAX_DEPTH):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner += [v for v in item.values() if isinstance(v, dict | list)]
            elif isinstance(item, list):
                inner += [v for v in item if isinstance(v, dict | list)]
        if not inner:
            return False
        level = inner
    return True


def _has_long_text(value: object) -> bool:
    """Is there a name or text of over a million characters, at any depth?"""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if len(item) > MAX_FIELD_CHARACTERS:
                return True
        elif isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item
    return False


def _is_unicode(value: object) -> bool:
    """Can every text be written as UTF-8? JSON can say half a surrogate pair."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    except RecursionError:
        raise _too_deep("extra") from None
    return True
