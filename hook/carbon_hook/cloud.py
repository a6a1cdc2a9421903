"""Where the run is: the metadata services of AWS, Google Cloud and Azure, asked in 200 ms and then
remembered on disk until the machine starts again. That nobody answered is remembered for minutes,
and not at all where the firmware names a cloud."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any, Callable, Dict, List, Optional

from carbon_hook.events import Fields, clean_fields
from carbon_hook.quiet import quietly, text_of
from carbon_hook.settings import HookSettings
from carbon_hook.spool import is_ours

ANSWER_S = 0.2
LONGEST_S = 0.7
NOBODY_HOLDS_S = 600.0
# All that a place may say of a run.
PLACE = ("provider", "region", "zone", "instance_type", "resource_id", "tags")
AWS_URL, GCP_URL, AZURE_URL = (
    "http://169.254.169.254",
    "http://metadata.google.internal",
    "http://169.254.169.254",
)


def _ask(url: str, headers: Dict[str, str], method: str = "GET") -> str:
    """What the service says; raises OSError where there is none."""
    from urllib.request import ProxyHandler, Request, build_opener

    opener = build_opener(ProxyHandler({}))  # these addresses are of this machine alone
    request = Request(url, headers=headers, method=method)
    with opener.open(request, timeout=ANSWER_S) as answer:
        return str(answer.read(1 << 16).decode())


def aws(url: str = AWS_URL) -> Fields:
    """IMDSv2: the instance identity document."""
    seconds = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    token = _ask(f"{url}/latest/api/token", seconds, "PUT")
    path = f"{url}/latest/dynamic/instance-identity/document"
    told = json.loads(_ask(path, {"X-aws-ec2-metadata-token": token}))
    return {
        "provider": "aws",
        "region": told["region"],
        "zone": told["availabilityZone"],
        "instance_type": told["instanceType"],
        "resource_id": told["instanceId"],
        "tags": {"aws.account_id": told.get("accountId")},
    }


def gcp(url: str = GCP_URL) -> Fields:
    """Compute Engine's instance."""
    path = f"{url}/computeMetadata/v1/instance/?recursive=true"
    told = json.loads(_ask(path, {"Metadata-Flavor": "Google"}))
    zone = told["zone"].rpartition("/")[2]
    return {
        "provider": "gcp",
        "region": zone.rpartition("-")[0],
        "zone": zone,
        "instance_type": told["machineType"].rpartition("/")[2],
        "resource_id": str(told["id"]),
        "tags": {"gcp.instance_name": told.get("name")},
    }


def azure(url: str = AZURE_URL) -> Fields:
    """The compute part of Azure's instance metadata."""
    path = f"{url}/metadata/instance/compute?api-version=2021-02-01"
    told = json.loads(_ask(path, {"Metadata": "true"}))
    return {
        "provider": "azure",
        "region": told["location"],
        "zone": told.get("zone"),
        "instance_type": told["vmSize"],
        "resource_id": told["resourceId"],
        "tags": {"azure.vm_id": told.get("vmId")},
    }


def candidates(root: str = "") -> List[Callable[[], Fields]]:
    """Whom to ask, by what the firmware says; all where it says nothing."""
    folder = f"{root}/sys/class/dmi/id"
    names = ("sys_vendor", "board_vendor", "bios_vendor", "chassis_asset_tag")
    words = " ".join(text_of(f"{folder}/{name}") or "" for name in names).strip().lower()
    if "amazon" in words:
        return [aws]
    if "google" in words:
        return [gcp]
    if "7783-7084-3265-9085-8269-3286-77" in words:  # the tag of every Azure machine
        return [azure]
    return [] if words else [aws, gcp, azure]


def cloud_fields(settings: HookSettings) -> Fields:
    """Provider, place and type of the machine; nothing where it is nobody's."""
    if not settings.has_cloud:
        return {}
    boot = text_of("/proc/sys/kernel/random/boot_id") or "unknown"
    for folder in settings.spools:
        remembered = quietly(_remembered)(folder, boot)
        if remembered is not None:
            return remembered
    services = candidates()
    found = asked(services)
    if found or len(services) > 1:
        for folder in settings.spools:
            what = {"boot": boot, "asked_at": time.time(), "fields": found}
            if quietly(_remember)(folder, what):
                break
    return found


def _remembered(folder: str, boot: str) -> Optional[Fields]:
    """What an earlier run of this user was told since the machine started."""
    if not is_ours(folder):
        return None
    what = json.loads(text_of(f"{folder}/cloud.json") or "{}")
    if what.get("boot") != boot:
        return None
    fields = clean_fields({name: what["fields"].get(name) for name in PLACE})
    is_new = 0 <= time.time() - what["asked_at"] < NOBODY_HOLDS_S
    return fields if fields or is_new else None


def asked(services: List[Callable[[], Fields]]) -> Fields:
    """All at once; the first that answers."""
    answers: List[Fields] = []
    threads = [
        threading.Thread(target=_take, args=(service, answers), daemon=True) for service in services
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONGEST_S)
    return answers[0] if answers else {}


def _take(service: Callable[[], Fields], answers: List[Fields]) -> None:
    found = quietly(service)()
    if found:
        answers.append(clean_fields(found))


def _remember(folder: str, what: Dict[str, Any]) -> bool:
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if not is_ours(folder):
        return False
    path = f"{folder}/cloud.{os.getpid()}.new"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(what, file)
    os.rename(path, f"{folder}/cloud.json")
    return True
