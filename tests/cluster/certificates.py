"""Who is who in the cluster: one certificate authority, and a kubeconfig for each of its clients."""

import base64
import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import trustme
import yaml
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.cluster.processes import LOOPBACK

ADMINS = "system:masters"
"""The group that may do everything."""


@dataclass(frozen=True)
class Pair:
    """The files of a certificate and of its key."""

    certificate: Path
    key: Path


class Authority:
    """Issues certificates, which it writes into its folder. Kubernetes reads CN as the user and O as the group."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._authority = trustme.CA()
        self.certificate = self._write("ca.crt", self._authority.cert_pem.bytes())
        self.service_account_key = self._write("service-account.key", _rsa_key())

    def issue(self, user: str, group: str | None = None, *names: str) -> Pair:
        """A certificate for a client, and for a server too where it answers to `names` (IP addresses, DNS names)."""
        # A client has no name either, but Go refuses a certificate whose list of names is critical and empty.
        names = names or ("client.invalid",)
        issued = self._authority.issue_cert(*names, common_name=user, organization_name=group)
        stem = user.replace(":", "-")
        certificate = self._write(f"{stem}.crt", issued.cert_chain_pems[0].bytes())
        return Pair(certificate, self._write(f"{stem}.key", issued.private_key_pem.bytes()))

    def kubeconfig(self, server: str, user: str, group: str | None = None) -> Path:
        """A file with everything inside, so that a test may copy it anywhere."""
        pair = self.issue(user, group)
        credentials = {
            "client-certificate-data": _encoded(pair.certificate),
            "client-key-data": _encoded(pair.key),
        }
        return self._kubeconfig(server, user, credentials)

    def token_kubeconfig(self, server: str, user: str, token: str) -> Path:
        """The same for somebody who shows a token that the API server issued."""
        return self._kubeconfig(server, user, {"token": token})

    def expired(self, token: str) -> str:
        """The token of a service account as if it had been issued long ago, signed as the API server signs."""
        header, claims, _ = token.split(".")
        long_ago = json.loads(_from_base64url(claims)) | {"iat": 1, "nbf": 1, "exp": 2}
        signed = f"{header}.{_base64url(json.dumps(long_ago).encode())}"
        key = serialization.load_pem_private_key(self.service_account_key.read_bytes(), password=None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return f"{signed}.{_base64url(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def _kubeconfig(self, server: str, user: str, credentials: Mapping[str, str]) -> Path:
        cluster = {"server": server, "certificate-authority-data": _encoded(self.certificate)}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": user, "user": dict(credentials)}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
            "current-context": "test",
        }
        return self._write(f"{user.replace(':', '-')}.kubeconfig", yaml.safe_dump(document).encode())

    def client_context(self, pair: Pair) -> ssl.SSLContext:
        """For a client that trusts this authority alone and shows `pair`."""
        context = ssl.create_default_context(cafile=self.certificate)
        context.load_cert_chain(pair.certificate, pair.key)
        return context

    def _write(self, name: str, content: bytes) -> Path:
        path = self._folder / name
        with open(path, "wb", opener=_private) as stream:
            stream.write(content)
        return path


def loopback_names() -> tuple[str, ...]:
    """What a server of the cluster is called, from outside and, by pods of a later real node, from inside."""
    return LOOPBACK, "localhost", "kubernetes.default.svc"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _base64url(content: bytes) -> str:
    """Without the padding, as JSON Web Tokens have it."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _rsa_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
