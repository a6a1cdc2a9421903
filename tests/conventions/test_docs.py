"""Nothing is added without its word in the docs."""

import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from promises import COMMANDS, DIMENSIONS, MART_COLUMNS, ROOT, VERBS
from pydantic import BaseModel


def make_verbs() -> dict[str, str]:
    text = (ROOT / "Makefile").read_text()
    return dict(re.findall(r"^([a-z]+):[^#\n]*## (.+)$", text, flags=re.M))


def links(page: Path) -> list[str]:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    return re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)


def test_the_verbs_are_the_promised_ones() -> None:
    assert tuple(make_verbs()) == VERBS
    assert re.search(rf"^\.PHONY: {' '.join(VERBS)}$", (ROOT / "Makefile").read_text(), re.M)


def test_every_verb_is_documented(documentation: str) -> None:
    assert not [verb for verb in VERBS if f"make {verb}" not in documentation]


def test_every_command_is_documented(documentation: str) -> None:
    from typer.main import get_command

    from observatory.cli import app

    command = get_command(app)
    existing = set(command.commands)  # type: ignore[attr-defined]
    # A word of several commands (`factors list`) or an argument may follow.
    assert not [n for n in sorted(existing) if not re.search(rf"`{n}\b", documentation)]
    missing = [n for n in COMMANDS if n not in existing and f"`{n}" not in documentation]
    assert not missing, "promised, not there, and the docs do not even say so"


def test_every_source_is_documented(documentation: str) -> None:
    import ingest.sources

    names = [info.name for info in pkgutil.iter_modules(ingest.sources.__path__)]
    assert names
    for name in names:
        module = importlib.import_module(f"ingest.sources.{name}")
        assert f"[sources.{module.NAME}]" in documentation
        assert module.__doc__, name
        for dataset in module.DATASETS:
            assert f"`{dataset.name}`" in documentation


def test_every_mart_is_documented(dbt_manifest: dict[str, Any], documentation: str) -> None:
    marts = {
        node["name"]
        for node in dbt_manifest["nodes"].values()
        if node["resource_type"] == "model" and node["path"].startswith("marts/")
    }
    assert not [
        m for m in sorted(marts | {*MART_COLUMNS, *DIMENSIONS}) if f"`{m}`" not in documentation
    ]


def settings_keys(model: type[BaseModel], prefix: str = "") -> set[str]:
    """Every setting's dotted name; a table of tables counts as its keys."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        inner = [part for part in flattened(field.annotation) if issubclass_of_model(part)]
        if field.exclude:
            continue
        for part in inner:
            found |= settings_keys(part, f"{prefix}{name}.")
        if not inner:
            found.add(prefix + name)
    return found


def flattened(annotation: Any) -> list[Any]:
    parts = get_args(annotation)
    return [annotation, *(leaf for part in parts for leaf in flattened(part))]


def issubclass_of_model(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, BaseModel)


def test_every_setting_is_documented(documentation: str) -> None:
    import ingest.sources
    from observatory.settings import Settings

    keys = settings_keys(Settings)
    for name, source in ingest.sources.registry().items():
        keys |= {f"sources.{name}.{key}" for key in source.Settings.model_fields}
    assert "paths.landing" in keys
    assert not [key for key in sorted(keys) if f"`{key.rsplit('.')[-1]}`" not in documentation]


def test_the_example_and_the_sample_hold_only_settings_there_are() -> None:
    from observatory.settings import load_settings

    for name in ("observatory.example.toml", "sample/observatory.toml"):
        load_settings(ROOT / name)


def test_the_settings_the_readme_shows_are_valid(tmp_path: Path) -> None:
    from observatory.settings import load_settings

    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert blocks
    for block in blocks:
        config = tmp_path / "observatory.toml"
        config.write_text(block)
        load_settings(config)


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "CHANGELOG.md"],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_links_lead_somewhere(page: Path) -> None:
    broken = [
        link
        for link in links(page)
        if not re.match(r"[a-z]+:", link) and not (page.parent / link).exists()
    ]
    assert not broken


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link).resolve() for link in links(index)}
    pages = set((ROOT / "docs").rglob("*.md")) - {index}
    assert not [str(page.relative_to(ROOT)) for page in sorted(pages) if page not in linked]


def test_changelog_has_the_section_on_numbers() -> None:
    assert "### Numbers that changed" in (ROOT / "CHANGELOG.md").read_text()
