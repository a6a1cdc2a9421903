"""Accelerators: NVIDIA's through the driver's own library (NVML), AMD's from /sys."""

from __future__ import annotations

import os
import re
from typing import Any, Dict, List, Optional, Set

from carbon_hook.cgroup import FIRST_PID_NAMESPACE
from carbon_hook.quiet import number_of, quietly, text_of, told
from carbon_hook.rapl import EnergyCounter

NAMES_OF_VISIBLE = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")


class Gpu(EnergyCounter):
    """One device, or a slice of one."""

    component = "accelerator"
    model: Optional[str] = None
    board_id = ""
    slice_share = 1.0
    """The part of the device that is the run's by its slice."""

    def busy_ratio(self) -> Optional[float]:
        """0-1, lately."""
        return None

    def pids(self) -> Set[int]:
        """Processes that compute on it."""
        return set()


class NvmlError(OSError):
    """The library said no."""


class Nvml:
    """The few functions of libnvidia-ml that are needed. Raises OSError without the library."""

    def __init__(self, path: str = "libnvidia-ml.so.1") -> None:
        import ctypes

        self._c = ctypes
        self._library = ctypes.CDLL(path)
        self._call("nvmlInit_v2")

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._library, name)(*arguments)
        if code:
            raise NvmlError(code, f"{name} answered {code}")

    def _number(self, name: str, kind: Any, *arguments: Any) -> int:
        answer = kind()
        self._call(name, *arguments, self._c.byref(answer))
        return int(answer.value)

    def _text(self, name: str, handle: Any) -> str:
        answer = self._c.create_string_buffer(96)
        self._call(name, handle, answer, 96)
        return answer.value.decode("utf-8", "replace")

    def handles(self) -> List[Any]:
        """Every device that this process may see."""
        found = []
        for index in range(self._number("nvmlDeviceGetCount_v2", self._c.c_uint)):
            handle = self._c.c_void_p()
            self._call("nvmlDeviceGetHandleByIndex_v2", index, self._c.byref(handle))
            found.append(handle)
        return found

    def uuid(self, handle: Any) -> str:
        """GPU-…, of a slice MIG-…"""
        return self._text("nvmlDeviceGetUUID", handle)

    def name(self, handle: Any) -> str:
        """NVIDIA A100-SXM4-80GB"""
        return self._text("nvmlDeviceGetName", handle)

    def energy_j(self, handle: Any) -> float:
        """J since the driver was loaded; Volta and later."""
        name = "nvmlDeviceGetTotalEnergyConsumption"
        return self._number(name, self._c.c_ulonglong, handle) / 1e3

    def power_w(self, handle: Any) -> float:
        """W now."""
        return self._number("nvmlDeviceGetPowerUsage", self._c.c_uint, handle) / 1e3

    def busy_ratio(self, handle: Any) -> float:
        """The part of the last moments in which something ran."""
        both = (self._c.c_uint * 2)()
        self._call("nvmlDeviceGetUtilizationRates", handle, both)
        return min(1.0, both[0] / 100)

    def pids(self, handle: Any) -> Set[int]:
        """Processes with a compute context, by their number on the host."""
        size = self._c.sizeof(_process_info(self._c))
        count = self._c.c_uint(256)
        room = self._c.create_string_buffer(size * 256)
        name = "nvmlDeviceGetComputeRunningProcesses_v3"
        self._call(name, handle, self._c.byref(count), room)
        infos = (_process_info(self._c) * count.value).from_buffer(room)
        return {int(info.pid) for info in infos}

    def slices(self, handle: Any) -> List[Any]:
        """The MIG slices of a device; none where MIG is off or unknown."""
        current, pending = self._c.c_uint(), self._c.c_uint()
        try:
            references = self._c.byref(current), self._c.byref(pending)
            self._call("nvmlDeviceGetMigMode", handle, *references)
            if not current.value:
                return []
            most = self._number("nvmlDeviceGetMaxMigDeviceCount", self._c.c_uint, handle)
        except (OSError, AttributeError):
            return []
        found = []
        for index in range(most):
            part = self._c.c_void_p()
            try:
                reference = self._c.byref(part)
                self._call("nvmlDeviceGetMigDeviceHandleByIndex", handle, index, reference)
            except OSError:  # this place is not taken
                continue
            found.append(part)
        return found

    def slice_share(self, part: Any, handle: Any) -> float:
        """A slice's compute in that of its device, which has seven parts, an A30 four."""
        attributes = (self._c.c_uint * 64)()
        self._call("nvmlDeviceGetAttributes_v2", part, attributes)
        return min(1.0, attributes[_COMPUTE_SLICES] / (4 if "A30" in self.name(handle) else 7))


# nvmlDeviceAttributes_t: multiprocessors, five engines, the slices of the GPU instance, then those
# of the compute instance in it.
_COMPUTE_SLICES = 7


def _process_info(c: Any) -> Any:
    """nvmlProcessInfo_v2_t"""
    global _info
    if _info is None:
        fields = [("pid", c.c_uint), ("memory", c.c_ulonglong), ("gi", c.c_uint), ("ci", c.c_uint)]
        _info = type("ProcessInfo", (c.Structure,), {"_fields_": fields})
    return _info


_info: Any = None


class NvidiaGpu(Gpu):
    """A device of NVML, or one slice; the energy of a slice is its share of the device's."""

    def __init__(self, nvml: Nvml, handle: Any, part: Any = None) -> None:
        self._nvml = nvml
        self._handle = handle
        self._part = part
        self.board_id = nvml.uuid(handle)
        self.device_id = self.board_id if part is None else nvml.uuid(part)
        self.model = nvml.name(handle)
        if part is not None:
            self.slice_share = nvml.slice_share(part, handle)
        try:
            nvml.energy_j(handle)
            self.method = "nvml_energy"
        except (OSError, AttributeError):
            self.method, self.signal = "nvml_power", "power"

    def read(self) -> Optional[float]:
        try:
            if self.signal == "counter":
                return self._nvml.energy_j(self._handle)
            return self._nvml.power_w(self._handle)
        except OSError:
            return None

    def busy_ratio(self) -> Optional[float]:
        try:
            return self._nvml.busy_ratio(self._handle)
        except OSError:  # not told of slices
            return None

    def pids(self) -> Set[int]:
        try:
            return self._nvml.pids(self._part if self._part is not None else self._handle)
        except (OSError, AttributeError):
            return set()


class AmdGpu(Gpu):
    """A card of the amdgpu driver."""

    def __init__(self, folder: str, sensors: str) -> None:
        self._folder = folder
        self._sensors = sensors
        number = text_of(f"{folder}/unique_id")
        self.device_id = number or os.path.basename(os.path.realpath(folder))
        self.board_id = self.device_id
        self.model = text_of(f"{folder}/product_name")
        self.method = "rocm_smi_energy"
        if number_of(f"{sensors}/energy1_input") is None:
            self.method, self.signal = "rocm_smi_power", "power"

    def read(self) -> Optional[float]:
        if self.signal == "counter":
            energy_uj = number_of(f"{self._sensors}/energy1_input")
            return None if energy_uj is None else energy_uj / 1e6
        for name in ("power1_average", "power1_input"):
            power_uw = number_of(f"{self._sensors}/{name}")
            if power_uw is not None:
                return power_uw / 1e6
        return None

    def busy_ratio(self) -> Optional[float]:
        busy = number_of(f"{self._folder}/gpu_busy_percent")
        return None if busy is None else min(1.0, busy / 100)


def amd_gpus(root: str = "") -> List[Gpu]:
    """Every card with a power or energy sensor."""
    top, found = f"{root}/sys/class/drm", []
    names = sorted(os.listdir(top)) if os.path.isdir(top) else []
    for name in names:
        folder = f"{top}/{name}/device"
        if re.fullmatch(r"card\d+", name) and text_of(f"{folder}/vendor") == "0x1002":
            hwmon = f"{folder}/hwmon"
            for sensors in sorted(os.listdir(hwmon)) if os.path.isdir(hwmon) else []:
                gpu = AmdGpu(folder, f"{hwmon}/{sensors}")
                if gpu.read() is not None:
                    found.append(gpu)
                    break
    return list(found)


def nvidia_gpus(path: str = "libnvidia-ml.so.1") -> List[Gpu]:
    """Every device, or its slices where it is sliced; none without a driver."""
    try:
        nvml = Nvml(path)
    except (OSError, AttributeError) as error:
        told("no NVML", error)
        return []
    found: List[Gpu] = []
    for handle in nvml.handles():
        slices = nvml.slices(handle)
        found += [NvidiaGpu(nvml, handle, part) for part in slices or [None]]
    return found


def visible(gpus: List[Gpu], environ: Dict[str, str]) -> Optional[List[Gpu]]:
    """Those that the run may use by its environment; None where it says nothing."""
    for name in NAMES_OF_VISIBLE:
        if name in environ:
            words = [word.strip() for word in environ[name].split(",")]
            chosen: List[Gpu] = []
            for word in words:
                gpu = _named(word, gpus)
                if gpu is None:  # what comes after a wrong one is not seen, says CUDA
                    break
                chosen.append(gpu)
            return chosen
    return None


def _named(word: str, gpus: List[Gpu]) -> Optional[Gpu]:
    if word.isdigit():
        return gpus[int(word)] if int(word) < len(gpus) else None
    for gpu in gpus:
        if len(word) > 4 and gpu.device_id.lower().startswith(word.lower()):
            return gpu
    return None


def gpus_of_run(environ: Dict[str, str]) -> List[Gpu]:
    """Devices to read. On a machine of its own namespace the run's are those that its processes
    compute on, unless the environment names them; in a container all that are there."""
    every: List[Gpu] = [*(quietly(nvidia_gpus)() or []), *(quietly(amd_gpus)() or [])]
    chosen = visible(every, environ)
    return every if chosen is None else chosen


def sees_own_pids() -> bool:
    """Are the process numbers here those of the host, which the driver tells?"""
    try:
        return os.stat("/proc/self/ns/pid").st_ino == FIRST_PID_NAMESPACE
    except OSError:
        return False
