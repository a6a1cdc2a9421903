"""dbt parses the project once: another night, another landing and another warehouse are no reason
to do it again, while a model that changed is.
"""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from observatory import build
from observatory.settings import load_settings

AS_OF = datetime(2026, 11, 24, tzinfo=UTC)


def written(folder: Path, project: Path, spare_parsing: Callable[[Path], None]) -> bool:
    """Whether dbt, with what it knows of the project, parsed any of it in a folder of its own."""
    folder.mkdir()
    (folder / "observatory.toml").write_text("[paths]\nlanding = 'elsewhere'\n")
    settings = load_settings(folder / "observatory.toml")
    target = build.dbt_folder(settings.paths.warehouse)
    spare_parsing(target)
    before = (target / build.PARSED).stat().st_mtime_ns
    kinds = {"factors": AS_OF.replace(day=3)}
    build.invoke(
        ["parse"],
        settings,
        build.building_path(settings.paths.warehouse),
        project,
        as_of=AS_OF,
        kinds_as_of=kinds,
    )
    return (target / build.PARSED).stat().st_mtime_ns != before


def test_another_night_parses_nothing_again(
    tmp_path: Path, spare_parsing: Callable[[Path], None]
) -> None:
    assert not written(tmp_path / "night", build.project_dir(), spare_parsing)
    changed = tmp_path / "project"
    changed.mkdir()
    for name in ("models", "macros", "seeds", "tests"):
        shutil.copytree(build.project_dir() / name, changed / name)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copyfile(build.project_dir() / name, changed / name)
    with (changed / "models" / "marts" / "dim_job.sql").open("a") as model:
        model.write("-- another remark\n")
    assert written(tmp_path / "another", changed, spare_parsing)
