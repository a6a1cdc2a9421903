"""A local S3: moto behind a small proxy that counts requests and can go wrong as AWS does."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
from moto.server import ThreadedMotoServer

# (method, path with query) → the answer to give instead: status, code of the error; or None.
Fault = Callable[[str, str], tuple[int, str] | None]
ERROR = "<?xml version='1.0'?><Error><Code>{0}</Code><Message>told {0}</Message></Error>"


class S3:
    """What a test does with the server."""

    def __init__(self, port: int, moto_port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.requests: list[tuple[str, str]] = []
        self.faults: list[Fault] = []
        self._buckets: set[str] = set()
        # Not through the proxy: what a test itself does is not counted.
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{moto_port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - nobody checks it
        )

    def put(self, key: str, content: bytes | str, bucket: str = "bills") -> None:
        """An object; its bucket is made if it is not there."""
        data = content.encode() if isinstance(content, str) else content
        if bucket not in self._buckets:
            self.client.create_bucket(Bucket=bucket)
            self._buckets.add(bucket)
        self.client.put_object(Bucket=bucket, Key=key, Body=data)

    def delete(self, key: str, bucket: str = "bills") -> None:
        """The object is gone."""
        self.client.delete_object(Bucket=bucket, Key=key)

    def gets(self) -> list[str]:
        """The objects that were fetched, in order; listings are not among them."""
        found = [urlsplit(path) for method, path in self.requests if method == "GET"]
        return [unquote(p.path).split("/", 2)[2] for p in found if "list-type" not in p.query]

    def clear(self) -> None:
        """Start over with counting, and nothing goes wrong any more."""
        self.requests.clear()
        self.faults.clear()


@contextmanager
def s3_server() -> Iterator[S3]:
    """A local S3, stopped at the end."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    _, moto_port = moto.get_host_and_port()

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            s3.requests.append((self.command, self.path))
            for fault in s3.faults:
                if (wrong := fault(self.command, self.path)) is not None:
                    self.reply(wrong[0], {}, ERROR.format(wrong[1]).encode())
                    return
            onward = http.client.HTTPConnection("127.0.0.1", moto_port)
            onward.request(self.command, self.path, body, dict(self.headers))
            given = onward.getresponse()
            headers = {k: v for k, v in given.getheaders() if k.lower() in PASSED}
            self.reply(given.status, headers, given.read())
            onward.close()

        def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815 - the standard library's names

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    s3 = S3(server.server_address[1], moto_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield s3
    finally:
        server.shutdown()
        server.server_close()
        moto.stop()


PASSED = ("content-type", "etag", "last-modified")
