"""Starts the collector and stops it in an orderly way."""

import asyncio
import gc
import ipaddress
import resource
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ingest.collector.application import application
from ingest.collector.settings import CollectorSettings
from ingest.collector.tokens import Tokens
from ingest.collector.writer import Writer
from ingest.errors import ConfigError

# Clients that are connected at the same time, most of them between two requests.
MOST_CONNECTIONS = 4096
# For files, the listening socket and what Python opens.
OTHER_DESCRIPTORS = 128
HEAD_TIMEOUT_S = 5.0
WAITING_BYTES = 64 * 2**20
GRACE_S = 15
TOKENS_LOOKED_AT_S = 1.0


def serve(
    settings: CollectorSettings,
    inbox: Path,
    version: str,
    started: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve until SIGTERM or SIGINT; what was answered is durable, what waits is answered.

    `started` is told the address. Raises ConfigError, LockHeld, and OSError when the disk fails.
    """
    tokens = checked_tokens(settings)
    with asyncio.Runner(loop_factory=_loop) as runner:
        runner.run(_serve(settings, tokens, inbox, version, started))


def _loop() -> asyncio.AbstractEventLoop:
    return uvloop.new_event_loop()


def checked_tokens(settings: CollectorSettings) -> Tokens:
    """The tokens; none is needed on this machine alone. Raises ConfigError."""
    tokens = Tokens((t.get_secret_value() for t in settings.tokens), settings.tokens_file)
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise ConfigError("collector.tls_certificate and collector.tls_key belong together")
    if tokens.count == 0 and not _is_this_machine(settings.host):
        raise ConfigError(
            f"collector.host: {settings.host} is not this machine alone, and there is no token; "
            "set collector.tokens_file (`observatory collector --new-token TEAM` makes a line)"
        )
    return tokens


async def _serve(
    settings: CollectorSettings,
    tokens: Tokens,
    inbox: Path,
    version: str,
    started: Callable[[str], None],
) -> None:
    writer = Writer(
        inbox,
        segment_bytes=settings.segment_mib * 2**20,
        segment_age=timedelta(seconds=settings.segment_s),
        remember=settings.remember_events,
        waiting_bytes=WAITING_BYTES,
        give_up=lambda: end(),
    )
    config = uvicorn.Config(
        application(settings, tokens, writer, version),
        http=_Connection,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        limit_concurrency=_connections(),
        timeout_keep_alive=60,
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"collector.tls_certificate, collector.tls_key: {error}") from None
    server = _Server(config)

    def end() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    listening = _listen(settings.host, settings.port)
    scheme = "http" if settings.tls_certificate is None else "https"
    look = None
    try:
        await writer.start()
        look = asyncio.create_task(_look_at(tokens))
        address, port = listening.getsockname()[:2]
        started(
            f"{scheme}://[{address}]:{port}" if ":" in address else f"{scheme}://{address}:{port}"
        )
        # What is imported stays; looking through all of it for garbage would hold requests up.
        gc.freeze()
        await server.serve(sockets=[listening])
    finally:
        listening.close()
        if look is not None:
            look.cancel()
        await writer.stop()
    if writer.is_broken:
        raise OSError(f"the collector ended: {writer.problem}")


def _connections() -> int:
    """How many connections this process may have; it takes what the system lets it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + OTHER_DESCRIPTORS
    descriptors = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, most))
    return descriptors - OTHER_DESCRIPTORS


class _Connection(HttpToolsProtocol):
    """Ends when it does not send the head of a request in time: uvicorn's own patience begins
    after the first answer and ends with the next byte."""

    patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_is_there()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head_is_there()
        self.patience = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def _head_is_there(self) -> None:
        if self.patience is not None:
            self.patience.cancel()
            self.patience = None


class _Server(uvicorn.Server):
    """Leaves signals to us: a stop that was asked for is no failure."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _look_at(tokens: Tokens) -> None:
    """Tokens are rotated without a restart."""
    while True:
        await asyncio.sleep(TOKENS_LOOKED_AT_S)
        tokens.refresh()


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ConfigError for an address that is not ours to have."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
    except OSError as error:
        raise ConfigError(
            f"collector.host, collector.port: cannot listen on {host}:{port}: {error.strerror}"
        ) from None
    return listening


def _is_this_machine(host: str) -> bool:
    """Whether nobody else can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
