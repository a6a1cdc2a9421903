"""An Azure storage account on this machine, which answers what adlfs asks, and can go wrong.

The REST of Blob Storage as Azure documents it: List Blobs in pages, Get Blob and its ranges, Get
Blob Properties, Get Container Properties. A shared access signature whose time is over is refused;
signatures themselves nobody checks.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

ACCOUNT = "exports"
KEY = "c2VjcmV0"
# (method, path, query) → the answer to give instead: status, code of the error; or None.
Fault = Callable[[str, str, dict[str, str]], tuple[int, str] | None]


@dataclass
class Blob:
    """A blob as it was last put."""

    content: bytes
    etag: str
    modified: str
    is_folder: bool = False  # what a hierarchical namespace lists beside its files


@dataclass
class Blobs:
    """What a test does with the account; its only container is `billing`."""

    port: int
    page_size: int = 5000
    requests: list[tuple[str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    blobs: dict[str, Blob] = field(default_factory=dict)
    puts: int = 0

    def connection(self, secret: str = f"AccountKey={KEY}") -> str:
        """A connection string, by the account's key or a shared access signature."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};{secret};"
            f"BlobEndpoint=http://127.0.0.1:{self.port}/{ACCOUNT}"
        )

    def put(self, name: str, content: bytes | str, *, is_folder: bool = False) -> None:
        """A blob, with an ETag of its own and a minute younger than the one put before."""
        self.puts += 1
        at = datetime(2026, 11, 2, tzinfo=UTC) + timedelta(minutes=self.puts)
        data = content.encode() if isinstance(content, str) else content
        self.blobs[name] = Blob(
            data, f"0x8D{self.puts:013X}", format_datetime(at, usegmt=True), is_folder
        )

    def gets(self) -> list[str]:
        """The blobs whose content was fetched, in order."""
        return [path for method, path in self.requests if method == "GET" and path]

    def clear(self) -> None:
        """Nothing there, nothing asked, nothing wrong."""
        self.page_size = 5000
        for kept in (self.requests, self.faults, self.blobs):
            kept.clear()


@contextmanager
def blob_server() -> Iterator[Blobs]:
    """A storage account, gone at the end."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            _, _, container, *rest = unquote(parts.path).split("/", 3)
            name = "/".join(rest)
            account.requests.append((self.command, name))
            for fault in account.faults:
                if (wrong := fault(self.command, name, query)) is not None:
                    return self.refuse(*wrong)
            if query.get("se", "9999") < f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}":
                return self.refuse(403, "AuthenticationFailed")
            if container != "billing":
                return self.refuse(404, "ContainerNotFound")
            if not name:
                return self.listing(query) if "comp" in query else self.reply(200, b"", CONTAINER)
            blob = account.blobs.get(name)
            return self.refuse(404, "BlobNotFound") if blob is None else self.blob(blob)

        def listing(self, query: dict[str, str]) -> None:
            """A page of List Blobs."""
            names = sorted(n for n in account.blobs if n.startswith(query.get("prefix", "")))
            first = int(query.get("marker") or 0)
            last = first + account.page_size
            entries = "".join(_entry(n, account.blobs[n]) for n in names[first:last])
            marker = last if last < len(names) else ""
            xml = (
                "<?xml version='1.0' encoding='utf-8'?>"
                f"<EnumerationResults ContainerName='billing'><Blobs>{entries}</Blobs>"
                f"<NextMarker>{marker}</NextMarker></EnumerationResults>"
            )
            self.reply(200, xml.encode(), {"Content-Type": "application/xml"})

        def blob(self, blob: Blob) -> None:
            """Get Blob, or its properties."""
            headers = {
                "ETag": f'"{blob.etag}"',
                "x-ms-blob-type": "BlockBlob",
                "Accept-Ranges": "bytes",
                "x-ms-creation-time": blob.modified,
                "Last-Modified": blob.modified,
                **({"x-ms-meta-hdi_isfolder": "true"} if blob.is_folder else {}),
            }
            wanted = self.headers.get("x-ms-range") or self.headers.get("Range")
            if self.command == "HEAD" or wanted is None:
                return self.reply(200, blob.content, headers)
            first, last = wanted.removeprefix("bytes=").split("-")
            size = len(blob.content)
            if int(first) >= size:
                return self.refuse(416, "InvalidRange")
            end = min(int(last or size), size - 1)
            headers["Content-Range"] = f"bytes {first}-{end}/{size}"
            return self.reply(206, blob.content[int(first) : end + 1], headers)

        def refuse(self, status: int, code: str) -> None:
            """An error as Azure tells it."""
            xml = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>told</Message></Error>"
            headers = {"x-ms-error-code": code, "Content-Type": "application/xml"}
            self.reply(status, xml.encode(), headers)

        def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("x-ms-version", "2024-08-04")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = answer  # noqa: N815 - the names http.server looks for

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    account = Blobs(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield account
    finally:
        server.shutdown()
        server.server_close()


CONTAINER = {"ETag": '"0x8D0"', "Last-Modified": "Mon, 02 Nov 2026 00:00:00 GMT"}


def _entry(name: str, blob: Blob) -> str:
    metadata = "<hdi_isfolder>true</hdi_isfolder>" if blob.is_folder else ""
    return (
        f"<Blob><Name>{escape(name)}</Name><Properties>"
        f"<Last-Modified>{blob.modified}</Last-Modified>"
        f"<Etag>{blob.etag}</Etag><Content-Length>{len(blob.content)}</Content-Length>"
        "<BlobType>BlockBlob</BlobType></Properties>"
        f"<Metadata>{metadata}</Metadata></Blob>"
    )
