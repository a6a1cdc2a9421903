"""A local SageMaker: moto behind a small proxy that counts requests and can go wrong as AWS does.

What moto does not know of a job (phases, times, instance groups) is set in its state.
"""

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
from moto.sagemaker.models import sagemaker_backends
from moto.server import ThreadedMotoServer

ACCOUNT = "123456789012"
# (action, what was asked) → the answer to give instead, an error's code, or None.
Fault = Callable[[str, Mapping[str, Any]], Mapping[str, Any] | str | None]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/fraud-trainer"


def phases(start: datetime, *told: tuple[str, float]) -> list[dict[str, Any]]:
    """Phases of so many minutes, one after the other; moto's clock has no zone."""
    start = start.replace(tzinfo=None)
    found = []
    for status, minutes in told:
        end = start + timedelta(minutes=minutes)
        found.append({"Status": status, "StartTime": start, "EndTime": end, "StatusMessage": ""})
        start = end
    return found


class SageMaker:
    """What a test does with the server."""

    def __init__(self, port: int, moto_port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.moto_url = f"http://127.0.0.1:{moto_port}"
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.faults: list[Fault] = []

    def client(self, region: str) -> Any:
        """Not through the proxy: what a test itself does is not counted."""
        return boto3.client(
            "sagemaker",
            endpoint_url=self.moto_url,
            region_name=region,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - nobody checks it
        )

    def train(
        self,
        name: str,
        created: datetime,
        *told: tuple[str, float],
        region: str = "eu-west-1",
        status: str = "Completed",
        resources: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        **state: Any,
    ) -> str:
        """A training job that went through these phases; its ARN."""
        machines = resources or {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1}
        arn: str = self.client(region).create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "File"},
            RoleArn=ROLE,
            OutputDataConfig={"S3OutputPath": "s3://models/out"},
            ResourceConfig={"VolumeSizeInGB": 30, **machines},
            StoppingCondition={"MaxRuntimeInSeconds": 86400},
            InputDataConfig=[
                {"ChannelName": channel, "DataSource": {"S3DataSource": {
                    "S3DataType": "S3Prefix", "S3Uri": f"s3://data/{name}/{channel}"}}}
                for channel in ("test", "train")
            ],
            Tags=[{"Key": key, "Value": value} for key, value in (tags or {}).items()],
        )["TrainingJobArn"]  # fmt: skip
        job: Any = sagemaker_backends[ACCOUNT][region].training_jobs[name]
        transitions = phases(created, *told)
        created = created.replace(tzinfo=None)
        running = status == "InProgress"
        begun = [t["StartTime"] for t in transitions if t["Status"] == "Downloading"]
        end = transitions[-1]["EndTime"] if transitions else created
        if running and transitions:
            del transitions[-1]["EndTime"]
        job.creation_time, job.last_modified_time = created, end
        job.training_start_time = begun[0] if begun else None
        job.training_end_time = None if running else end
        job.training_job_status = status
        job.secondary_status_transitions = transitions
        job.final_metric_data_list = [
            {"MetricName": key, "Value": value, "Timestamp": end}
            for key, value in (metrics or {}).items()
        ]
        for key, value in state.items():
            setattr(job, key, value)
        return arn

    def finish(self, name: str, end: datetime, region: str = "eu-west-1") -> None:
        """A running job succeeds."""
        end = end.replace(tzinfo=None)
        job = sagemaker_backends[ACCOUNT][region].training_jobs[name]
        job.secondary_status_transitions[-1]["EndTime"] = end
        job.last_modified_time = job.training_end_time = end
        job.training_job_status = "Completed"

    def process(self, name: str, created: datetime, minutes: float) -> None:
        """A processing job that ran so long."""
        machines = {"InstanceCount": 2, "InstanceType": "ml.m5.4xlarge", "VolumeSizeInGB": 30}
        self.client("eu-west-1").create_processing_job(
            ProcessingJobName=name,
            ProcessingResources={"ClusterConfig": machines},
            AppSpecification={"ImageUri": "image"},
            RoleArn=ROLE,
        )
        job: Any = sagemaker_backends[ACCOUNT]["eu-west-1"].processing_jobs[name]
        job.processing_resources = {"ClusterConfig": machines}
        created = created.replace(tzinfo=None)
        job.creation_time = job.processing_start_time = created
        job.processing_end_time = job.last_modified_time = created + timedelta(minutes=minutes)

    def asked(self, action: str) -> list[dict[str, Any]]:
        """What was asked of an action, in order."""
        return [told for name, told in self.requests if name == action]


@contextmanager
def sagemaker_server() -> Iterator[SageMaker]:
    """A local SageMaker, stopped at the end."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    _, moto_port = moto.get_host_and_port()

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            action = self.headers["X-Amz-Target"].partition(".")[2]
            told = json.loads(body)
            service.requests.append((action, told))
            for fault in service.faults:
                wrong = fault(action, told)
                if isinstance(wrong, str):
                    self.reply(400, json.dumps({"__type": wrong, "message": f"told {wrong}"}))
                    return
                if wrong is not None:
                    self.reply(200, json.dumps(wrong))
                    return
            onward = http.client.HTTPConnection("127.0.0.1", moto_port)
            onward.request("POST", self.path, body, dict(self.headers))
            given = onward.getresponse()
            self.reply(given.status, given.read().decode())
            onward.close()

        def reply(self, status: int, text: str) -> None:
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    service = SageMaker(server.server_address[1], moto_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        for backend in sagemaker_backends[ACCOUNT].values():
            backend.reset()
        moto.stop()
