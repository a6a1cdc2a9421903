"""`carbon-hook run [FIELD=VALUE …] -- COMMAND`, `carbon-hook agent`, `carbon-hook flush`."""

from __future__ import annotations

import os
import sys
import time
from typing import Dict, List, Optional

from carbon_hook.agent import watch
from carbon_hook.command import run_command
from carbon_hook.outbox import Outbox
from carbon_hook.settings import HookSettings
from carbon_hook.spool import Spool
from carbon_hook.targets import targets_of

USAGE = """usage: carbon-hook run [FIELD=VALUE ...] -- COMMAND [ARGUMENT ...]
       carbon-hook agent
       carbon-hook flush

run    runs COMMAND unchanged and reports the run; FIELD is one of the run event's
       (job_name, model_name, dataset_rows, ...), any other name becomes a tag
agent  reports every pod, Slurm job and transient unit of this node, until SIGTERM
flush  sends the events that earlier runs could not send

Where events go: CARBON_HOOK_INBOX=/folder, CARBON_HOOK_URL=https://host/v1/events
(with CARBON_HOOK_TOKEN or CARBON_HOOK_TOKEN_FILE), CARBON_HOOK_KAFKA=host:9092/topic.
Without any of them the command runs and nothing is reported.
"""
FLUSH_S = 60.0


def main(arguments: Optional[List[str]] = None) -> None:
    """The command line; wrong usage ends with 2."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["run"] and "--" in words:
        split = words.index("--")
        fields, command = _fields(words[1:split]), words[split + 1 :]
        if command and fields is not None:
            run_command(command, fields)
    elif words == ["flush"]:
        sys.exit(flush())
    elif words == ["agent"]:
        code = watch(HookSettings(os.environ))
        if code:
            sys.stderr.write("carbon-hook: the agent has nowhere to report to\n" + USAGE)
        sys.exit(code)
    elif words in (["-h"], ["--help"], ["help"]):
        print(USAGE, end="")
        sys.exit(0)
    sys.stderr.write(USAGE)
    sys.exit(2)


def _fields(words: List[str]) -> Optional[Dict[str, str]]:
    if any("=" not in word for word in words):
        return None
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def flush() -> int:
    """Send what waits; 1 where something is still waiting."""
    settings = HookSettings(os.environ)
    left = 0
    for target in targets_of(settings):
        spool = Spool(settings.spools, target.name)
        Outbox(target, spool).close(time.monotonic() + FLUSH_S)
        left += len(spool.left_behind())
    if left:
        sys.stderr.write(f"carbon-hook: {left} events are still waiting\n")
    return 1 if left else 0
