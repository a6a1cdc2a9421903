"""The models' documentation with lineage, as one HTML file that needs no network."""

import functools
import http.server
import shutil
from datetime import datetime
from pathlib import Path

from observatory import build, lock
from observatory.settings import Settings


def docs_path(settings: Settings) -> Path:
    """Where the page is written."""
    return settings.paths.warehouse.parent / "docs" / "index.html"


def generate(settings: Settings, now: datetime, project: Path | None = None) -> Path:
    """Write the page; with the columns' types if a warehouse has been built."""
    page = docs_path(settings)
    target = page.parent / "dbt"
    target.mkdir(parents=True, exist_ok=True)
    arguments = ["docs", "generate", "--static"]
    warehouse = settings.paths.warehouse
    with lock.hold(warehouse, settings.paths.landing, now):
        if not warehouse.exists():
            arguments.append("--empty-catalog")
            warehouse = build.building_path(warehouse)
            warehouse.parent.mkdir(parents=True, exist_ok=True)
        try:
            build.invoke(
                arguments, settings, warehouse, project or build.project_dir(), target=target
            )
        finally:
            build.clear_building(settings.paths.warehouse)
    shutil.copyfile(target / "static_index.html", page)
    return page


def server(page: Path, port: int) -> http.server.ThreadingHTTPServer:
    """A web server of the page, on loopback only."""
    handler = functools.partial(_QuietHandler, directory=str(page.parent))
    return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Not one line per request."""
