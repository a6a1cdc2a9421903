"""The columns of sacct: which ones land, and what sacct may print in each.

Source: sacct(1) and the accounting of Slurm 18 to 25.
"""

import re
from collections.abc import Mapping

import polars as pl

INSTANT = pl.Datetime("us", "UTC")

# What lands, after the origin. `x_` columns are ours, the others have sacct's own names.
COLUMNS: dict[str, pl.DataType] = {
    "Cluster": pl.String(),
    "x_site": pl.String(),
    "JobIDRaw": pl.String(),
    "JobID": pl.String(),
    "x_job_id": pl.String(),  # JobIDRaw (else JobID) without the step
    "x_step_id": pl.String(),  # 0, batch, extern …; null on the allocation's row
    "JobName": pl.String(),
    "User": pl.String(),
    "Account": pl.String(),
    "Partition": pl.String(),
    "QOS": pl.String(),
    "State": pl.String(),
    "x_state": pl.String(),  # the first word, upper case
    "ExitCode": pl.String(),
    "Submit": INSTANT,
    "Eligible": INSTANT,
    "Start": INSTANT,
    "End": INSTANT,
    "ElapsedRaw": pl.Int64(),  # s
    "NNodes": pl.Int64(),
    "NodeList": pl.String(),
    "x_nodes": pl.List(pl.String()),
    "NCPUS": pl.Int64(),  # a job that never started has its requested count here
    "AllocTRES": pl.String(),
    "ReqTRES": pl.String(),
    "x_alloc_cpus": pl.Int64(),
    "x_alloc_memory_bytes": pl.Int64(),
    "x_alloc_gpus": pl.Int64(),
    "x_gpu_type": pl.String(),  # several types: comma-separated
    "CPUTimeRAW": pl.Int64(),  # s
    "TotalCPU": pl.String(),
    "x_total_cpu_s": pl.Float64(),
    "MaxRSS": pl.String(),
    "x_max_rss_bytes": pl.Int64(),
    "ConsumedEnergyRaw": pl.Int64(),  # J
    "TRESUsageInTot": pl.String(),
    "TRESUsageInMax": pl.String(),
    "x_gpu_utilization_pct": pl.Float64(),  # per task, summed over its GPUs: may pass 100
    "Comment": pl.String(),
    "AdminComment": pl.String(),
    "x_comment_json": pl.String(),
    "Restarts": pl.Int64(),
    "WorkDir": pl.String(),
    "TimelimitRaw": pl.Int64(),  # min
}
NEVER_NULL = ("Cluster", "x_site", "x_job_id", "State", "x_state")

# One column of each line must be there.
REQUIRED = (("JobIDRaw", "JobID"), ("State",), ("Start",), ("End",), ("ElapsedRaw", "Elapsed"))
# Readable columns that stand in where sacct's raw column was not exported.
TWINS = ("AllocCPUS", "Elapsed", "CPUTime", "Timelimit", "ConsumedEnergy", "ReqMem")
USED = frozenset({name for name in COLUMNS if not name.startswith("x_")} | set(TWINS))

# Kind → the pattern of what sacct prints, and the columns of that kind.
_KINDS: Mapping[str, tuple[str, str]] = {
    "time": (
        r"|Unknown|None|N/A|\d{1,11}|"
        r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?",
        "Eligible End Start Submit",
    ),
    "number": (
        r"|Unknown|INVALID|N/A|UNLIMITED|Partition_Limit|-?\d+",
        "AllocCPUS AllocNodes AssocID AveDiskReadRaw ConsumedEnergyRaw CPUTimeRAW DBIndex "
        "ElapsedRaw GID MaxDiskReadTask MaxDiskWriteTask MaxPagesTask MaxRSSTask MaxVMSizeTask "
        "MinCPUTask NCPUS NNodes NTasks Priority QOSRAW ReqCPUS ReqNodes ReservationId "
        "ResvCPURAW PlannedCPURAW Restarts TimelimitRaw UID WCKeyID",
    ),
    "duration": (
        r"|Unknown|INVALID|N/A|UNLIMITED|Partition_Limit|(\d+-)?(\d+:)?\d+:\d+(\.\d+)?",
        "AveCPU CPUTime Elapsed MinCPU Reserved ResvCPU Planned PlannedCPU Suspended SystemCPU "
        "Timelimit TotalCPU UserCPU",
    ),
    "size": (
        r"|Unknown|\?|-?[\d.]+[KMGTPE]?[nc]?",
        "AveCPUFreq AveDiskRead AveDiskWrite AvePages AveRSS AveVMSize ConsumedEnergy MaxDiskRead "
        "MaxDiskWrite MaxPages MaxRSS MaxVMSize ReqMem",
    ),
    "tres": (
        r"|[a-z][\w/:.\-]*=[^,=\s]*(,[a-z][\w/:.\-]*=[^,=\s]*)*",
        "AllocTRES ReqTRES TRESUsageInAve TRESUsageInMax TRESUsageInMaxNode TRESUsageInMaxTask "
        "TRESUsageInMin TRESUsageInMinNode TRESUsageInMinTask TRESUsageInTot TRESUsageOutAve "
        "TRESUsageOutMax TRESUsageOutMaxNode TRESUsageOutMaxTask TRESUsageOutMin "
        "TRESUsageOutMinNode TRESUsageOutMinTask TRESUsageOutTot",
    ),
    "job": (r"|\d+(_(\d+|\[[^\]]*\]))?(\+\d+)?(\.\w+(\+\w+)?)?", "JobID JobIDRaw"),
    "state": (r"[A-Z][A-Z_]+( by \S+)?", "State"),
    "exit": (r"|\d+:\d+", "ExitCode DerivedExitCode"),
    "nodes": (
        r"|None assigned|[\w.\-\[\],]+",
        "NodeList MaxDiskReadNode MaxDiskWriteNode MaxPagesNode MaxRSSNode MaxVMSizeNode "
        "MinCPUNode FailedNode",
    ),
    "word": (
        r"[\w.@+,:\-\\$/]*",
        "Account AllocGRES Cluster Flags Group Layout McsLabel Partition QOS QOSREQ Reservation "
        "ReqCPUFreq ReqCPUFreqGov ReqCPUFreqMax ReqCPUFreqMin ReqGRES User BlockID Licenses SLUID",
    ),
    "reason": (r"[\w ,:()\-.\[\]/]*", "Reason"),
    "path": (r"|/.*", "WorkDir"),
    "features": (r"[^\s\"'{}]*", "Constraints"),
    "text": (
        r".*",
        "JobName Comment AdminComment SystemComment SubmitLine Container Extra WCKey "
        "StdErr StdIn StdOut",
    ),
}

FREE_TEXT = frozenset(
    name for kind in ("text", "path", "features") for name in _KINDS[kind][1].split()
)
PROSE = frozenset(["JobName", "Comment", "AdminComment", "SystemComment", "SubmitLine"])
SPELLING = {name.lower(): name for _, names in _KINDS.values() for name in names.split()}
_PATTERNS = {
    name: re.compile(pattern, re.DOTALL)
    for pattern, names in _KINDS.values()
    for name in names.split()
}


def is_plausible(column: str, value: str) -> bool:
    """Could sacct print this value in this column? Unknown columns may hold anything."""
    if column in ("Comment", "AdminComment", "SystemComment"):
        return value.startswith("{") == value.endswith("}")
    pattern = _PATTERNS.get(column)
    return pattern is None or pattern.fullmatch(value) is not None
