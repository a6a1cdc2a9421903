"""`track`, `log_metric` and `describe` inside a job."""

import subprocess
import sys
from pathlib import Path

import pytest
from hooked_jobs import HOOK, Collector, Place, Until

PYTHONS = [
    sys.executable,
    *(str(path) for path in Path.home().glob(".pyenv/versions/3.8.*/bin/python3.8")),
]


def tracked(place: Place, text: str) -> tuple[int, str, str]:
    """A job that calls the hook itself."""
    return place.run(place.script("import carbon_hook\n" + text), is_hooked=False)


def test_a_block_is_a_run(place: Place) -> None:
    code, out, err = tracked(
        place,
        "with carbon_hook.track(model_name='churn', dataset_rows=400, notes='second try') as run:\n"
        "    run.describe(model_version='7', workload_kind='training')\n"
        "    for step in range(1000):\n"
        "        carbon_hook.log_metric('loss', 1 / (step + 1))\n"
        "    carbon_hook.log_metric('accuracy', train())\n"
        "    carbon_hook.log_metric('gone', float('nan'))\n"
        "print(1)",
    )
    assert (code, out, err) == (0, "1\n", "")
    event = place.event()
    assert event["status"] == "succeeded"
    assert (event["model_name"], event["model_version"]) == ("churn", "7")
    assert (event["workload_kind"], event["dataset_rows"]) == ("training", 400)
    assert event["tags"]["notes"] == "second try"
    assert set(event["metrics"]) == {"loss", "accuracy"}
    assert event["metrics"]["loss"] == 0.001
    assert event["metrics"]["accuracy"] > 0.5


@pytest.mark.parametrize(
    ("ending", "status", "code"),
    [
        ("raise ValueError('no')", "failed", 1),
        ("sys.exit(0)", "succeeded", 0),
        ("sys.exit(3)", "failed", 3),
        ("raise KeyboardInterrupt", "cancelled", -2),
        ("raise MemoryError", "out_of_memory", 1),
    ],
)
def test_how_a_block_ends(ending: str, status: str, code: int, place: Place) -> None:
    assert tracked(place, f"with carbon_hook.track():\n    train(); {ending}")[0] == code
    assert place.event()["status"] == status


def test_each_call_of_a_decorated_function_is_a_run(place: Place) -> None:
    code, out, _ = tracked(
        place,
        "import asyncio\n"
        "@carbon_hook.track\n"
        "def fit(a, b=1):\n    return a + b\n"
        "@carbon_hook.track(job_name='later', team='tide')\n"
        "async def score():\n    return 5\n"
        "print(fit(1, b=2), fit(3), asyncio.run(score()), fit.__name__)",
    )
    assert (code, out) == (0, "3 4 5 fit\n")
    ended = [e for e in place.events() if e["event_type"] == "finished"]
    assert [e["job_name"] for e in ended] == ["fit", "fit", "later"]
    assert len({e["run_id"] for e in ended}) == 3
    assert ended[2]["team"] == "tide"


def test_inside_carbon_hook_run_it_is_the_same_run(place: Place) -> None:
    command = place.script(
        "import carbon_hook, subprocess\n"
        "with carbon_hook.track(model_name='churn', job_name='fit'):\n"
        "    carbon_hook.log_metric('accuracy', 0.5)\n"
        "    subprocess.run([sys.executable, '-c', "
        "'import carbon_hook; carbon_hook.log_metric(\"f1\", 0.25)'])\n"
        "sys.exit(3)"
    )
    assert place.run(command)[0] == 3
    event = place.event()
    assert (event["status"], event["job_name"], event["model_name"]) == ("failed", "fit", "churn")
    assert event["metrics"] == {"accuracy": 0.5, "f1": 0.25}


def test_forked_children_do_not_end_the_run(place: Place) -> None:
    code, out, _ = tracked(
        place,
        "import os\n"
        "with carbon_hook.track():\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n        sys.exit(0)\n"
        "    os.waitpid(pid, 0)\n"
        "    try:\n        os.wait()\n    except ChildProcessError:\n        print('alone')",
    )
    assert (code, out) == (0, "alone\n")  # the monitor is no child of the job
    assert place.event()["status"] == "succeeded"


@pytest.mark.parametrize("ending", ["os._exit(5)", "os.kill(os.getpid(), 9)"])
def test_a_job_that_is_gone_without_a_word(ending: str, place: Place, until: Until) -> None:
    code, _, _ = tracked(
        place,
        "import os, time\ncarbon_hook.track(model_name='churn').start()\n"
        f"end = time.time() + 0.3\nwhile time.time() < end: train()\n{ending}",
    )
    assert code in (5, -9)
    until(lambda: len(place.events()) == 2)
    last = place.events()[-1]
    # How it ended nobody knows; what it used is told.
    assert (last["event_type"], last["status"], last["model_name"]) == (
        "heartbeat",
        "running",
        "churn",
    )
    assert last["duration_s"] >= 0.3


def test_nothing_of_the_job_is_kept_open(place: Place) -> None:
    # A lock that the job holds by an inherited handle, and its output: both free when it ends.
    code, out, _ = place.run(
        [
            "sh",
            "-c",
            'exec 9>lock; flock 9; "$0" job.py; exec 9>&-; flock -n lock echo free',
            sys.executable,
        ],
        is_hooked=False,
        cwd=_with_job(place, "carbon_hook.track().start(); import os; os._exit(0)"),
    )
    assert (code, out) == (0, "free\n")


def _with_job(place: Place, text: str) -> Path:
    place.script("import carbon_hook\n" + text)
    return place.folder


def test_values_that_the_contract_refuses_cost_nothing_else(place: Place) -> None:
    code, _, err = tracked(
        place,
        "import os\nos.environ['CARBON_HOOK_TEAM'] = 'a\\udcffb'\n"
        "class Odd:\n    def __str__(self): raise RuntimeError('no')\n"
        "with carbon_hook.track(workload_kind='magic', dataset_rows='many', attempt=0,\n"
        "                       model_name='', region=7):\n"
        "    carbon_hook.log_metric('loss', object())\n"
        "    carbon_hook.log_metric(Odd(), 1)\n"
        "    carbon_hook.describe(model_version=Odd())\n",
    )
    assert (code, err) == (0, "")
    event = place.event()
    assert event["region"] == "7"
    assert event["team"] == "a?b"
    assert event["attempt"] == 1
    assert not {"workload_kind", "dataset_rows", "model_name", "metrics"} & set(event)


@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: Path(path).name)
@pytest.mark.parametrize("form", ["package", "single_file"])
def test_on_every_python_from_3_8_and_as_one_file(
    python: str, form: str, place: Place, collector: Collector
) -> None:
    place.environ["CARBON_HOOK_URL"] = collector.url
    way = ["-m", "carbon_hook"]
    if form == "single_file":
        built = place.folder / "lib" / "carbon_hook.py"
        subprocess.run([sys.executable, HOOK / "single_file.py", built], check=True, timeout=30)
        place.environ["PYTHONPATH"] = str(built.parent)
        way = [str(built)]
    job = place.script("import carbon_hook\ncarbon_hook.track(step='a').start().finish()")[1]
    assert place.run([python, *way, "run", "team=x", "--", python, job], is_hooked=False)[0] == 0
    assert place.run([python, job], is_hooked=False) == (0, "", "")
    outer, inner = (e for e in place.events() if e["event_type"] == "finished")
    assert (outer["team"], outer["step"], outer["tags"]["exit_code"]) == ("x", "a", "0")
    assert inner["status"] == "succeeded"
    assert len(collector.events) == 4


def test_only_the_first_process_of_a_host_reports(place: Place) -> None:
    place.environ |= {
        "SLURM_JOB_ID": "71",
        "SLURM_STEP_ID": "0",
        "SLURM_CLUSTER_NAME": "lyra",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_STEP_NUM_TASKS": "3",
        "SLURM_PROCID": "0",
        "SLURM_LOCALID": "0",
    }
    for rank, on_host in ((0, 0), (1, 1), (2, 0)):
        place.environ |= {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(on_host)}
        assert place.run(place.script("print(train())"))[0] == 0
    events = place.events()
    assert {e["run_id"] for e in events} == {"slurm-lyra-71-0-0"}
    assert [e["event_type"] for e in events] == ["started", "finished", "heartbeat"]
    assert {e["instance_count"] for e in events} == {2}
    assert events[0]["tags"]["slurm.job_id"] == "71"
    assert (events[0]["region"], events[0]["provider"]) == ("lyra", "on_premise")


THREE = "for name in 'abc':\n    with carbon_hook.track(model_name=name): pass"


def test_several_runs_of_one_step_are_several(place: Place) -> None:
    place.environ |= {"SLURM_JOB_ID": "9", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "1"}
    tracked(place, THREE)
    place.run(["true"])
    assert len({e["run_id"] for e in place.events()}) == 4
    place.environ |= {"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NUM_NODES": "2"}
    for rank in ("0", "1"):
        place.environ["SLURM_PROCID"] = rank
        tracked(place, THREE)
    told = {(e["run_id"], e["model_name"]) for e in place.events() if "instance_count" in e}
    assert told == {("slurm-0-9-0-0", "a"), ("slurm-0-9-0-0-2", "b"), ("slurm-0-9-0-0-3", "c")}


@pytest.mark.parametrize(
    ("name", "run_id", "kinds"),
    [
        ("fit-71", None, ["heartbeat"]),
        # Nothing says which run this host is a part of: it is one of its own, with an end.
        ("none", None, ["started", "finished"]),
        ("none", "mine", ["heartbeat"]),
    ],
)
def test_the_second_host_of_a_launch(
    name: str, run_id: str | None, kinds: list[str], place: Place
) -> None:
    place.environ |= {
        "RANK": "8",
        "LOCAL_RANK": "0",
        "WORLD_SIZE": "16",
        "LOCAL_WORLD_SIZE": "8",
        "TORCHELASTIC_RUN_ID": name,
    }
    if run_id:
        place.environ["CARBON_HOOK_RUN_ID"] = run_id
    tracked(place, "with carbon_hook.track(): pass")
    place.run(["true"])
    events = place.events()
    assert [e["event_type"] for e in events] == 2 * kinds
    assert {e.get("instance_count") for e in events} == {None if len(kinds) == 2 else 2}
    assert run_id is None or {e["run_id"] for e in events} == {run_id}


def test_what_torchrun_starts_anew_is_the_same_run(place: Place) -> None:
    """And the next training of the same host is another; each under a parent of its own."""
    place.environ |= {"TORCHELASTIC_RUN_ID": "none", "RANK": "0", "LOCAL_RANK": "0"}
    place.environ |= {"WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "8"}
    job = place.script("import carbon_hook\nwith carbon_hook.track(): pass")
    for _ in range(2):
        place.run(["sh", "-c", '"$@"; "$@"; true', "sh", *job], is_hooked=False)
    ids = [e["run_id"] for e in place.events() if e["event_type"] == "finished"]
    assert ids[0] == ids[1] != ids[2] == ids[3]


@pytest.mark.parametrize("is_frozen", [True, False])
def test_a_program_that_is_its_own_python_is_not_started_again_and_again(
    is_frozen: bool, place: Place, until: Until
) -> None:
    """`sys.executable` of a frozen program is the program."""
    starts = place.folder / "starts"
    program = place.folder / "program"
    program.write_text(f'#!/bin/sh\necho "channel=$CARBON_HOOK_CHANNEL" > {starts}\n')
    program.chmod(0o755)
    frozen = "sys.frozen = True\n" if is_frozen else ""
    code, out, _ = tracked(
        place,
        f"import os\nsys.executable = {str(program)!r}\n{frozen}"
        "carbon_hook.track().start()\n"
        "print(os.environ.get('CARBON_HOOK_CHANNEL'), flush=True)\nos._exit(0)",
    )
    assert code == 0
    if is_frozen:
        assert out == "None\n"
    else:  # whatever was started there knows of the run, and adds to it
        assert until(lambda: starts.exists() and starts.read_text()) == f"channel={out}"


def test_paths_mean_the_jobs_folder(place: Place, collector: Collector) -> None:
    (place.folder / "token").write_text("open sesame\n")
    place.environ |= {
        "CARBON_HOOK_INBOX": "inbox",
        "CARBON_HOOK_SPOOL": "spool",
        "CARBON_HOOK_TOKEN_FILE": "token",
        "CARBON_HOOK_URL": collector.url,
    }
    job = place.script("import carbon_hook\nwith carbon_hook.track(): pass")
    assert place.run(job, is_hooked=False, cwd=place.folder)[0] == 0
    assert [e["event_type"] for e in place.events()] == ["started", "finished"]
    assert set(collector.tokens) == {"Bearer open sesame"}
    assert list((place.folder / "spool").iterdir())


def test_no_thread_and_no_child_in_the_job(place: Place) -> None:
    code, out, _ = tracked(
        place,
        "import os\n"
        "with carbon_hook.track():\n"
        "    print(len(os.listdir('/proc/self/task')))\n"
        "    print(open(f'/proc/self/task/{os.getpid()}/children').read().split())",
    )
    assert (code, out) == (0, "1\n[]\n")
