"""What is shipped: no address of a package registry, no path of a developer's machine, no half of
the product reaching into the other."""

import ast
import re
from pathlib import Path

import pytest
import yaml
from promises import ROOT

# Spelled in pieces, so that this file is not its own finding.
FORBIDDEN = [
    "/" + "work/",
    "shared/" + "design",
    "." + "library/",
    "pypi" + ".org",
    "python" + "hosted",
    "docker" + ".io",
    "ghcr" + ".io",
    "quay" + ".io",
    "npmjs" + ".",
    "crates" + ".io",
    "crates" + r"\.io",
    "ruby" + "gems",
    "hub.docker" + ".com",
    "gcr" + ".io",
    "mcr.microsoft" + ".com",
    "proxy.golang" + ".org",
    "repo1.maven" + ".org",
    "ana" + "conda.org",
    "getdbt" + ".com",
]


def text_of(path: Path) -> str | None:
    content = path.read_bytes()
    return None if b"\0" in content[:8000] else content.decode("utf-8", "replace")


def test_no_registry_host_and_no_machine_path(tracked_files: list[Path]) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in tracked_files
        if (text := text_of(path)) is not None
        for word in FORBIDDEN
        if word in text
    ]
    assert not found


def test_the_lock_names_every_package_with_a_hash() -> None:
    text = (ROOT / "requirements.lock").read_text()
    packages = re.findall(r"^[a-z0-9][^\s=]*==[^\s]+", text, flags=re.M)
    blocks = re.split(r"^(?=[a-z0-9][^\s=]*==)", text, flags=re.M)[1:]
    assert len(blocks) == len(packages) > 50
    assert all("--hash=sha256:" in block for block in blocks)


def test_no_large_file_is_shipped(tracked_files: list[Path]) -> None:
    large = {
        str(path.relative_to(ROOT)): path.stat().st_size
        for path in tracked_files
        if path.stat().st_size > 3_000_000
    }
    assert not large


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize(("package", "never"), [("app", "ingest"), ("ingest", "app")])
def test_app_and_ingest_meet_only_in_files(package: str, never: str) -> None:
    modules = sorted((ROOT / package).rglob("*.py"))
    assert modules
    assert not [str(p.relative_to(ROOT)) for p in modules if never in imported(p)]


def test_ingest_knows_nothing_of_the_conductor() -> None:
    modules = sorted((ROOT / "ingest").rglob("*.py"))
    assert not [str(p.relative_to(ROOT)) for p in modules if "observatory" in imported(p)]


def test_streamlit_stays_out_of_queries_and_charts() -> None:
    for name in ("queries.py", "charts.py"):
        path = ROOT / "app" / name
        if path.exists():
            assert "streamlit" not in imported(path), name


def test_only_landing_writes_into_landing() -> None:
    writers = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "ingest").rglob("*.py"))
        if re.search(r"\b(write_parquet|sink_parquet|ParquetWriter)\b", path.read_text())
    ]
    assert writers == ["ingest/landing.py"]


def test_yaml_and_toml_files_parse(tracked_files: list[Path]) -> None:
    import tomllib

    for path in tracked_files:
        if "payloads" in path.parts:
            continue
        if path.suffix in (".yml", ".yaml") and "{{" not in path.read_text():
            list(yaml.safe_load_all(path.read_text()))
        if path.suffix == ".toml":
            tomllib.loads(path.read_text())
