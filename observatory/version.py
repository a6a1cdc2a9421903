"""Which code this is, and which models and dated factors go with it."""

import csv
import functools
import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path

PACKAGE = "ml-carbon-observatory"
ROOT = Path(__file__).resolve().parent.parent
# An installed wheel carries models, seeds and sample inside the package; a checkout in its root.
INSTALLED = Path(__file__).resolve().parent / "_project"
PROJECT = INSTALLED if INSTALLED.is_dir() else ROOT


@functools.cache
def code_version(root: Path = ROOT) -> str:
    """Package version, with the commit when run from a checkout: `0.1.0+g1a2b3c4.dirty`."""
    try:
        version = metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        version = "0"
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return version
    commit = _git(git, root, "rev-parse", "--short=7", "HEAD")
    if not commit:
        return version
    changed = _git(git, root, "status", "--porcelain", "--untracked-files=no")
    return f"{version}+g{commit}" + (".dirty" if changed else "")


def _git(git: str, root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            [git, "-C", str(root), "--no-optional-locks", *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@dataclass(frozen=True)
class Models:
    """What of a dbt project decides a number. A seed whose rows say when they were recorded is a
    table of factors; all other seeds count as code.
    """

    models_sha256: str
    factors_sha256: str
    factors_recorded_on: date | None  # the newest row of any table of factors


def models(project: Path) -> Models:
    """The fingerprints of a project's models, macros and seeds."""
    code = [
        project / "dbt_project.yml",
        *(path for folder in ("models", "macros") for path in (project / folder).rglob("*.sql")),
    ]
    factors = dated_seeds(project)
    code += [path for path in (project / "seeds").rglob("*.csv") if path not in factors]
    recorded = [
        date.fromisoformat(row["recorded_on"])
        for path in factors
        for row in seed_rows(path)
        if row["recorded_on"]
    ]
    return Models(_digest(project, code), _digest(project, factors), max(recorded, default=None))


def dated_seeds(project: Path) -> list[Path]:
    """The seeds whose rows say when they were published and when they were recorded."""
    found = []
    for path in sorted((project / "seeds").rglob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            if {"published_on", "recorded_on"} <= set(next(csv.reader(file), [])):
                found.append(path)
    return found


def seed_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a seed."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _digest(project: Path, paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(project)} {content}\n".encode())
    return digest.hexdigest()
