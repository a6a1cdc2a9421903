"""The pages on files of other tools, followed to the letter."""

import re
import subprocess
from pathlib import Path

import polars as pl
import pytest
from pages import DOCS, reader, script_of

from ingest.sources import codecarbon, slurm

PAYLOADS = Path(__file__).parent / "payloads"
# Text with the separator that it is asked for.
SACCT = """#!/bin/sh
case "$*" in
  *--delimiter*) cat "{folder}/delimiter_1f.txt";;
  *--parsable2*) cat "{folder}/parsable2.txt";;
  *) exit 2;;
esac
"""


def followed(folder: Path, page: str, heading: str) -> str:
    """What following a section prints on standard error."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script_of(page, heading)],
        cwd=folder, env=reader(folder), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


@pytest.mark.parametrize("heading", ["In five minutes", "From files instead"])
def test_slurm(heading: str, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    sacct = tmp_path / "bin" / "sacct"
    sacct.write_text(SACCT.format(folder=PAYLOADS / "slurm"))
    sacct.chmod(0o755)
    followed(tmp_path, "slurm.md", heading)
    rows = pl.read_parquet(tmp_path / "data/landing/slurm__sacct")
    assert rows.height and rows["x_site"].unique().to_list() == ["lyra"]


def test_codecarbon(tmp_path: Path) -> None:
    (tmp_path / "codecarbon").mkdir()
    (tmp_path / "codecarbon" / "emissions.csv").write_bytes(
        (PAYLOADS / "codecarbon" / "v2_gpu.csv").read_bytes()
    )
    followed(tmp_path, "codecarbon.md", "In five minutes")
    rows = pl.read_parquet(tmp_path / "data/landing/codecarbon__emissions")
    assert rows.height and rows["x_site"].unique().to_list() == ["lyon"]


@pytest.mark.parametrize("source", [slurm, codecarbon])
def test_every_setting_is_on_the_page(source: object) -> None:
    page = (DOCS / f"{source.NAME}.md").read_text()  # type: ignore[attr-defined]
    table = page.partition("## Settings\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"^\| `(\w+)`", table, re.M))
    assert named == set(source.Settings.model_fields) - {"enabled"}  # type: ignore[attr-defined]
