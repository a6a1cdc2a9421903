"""The routes: POST /v1/events and /api/v1/lineage, GET /healthz, /metrics and /openapi.json."""

import asyncio
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ingest.collector import bodies, openapi
from ingest.collector.bodies import MAX_BODY_BYTES, Format, Refused
from ingest.collector.limits import Limit
from ingest.collector.metrics import Metrics
from ingest.collector.openapi import LINEAGE_PATH
from ingest.collector.settings import CollectorSettings
from ingest.collector.tokens import Sender, Tokens
from ingest.collector.writer import Full, NotDurable, Writer

BODY_TIMEOUT_S = 20.0
# Requests that are worked on at the same time; each may hold a body.
MOST_REQUESTS = 512
# Wrong tokens from one address: more are not even looked at for a while.
FAILURES_PER_S, FAILURES_AT_ONCE = 1.0, 30.0
BURST_S = 30.0


def application(
    settings: CollectorSettings,
    tokens: Tokens,
    writer: Writer,
    version: str,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Starlette:
    """The ASGI application; the writer is started."""
    routes = _Routes(settings, tokens, writer, version, clock)

    return Starlette(
        routes=[
            Route("/v1/events", routes.events, methods=["POST"]),
            Route(LINEAGE_PATH, routes.lineage, methods=["POST"]),
            Route("/healthz", routes.health, methods=["GET"]),
            Route("/metrics", routes.show_metrics, methods=["GET"]),
            Route("/openapi.json", routes.openapi, methods=["GET"]),
        ],
        exception_handlers={HTTPException: _not_there, Exception: _failed},
    )


class _Routes:
    def __init__(
        self,
        settings: CollectorSettings,
        tokens: Tokens,
        writer: Writer,
        version: str,
        clock: Callable[[], datetime],
    ) -> None:
        self.tokens = tokens
        self.writer = writer
        self.clock = clock
        self.metrics = Metrics()
        self.working = 0
        self.clock_tolerance = timedelta(seconds=settings.max_clock_ahead_s)
        self.rate = Limit(settings.events_per_s, settings.events_per_s * BURST_S)
        self.failures = Limit(FAILURES_PER_S, FAILURES_AT_ONCE)
        self.document = openapi.document(version, tokens.are_asked)

    async def events(self, request: Request) -> Response:
        return await self._received(request, bodies.run_event)

    async def lineage(self, request: Request) -> Response:
        return await self._received(request, bodies.lineage_event)

    async def _received(self, request: Request, of: Format) -> Response:
        started = time.perf_counter()
        self.working += 1
        try:
            if self.working > MOST_REQUESTS:
                raise _later(503, "too many requests at the same time; send it again", 1.0)
            response = await self._kept(request, of)
        except Refused as refused:
            response = JSONResponse(
                {"error": refused.error, "problems": refused.problems},
                refused.status,
                refused.headers,
            )
        except ClientDisconnect:
            response = Response(status_code=400)
        finally:
            self.working -= 1
        self.metrics.requests.labels(str(response.status_code)).inc()
        self.metrics.seconds.observe(time.perf_counter() - started)
        return response

    async def _kept(self, request: Request, of: Format) -> Response:
        if "origin" in request.headers:
            raise Refused(403, "a web page may not send events; leave the Origin header out")
        sender = self._sender(request)
        body = bodies.unpacked(await _body(request), request.headers.get("content-encoding", ""))
        try:
            lines = bodies.lines_of(body, sender.team, self.clock(), self.clock_tolerance, of)
        except Refused as refused:
            for problem in refused.problems:
                self.metrics.refused.labels(sender.name, problem["reason"]).inc()
            raise
        wait_s = self.rate.wait_s(sender.name, len(lines))
        if wait_s > 0:
            raise _later(429, "more events than this token may send; wait", wait_s)
        try:
            accepted, duplicates = await self.writer.add(lines)
        except Full:
            raise _later(503, "too much waits to be written; send it again", 1.0) from None
        except NotDurable:
            raise _later(503, "the events could not be kept; send them again", 5.0) from None
        self.metrics.events.labels(sender.name, "accepted").inc(accepted)
        self.metrics.events.labels(sender.name, "duplicate").inc(duplicates)
        return JSONResponse({"accepted": accepted, "duplicates": duplicates}, 202)

    def _sender(self, request: Request) -> Sender:
        address = request.client.host if request.client is not None else ""
        sender = self.tokens.sender(request.headers.get("authorization"))
        if sender is not None:
            return sender
        wait_s = self.failures.wait_s(address, 1.0)
        if wait_s > 0:
            raise _later(429, "too many requests without a token of ours; wait", wait_s)
        raise Refused(
            401,
            "send a token of this collector: Authorization: Bearer …",
            headers={"WWW-Authenticate": "Bearer"},
        )

    async def health(self, request: Request) -> Response:
        problem = self.writer.problem
        return JSONResponse(
            {"status": "failing" if problem else "ok", "problem": problem},
            503 if problem else 200,
        )

    async def show_metrics(self, request: Request) -> Response:
        self.metrics.waiting.set(self.writer.waiting_size)
        self.metrics.segments.set(self.writer.segments)
        self.metrics.healthy.set(0 if self.writer.problem else 1)
        content = generate_latest(self.metrics.registry)
        return Response(content, media_type=CONTENT_TYPE_LATEST)

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(self.document)


async def _body(request: Request) -> bytes:
    """The body as it was sent, of bounded size and time. Raises Refused."""
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        raise bodies.too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for block in request.stream():
                body += block
                if len(body) > MAX_BODY_BYTES:
                    raise bodies.too_large()
    except TimeoutError:
        raise Refused(408, f"the body did not come within {BODY_TIMEOUT_S:.0f} s") from None
    return bytes(body)


def _later(status: int, error: str, wait_s: float) -> Refused:
    return Refused(status, error, headers={"Retry-After": str(math.ceil(wait_s))})


async def _not_there(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - the handlers pair them
    return JSONResponse({"error": error.detail, "problems": []}, error.status_code, error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "the collector failed; see its log", "problems": []}, 500)
