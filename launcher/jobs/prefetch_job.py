"""From an order to the Job that carries it out: k8s/job.yaml on any node, with the way to the hub that cells have not.

Pure.
"""

import hashlib
import re
from typing import Any

from contract.cell import MODELS
from contract.environment import IMAGE
from contract.prefetch import Prefetch
from launcher.command_line.job_options import JobOptions
from launcher.command_line.reference import parse
from launcher.jobs.manifest import (
    CELL_LABEL,
    FINGERPRINT_ANNOTATION,
    OWNER_LABEL,
    RUN_LABEL,
    Content,
    Template,
    amounts,
    environment,
    extended,
    job_spec,
    merged,
    pod_spec,
)

RUN = "prefetch.inputs"
"""In the place of a run's name, which has no dot."""
_COMPONENT = {"app.kubernetes.io/component": "prefetch"}
"""By which k8s/components/prefetch lets these pods, and no others, reach the hub."""
_OF_GPUS = "nvidia.com/"
"""How labels, taints and resources of nodes with a GPU begin."""

_OF_CELLS_PODS = frozenset({"runtimeClassName", "affinity"})
"""Of a template, what brings a pod to a GPU beside the names above."""
_OF_CELLS_CONTAINERS = frozenset({"args"})
"""They are another program's."""


def prefetch_job(order: Prefetch, options: JobOptions, template: Template) -> Content:
    """The Job that carries out the order. `template` is load_template()'s: a volume in it is one of these pods too."""
    metadata, labels = template.get("metadata") or {}, _labels(order, options.owner)
    named = {
        "name": prefetch_name(order, options.owner),
        "namespace": options.namespace,
        "labels": merged(metadata, "labels", labels),
        "annotations": merged(metadata, "annotations", {FINGERPRINT_ANNOTATION: order.digest}),
    }
    spec = template["spec"]
    pod = _pod_spec(spec["template"]["spec"], order, options)
    return template | {"metadata": metadata | named, "spec": job_spec(spec, labels, options, pod)}


def prefetch_name(order: Prefetch, owner: str) -> str:
    """A DNS label that is another one for another order or owner."""
    digest = hashlib.sha256(f"{owner}/{order.digest}".encode()).hexdigest()[:12]
    return f"prefetch-{re.sub(r'[^a-z0-9]+', '-', order.input)}-{digest}"


def _labels(order: Prefetch, owner: str) -> dict[str, str]:
    return {"app.kubernetes.io/instance": RUN, RUN_LABEL: RUN, CELL_LABEL: order.input, OWNER_LABEL: owner} | _COMPONENT


def _pod_spec(pod: Content, order: Prefetch, options: JobOptions) -> Content:
    anywhere = _without(_OF_CELLS_PODS, pod) | {
        "tolerations": [each for each in pod.get("tolerations") or () if not _is_of_gpus(each.get("key", ""))]
    }
    selector = _without_gpus(pod.get("nodeSelector"))
    return pod_spec(anywhere, options, selector, lambda container: _container(container, order, options))


def _container(container: Content, order: Prefetch, options: JobOptions) -> Content:
    image = parse(options.image).pulled
    given = amounts(options, order.input) if order.input in MODELS else {}
    resources = container.get("resources") or {}
    secrets: list[Content] = [{"secretRef": {"name": name}} for name in options.secrets]
    return _without(_OF_CELLS_CONTAINERS, container) | {
        "image": image,
        "command": ["python", "-m", "trainer.prefetch"],
        "env": environment(container.get("env") or [], order.to_env() | {IMAGE: image}),
        **extended(container, "envFrom", [*secrets, {"secretRef": {"name": options.hub_secret, "optional": True}}]),
        "resources": resources
        | {kind: _without_gpus(merged(resources, kind, given)) for kind in ("requests", "limits")},
    }


def _without(names: frozenset[str], content: Content) -> Content:
    return {name: value for name, value in content.items() if name not in names}


def _without_gpus(entries: dict[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (entries or {}).items() if not _is_of_gpus(key)}


def _is_of_gpus(key: str) -> bool:
    return key.startswith(_OF_GPUS)
