"""Whose run this is, from the environment that schedulers and platforms give their jobs.

Each function reads one system. What it finds under `fields` stands; `weak` ones (a Slurm partition
as the type of machine) give way to what the cloud's metadata say; `tags` hold the exact keys by
which the same run is found in that system's own records.
"""

from __future__ import annotations

import os
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from carbon_hook.events import Fields, clean_fields, merged
from carbon_hook.quiet import quietly, text_of

Environ = Mapping[str, str]


class Found(NamedTuple):
    """What one system says of the run."""

    fields: Dict[str, Any]
    tags: Dict[str, Any]
    weak: Dict[str, Any]


def _first(environ: Environ, *names: str) -> Optional[str]:
    return next((environ[name] for name in names if environ.get(name)), None)


def _plus_one(text: Optional[str]) -> Optional[int]:
    return int(text) + 1 if text and text.isdigit() else None


def slurm(environ: Environ) -> Optional[Found]:
    """Slurm: job, array, step, restarts."""
    if not environ.get("SLURM_JOB_ID"):
        return None
    return Found(
        {
            "job_name": environ.get("SLURM_JOB_NAME"),
            "owner": environ.get("SLURM_JOB_USER"),
            "team": environ.get("SLURM_JOB_ACCOUNT"),
            "host_id": environ.get("SLURMD_NODENAME"),
            "attempt": _plus_one(environ.get("SLURM_RESTART_COUNT")),
        },
        {
            "slurm.job_id": environ["SLURM_JOB_ID"],
            "slurm.cluster": environ.get("SLURM_CLUSTER_NAME"),
            "slurm.step_id": environ.get("SLURM_STEP_ID"),
            "slurm.array_job_id": environ.get("SLURM_ARRAY_JOB_ID"),
            "slurm.array_task_id": environ.get("SLURM_ARRAY_TASK_ID"),
        },
        {
            "provider": "on_premise",
            "region": environ.get("SLURM_CLUSTER_NAME"),
            "instance_type": environ.get("SLURM_JOB_PARTITION"),
        },
    )


def kubernetes(environ: Environ) -> Optional[Found]:
    """Kubernetes: what the downward API was asked for; the pod's uid also from its cgroup."""
    name = _first(environ, "POD_NAME", "K8S_POD_NAME", "MY_POD_NAME")
    if not name and not environ.get("KUBERNETES_SERVICE_HOST"):
        return None
    uid = _first(environ, "POD_UID", "K8S_POD_UID", "MY_POD_UID")
    if not uid:
        pod = re.search(r"pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})", _own_cgroups())
        uid = pod[1].replace("_", "-") if pod else None
    namespace = _first(environ, "POD_NAMESPACE", "K8S_NAMESPACE", "MY_POD_NAMESPACE")
    return Found(
        {"host_id": _first(environ, "NODE_NAME", "K8S_NODE_NAME", "MY_NODE_NAME")},
        {
            "kubernetes.pod_name": name or environ.get("HOSTNAME"),
            "kubernetes.namespace": namespace
            or text_of("/var/run/secrets/kubernetes.io/serviceaccount/namespace"),
            "kubernetes.pod_uid": uid,
        },
        {},
    )


def _own_cgroups() -> str:
    return text_of("/proc/self/cgroup") or ""


def sagemaker(environ: Environ) -> Optional[Found]:
    """SageMaker training jobs; the machine from the job's resource configuration."""
    arn = environ.get("TRAINING_JOB_ARN")
    name = _first(environ, "TRAINING_JOB_NAME", "SAGEMAKER_JOB_NAME")
    if not arn and not name:
        return None
    import json

    told = text_of("/opt/ml/input/config/resourceconfig.json")
    machines = json.loads(told) if told else {}
    parts = (arn or "").split(":")
    return Found(
        {
            "job_name": name or parts[-1].rpartition("/")[2],
            "provider": "aws",
            "region": parts[3] if len(parts) > 5 else environ.get("AWS_REGION"),
            "resource_id": arn,
            "instance_type": machines.get("current_instance_type")
            or environ.get("SM_CURRENT_INSTANCE_TYPE"),
            "instance_count": len(machines.get("hosts", ())) or None,
            "host_id": machines.get("current_host") or environ.get("SM_CURRENT_HOST"),
        },
        {"sagemaker.training_job_arn": arn, "sagemaker.training_job_name": name},
        {},
    )


def vertex(environ: Environ) -> Optional[Found]:
    """Vertex AI custom jobs."""
    job = environ.get("CLOUD_ML_JOB_ID")
    if not job:
        return None
    project, region = environ.get("CLOUD_ML_PROJECT_ID"), environ.get("CLOUD_ML_REGION")
    return Found(
        {
            "provider": "gcp",
            "region": region,
            "project": project,
            "resource_id": f"projects/{project}/locations/{region}/customJobs/{job}"
            if project and region
            else None,
        },
        {"vertex.job_id": job},
        {},
    )


def airflow(environ: Environ) -> Optional[Found]:
    """Airflow's context of the task."""
    dag, task = environ.get("AIRFLOW_CTX_DAG_ID"), environ.get("AIRFLOW_CTX_TASK_ID")
    if not dag:
        return None
    return Found(
        {
            "job_name": f"{dag}.{task}" if task else dag,
            "pipeline": dag,
            "step": task,
            "owner": environ.get("AIRFLOW_CTX_DAG_OWNER"),
            "attempt": environ.get("AIRFLOW_CTX_TRY_NUMBER"),
        },
        {
            "airflow.dag_id": dag,
            "airflow.task_id": task,
            "airflow.run_id": environ.get("AIRFLOW_CTX_DAG_RUN_ID"),
            "airflow.try_number": environ.get("AIRFLOW_CTX_TRY_NUMBER"),
            "airflow.map_index": environ.get("AIRFLOW_CTX_MAP_INDEX"),
        },
        {},
    )


def kubeflow(environ: Environ) -> Optional[Found]:
    """Kubeflow pipelines."""
    run = environ.get("KFP_RUN_ID")
    if not run and not environ.get("KFP_POD_NAME"):
        return None
    return Found(
        {"pipeline": environ.get("KFP_PIPELINE_NAME"), "step": environ.get("KFP_TASK_NAME")},
        {
            "kubeflow.run_id": run,
            "kubernetes.pod_name": environ.get("KFP_POD_NAME"),
            "kubernetes.pod_uid": environ.get("KFP_POD_UID"),
        },
        {},
    )


def mlflow(environ: Environ) -> Optional[Found]:
    """MLflow: the run that a launcher opened."""
    run = environ.get("MLFLOW_RUN_ID")
    if not run:
        return None
    return Found(
        {"project": environ.get("MLFLOW_EXPERIMENT_NAME")},
        {"mlflow.run_id": run, "mlflow.experiment_id": environ.get("MLFLOW_EXPERIMENT_ID")},
        {},
    )


def github(environ: Environ) -> Optional[Found]:
    """GitHub Actions."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return None
    return Found(
        {
            "job_name": environ.get("GITHUB_JOB"),
            "owner": environ.get("GITHUB_ACTOR"),
            "project": environ.get("GITHUB_REPOSITORY"),
            "pipeline": environ.get("GITHUB_WORKFLOW"),
            "step": environ.get("GITHUB_JOB"),
            "attempt": environ.get("GITHUB_RUN_ATTEMPT"),
            "git_commit": environ.get("GITHUB_SHA"),
            "environment": "ci",
        },
        {"github.run_id": environ.get("GITHUB_RUN_ID"), "github.job": environ.get("GITHUB_JOB")},
        {},
    )


def gitlab(environ: Environ) -> Optional[Found]:
    """GitLab CI."""
    if not environ.get("GITLAB_CI"):
        return None
    return Found(
        {
            "job_name": environ.get("CI_JOB_NAME"),
            "owner": environ.get("GITLAB_USER_LOGIN"),
            "project": environ.get("CI_PROJECT_PATH"),
            "step": environ.get("CI_JOB_NAME"),
            "git_commit": environ.get("CI_COMMIT_SHA"),
            "environment": "ci",
        },
        {
            "gitlab.pipeline_id": environ.get("CI_PIPELINE_ID"),
            "gitlab.job_id": environ.get("CI_JOB_ID"),
        },
        {},
    )


def ray(environ: Environ) -> Optional[Found]:
    """Ray: the job of a driver or worker."""
    import json

    told = environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR")
    metadata = json.loads(told).get("metadata", {}) if told else {}
    job = _first(environ, "RAY_JOB_SUBMISSION_ID") or metadata.get("job_submission_id")
    if not job and not environ.get("RAY_JOB_ID"):
        return None
    return Found(
        {"job_name": metadata.get("job_name")},
        {"ray.submission_id": job, "ray.job_id": environ.get("RAY_JOB_ID")},
        {},
    )


# A later one knows the run better: what starts a task goes before what the task runs on.
SYSTEMS = (kubernetes, slurm, ray, github, gitlab, vertex, sagemaker, kubeflow, airflow, mlflow)


class Identity(NamedTuple):
    """What the environment says of the run, and where it may be wrong about the machine."""

    fields: Fields
    weak: Fields


def identified(environ: Environ) -> Identity:
    """What all systems together say."""
    fields: List[Fields] = [{"owner": _user(environ)}]
    weak: Fields = {}
    for system in SYSTEMS:
        found = quietly(system)(environ)
        if found is not None:
            fields.append(clean_fields({**found.fields, "tags": found.tags}))
            weak = merged(weak, clean_fields(found.weak))
    return Identity(clean_fields(merged(*fields)), weak)


def _user(environ: Environ) -> Optional[str]:
    """Who runs it; `root` of a container is nobody."""
    name = environ.get("USER") or environ.get("LOGNAME")
    if not name:
        import pwd

        try:
            name = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            return None
    return None if name == "root" else name


def job_name_of(command: List[str]) -> Optional[str]:
    """`python -m pack.train --lr 1` is pack.train, `python jobs/train.py` is train."""
    if not command:
        return None
    for index, word in enumerate(command[1:], 1):
        if word == "-m" and index + 1 < len(command):
            return command[index + 1]
        if word.endswith((".py", ".sh", ".R", ".jl", ".ipynb")):
            return os.path.splitext(os.path.basename(word))[0]
        if not word.startswith("-"):
            break
    return os.path.splitext(os.path.basename(command[0]))[0] or None


def commit_of(folder: str) -> Optional[str]:
    """The commit that is checked out, without starting git."""
    while True:
        dot_git = os.path.join(folder, ".git")
        if os.path.exists(dot_git):
            break
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
    if os.path.isfile(dot_git):  # a worktree or a submodule
        pointer = (text_of(dot_git) or "").partition("gitdir:")[2].strip()
        dot_git = os.path.normpath(os.path.join(folder, pointer))
    common = os.path.normpath(os.path.join(dot_git, text_of(f"{dot_git}/commondir") or "."))
    head = text_of(f"{dot_git}/HEAD") or ""
    if not head.startswith("ref:"):
        return _commit(head)
    name = head[4:].strip()
    loose = _commit(text_of(f"{dot_git}/{name}") or text_of(f"{common}/{name}") or "")
    if loose:
        return loose
    for line in (text_of(f"{common}/packed-refs") or "").splitlines():
        if line.endswith(f" {name}"):
            return _commit(line.partition(" ")[0])
    return None


def _commit(text: str) -> Optional[str]:
    return text if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text) else None


class Rank(NamedTuple):
    """The part of a distributed run that a process is."""

    launch: Optional[str]
    """The same on every host of the run, and in no other run; None where nothing says so."""
    number: int
    on_host: int
    hosts: Optional[int]


ALONE = Rank(None, 0, 0, None)


def rank_of(environ: Environ) -> Rank:
    """From torchrun, srun or mpirun; a process alone is rank 0 of its own."""
    number = _first(environ, "RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK")
    on_host = _first(environ, "LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID")
    if environ.get("SLURM_STEP_ID"):
        number = number or environ.get("SLURM_PROCID")
        on_host = on_host or environ.get("SLURM_LOCALID")
    try:
        return Rank(_launch(environ), int(number or 0), int(on_host or 0), _hosts(environ))
    except ValueError:
        return ALONE


def _launch(environ: Environ) -> Optional[str]:
    """What names the launch, closest to the process first: a step of Slurm may hold several of
    torchrun's, or only the hosts that Open MPI added to the first."""
    torchrun = environ.get("TORCHELASTIC_RUN_ID") if environ.get("RANK") else None
    if torchrun and _hosts(environ) == 1:
        return _launcher()
    mpirun = _first(environ, "OMPI_MCA_orte_hnp_uri", "PMIX_NAMESPACE")
    if mpirun and environ.get("OMPI_COMM_WORLD_RANK") and _hosts(environ) != 1:
        return _digest("mpirun", mpirun)
    tasks = _first(environ, "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS")
    if environ.get("SLURM_JOB_ID") and environ.get("SLURM_STEP_ID") and tasks != "1":
        names = ("SLURM_CLUSTER_NAME", "SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT")
        return "-".join(["slurm", *(environ.get(name) or "0" for name in names)])
    # "none" is torchrun's word for a launch without a name; a training job of SageMaker has one.
    name = torchrun if torchrun != "none" else environ.get("TRAINING_JOB_ARN")
    where = [environ.get(name) or "" for name in ("MASTER_ADDR", "MASTER_PORT")]
    return _digest("torchrun", name, *where) if name else None


def _hosts(environ: Environ) -> Optional[int]:
    """Of the launch."""
    told = _first(environ, "GROUP_WORLD_SIZE", "OMPI_MCA_orte_num_nodes")
    if told:
        return int(told)
    world = int(_first(environ, "WORLD_SIZE", "OMPI_COMM_WORLD_SIZE") or 0)
    local = int(_first(environ, "LOCAL_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE") or 0)
    if world and local:
        return world // local if world % local == 0 else None
    if environ.get("SLURM_STEP_ID"):
        told = _first(environ, "SLURM_STEP_NUM_NODES", "SLURM_JOB_NUM_NODES")
    return int(told) if told else None


def _digest(launcher: str, *words: str) -> str:
    """Short, and without the addresses."""
    import hashlib

    return f"{launcher}-{hashlib.sha256(' '.join(words).encode()).hexdigest()[:32]}"


def _launcher() -> str:
    """The process that started all ranks of one host, told from any other there ever was: also
    those that it starts anew because one has failed."""
    boot = text_of("/proc/sys/kernel/random/boot_id") or "unknown"
    parent = os.getppid()
    stat = text_of(f"/proc/{parent}/stat") or ""
    words = stat.rpartition(")")[2].split()
    return f"host-{boot}-{parent}-{words[19] if len(words) > 19 else 0}"
