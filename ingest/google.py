"""Google Cloud for every source that asks it: whose credentials."""

import ipaddress
from pathlib import Path
from typing import Any

import google.auth
from google.auth import exceptions as auth
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import Request

from ingest.errors import SourceUnavailable

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


def is_here(address: str) -> bool:
    """Whether host:port is this machine."""
    host = address.rsplit(":", 1)[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def credentials_for(credentials_file: Path | None, address: str | None) -> Any:
    """Those of the file, else of the machine; a stand-in on this machine asks for none.

    Raises SourceUnavailable, DefaultCredentialsError.
    """
    if credentials_file is not None:
        try:
            found, _ = google.auth.load_credentials_from_file(  # type: ignore[no-untyped-call]
                str(credentials_file), scopes=SCOPES
            )
        except (OSError, ValueError, auth.DefaultCredentialsError) as error:
            raise SourceUnavailable(
                f"credentials_file {credentials_file} cannot be read "
                f"({type(error).__name__}); is it the JSON key that Google Cloud gave?"
            ) from None
        return found
    if address is not None and is_here(address):
        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    found, _ = google.auth.default(scopes=SCOPES)
    return found


def access_token(credentials_file: Path | None, address: str) -> str | None:
    """A fresh token for an API's address; None where none is asked for.

    Raises SourceUnavailable.
    """
    try:
        found = credentials_for(credentials_file, address)
        if isinstance(found, AnonymousCredentials):
            return None
        found.refresh(Request())
    except auth.GoogleAuthError as error:
        raise SourceUnavailable(
            f"no Google credentials ({type(error).__name__}); name a `credentials_file`, or run "
            "gcloud auth application-default login"
        ) from None
    return str(found.token)
