"""What the launcher asks of the API server: the Role of k8s/base, as the program brings it along."""

from dataclasses import dataclass

import yaml

from launcher.files import own_file


@dataclass(frozen=True)
class Permission:
    """In the words of RBAC; a subresource stands behind a slash."""

    verb: str
    group: str
    resource: str


def needed_permissions() -> list[Permission]:
    """One a verb and resource, in the order of the Role."""
    documents = yaml.safe_load_all(own_file("base/accounts.yaml").read_text(encoding="utf-8"))
    role = next(document for document in documents if document["kind"] == "Role")
    return [
        Permission(verb, group, resource)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]
