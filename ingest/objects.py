"""Where a file source's objects are, local or remote, and how each is had on the local disk.

    a file, a folder, a glob       the local disk, read where it is
    s3://bucket/prefix             boto3; credentials the usual way (environment, profile, role)
    abfs://, az://, memory://, …   fsspec; credentials the usual way of its file system

A listing tells name, size, time and ETag. An object is fetched in blocks into a temporary file, so
memory does not grow with it, and only if it still is what the listing said.
"""

import logging
import posixpath
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import fsspec
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from fsspec.utils import glob_translate
from pydantic import Field
from urllib3.exceptions import HTTPError

from ingest.aws import EXPIRED, REFUSED, SLOW_DOWN, UNKNOWN_KEY, aws_session
from ingest.errors import ApiError, SourceConfigError, SourceUnavailable
from ingest.files import InputFile, discover
from ingest.sources import FileSourceSettings

logger = logging.getLogger(__name__)

BLOCK_BYTES = 1 << 20
MAX_DOCUMENT_BYTES = 64 * 2**20  # of a manifest; the largest names some ten thousand files
GLOB = re.compile(r"[*?\[]")
NO_LISTING = ("http", "https")  # nothing says what there is
GONE = {"NoSuchKey", "404", "NotFound"}
ELSEWHERE = {"PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocation"}
# What Azure calls the same; where it gives no code, the name of its client's error.
AZURE_MEANINGS = {
    **dict.fromkeys(
        (
            "AuthenticationFailed",
            "ClientAuthenticationError",
            "CredentialUnavailableError",
            "InvalidAuthenticationInfo",
            "NoAuthenticationInformation",
        ),
        "the credentials have expired or are not accepted; renew them (az login, a new key or "
        "signature)",
    ),
    **dict.fromkeys(
        (
            "AuthorizationFailure",
            "AuthorizationPermissionMismatch",
            "AuthorizationProtocolMismatch",
            "AuthorizationResourceTypeMismatch",
            "AuthorizationServiceMismatch",
            "AuthorizationSourceIPMismatch",
            "InsufficientAccountPermissions",
            "PublicAccessNotPermitted",
        ),
        "access is denied; grant Storage Blob Data Reader on the container, and let this machine "
        "through the account's firewall",
    ),
    **dict.fromkeys(
        ("InternalError", "OperationTimedOut", "ServerBusy"),
        "the store asked to slow down, time and again; it is tried again the next night",
    ),
}
BROKEN_OFF = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError, HTTPError)


class ObjectGone(SourceUnavailable):
    """An object was listed, but is not there, or is another one, when it is to be fetched."""


class ObjectSourceSettings(FileSourceSettings):
    """A source that reads files, on a local disk or in an object store."""

    path: str = Field(
        description="A file, a folder (searched recursively) or a glob; or the same in an object "
        "store, such as s3://bucket/prefix or abfs://container@account.dfs.core.windows.net/folder."
    )
    endpoint_url: str | None = Field(
        None,
        examples=["https://s3.eu-west-1.amazonaws.com"],
        description="For s3://: the address of a store that is not AWS's own.",
    )
    region: str | None = Field(
        None, examples=["eu-west-1"], description="For s3://: the region of the bucket."
    )
    profile: str | None = Field(
        None, examples=["billing"], description="For s3://: a profile of the AWS configuration."
    )
    role_arn: str | None = Field(
        None,
        examples=["arn:aws:iam::123456789012:role/billing-reader"],
        description="For s3://: a role to take on, with the credentials that are there.",
    )
    attempts: int = Field(
        8,
        ge=1,
        le=20,
        description="For s3://: how often a request is sent before it counts as failed.",
    )


@dataclass(frozen=True)
class Listed:
    """A file or object: its name below the source's root, and what tells its content.

    `etag` is None on the local disk, which is read again every night; `modified` is in seconds
    since 1970.
    """

    name: str
    key: str  # how the place itself calls it
    size: int
    modified: float
    etag: str | None


class Place(Protocol):
    """Where a source's files are."""

    path: str

    def listing(self) -> list[Listed]:
        """What there is, sorted by name; hidden names left out. Raises SourceUnavailable."""

    def read(self, entry: Listed) -> bytes:
        """A small document. Raises SourceUnavailable."""

    def fetch(self, entry: Listed, folder: Path) -> InputFile:
        """The object as a local file, in `folder` if it must be fetched. Raises ObjectGone."""


def place(settings: ObjectSourceSettings) -> Place:
    """The place of a source. Raises SourceConfigError."""
    scheme, found, _ = settings.path.partition("://")
    if not found:
        return LocalPlace(settings.path)
    if scheme == "s3":
        return S3Place(settings)
    if scheme in NO_LISTING:
        raise SourceConfigError(
            f"{settings.path}: a web server does not list its files; give a folder, "
            "s3://bucket/prefix or abfs://container@account.dfs.core.windows.net/folder"
        )
    return FsspecPlace(settings.path)


class LocalPlace:
    """The local disk: nothing is fetched."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._files: dict[str, InputFile] = {}

    def listing(self) -> list[Listed]:
        """The files that `discover` finds."""
        self._files = {file.name: file for file in discover(self.path)}
        facts = {name: file.path.stat() for name, file in self._files.items()}
        return [
            Listed(name, name, fact.st_size, fact.st_mtime, None) for name, fact in facts.items()
        ]

    def read(self, entry: Listed) -> bytes:
        """The bytes of a small file."""
        _check_small(self.path, entry)
        return self._files[entry.name].path.read_bytes()

    def fetch(self, entry: Listed, folder: Path) -> InputFile:
        """The file where it is."""
        return self._files[entry.name]


class S3Place:
    """A bucket and a prefix, by boto3."""

    def __init__(self, settings: ObjectSourceSettings) -> None:
        self.path = settings.path
        self.attempts = settings.attempts
        rest = settings.path.removeprefix("s3://")
        self.bucket, _, pattern = rest.partition("/")
        if not self.bucket:
            raise SourceConfigError(f"{self.path}: name the bucket, as in s3://bucket/prefix")
        self._root, self._wanted = _root_and_pattern(pattern)
        self._settings = settings
        with self._errors():
            self._client = self._connect()

    def _connect(self) -> Any:
        told = self._settings
        session = aws_session(told.profile, told.region, told.role_arn)
        config = Config(
            retries={"total_max_attempts": told.attempts, "mode": "standard"},
            # A store of one's own rarely answers to bucket.host.
            s3={"addressing_style": "path"} if told.endpoint_url else {},
        )
        return session.client("s3", endpoint_url=told.endpoint_url, config=config)

    def listing(self) -> list[Listed]:
        """All objects below the prefix, however many pages they take."""
        found = []
        with self._errors():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self._root
            )
            for page in pages:
                for fact in page.get("Contents", ()):
                    name = _below(self._root, fact["Key"])
                    if name is not None:
                        modified = fact["LastModified"].timestamp()
                        etag = fact["ETag"].strip('"')
                        found.append(Listed(name, fact["Key"], fact["Size"], modified, etag))
        return _visible(self.path, found, self._wanted)

    def read(self, entry: Listed) -> bytes:
        """A small object."""
        _check_small(self.path, entry)
        with self._errors(entry):
            content: bytes = self._get(entry)["Body"].read()
        return content

    def fetch(self, entry: Listed, folder: Path) -> InputFile:
        """The object, in blocks; a connection that breaks off is tried again."""
        target = _target(folder, entry)
        logger.info("fetching %s/%s (%d bytes)", self.path, entry.name, entry.size)
        with self._errors(entry):
            for attempt in range(1, self.attempts + 1):
                try:
                    body = self._get(entry)["Body"]
                    with target.open("wb") as file:
                        shutil.copyfileobj(body, file, BLOCK_BYTES)
                    break
                except BROKEN_OFF as error:
                    if attempt == self.attempts:
                        raise SourceUnavailable(
                            f"{self.path}/{entry.name}: the connection broke off "
                            f"{attempt} time(s) ({type(error).__name__}); it is tried again the "
                            "next night"
                        ) from error
                    time.sleep(min(2.0**attempt / 10, 20))
        return InputFile(target, entry.name)

    def _get(self, entry: Listed) -> Any:
        answer = self._client.get_object(Bucket=self.bucket, Key=entry.key)
        if answer["ETag"].strip('"') != entry.etag:
            answer["Body"].close()
            raise _changed(self.path, entry)
        return answer

    @contextmanager
    def _errors(self, entry: Listed | None = None) -> Iterator[None]:
        """What boto3 raises, as our own errors: what it means and what to do; no secret."""
        try:
            yield
        except ClientError as error:
            raise self._explained(error, entry) from None
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise SourceUnavailable(
                f"{self.path}: no AWS credentials ({error}); set AWS_PROFILE, AWS_ACCESS_KEY_ID "
                "and AWS_SECRET_ACCESS_KEY, or `profile` of the source"
            ) from None
        except BotoCoreError as error:
            raise SourceUnavailable(f"{self.path}: {error}") from None

    def _explained(self, error: ClientError, entry: Listed | None) -> SourceUnavailable:
        facts = error.response.get("Error", {})
        code, said = str(facts.get("Code", "")), str(facts.get("Message", "")).strip()
        what = self.path if entry is None else f"{self.path}/{entry.name}"
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if code in GONE and entry is not None:
            return _gone(self.path, entry)
        if code in EXPIRED:
            meaning = "the AWS credentials have expired; renew them (aws sso login, a new token)"
        elif code in UNKNOWN_KEY:
            meaning = "AWS does not know these credentials; correct the access key"
        elif code in REFUSED:
            meaning = "access is denied; allow s3:ListBucket and s3:GetObject there"
        elif code == "NoSuchBucket":
            meaning = f"there is no bucket {self.bucket}; correct `path`"
        elif code in SLOW_DOWN or status == 503:
            meaning = f"the store asked to slow down, {self.attempts} time(s); it is busy"
        elif code in ELSEWHERE:
            meaning = "the bucket is in another region; set `region`"
        else:
            meaning = said or "the store refused the request"
        return ApiError(f"{what}: {meaning} ({code or status})", status)


class FsspecPlace:
    """Any store that fsspec has a file system for."""

    def __init__(self, path: str) -> None:
        self.path = path
        scheme = path.partition("://")[0]
        options = {"anon": False} if scheme in ("abfs", "abfss", "az") else {}
        try:
            # Not one that was made before: its credentials may have been renewed since.
            self._fs, root = fsspec.url_to_fs(
                path, use_listings_cache=False, skip_instance_cache=True, **options
            )
        except (ImportError, ValueError) as error:
            raise SourceConfigError(f"{path}: no file system for {scheme}:// ({error})") from None
        self._root, self._wanted = _root_and_pattern(root)

    def listing(self) -> list[Listed]:
        """All files below the root."""
        with self._errors():
            facts = self._fs.find(self._root, detail=True)
            if not isinstance(facts, dict):  # of one file adlfs gives the name alone
                facts = {key: self._fs.info(key) for key in facts}
        found = []
        for key, fact in facts.items():
            name = _below(self._root.strip("/"), key.strip("/"))
            if name is not None:
                size = int(fact["size"] or 0)
                found.append(Listed(name, key, size, _modified(fact), _etag(fact)))
        return _visible(self.path, found, self._wanted)

    def read(self, entry: Listed) -> bytes:
        """A small file."""
        _check_small(self.path, entry)
        with self._errors(entry):
            content: bytes = self._fs.cat_file(entry.key)
        return content

    def fetch(self, entry: Listed, folder: Path) -> InputFile:
        """The file, in blocks."""
        target = _target(folder, entry)
        logger.info("fetching %s/%s (%d bytes)", self.path, entry.name, entry.size)
        with self._errors(entry):
            self._check_same(entry)
            with self._fs.open(entry.key, "rb") as body, target.open("wb") as file:
                shutil.copyfileobj(body, file, BLOCK_BYTES)
            # Blocks are requests of their own: all of them were of one object.
            self._check_same(entry)
        return InputFile(target, entry.name)

    def _check_same(self, entry: Listed) -> None:
        if _etag(self._fs.info(entry.key)) != entry.etag:
            raise _changed(self.path, entry)

    @contextmanager
    def _errors(self, entry: Listed | None = None) -> Iterator[None]:
        """What a file system raises, as our own errors; its text may quote a signed URL."""
        what = self.path if entry is None else f"{self.path}/{entry.name}"
        try:
            yield
        except SourceUnavailable:
            raise
        except FileNotFoundError:
            if entry is not None:
                raise _gone(self.path, entry) from None
            raise SourceUnavailable(f"{what}: no such folder; correct `path`") from None
        except PermissionError:
            raise SourceUnavailable(f"{what}: access is denied; check the credentials") from None
        except Exception as error:
            code = getattr(error, "error_code", None) or type(error).__name__
            kind = str(getattr(code, "value", code))
            meaning = AZURE_MEANINGS.get(
                kind, "the store refused or did not answer; check the address and the credentials"
            )
            raise SourceUnavailable(f"{what}: {meaning} ({kind})") from error


def _root_and_pattern(path: str) -> tuple[str, re.Pattern[str] | None]:
    """The folder to list, and what the names below it must match."""
    wild = GLOB.search(path)
    if wild is None:
        return path.strip("/") if not path.startswith("/") else path.rstrip("/"), None
    root = path[: wild.start()].rpartition("/")[0]
    return root, re.compile(glob_translate(path[len(root) :].lstrip("/")))


def _below(root: str, key: str) -> str | None:
    """The name of a key below the root; null for what is beside it, and for marks of folders."""
    if key.endswith("/"):
        return None
    if key == root:
        return posixpath.basename(key)
    if not root:
        return key
    return key[len(root) + 1 :] if key.startswith(f"{root}/") else None


def _visible(path: str, found: list[Listed], wanted: re.Pattern[str] | None) -> list[Listed]:
    entries = [
        entry
        for entry in sorted(found, key=lambda entry: entry.name)
        if not any(part[:1] in (".", "_") for part in entry.name.split("/"))
        and (wanted is None or wanted.fullmatch(entry.name))
    ]
    if not entries:
        raise SourceUnavailable(f"{path}: there is no object; correct the `path` of the source")
    return entries


def _modified(fact: dict[str, Any]) -> float:
    for name in ("last_modified", "LastModified", "mtime", "updated", "created"):
        value = fact.get(name)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, int | float):
            return float(value)
    return 0.0


def _etag(fact: dict[str, Any]) -> str:
    found = fact.get("etag") or fact.get("ETag")
    return str(found).strip('"') if found else f"{fact.get('size')}-{_modified(fact)}"


def _target(folder: Path, entry: Listed) -> Path:
    """A name of its own for each object: different folders may hold the same name."""
    return folder / f"{len(list(folder.iterdir()))}-{posixpath.basename(entry.name)}"


def _check_small(path: str, entry: Listed) -> None:
    if entry.size > MAX_DOCUMENT_BYTES:
        raise SourceUnavailable(
            f"{path}/{entry.name}: a manifest of {entry.size} bytes is none; move it elsewhere"
        )


def _gone(path: str, entry: Listed) -> ObjectGone:
    return ObjectGone(f"{path}/{entry.name}: was listed, but is gone")


def _changed(path: str, entry: Listed) -> ObjectGone:
    return ObjectGone(f"{path}/{entry.name}: was replaced after it was listed")
