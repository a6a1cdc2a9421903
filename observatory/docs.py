"""The models' documentation with lineage, as one HTML file that needs no network."""

import functools
import http.server
import logging
import shutil
from datetime import datetime
from pathlib import Path

from ingest.errors import BuildFailed
from observatory import build, lock
from observatory.settings import Settings

logger = logging.getLogger(__name__)

_COMMAND = ("docs", "generate", "--static")


def docs_path(settings: Settings) -> Path:
    """Where the page is written."""
    return settings.paths.warehouse.parent / "docs" / "index.html"


def generate(settings: Settings, now: datetime, project: Path | None = None) -> Path:
    """Write the page; with the columns' types if a warehouse has been built."""
    page = docs_path(settings)
    target = page.parent / "dbt"
    target.mkdir(parents=True, exist_ok=True)
    home, project = settings.paths.warehouse, project or build.project_dir()
    with lock.hold(home, settings.paths.landing, now):
        try:
            if not home.exists():
                raise BuildFailed("there is no warehouse yet")
            build.invoke(_COMMAND, settings, home, project, target=target)
        except BuildFailed as error:
            # Also when an analyst has the warehouse open: without the types then.
            logger.warning("documentation without the columns' types: %s", error)
            empty = build.building_path(home)
            empty.parent.mkdir(parents=True, exist_ok=True)
            command = [*_COMMAND, "--empty-catalog"]
            build.invoke(command, settings, empty, project, target=target)
        finally:
            build.clear_building(home)
    shutil.copyfile(target / "static_index.html", page)
    return page


def server(page: Path, port: int) -> http.server.ThreadingHTTPServer:
    """A web server of the page, on loopback only."""
    handler = functools.partial(_QuietHandler, directory=str(page.parent))
    return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Not one line per request."""
