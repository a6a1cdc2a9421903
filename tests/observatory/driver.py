"""The real command on the tiny installation, in a process of its own, killed where asked.

    python driver.py PROJECT POINT ARGUMENTS…

POINT is `module:function:before|after`, where the process gets SIGKILL (with `:SIGTERM` after it,
that signal, once), or `-`.
"""

import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import tiny

from observatory import cli


def kill_at(point: str) -> None:
    module_name, function, when, *given = point.split(":")
    number = signal.Signals[given[0]] if given else signal.SIGKILL
    owner: Any = importlib.import_module(module_name)
    *classes, name = function.split(".")
    for class_name in classes:
        owner = getattr(owner, class_name)
    original = getattr(owner, name)

    def deadly(*args: Any, **options: Any) -> Any:
        setattr(owner, name, original)
        if when == "before":
            os.kill(os.getpid(), number)
        result = original(*args, **options)
        if when == "after":
            os.kill(os.getpid(), number)
        return result

    setattr(owner, name, deadly)


if __name__ == "__main__":
    project, point, *arguments = sys.argv[1:]
    tiny.install(Path(project))
    if point != "-":
        kill_at(point)
    sys.exit(cli.run(arguments))
