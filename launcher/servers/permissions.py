"""What the launcher asks of the API server: the Role of k8s/base, and what k8s/components/kueue adds to it.

The program brings both along.
"""

from dataclasses import dataclass

import yaml

from launcher.jobs.files import own_file


@dataclass(frozen=True)
class Permission:
    """In the words of RBAC; a subresource stands behind a slash."""

    verb: str
    group: str
    resource: str


def needed_permissions(*, queue: bool = False) -> list[Permission]:
    """One a verb and resource, in the order of the Role; with what Jobs in a `queue` of Kueue's need besides."""
    documents = yaml.safe_load_all(own_file("base/accounts.yaml").read_text(encoding="utf-8"))
    role = next(document for document in documents if document["kind"] == "Role")
    patch = yaml.safe_load(own_file("components/kueue/rights.yaml").read_text(encoding="utf-8")) if queue else []
    return [
        Permission(verb, group, resource)
        for rule in [*role["rules"], *(change["value"] for change in patch)]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]
