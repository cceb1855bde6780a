"""MinIO as the object store of a test."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.cluster.health import answers
from tests.cluster.processes import LOOPBACK, Processes, free_ports

_REGION = "us-east-1"


@dataclass(frozen=True)
class Minio:
    """A running MinIO. Its user and password were made up for this start."""

    endpoint: str
    user: str
    password: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """What boto3 and other S3 clients read; they need nothing else."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.user,
            "AWS_SECRET_ACCESS_KEY": self.password,
            "AWS_DEFAULT_REGION": _REGION,
        }

    def client(self) -> Any:
        """A boto3 client with the root user's rights."""
        import boto3  # a second of imports that only tests of the store want to pay
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.user,
            aws_secret_access_key=self.password,
            region_name=_REGION,
            config=Config(proxies={}, max_pool_connections=64),
        )

    def new_bucket(self, prefix: str = "test") -> str:
        """Make an empty bucket; its name."""
        name = f"{prefix}-{uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=name)
        return name


def start_minio(binary: Path, data: Path, processes: Processes, address: str = LOOPBACK) -> Minio:
    """Return when it serves."""
    data.mkdir(parents=True)
    (port,) = free_ports(1)
    minio = Minio(f"http://{address}:{port}", f"test-{secrets.token_hex(4)}", secrets.token_urlsafe(24))
    environment = {
        "MINIO_ROOT_USER": minio.user,
        "MINIO_ROOT_PASSWORD": minio.password,
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
        "MINIO_REGION_NAME": _REGION,
    }
    process = processes.start(
        binary, "server", "--quiet", f"--address={address}:{port}", str(data), environment=environment
    )
    process.await_ready(lambda: answers(f"{minio.endpoint}/minio/health/ready"))
    return minio
