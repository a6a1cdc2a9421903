"""Pages of the documentation, followed to the letter."""

import os
import re
import sys
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def script_of(page: str, heading: str) -> str:
    """What a section says to type, its files written as it says."""
    text = (DOCS / page).read_text()
    section = text.partition(f"## {heading}\n")[2].split("\n## ")[0]
    blocks = re.findall(r"```(sh|toml)\n(.*?)```", section, re.S)
    assert blocks
    return "\n".join(
        code if kind == "sh" else f"cat > observatory.toml <<'END'\n{code}END"
        for kind, code in blocks
    )


def reader(folder: Path) -> dict[str, str]:
    """The environment of who follows a page in a folder: `observatory` is on PATH, and this
    checkout's."""
    command = folder / "bin" / "observatory"
    command.parent.mkdir(exist_ok=True)
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m observatory.cli "$@"\n')
    command.chmod(0o755)
    return {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"}
