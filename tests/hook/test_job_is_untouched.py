"""A job behaves the same with the hook and without it, whatever becomes of it or of the hook, and
its event arrives: now, or with the next run."""

import fcntl
import json
import os
import resource
import signal
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
from hooked_jobs import Collector, Place, Until, checked, listening

JOBS = {
    "success": "print(round(train_classifier(), 3))",
    "exception": "train_classifier(); raise ValueError('no convergence')",
    "exit code 3": "train_classifier(); print('not good enough', file=sys.stderr); sys.exit(3)",
    "os._exit": "import os; train_classifier(); print('gone', flush=True); os._exit(9)",
    "shorter than a sample": "pass",
    "ends itself by SIGTERM": "import os; train_classifier(); os.kill(os.getpid(), 15)",
    "ends itself by SIGKILL": "import os; train_classifier(); os.kill(os.getpid(), 9)",
    "abort": "import os; os.abort()",
    "fork": (
        "import os\n"
        "pid = os.fork()\n"
        "if pid == 0:\n    train_classifier(); os._exit(4)\n"
        "print(os.waitpid(pid, 0)[1] >> 8)"
    ),
    "subprocesses": (
        "import subprocess\n"
        "print(subprocess.run([sys.executable, '-c', 'print(1); raise SystemExit(5)']).returncode)"
    ),
    "children that nobody waits for": (
        "import os\nif os.fork() == 0:\n    os._exit(0)\n"
        "try:\n    os.wait(); os.wait()\nexcept ChildProcessError as error:\n    print(error)"
    ),
    "standard input": "print(repr(sys.stdin.read()))",
    "broken pipe": "import signal; print(signal.getsignal(signal.SIGPIPE), flush=True)",
    "not Python": ["sh", "-c", "echo $0 $1; kill -USR1 $$", "one", "two words"],
    "no such command": ["/nowhere/train"],
}
STATUS = {
    "success": "succeeded",
    "shorter than a sample": "succeeded",
    "fork": "succeeded",
    "subprocesses": "succeeded",
    "children that nobody waits for": "succeeded",
    "standard input": "succeeded",
    "broken pipe": "succeeded",
    "ends itself by SIGTERM": "cancelled",
}


@pytest.mark.parametrize("name", JOBS)
def test_ends_as_it_would_alone(name: str, place: Place, request: pytest.FixtureRequest) -> None:
    job = JOBS[name]
    python = sys.executable
    if "train_classifier" in job:
        python = str(request.getfixturevalue("frameworks") / "python")
    command = place.script(job, python) if isinstance(job, str) else job
    if name == "no such command":
        code, out, err = place.run(command)
        assert (code, out) == (127, "")
        assert "not found" in err
    else:
        assert place.run(command) == place.run(command, is_hooked=False)
    event = place.event()
    assert event["status"] == STATUS.get(name, "failed")
    assert [e["event_type"] for e in place.events()] == ["started", "finished"]
    assert len({e["run_id"] for e in place.events()}) == 1
    if name == "exit code 3":
        assert event["tags"]["exit_code"] == "3"
    if name == "ends itself by SIGKILL":
        assert event["tags"]["signal"] == "SIGKILL"


def test_what_it_used_is_counted(place: Place) -> None:
    place.run(place.script("import time\nwhile time.process_time() < 0.4: train()"))
    event = place.event()
    used_s = event["cpu_utilization_ratio"] * event["vcpus"] * event["duration_s"]
    assert 0.3 < used_s < 0.4 + event["duration_s"]
    assert event["job_name"] == "job"


def test_memory_is_the_most_that_it_held(place: Place) -> None:
    """Also of a job that gave it back before anybody looked, or whose child held it."""
    held = "held = bytearray(300 << 20); held[::4096] = b'x' * len(held[::4096]); del held\n"
    large = b"x" * (500 << 20)  # what starts the hook is larger than the job
    place.run(place.script(held))
    del large
    place.run(place.script(f"import subprocess; subprocess.run([sys.executable, '-c', {held!r}])"))
    place.run(["true"])
    first, second, small = (e for e in place.events() if e["event_type"] == "finished")
    for event in (first, second):
        assert 0.29 < event["memory_used_gib"] < 0.5
    assert small.get("memory_used_gib", 0) < 0.1


@pytest.mark.parametrize("to_whom", ["process", "group"])
def test_a_signal_is_heard_once(to_whom: str, place: Place, until: Until) -> None:
    ready = place.folder / "ready"
    command = place.script(
        "import pathlib, signal, time\n"
        "heard = []\n"
        "signal.signal(signal.SIGTERM, lambda *_: heard.append(1))\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "while not heard: time.sleep(0.01)\n"
        "time.sleep(0.3)\n"
        "sys.exit(10 + len(heard))"
    )
    job = place.start(command, is_hooked=True)
    until(ready.exists)
    (os.kill if to_whom == "process" else os.killpg)(job.pid, signal.SIGTERM)
    job.communicate(timeout=20)
    assert job.returncode == 11
    assert place.event()["tags"]["exit_code"] == "11"


def test_a_terminal_that_has_gone_ends_the_leader_of_its_session(
    place: Place, until: Until
) -> None:
    """The kernel tells the leader alone, which without the hook is the job."""
    ready = place.folder / "ready"
    command = ["sh", "-c", f"touch {ready}; exec sleep 20"]
    ends = []
    for is_hooked in (False, True):
        ours, its = os.openpty()

        def take_terminal(terminal: int = its) -> None:
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

        job = place.start(command, is_hooked, preexec_fn=take_terminal, pass_fds=(its,))
        until(ready.exists)
        ready.unlink()
        os.close(its)
        os.close(ours)
        job.communicate(timeout=10)
        ends.append(job.returncode)
    assert ends == [-signal.SIGHUP, -signal.SIGHUP]
    assert place.event()["status"] == "cancelled"


def test_an_alarm_that_was_set_before_the_command(place: Place) -> None:
    """As `perl -e 'alarm 60; exec @ARGV'` limits the time of a command."""

    def alarm() -> None:
        signal.setitimer(signal.ITIMER_REAL, 1.5)

    assert place.run(["sleep", "20"], preexec_fn=alarm)[0] == -signal.SIGALRM
    assert place.event()["tags"]["signal"] == "SIGALRM"


def test_killed_for_good_the_last_heartbeat_tells_the_story(place: Place, until: Until) -> None:
    place.environ["CARBON_HOOK_HEARTBEAT_S"] = "1"
    pid_file = place.folder / "pid"
    command = place.script(
        "import os, pathlib\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))\n"
        "while True: train()"
    )
    job = place.start(command, is_hooked=True)
    until(pid_file.exists)
    until(lambda: [e for e in place.events() if e["event_type"] == "heartbeat"])
    job.kill()
    job.communicate(timeout=20)
    assert job.returncode == -signal.SIGKILL
    # As it would have been alone: the job is dead too.
    until(lambda: not Path(f"/proc/{pid_file.read_text()}/cwd").exists())
    last = place.events()[-1]
    assert (last["event_type"], last["status"]) == ("heartbeat", "running")
    assert last["duration_s"] >= 1
    assert last["cpu_utilization_ratio"] > 0


def test_who_reads_its_output_waits_for_nobody_else(place: Place, collector: Collector) -> None:
    collector.is_held = True
    place.environ["CARBON_HOOK_URL"] = collector.url
    job = place.start(place.script("print(1)"), is_hooked=True)
    assert job.stdout is not None
    assert job.stdout.read() == "1\n"  # to the end of the file
    job.communicate(timeout=20)


def delivered_next_time(place: Place, collector: Collector) -> list[dict[str, Any]]:
    """What a second run brings to a collector that is well again."""
    collector.status, collector.is_held = 202, False
    place.environ["CARBON_HOOK_URL"] = collector.url
    place.run(place.script("pass"))
    return collector.events


def no_folder(place: Place, collector: Collector) -> None:
    """Events go to the collector alone."""
    del place.environ["CARBON_HOOK_INBOX"]
    place.environ["CARBON_HOOK_URL"] = collector.url


@pytest.mark.parametrize("what", ["slow", "failing", "without our token", "redirecting"])
def test_a_collector_that_is(what: str, place: Place, collector: Collector) -> None:
    no_folder(place, collector)
    collector.is_held = what == "slow"
    collector.status = {"failing": 503, "without our token": 401, "redirecting": 302}.get(what, 202)
    command = place.script("sys.exit(3)")
    # `run` waits 25 s, a slow collector 30 s.
    assert place.run(command) == place.run(command, is_hooked=False)
    assert collector.was_asked.is_set()
    assert collector.events == []
    runs = [e["run_id"] for e in delivered_next_time(place, collector)]
    assert len(runs) == 4
    assert len(set(runs)) == 2


def test_a_collector_that_is_down(place: Place, collector: Collector) -> None:
    no_folder(place, collector)
    port = collector.server_address[1]
    command = place.script("print(train())")
    collector.shutdown()
    collector.server_close()
    assert place.run(command) == place.run(command, is_hooked=False)
    with listening(port) as again:
        assert len(delivered_next_time(place, again)) == 4


def test_no_network(place: Place, collector: Collector) -> None:
    no_folder(place, collector)
    place.environ["CARBON_HOOK_URL"] = "http://collector.invalid/v1/events"
    command = place.script("print(train())")
    assert place.run(command) == place.run(command, is_hooked=False)
    waiting = (place.folder / "home/.cache/carbon-hook").glob("*/*.json")
    kinds = [event["event_type"] for event in checked([json.loads(p.read_text()) for p in waiting])]
    assert kinds == ["started", "finished"]


def test_a_home_that_cannot_be_written(place: Place, collector: Collector) -> None:
    no_folder(place, collector)
    collector.status = 503
    place.environ["HOME"] = "/proc"
    command = place.script("print(train())")
    assert place.run(command) == place.run(command, is_hooked=False)
    assert len(delivered_next_time(place, collector)) == 4


def full_disk() -> None:
    """Nothing may be written to any file."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_a_full_disk(place: Place, collector: Collector) -> None:
    place.environ["CARBON_HOOK_URL"] = collector.url
    command = place.script("print(train())")
    with_hook = place.run(command, preexec_fn=full_disk)
    assert with_hook == place.run(command, is_hooked=False, preexec_fn=full_disk)
    assert [e["event_type"] for e in collector.events] == ["started", "finished"]
    assert place.events() == []  # and no half line


def test_a_bad_event_does_not_hold_up_the_others(place: Place, collector: Collector) -> None:
    no_folder(place, collector)
    collector.status = 422
    place.run(place.script("pass"))
    assert [e["event_type"] for e in delivered_next_time(place, collector)] == [
        "started",
        "finished",
    ]


def test_the_token_is_told_and_only_there(place: Place, collector: Collector) -> None:
    place.environ["CARBON_HOOK_URL"] = collector.url
    (place.folder / "token").write_text("open sesame\n")
    place.environ["CARBON_HOOK_TOKEN_FILE"] = str(place.folder / "token")
    place.run(place.script("pass"))
    assert set(collector.tokens) == {"Bearer open sesame"}
    assert "sesame" not in str(place.events())


def test_without_a_place_to_report_to_it_is_the_command(place: Place) -> None:
    del place.environ["CARBON_HOOK_INBOX"]
    command = place.script("import os; print(os.environ.get('CARBON_HOOK_CHANNEL'), os.getppid())")
    assert place.run(command) == (0, f"None {os.getpid()}\n", "")
