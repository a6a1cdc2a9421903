"""What docs/hook.md shows, run as a reader would."""

import re
import sys
from pathlib import Path

from hooked_jobs import Place

PAGE = (Path(__file__).parents[2] / "docs" / "hook.md").read_text()


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)


def with_command(place: Place) -> None:
    """`carbon-hook` and `python` as an installed package would have them."""
    folder = place.folder / "bin"
    folder.mkdir()
    for name, words in (("carbon-hook", "-m carbon_hook"), ("python", "")):
        (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        (folder / name).chmod(0o755)
    place.environ["PATH"] = f"{folder}:{place.environ['PATH']}"


def test_the_shell_snippets(place: Place) -> None:
    with_command(place)
    (place.folder / "train.py").write_text("print('trained')\n")
    (text,) = snippets("sh")
    code, out, err = place.run(["sh", "-euc", text], is_hooked=False, cwd=place.folder)
    assert code == 0, err
    assert out.startswith("trained\n")
    event = place.event()
    assert (event["team"], event["model_name"], event["job_name"]) == ("growth", "churn", "train")


def test_the_python_snippets(place: Place) -> None:
    for text in snippets("python"):
        place.script(text)
        code, out, err = place.run(place.script(text), is_hooked=False)
        assert (code, out, err) == (0, "", "")
    block, call = (e for e in place.events() if e["event_type"] == "finished")
    assert (block["model_version"], block["metrics"]) == ("7", {"accuracy": 0.93})
    assert (call["job_name"], call["team"]) == ("score", "growth")


def test_every_setting_is_on_the_page() -> None:
    source = (Path(__file__).parents[2] / "hook" / "carbon_hook" / "settings.py").read_text()
    names = re.findall(r'_(?:get|seconds)\(environ, "([A-Z_]+)"', source)
    assert "HEARTBEAT_S" in names
    assert not [name for name in names if f"CARBON_HOOK_{name}`" not in PAGE]


def test_every_tag_is_on_the_page() -> None:
    source = (Path(__file__).parents[2] / "hook" / "carbon_hook" / "identity.py").read_text()
    tags = set(re.findall(r'"([a-z]+\.[a-z_]+)": ', source))
    assert "slurm.job_id" in tags
    assert not [tag for tag in sorted(tags) if f"`{tag}`" not in PAGE]
