"""JSON over HTTP for the sources that ask an API: bounded retries, bounded answers, no leaks.

- A request is tried again after a timeout, a failed connection, 429 and 5xx, a bounded number of
  times. `Retry-After` is respected, up to the longest wait.
- Only https, unless the host is this machine. No redirect is followed, so a token stays with the
  host it was meant for. It is in no log line and no error.
- An answer is read up to `MAX_BODY_BYTES`, for at most `MAX_BODY_S`.
"""

import ipaddress
import json
import logging
import re
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.client import responses
from types import TracebackType
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import requests
from pydantic import AfterValidator, Field, SecretStr
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import MaxRetryError, ReadTimeoutError
from urllib3.util.retry import Retry

from ingest.errors import ApiError
from ingest.sources import SourceSettings

logger = logging.getLogger(__name__)

USER_AGENT = "ml-carbon-observatory"
MAX_BODY_BYTES = 32 * 2**20
MAX_BODY_S = 600.0
BLOCK_BYTES = 1 << 16
RETRIED = (429, 500, 502, 503, 504)
# After these every further request of the night would end the same way.
ENDS_ASKING = (401, 429)
# What a server says of an error is quoted up to here.
QUOTED_CHARACTERS = 200


def _checked_url(value: str) -> str:
    """A base URL without a trailing slash; https, or http on this machine."""
    value = _checked_address(value)
    if not is_private(value):
        raise ValueError("must start with https://; plain http is only for this machine")
    return value


def is_private(url: str) -> bool:
    """Nobody on the way reads what is said there: https, or this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or _is_this_machine(parts.hostname or "")


def _checked_address(value: str) -> str:
    """A base URL without a trailing slash."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"no valid URL ({error}); write it like https://example.org/api") from None
    if not host or parts.scheme not in ("https", "http"):
        raise ValueError("no web address; write it like https://example.org/api")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("write the address alone, without user, ? and #")
    return value.rstrip("/")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _checked_token(value: SecretStr) -> SecretStr:
    """A token that fits into a header. The message must not show it."""
    if not re.fullmatch(r"[!-~]+", value.get_secret_value()):
        raise ValueError("must be printable ASCII without spaces; copy it again")
    return value


ApiUrl = Annotated[str, AfterValidator(_checked_url)]
# For servers of an organisation's own; with a secret they must be private too.
OwnUrl = Annotated[str, AfterValidator(_checked_address)]
Token = Annotated[SecretStr, AfterValidator(_checked_token)]


class ApiSourceSettings(SourceSettings):
    """A source that asks an API."""

    timeout_s: float = Field(
        30.0, gt=0, le=600, description="How long to wait for an answer, in seconds."
    )
    attempts: int = Field(
        4, ge=1, le=10, description="How often a request is sent before it counts as failed."
    )
    longest_wait_s: int = Field(
        120,
        ge=0,
        le=3600,
        description="The longest pause between two attempts, whatever the server asks for.",
    )


class ApiClient:
    """A session with one API. Use as a context manager."""

    def __init__(
        self,
        url: str,
        settings: ApiSourceSettings,
        token_header: str = "",
        token: SecretStr | None = None,
        login: tuple[str, str] | None = None,
        *,
        scheme: str = "",
        verify: bool | str = True,
    ) -> None:
        """`scheme`: the word before the token; `verify`: a file of authorities, or whether at all
        the server's certificate is checked."""
        self.url = url
        self.attempts = settings.attempts
        self.timeout_s = settings.timeout_s
        self._token = token.get_secret_value() if token is not None else ""
        self._session = requests.Session()
        # A proxy of the environment is for the world outside.
        self._session.trust_env = not _is_this_machine(urlsplit(url).hostname or "")
        self._session.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json"})
        if self._token:
            self._session.headers[token_header] = f"{scheme} {self._token}".lstrip()
        if login is not None:
            self._session.auth = HTTPBasicAuth(*(part.encode() for part in login))
        self._verify = verify
        retry = Retry(
            total=settings.attempts - 1,
            redirect=False,
            allowed_methods=None,
            status_forcelist=RETRIED,
            backoff_factor=1,
            backoff_max=settings.longest_wait_s,
            retry_after_max=settings.longest_wait_s,
            raise_on_status=False,
        )
        self._session.mount(url, HTTPAdapter(max_retries=retry))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._session.close()

    def get_json(self, path: str, params: Mapping[str, str]) -> Any:
        """The JSON of GET `url`/`path`. Raises ApiError."""
        return self._json("GET", path, params=params)

    def post_json(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON of POST `url`/`path`, of a request that may be repeated. Raises ApiError."""
        return self._json("POST", path, json=body)

    def _json(self, method: str, path: str, **given: Any) -> Any:
        try:
            with self._session.request(
                method,
                f"{self.url}/{path}",
                timeout=self.timeout_s,
                allow_redirects=False,
                stream=True,
                # Said here: a bundle that the environment names would go before the session's.
                verify=self._verify,
                **given,
            ) as response:
                status = response.status_code
                if status not in (HTTPStatus.OK, HTTPStatus.CREATED):
                    raise ApiError(
                        self._refusal(response), status, ends_asking=status in ENDS_ASKING
                    )
                body = self._body(response)
        except requests.RequestException as error:
            raise ApiError(self._no_answer(error), ends_asking=True) from None
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise ApiError(f"HTTP {status}, but the answer is no JSON") from None

    def _body(self, response: requests.Response) -> bytes:
        body = bytearray()
        end = time.monotonic() + MAX_BODY_S
        try:
            for block in response.iter_content(BLOCK_BYTES):
                body += block
                if len(body) > MAX_BODY_BYTES:
                    raise ApiError(
                        f"HTTP {response.status_code}, but the answer is longer than "
                        f"{MAX_BODY_BYTES >> 20} MiB"
                    )
                if time.monotonic() > end:
                    raise ApiError(
                        f"the answer did not end within {MAX_BODY_S:.0f} s", ends_asking=True
                    )
        except requests.RequestException as error:
            raise ApiError(
                f"HTTP {response.status_code}, but the answer broke off ({type(error).__name__})"
            ) from None
        return bytes(body)

    def _refusal(self, response: requests.Response) -> str:
        """The status, and what the server says of it, in one line and without the token."""
        status = response.status_code
        text = f"HTTP {status} {responses.get(status, '')}".strip()
        if response.is_redirect:
            return f"{text}: it leads elsewhere, and redirects are not followed; correct `url`"
        if status == HTTPStatus.UNAUTHORIZED:  # the answer may repeat the token
            return text
        said = _words(next(response.iter_content(4096), b"").decode("utf-8", "replace"))
        if self._token:
            said = said.replace(self._token, "[token]")
        return f"{text} ({said[:QUOTED_CHARACTERS]})" if said else text

    def _no_answer(self, error: requests.RequestException) -> str:
        cause = error.args[0] if error.args else None
        cause = cause.reason if isinstance(cause, MaxRetryError) else error
        if isinstance(cause, requests.Timeout | ReadTimeoutError):
            return f"no answer within {self.timeout_s:g} s, {self.attempts} time(s)"
        host = urlsplit(self.url).netloc
        return f"no connection with {host} ({type(cause).__name__}), {self.attempts} time(s)"


def _words(said: str) -> str:
    """What an error's body says, on one line; nothing of a web page."""
    try:
        answer = json.loads(said)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict):
        found = next((answer[key] for key in ("message", "error") if key in answer), "")
        found = found.get("message", "") if isinstance(found, dict) else found
        said = found if isinstance(found, str) else ""
    if said.lstrip().startswith("<"):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())
