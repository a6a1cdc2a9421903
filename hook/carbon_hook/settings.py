"""Settings, from the environment alone: a platform sets them once for every job."""

from __future__ import annotations

import os
from typing import Dict, List, Mapping, Optional

from carbon_hook.events import CHOICES, INTEGERS, NUMBERS, TEXTS, Fields, clean_fields, clean_tags

PREFIX = "CARBON_HOOK_"
HEARTBEAT_S = 60.0
# Settings that are paths.
PATHS = (
    "CARBON_HOOK_INBOX",
    "CARBON_HOOK_SPOOL",
    "CARBON_HOOK_TOKEN_FILE",
    "XDG_CACHE_HOME",
    "TMPDIR",
)


class HookSettings:
    """What CARBON_HOOK_… says. Raises nothing: what cannot be read is as if it were not there."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.url = _get(environ, "URL")
        self.token = _get(environ, "TOKEN")
        self.token_file = _get(environ, "TOKEN_FILE")
        self.inbox = _get(environ, "INBOX")
        self.kafka = _get(environ, "KAFKA")
        self.is_disabled = (_get(environ, "DISABLED") or "0").lower() not in ("0", "false", "no")
        self.heartbeat_s = max(1.0, _seconds(environ, "HEARTBEAT_S", HEARTBEAT_S))
        self.spools = spool_folders(environ)
        self.has_cloud = (_get(environ, "CLOUD") or "1").lower() not in ("0", "false", "no")

    @property
    def is_on(self) -> bool:
        """Is there anywhere to report to?"""
        return not self.is_disabled and bool(self.url or self.inbox or self.kafka)


def _get(environ: Mapping[str, str], name: str) -> Optional[str]:
    return environ.get(PREFIX + name, "").strip() or None


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    try:
        return float(_get(environ, name) or default)
    except ValueError:
        return default


def spool_folders(environ: Mapping[str, str]) -> List[str]:
    """Where unsent events wait, best first: a home may be missing or read-only."""
    told = _get(environ, "SPOOL")
    if told:
        return [told]
    cache = environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    temporary = environ.get("TMPDIR") or "/tmp"
    return [
        os.path.join(cache, "carbon-hook"),
        os.path.join(temporary, f"carbon-hook-{os.getuid()}"),
    ]


def with_whole_paths(environ: Mapping[str, str]) -> Dict[str, str]:
    """The same settings for a process that works in another folder."""
    given = {name: environ[name].strip() for name in PATHS if name in environ}
    return {**environ, **{name: os.path.abspath(path) for name, path in given.items() if path}}


def told_fields(environ: Mapping[str, str]) -> Fields:
    """CARBON_HOOK_<FIELD> of any field of the event; CARBON_HOOK_TAGS is `key=value,key=value`."""
    found: Dict[str, object] = {}
    for name in (*TEXTS, *INTEGERS, *NUMBERS, "workload_kind"):
        value = _get(environ, name.upper())
        if value is not None and name in CHOICES:
            value = value.lower()
        found[name] = value
    pairs = (pair.partition("=") for pair in (_get(environ, "TAGS") or "").split(","))
    tags = clean_tags({key: value for key, _, value in pairs})
    return clean_fields({**found, **({"tags": tags} if tags else {})})
