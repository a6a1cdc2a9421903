"""Bearer tokens: who may send, and for which team.

A line of the tokens file is `sha256:<hex> [team]` (the hash of a token; `observatory collector
token` makes both) or `<token> [team]` in the clear; `#` starts a comment. The file is looked at
again when it changes: a token added or removed holds from then on, without a restart.

Tokens are random and long, so a plain SHA-256 hides them. All are compared, in constant time.
"""

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import ConfigError

logger = logging.getLogger(__name__)

ANYBODY = "anybody"
_HASHED = re.compile(r"sha256:([0-9a-fA-F]{64})")
_TOKEN = re.compile(r"[!-~]+")
_TEAM = re.compile(r"[\w.-]{1,64}")


@dataclass(frozen=True)
class Sender:
    """Who a token belongs to; `name` is the token's own, for limits and metrics."""

    name: str
    team: str | None


@dataclass(frozen=True)
class _Entry:
    digest: bytes
    sender: Sender


def hashed(token: str) -> str:
    """How a token stands in the tokens file."""
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"


def made() -> str:
    """A new token: 256 random bits."""
    return secrets.token_urlsafe(32)


def checked_line(token: str, team: str) -> str:
    """The line of a token in the tokens file. Raises ConfigError for a team that cannot be one."""
    line = f"{hashed(token)} {team}"
    _entry(token, "new token", team)
    return line


class Tokens:
    """The tokens of the settings and of the file. Raises ConfigError when they cannot be read."""

    def __init__(self, tokens: Iterable[str], file: Path | None) -> None:
        self.file = file
        self._fixed = [_entry(token, f"token {n}") for n, token in enumerate(tokens, 1)]
        self._from_file: Sequence[_Entry] = ()
        self._stamp: tuple[int, int, int] | None = None
        if file is not None:
            try:
                self._stamp = _stamp(file)
                self._from_file = _read(file)
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"collector.tokens_file: cannot read {file}: {error}") from None

    @property
    def are_asked(self) -> bool:
        """Whether a sender needs one."""
        return bool(self._fixed) or self.file is not None

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._fixed) + len(self._from_file)

    def refresh(self) -> None:
        """Read the file again if it changed; what cannot be read leaves the tokens as they were."""
        if self.file is None:
            return
        try:
            stamp = _stamp(self.file)
            if stamp == self._stamp:
                return
            self._from_file = _read(self.file)
            self._stamp = stamp
            logger.info("%s: %d tokens", self.file, len(self._from_file))
        except (OSError, UnicodeDecodeError, ConfigError) as error:
            logger.error("%s: the tokens stay as they were: %s", self.file, error)

    def sender(self, authorization: str | None) -> Sender | None:
        """Whose token an `Authorization` header holds; None if it holds none of ours."""
        if not self.are_asked:
            return Sender(ANYBODY, None)
        scheme, _, token = (authorization or "").partition(" ")
        digest = hashlib.sha256(token.strip().encode()).digest()
        found = None
        for entry in (*self._fixed, *self._from_file):
            if hmac.compare_digest(entry.digest, digest):
                found = entry.sender
        return found if scheme.lower() == "bearer" else None


def _stamp(file: Path) -> tuple[int, int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(file: Path) -> list[_Entry]:
    entries = []
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) > 2:
            raise ConfigError(f"{file}, line {number}: write a token or its hash, then the team")
        entries.append(_entry(words[0], f"line {number}", *words[1:]))
    return entries


def _entry(text: str, place: str, team: str | None = None) -> _Entry:
    if team is not None and _TEAM.fullmatch(team) is None:
        raise ConfigError(f"collector tokens, {place}: a team is up to 64 letters, digits, . _ -")
    match = _HASHED.fullmatch(text)
    if match is None and (text.startswith("sha256:") or _TOKEN.fullmatch(text) is None):
        raise ConfigError(
            f"collector tokens, {place}: neither a token (printable ASCII, no spaces) nor "
            "sha256: and 64 hexadecimal digits"
        )
    digest = bytes.fromhex(match[1]) if match else hashlib.sha256(text.encode()).digest()
    return _Entry(digest, Sender(team or place, team))
