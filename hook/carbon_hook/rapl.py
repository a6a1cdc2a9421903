"""RAPL, the processors' energy counters, as Linux shows them under /sys/class/powercap.

Packages and their DRAM, each on its own. Core and uncore lie inside the package and psys around it:
they are left out, and so is the second interface (mmio) to the same package.
"""

from __future__ import annotations

import os
import re
from typing import List, Optional

from carbon_hook.quiet import number_of, text_of


class EnergyCounter:
    """A device whose energy is counted (`signal` counter, J) or whose power is read (power, W)."""

    component = "other"
    device_id = ""
    method = ""
    signal = "counter"

    def read(self) -> Optional[float]:
        """J since some moment, never less than before; or W now. None where there is none."""
        raise NotImplementedError


class RaplZone(EnergyCounter):
    """One zone. The counter starts again from 0 at its range."""

    method = "rapl"

    def __init__(self, folder: str, component: str, device_id: str) -> None:
        self._folder = folder
        self.component = component
        self.device_id = device_id
        self._range_uj = number_of(f"{folder}/max_energy_range_uj") or 0
        self._last_uj: Optional[int] = None
        self._sum_uj = 0

    def read(self) -> Optional[float]:
        """J since the first reading."""
        now_uj = number_of(f"{self._folder}/energy_uj")
        if now_uj is None:
            return None
        if self._last_uj is not None:
            step = now_uj - self._last_uj
            if step < 0:
                # From the last value to the range, and on from 0. Without a range nobody knows.
                step = step + self._range_uj if self._range_uj > 0 else 0
            self._sum_uj += max(0, step)
        self._last_uj = now_uj
        return self._sum_uj / 1e6


def rapl_zones(root: str = "") -> List[EnergyCounter]:
    """Package and DRAM zones whose counter may be read."""
    top = f"{root}/sys/class/powercap"
    found: List[EnergyCounter] = []
    try:
        names = sorted(os.listdir(top))
    except OSError:
        return found
    packages = {}
    for name in names:
        if re.fullmatch(r"intel-rapl:\d+", name):
            label = text_of(f"{top}/{name}/name") or ""
            if label.startswith("package"):
                packages[name] = label
                found.append(RaplZone(f"{top}/{name}", "cpu", label))
    for name in names:
        if re.fullmatch(r"intel-rapl:\d+:\d+", name):
            package = packages.get(name.rpartition(":")[0])
            label = text_of(f"{top}/{name}/name") or ""
            if label == "dram" and package:
                found.append(RaplZone(f"{top}/{name}", "memory", f"{package}-dram"))
    return [zone for zone in found if zone.read() is not None]
