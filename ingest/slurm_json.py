"""`sacct --json` (also slurmrestd's slurmdb jobs) → records with the columns of sacct's text.

Source: the data parsers v0.0.37 (Slurm 21.08) to v0.0.42 (24.11). They differ in how they write the
same thing, and this reads any of them: a number is `5` or `{"set": true, "infinite": false,
"number": 5}`, a state is a word or a list whose first word is the state, a step's id is `batch` or
`{"step_id": "batch"}`. Times are seconds since 1970: no time zone is needed. Exit codes of plain
failures are wrong before Slurm 23.02 and `tres.consumed` is what was written, not used, so neither
lands. An allocation's CPU time is the sum of its steps', as in sacct's text.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from ingest.errors import FileRejected
from ingest.files import InputFile, blocks
from ingest.slurm_layout import Layout
from ingest.slurm_mending import MAX_FIELD_CHARACTERS, Block

COLUMNS = (
    "Cluster",
    "JobIDRaw",
    "JobID",
    "JobName",
    "User",
    "Account",
    "Partition",
    "QOS",
    "State",
    "Submit",
    "Eligible",
    "Start",
    "End",
    "ElapsedRaw",
    "NNodes",
    "NodeList",
    "NCPUS",
    "AllocTRES",
    "ReqTRES",
    "TotalCPU",
    "CPUTimeRAW",
    "ConsumedEnergyRaw",
    "Comment",
    "AdminComment",
    "Restarts",
    "WorkDir",
    "TimelimitRaw",
)
BLOCK_RECORDS = 50_000
REMEDY = "write it again with `sacct --json`"

_Record = tuple[dict[str, str | None], dict[str, Any]]


def is_json(file: InputFile) -> bool:
    """Does the first character that is not blank open a JSON object? Raises FileRejected."""
    for block in blocks(file, 4096):
        text = block.removeprefix(b"\xef\xbb\xbf").lstrip()
        if text:
            return text.startswith(b"{")
    return False


def read_json(file: InputFile, has_cluster: bool) -> Iterator[Block]:
    """A file in blocks of 50,000 records; rows count records from 1. Raises FileRejected.

    `has_cluster`: the settings name the cluster, the export need not.
    """
    layout = Layout(file.name, "", "\x1f", COLUMNS, is_trailing=False)
    found: list[_Record] = []
    first_row = 1
    for job in _jobs(file):
        found += _records(file, job, has_cluster)
        if len(found) >= BLOCK_RECORDS:
            yield _block(layout, found, first_row)
            first_row, found = first_row + len(found), []
    yield _block(layout, found, first_row)


def _jobs(file: InputFile) -> list[dict[str, Any]]:
    try:
        document = json.loads(b"".join(blocks(file)).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise FileRejected(file.name, "not_utf8", f"the JSON is not UTF-8; {REMEDY}") from error
    except (ValueError, RecursionError) as error:
        detail = f"the JSON cannot be read ({error}); was it cut? {REMEDY}"
        raise FileRejected(file.name, "not_json", detail) from error
    jobs = document.get("jobs")
    if not isinstance(jobs, list) or not all(isinstance(job, dict) for job in jobs):
        raise FileRejected(
            file.name, "not_this_format", f"there is no list `jobs` in the JSON; {REMEDY}"
        )
    if not all(isinstance(job.get("time"), dict) for job in jobs):
        raise FileRejected(
            file.name,
            "not_this_format",
            f"jobs of the queue, not of the accounting (they have no `time`); {REMEDY}",
        )
    return jobs


def _block(layout: Layout, found: list[_Record], first_row: int) -> Block:
    texts = [json.dumps(told, ensure_ascii=False)[:MAX_FIELD_CHARACTERS] for _, told in found]
    mended = {
        index: ([record.get(name) or "" for name in COLUMNS], texts[index])
        for index, (record, _) in enumerate(found)
    }
    lines = pl.Series(texts, dtype=pl.String)
    is_whole = pl.repeat(False, len(found), dtype=pl.Boolean, eager=True)
    return Block(layout, first_row, lines, is_whole, mended)


def _records(file: InputFile, job: dict[str, Any], has_cluster: bool) -> Iterator[_Record]:
    """The allocation's record and those of its steps."""
    steps = job.get("steps") or []
    allocation = {name: value for name, value in job.items() if name != "steps"}
    number = _number(job.get("job_id"))
    if number is None:
        detail = f"a job has no `job_id`; {REMEDY}"
        raise FileRejected(file.name, "missing_value", detail)
    shared = {
        "Cluster": _text(job.get("cluster")) or _text(_of(job, "association", "cluster")),
        "User": _text(job.get("user")) or _text(_of(job, "association", "user")),
        "Account": _text(job.get("account")),
        "Submit": _time(_of(job, "time", "submission")),
        "Eligible": _time(_of(job, "time", "eligible")),
    }
    if shared["Cluster"] is None and not has_cluster:
        raise FileRejected(
            file.name,
            "missing_column",
            "jobs name no cluster: set `cluster` of this source",
        )
    tres = _of(job, "tres", "allocated")
    yield (
        {
            **shared,
            **_times(job),
            "TotalCPU": _total_cpu([job]) or _total_cpu(steps),
            "JobIDRaw": number,
            "JobID": _job_id(job, number),
            "JobName": _text(job.get("name")),
            "Partition": _text(job.get("partition")),
            "QOS": _text(job.get("qos")),
            "State": _state(_of(job, "state", "current")),
            "NNodes": _number(job.get("allocation_nodes")),
            "NodeList": _text(job.get("nodes")),
            "NCPUS": _count(tres, "cpu") or _number(_of(job, "required", "CPUs")),
            "AllocTRES": _tres(tres),
            "ReqTRES": _tres(_of(job, "tres", "requested")),
            "ConsumedEnergyRaw": _count(tres, "energy"),
            "Comment": _text(_of(job, "comment", "job")),
            "AdminComment": _text(_of(job, "comment", "administrator")),
            "Restarts": _number(job.get("restart_cnt")),
            "WorkDir": _text(job.get("working_directory")),
            "TimelimitRaw": _number(_of(job, "time", "limit")),
            "CPUTimeRAW": _product(_of(job, "time", "elapsed"), _count(tres, "cpu")),
        },
        allocation,
    )
    for step in steps:
        name = _of(step, "step", "id")
        name = name.get("step_id") if isinstance(name, dict) else name
        name = str(name).rpartition(".")[2]
        tres = _of(step, "tres", "allocated")
        yield (
            {
                **shared,
                "User": None,
                **_times(step),
                # As sacct prints it, a step is submitted when it starts.
                "Submit": _time(_of(step, "time", "start")),
                "Eligible": _time(_of(step, "time", "start")),
                "TotalCPU": _total_cpu([step]) or "0:0",
                "JobIDRaw": f"{number}.{name}",
                "JobID": f"{_job_id(job, number)}.{name}",
                "JobName": _text(_of(step, "step", "name")),
                "State": _state(step.get("state")),
                "NNodes": _number(_of(step, "nodes", "count")),
                "NodeList": _text(_of(step, "nodes", "range")),
                "NCPUS": _count(tres, "cpu"),
                "AllocTRES": _tres(tres),
                "ConsumedEnergyRaw": _number(_of(step, "statistics", "energy", "consumed")),
                "CPUTimeRAW": _product(_of(step, "time", "elapsed"), _count(tres, "cpu")),
            },
            step,
        )


def _of(told: Any, *path: str) -> Any:
    """What stands at the end of a path of names; None where it breaks off."""
    for name in path:
        told = told.get(name) if isinstance(told, Mapping) else None
    return told


def _text(value: Any) -> str | None:
    return value or None if isinstance(value, str) else None


def _number(value: Any) -> str | None:
    """A number as text; None where Slurm says that it has none or no end."""
    if isinstance(value, Mapping):
        value = value.get("number") if value.get("set") and not value.get("infinite") else None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    return str(value)


def _time(value: Any) -> str | None:
    """Seconds since 1970; 0 is a time that is not set."""
    number = _number(value)
    return None if number == "0" else number


def _times(told: dict[str, Any]) -> dict[str, str | None]:
    return {
        "Start": _time(_of(told, "time", "start")),
        "End": _time(_of(told, "time", "end")),
        "ElapsedRaw": _number(_of(told, "time", "elapsed")),
    }


def _total_cpu(told: list[dict[str, Any]]) -> str | None:
    """`minutes:seconds` of CPU time; None where it is 0 or not told."""
    micros = 0
    for item in told:
        for name, factor in (("seconds", 1_000_000), ("microseconds", 1)):
            number = _number(_of(item, "time", "total", name)) or "0"
            micros += int(number) * factor if number.isdigit() else 0
    return f"0:{micros // 1_000_000}.{micros % 1_000_000:06}" if micros else None


def _state(value: Any) -> str | None:
    """The state; of a list its first word, the others being flags."""
    words = value if isinstance(value, list) else [value]
    return _text(words[0]) if words else None


def _job_id(job: dict[str, Any], number: str) -> str:
    """As sacct prints it: 123, 123_4 of an array, 123+1 of a heterogeneous job."""
    array, task = _number(_of(job, "array", "job_id")), _number(_of(job, "array", "task_id"))
    if array not in (None, "0") and task is not None:
        return f"{array}_{task}"
    leader, offset = _number(_of(job, "het", "job_id")), _number(_of(job, "het", "job_offset"))
    return f"{leader}+{offset}" if leader not in (None, "0") and offset is not None else number


def _tres(told: Any) -> str | None:
    """As sacct prints it: cpu=8,gres/gpu:a100=4,mem=64M,node=1."""
    parts = []
    for item in told if isinstance(told, list) else ():
        count = _number(_of(item, "count"))
        kind, name = _text(_of(item, "type")), _text(_of(item, "name"))
        if kind and count is not None and not count.startswith("-"):
            parts.append(f"{kind}/{name}={count}" if name else f"{kind}={count}")
    return ",".join(parts) or None


def _count(told: Any, kind: str) -> str | None:
    for item in told if isinstance(told, list) else ():
        if _of(item, "type") == kind and not _of(item, "name"):
            number = _number(_of(item, "count"))
            return None if number is None or number.startswith("-") else number  # -2: not known
    return None


def _product(first: Any, second: str | None) -> str | None:
    number = _number(first)
    if number is None or second is None or not (number + second).isdigit():
        return None
    return str(int(number) * int(second))
