"""`sacct` of this machine, called day by day: no shell, a list of arguments, a time limit."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from ingest.errors import SourceConfigError, SourceUnavailable
from ingest.files import InputFile

# No text of sacct holds it, so no record breaks.
DELIMITER = "\x1f"


def find_sacct(command: str) -> str:
    """Where the command is. Raises SourceConfigError."""
    found = shutil.which(command)
    if found is None:
        raise SourceConfigError(
            f"{command}: no such command on PATH; install Slurm's client here, or export files "
            "and give their `path`"
        )
    return found


@contextmanager
def accounting_of(
    command: str, day: date, cluster: str | None, timeout_s: float
) -> Iterator[InputFile]:
    """What sacct prints of the jobs that were there on a day of UTC, as a file while it is used.

    Raises SourceUnavailable when sacct fails or takes too long.
    """
    arguments = [
        command,
        "--allusers",
        "--duplicates",
        "--parsable2",
        "--noconvert",
        f"--delimiter={DELIMITER}",
        "--format=ALL",
        f"--starttime={day.isoformat()}T00:00:00",
        f"--endtime={(day + timedelta(days=1)).isoformat()}T00:00:00",
        *([f"--clusters={cluster}"] if cluster else []),
    ]
    # Times are asked for in UTC and printed as seconds since 1970.
    environment = {**os.environ, "TZ": "UTC", "SLURM_TIME_FORMAT": "%s"}
    with tempfile.TemporaryDirectory(prefix="sacct-") as folder:
        path = Path(folder) / "sacct.txt"
        with path.open("wb") as output:
            try:
                done = subprocess.run(  # noqa: S603 - a list of arguments, no shell
                    arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.PIPE,
                    env=environment,
                    timeout=timeout_s,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise SourceUnavailable(
                    f"sacct of {day} took longer than {timeout_s:g} s; raise `timeout_s`"
                ) from error
            except OSError as error:
                raise SourceUnavailable(f"{command} cannot be run: {error}") from error
        if done.returncode:
            said = done.stderr.decode(errors="backslashreplace").strip()[-500:]
            raise SourceUnavailable(
                f"sacct of {day} ended with {done.returncode}: {said or 'it says nothing'}"
            )
        yield InputFile(path, f"sacct/{day.isoformat()}")
