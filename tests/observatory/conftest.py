"""A tiny installation: source, project and config in a temporary folder."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import tiny

from observatory.settings import Settings, load_settings

NOW = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)


@pytest.fixture(scope="session")
def tiny_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def site(tmp_path: Path, tiny_project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a config, one input file of three runs, and the tiny source installed."""
    tiny.install(tiny_project, monkeypatch.setattr)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("r1,1.5\nr2,2.5\nr3,4\n")
    (tmp_path / "observatory.toml").write_text('[sources.tiny]\npath = "in"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def settings(site: Path) -> Settings:
    return load_settings(site / "observatory.toml")
