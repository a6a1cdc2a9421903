"""What a snapshot knew: data, settings, factors, and the code that made numbers of them.

Between two snapshots any of the four may have changed. `walk` goes from one to the other and lets
in one of them at a time. Where more than one changed, the states between are built by today's
code, each kind of knowledge as of its own time, and thrown away afterwards.
"""

import csv
import logging
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, fields, replace
from datetime import date, datetime
from importlib import metadata
from pathlib import Path

import duckdb
import polars as pl

from ingest.landing import MANIFEST
from observatory import build, publish, snapshot
from observatory.settings import Settings
from observatory.version import Models, dated_seeds, models, seed_rows

logger = logging.getLogger(__name__)

# In the order in which they are let in.
KINDS = build.KINDS
CODE = "code"
# What is compared is read from these marts.
MARTS = ("fct_runs", "fct_billing_daily")
# What dbt needs of a project beside its seeds.
_PROJECT = ("dbt_project.yml", "profiles.yml", "models", "macros", "tests")


@dataclass(frozen=True)
class Code:
    """What turns knowledge into numbers: models and factor tables, dbt and the engine."""

    models_sha256: str | None
    factors_sha256: str | None
    dbt_version: str | None
    duckdb_version: str | None


@dataclass(frozen=True)
class State:
    """Numbers that were published, or are about to be: their marts, and what they knew."""

    version: str
    folder: Path
    as_of: datetime
    code_version: str
    code: Code
    factors_recorded_on: date | None  # the newest row of the factor tables its code came with


@dataclass(frozen=True)
class Step:
    """What was let in, and the folder of the marts after it. `what` is a kind or CODE."""

    what: str
    folder: Path


def kind_of(dataset: str) -> str | None:
    """The kind of knowledge that a landed dataset is, as the macro `as_of_dataset` has it.

    None is the observatory's own record of what it did, which no compared number is made of.
    """
    if dataset.startswith("_settings__"):
        return "settings"
    if dataset.startswith("_factors__") or dataset.endswith(("__intensity", "prices__list")):
        return "factors"
    return None if dataset.startswith("_") else "data"


def code_of(now: Models) -> Code:
    """The code of now."""
    return Code(
        now.models_sha256,
        now.factors_sha256,
        metadata.version("dbt-core"),
        duckdb.__version__,
    )


def published(folder: Path) -> State:
    """The state of a published snapshot."""
    info = snapshot.version(folder)
    recorded = info.get("factors_recorded_on")
    return State(
        version=info["version"],
        folder=folder,
        as_of=datetime.fromisoformat(info["as_of"]),
        code_version=info["code_version"],
        code=Code(*(info.get(field.name) for field in fields(Code))),
        factors_recorded_on=date.fromisoformat(recorded) if recorded else None,
    )


def drafted(draft: publish.Draft, code_version: str) -> State:
    """The state of a draft, which the code of now made."""
    now = models(draft.built.project)
    return State(
        version=draft.version,
        folder=draft.folder,
        as_of=draft.as_of,
        code_version=code_version,
        code=code_of(now),
        factors_recorded_on=now.factors_recorded_on,
    )


def walk(
    settings: Settings, before: State, after: State, scratch: Path, project: Path | None = None
) -> Iterator[Step]:
    """The steps from one state to another, the later one second; at least one.

    The last step ends at `after`. Raises BuildFailed when a state between cannot be built.
    """
    project = project or build.project_dir()
    now = models(project)
    code = code_of(now)
    changed = {
        *_landed_between(settings.paths.landing, before.as_of, after.as_of),
        *_seeded_between(project, before, after),
    }
    kinds = [kind for kind in KINDS if kind in changed]
    if _is_same(before.code, after.code) and len(kinds) <= 1:
        # If nothing was told at all, time went by.
        yield Step(kinds[0] if kinds else "data", after.folder)
        return
    first, last = _difference(before.code, code), _difference(code, after.code)
    causes = {cause for cause in (first, *kinds, last) if cause}
    if len(causes) == 1:
        yield Step(causes.pop(), after.folder)
        return
    known = dict.fromkeys(KINDS, before)

    def built(what: str) -> Step:
        folder = scratch / f"{len(list(scratch.iterdir()))}-{what}"
        _build(settings, known, _project_of(known["factors"], project, now, folder), folder)
        return Step(what, folder)

    if first:
        yield built(first)
    for kind in kinds:
        known[kind] = after
        is_last = kind == kinds[-1] and not last
        yield Step(kind, after.folder) if is_last else built(kind)
    if last:
        yield Step(last, after.folder)


def _build(settings: Settings, known: Mapping[str, State], project: Path, folder: Path) -> None:
    """Write the marts that are compared as they would be, each kind as of its own time."""
    logger.info(
        "building a state between: %s",
        ", ".join(f"{kind} of {state.version}" for kind, state in known.items()),
    )
    part = build.build_part(
        settings,
        known["data"].as_of,
        MARTS,
        folder / settings.paths.warehouse.name,
        project=project,
        kinds_as_of={kind: state.as_of for kind, state in known.items()},
    )
    publish.write_marts(part, settings, folder, MARTS)
    part.warehouse.unlink()


def _landed_between(landing: Path, from_at: datetime, to_at: datetime) -> set[str]:
    manifest = pl.read_parquet(
        landing / MANIFEST / "*.parquet", columns=["dataset", "received_at_utc"]
    )
    between = manifest.filter(
        (pl.col("received_at_utc") > from_at) & (pl.col("received_at_utc") <= to_at)
    )
    kinds = {kind_of(dataset) for dataset in between["dataset"].unique()}
    return {kind for kind in kinds if kind is not None}


def _seeded_between(project: Path, before: State, after: State) -> set[str]:
    rows = (row for path in dated_seeds(project) for row in seed_rows(path))
    return {"factors"} if any(_knows(before, row) != _knows(after, row) for row in rows) else set()


def _knows(state: State, row: Mapping[str, str]) -> bool:
    """Whether a row of a factor table was published, recorded and shipped by then."""
    recorded_on = date.fromisoformat(row["recorded_on"])
    published_on = date.fromisoformat(row["published_on"] or row["recorded_on"])
    return max(published_on, recorded_on) <= state.as_of.date() and _shipped(state, row)


def _shipped(state: State, row: Mapping[str, str]) -> bool:
    shipped = state.factors_recorded_on
    return shipped is None or date.fromisoformat(row["recorded_on"]) <= shipped


def _project_of(state: State, project: Path, now: Models, folder: Path) -> Path:
    """The project of now, its factor tables without the rows that came after those of a state."""
    shipped, newest = state.factors_recorded_on, now.factors_recorded_on
    if shipped is None or newest is None or newest <= shipped:
        return project
    copy = folder / "project"
    shutil.copytree(project / "seeds", copy / "seeds")
    for name in _PROJECT:
        if (project / name).exists():
            (copy / name).symlink_to(project / name)
    for path in dated_seeds(copy):
        rows = seed_rows(path)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(row for row in rows if _shipped(state, row))
    return copy


def _is_same(one: Code, other: Code) -> bool:
    return None not in astuple(one) and one == other


def _difference(one: Code, other: Code) -> str | None:
    """What differs: nothing, the factor tables alone, or the code."""
    if _is_same(one, other):
        return None
    is_factors_alone = _is_same(replace(one, factors_sha256=other.factors_sha256), other)
    return "factors" if is_factors_alone else CODE
