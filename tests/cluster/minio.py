"""MinIO as the object store of a test."""

import json
import secrets
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.cluster.certificates import Authority
from tests.cluster.health import answers
from tests.cluster.processes import LOOPBACK, Process, Processes, free_ports

_REGION = "us-east-1"


@dataclass(frozen=True)
class Minio:
    """A running MinIO. Its user and password were made up for this start."""

    endpoint: str
    user: str
    password: str = field(repr=False)
    process: Process = field(repr=False, compare=False)
    data: Path = field(repr=False)
    region: str = _REGION
    authority: Authority | None = field(default=None, repr=False, compare=False)

    def environment(self) -> dict[str, str]:
        """What boto3 and other S3 clients read; they need nothing else."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.user,
            "AWS_SECRET_ACCESS_KEY": self.password,
            "AWS_DEFAULT_REGION": self.region,
        }

    def of_somebody_with(self, *actions: str) -> dict[str, str]:
        """The environment of a user who may do this alone, such as `s3:GetObject`."""
        import boto3

        allowed = {"Effect": "Allow", "Action": list(actions), "Resource": ["arn:aws:s3:::*"]}
        answer = boto3.client(
            "sts",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.user,
            aws_secret_access_key=self.password,
            region_name=self.region,
        ).assume_role(
            RoleArn="arn:minio:iam:::role/any",
            RoleSessionName="somebody",
            Policy=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
        )
        made = answer["Credentials"]
        return self.environment() | {
            "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
            "AWS_SESSION_TOKEN": made["SessionToken"],
        }

    def await_ready(self) -> None:
        """Return when it serves, also after its process was started again. Raises ClusterFailed.

        Its `ready` only looks at etcd and says so before the first bucket can be made.
        """
        context = ssl.create_default_context(cafile=self.authority.certificate) if self.authority else None
        self.process.await_ready(lambda: answers(f"{self.endpoint}/minio/health/cluster", context))

    def client(self) -> Any:
        """A boto3 client with the root user's rights."""
        import boto3  # a second of imports that only tests of the store want to pay
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.user,
            aws_secret_access_key=self.password,
            region_name=self.region,
            config=Config(proxies={}, max_pool_connections=64),
        )

    def new_bucket(self, prefix: str = "test") -> str:
        """Make an empty bucket; its name."""
        name = f"{prefix}-{uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=name)
        return name


def start_minio(
    binary: Path,
    data: Path,
    processes: Processes,
    address: str = LOOPBACK,
    *,
    region: str = _REGION,
    authority: Authority | None = None,
) -> Minio:
    """Return when it serves: over TLS where an `authority` vouches for it."""
    data.mkdir(parents=True)
    (port,) = free_ports(1)
    user, password = f"test-{secrets.token_hex(4)}", secrets.token_urlsafe(24)
    environment = {
        "MINIO_ROOT_USER": user,
        "MINIO_ROOT_PASSWORD": password,
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
        "MINIO_SITE_REGION": region,
    }
    options = ["--quiet", f"--address={address}:{port}"]
    if authority:
        options.append(f"--certs-dir={_certificates(authority, data.parent / 'certificates', address)}")
    process = processes.start(binary, "server", *options, str(data), environment=environment)
    endpoint = f"{'https' if authority else 'http'}://{address}:{port}"
    minio = Minio(endpoint, user, password, process, data, region, authority)
    minio.await_ready()
    return minio


def _certificates(authority: Authority, folder: Path, address: str) -> Path:
    """Under the names that MinIO looks for."""
    folder.mkdir()
    pair = authority.issue("minio", None, address)
    (folder / "public.crt").write_bytes(pair.certificate.read_bytes())
    (folder / "private.key").write_bytes(pair.key.read_bytes())
    return folder
