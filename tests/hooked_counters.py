"""A job under the hook on a machine whose energy counters lie in a folder of the test's."""

from pathlib import Path

# `carbon-hook run` with RAPL's files in the first argument: fields after it, then the command.
UNDER_THE_HOOK = """
import sys
from carbon_hook import monitor, rapl
from carbon_hook.cli import main
zones = rapl.rapl_zones(sys.argv[1])
monitor.rapl_zones = lambda: zones
main(["run", *sys.argv[2:]])
"""
# For a job: 7,200 J of the package and 360 J of its memory are used, and some CPU time.
USE_ENERGY = """
import sys, time
def use_energy(root):
    top = root + "/sys/class/powercap/intel-rapl:0"
    end = time.time() + 3
    while time.process_time() < 0.2: pass
    for zone, joules in ((top, 7200), (top + ":0", 360)):
        with open(zone + "/energy_uj", "w") as counter:
            counter.write(str(joules * 10**6))
    time.sleep(max(0, end - time.time()))
"""


def write_counters(root: Path) -> None:
    """RAPL's files of one package and its memory, at 0."""
    for zone, name in (("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "dram")):
        folder = root / "sys/class/powercap" / zone
        folder.mkdir(parents=True)
        for file, value in (("name", name), ("energy_uj", 0), ("max_energy_range_uj", 2**38)):
            (folder / file).write_text(f"{value}\n")
