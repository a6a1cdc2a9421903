"""Which code this is."""

import functools
import shutil
import subprocess
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
