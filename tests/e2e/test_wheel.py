"""What is installed without the checkout: a wheel with code, models, factors and sample."""

import subprocess
import sys
import zipfile
from pathlib import Path

from demo_commands import REPO


def test_a_wheel_carries_all_that_the_command_needs(tmp_path: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
            *("--wheel-dir", str(tmp_path), str(REPO)),
        ],
        check=True,
        timeout=300,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        carried = set(archive.namelist())
    inside = Path("observatory/_project")
    for part in ("models", "macros", "seeds", "tests/dbt", "sample"):
        for file in (REPO / part).rglob("*"):
            if file.is_file():
                assert str(inside / file.relative_to(REPO)) in carried
    for name in ("dbt_project.yml", "profiles.yml"):
        assert str(inside / name) in carried
    for package in ("observatory", "ingest", "app"):
        for file in (REPO / package).rglob("*.py"):
            assert str(file.relative_to(REPO)) in carried
    assert {"app/theme.toml", "app/logo.svg"} <= carried
