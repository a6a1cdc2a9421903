"""The dbt manifest, parsed in process, and the files that git would ship."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from promises import ROOT


@pytest.fixture(scope="session")
def dbt_manifest(parsed: Path) -> dict[str, Any]:
    """The parsed project: `nodes`, `sources`, `exposures` … as dbt writes them."""
    manifest: dict[str, Any] = json.loads((parsed / "manifest.json").read_text())
    return manifest


@pytest.fixture(scope="session")
def tracked_files() -> list[Path]:
    """Files of the repository: tracked, and new ones that git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:  # an unpacked archive has no git
        skipped = {".git", ".venv", "data", "target", "logs", "__pycache__"}
        found = (path for path in ROOT.rglob("*") if path.is_file())
        return sorted(p for p in found if not skipped & set(p.relative_to(ROOT).parts))
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return sorted(path for path in paths if path.is_file())


@pytest.fixture(scope="session")
def documentation() -> str:
    """README and every page of docs/, as one text."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return "\n".join(page.read_text() for page in pages)


@pytest.fixture(scope="session")
def published_demo(demo_published: Path) -> Path:
    """The folder of the version that the demo published."""
    return (demo_published / "current").resolve()
