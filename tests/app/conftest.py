"""Snapshots for the tests of the app, written once per test session."""

from datetime import datetime
from pathlib import Path

import pytest
from published_snapshot import NULLS, SMALL, Open, rich, write_snapshot
from streamlit.testing.v1 import AppTest

from app import state

APP = Path(__file__).resolve().parents[2] / "app" / "streamlit_app.py"


@pytest.fixture(scope="session")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Published folders by name; 'missing' is a folder where nothing was published."""
    root = tmp_path_factory.mktemp("published")
    rows = {"small": SMALL, "nulls": NULLS, "rich": rich(), "empty": None}
    written = {name: write_snapshot(root / name, content) for name, content in rows.items()}
    return written | {"missing": root / "missing"}


@pytest.fixture
def open_page(snapshots: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Open:
    """`open_page('small', 'runs', team='vision')`: the page as a reader of that URL finds it."""
    monkeypatch.setattr(state, "now", lambda: datetime(2026, 11, 22, 8))  # noqa: DTZ001

    def open_it(snapshot: str | Path, page: str = "overview", **query: str) -> AppTest:
        folder = snapshots[snapshot] if isinstance(snapshot, str) else snapshot
        monkeypatch.setenv("OBSERVATORY_PATHS__PUBLISHED", str(folder))
        app = AppTest.from_file(str(APP), default_timeout=60)
        app.query_params.update(query)
        if page != "overview":
            app.run().switch_page(f"views/{page}.py")
            app.query_params.clear()
            app.query_params.update(query)
        return app.run()

    return open_it
