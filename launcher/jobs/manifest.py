"""From a task to the Job that runs it: k8s/job.yaml, filled in.

`job_manifest` is pure; what it returns is what a client sends.
"""

import hashlib
from collections.abc import Callable, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from contract.cell import Cell
from contract.environment import IMAGE, without_hub
from contract.exits import BadInput
from contract.task import Task
from launcher.command_line.job_options import JobOptions, ModelOptions
from launcher.command_line.reference import Reference, parse
from launcher.jobs.files import own_file
from launcher.jobs.nodes import Needs

CONTAINER = "trainer"
"""The container of job.yaml that runs the cell."""
PREFIX = "emotion-grid"
RUN_LABEL = f"{PREFIX}/run"
CELL_LABEL = f"{PREFIX}/cell"
OWNER_LABEL = f"{PREFIX}/owner"
KUEUE_GROUP = "kueue.x-k8s.io"
QUEUE_LABEL = f"{KUEUE_GROUP}/queue-name"
FINGERPRINT_ANNOTATION = f"{PREFIX}/fingerprint"
"""Two Jobs of one name ask for the same exactly if it is equal (Task.fingerprint)."""
IMAGE_ANNOTATION = f"{PREFIX}/image"
"""The image's tag, which its digest does not tell."""

_NAME_LENGTH = 63
"""Of a DNS label, and of the label `batch.kubernetes.io/job-name` that the Job controller puts on pods."""
_HASH_DIGITS = 12
"""48 bits: among 5,000 cut names two are equal with a chance of 4e-8."""

Content = dict[str, Any]
"""An object, or a part of one, as JSON."""
Template = Content


def load_template(path: Path | None = None) -> Template:
    """job.yaml, by default the one that comes with the program.

    Raises BadInput when it cannot be read, is no YAML, or has no container to run the cell in.
    """
    source: Traversable = path or own_file("job.yaml")
    remedy = "check --template" if path else "restore it from the repository's k8s/job.yaml"
    try:
        content = yaml.safe_load(source.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "problem", None) or error
        said = " ".join(str(reason).split())
        raise BadInput(f"cannot read {source}: {said}; {remedy}") from error
    if (names := _container_names(content)).count(CONTAINER) != 1:
        found = ", ".join(map(str, names)) or "none"
        raise BadInput(
            f"{source} must have one container {CONTAINER!r} under spec.template.spec.containers, not {found}; {remedy}"
        )
    return dict(content)


def _container_names(content: Any) -> list[Any]:
    for key in ("spec", "template", "spec", "containers"):
        content = content.get(key) if isinstance(content, dict) else None
    return [each.get("name") for each in content if isinstance(each, dict)] if isinstance(content, list) else []


def job_manifest(task: Task, run: str, options: JobOptions, template: Template) -> Content:
    """The Job that runs `task`, which must be resolved, as part of `run` (a name like contract.grid.RUN_NAME).

    `template` is load_template()'s. All manifests share with it what does not vary: change neither.
    """
    metadata, labels = template.get("metadata") or {}, job_labels(task.cell, run, options.owner)
    named = {
        "name": job_name(run, task.cell),
        "namespace": options.namespace,
        "labels": merged(metadata, "labels", labels | _queue_labels(options)),
        "annotations": merged(metadata, "annotations", _annotations(task, parse(options.image))),
    }
    spec = job_spec(template["spec"], labels, options, _pod_spec(template["spec"]["template"]["spec"], task, options))
    suspended = {"suspend": True} if options.queue else {}  # its queue starts it
    return template | {"metadata": metadata | named, "spec": spec | suspended}


def job_name(run: str, cell: Cell) -> str:
    """A DNS label that is another one for every other (run, cell); readable whole where it fits.

    A whole name ends in the seed, `-s0`; a cut one in hexadecimal digits, which know no `s`: so the two never meet.
    """
    name = f"{run}-{cell.id}"
    if len(name) <= _NAME_LENGTH:
        return name
    digest = hashlib.sha256(f"{run}/{cell.id}".encode()).hexdigest()[:_HASH_DIGITS]
    return f"{name[: _NAME_LENGTH - _HASH_DIGITS - 1].rstrip('-')}-{digest}"


def pod_needs(template: Template, options: JobOptions, model: str | None) -> Needs:
    """What the pods of a model's cells ask of their node; None is a model without needs of its own."""
    pod = template["spec"]["template"]["spec"]
    tolerations = tuple(pod.get("tolerations") or ())
    return Needs(node_selector(pod, options, model), tolerations, requests(pod, options, model))


def node_selector(pod: Mapping[str, Any], options: JobOptions, model: str | None) -> dict[str, str]:
    """Labels that a node must have: job.yaml's, those for all cells, and the model's own."""
    needs = options.per_model.get(model or "", ModelOptions())
    return {**(pod.get("nodeSelector") or {}), **options.node_selector, **needs.node_selector}


def requests(pod: Mapping[str, Any], options: JobOptions, model: str | None) -> dict[str, str]:
    """Resource -> what the container of a cell asks of its node: by default what it may use at most."""
    container = next(each for each in pod["containers"] if each["name"] == CONTAINER)
    resources = container.get("resources") or {}
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: str(amount) for name, amount in asked.items()} | amounts(options, model)


def job_labels(cell: Cell, run: str, owner: str) -> dict[str, str]:
    """By which the Jobs of a run, and the pods of a Job, are found."""
    return {
        "app.kubernetes.io/instance": run,
        RUN_LABEL: run,
        CELL_LABEL: cell.id,
        OWNER_LABEL: owner,
        **{f"{PREFIX}/{name}": str(value) for name, value in cell.model_dump().items()},
    }


def _queue_labels(options: JobOptions) -> dict[str, str]:
    """Kueue's, which its pods do not get. https://kueue.sigs.k8s.io/docs/reference/labels-and-annotations/

    Each time that a Job starts again its own deadline begins anew; the label's counts all of the time that it ran.
    """
    if options.queue is None:
        return {}
    priority = {f"{KUEUE_GROUP}/priority-class": options.priority} if options.priority else {}
    longest = {f"{KUEUE_GROUP}/max-exec-time-seconds": str(options.job_deadline_seconds)}
    return {QUEUE_LABEL: options.queue} | priority | longest


def _annotations(task: Task, image: Reference) -> dict[str, str]:
    return {FINGERPRINT_ANNOTATION: task.fingerprint()} | ({IMAGE_ANNOTATION: image.tagged} if image.tagged else {})


def job_spec(spec: Content, labels: Content, options: JobOptions, pod: Content) -> Content:
    """`spec` with the deadlines and attempts of the options; its pods have these labels, and `pod` for their own."""
    template = spec["template"]
    metadata = template.get("metadata") or {}
    return spec | {
        "backoffLimit": options.attempts - 1,
        "activeDeadlineSeconds": options.job_deadline_seconds,
        "template": template | {"metadata": metadata | {"labels": merged(metadata, "labels", labels)}, "spec": pod},
    }


def pod_spec(
    pod: Content, options: JobOptions, selector: Mapping[str, str], filled: Callable[[Content], Content]
) -> Content:
    """`pod` on nodes with the labels of the selector; `filled` makes its container from that of the template."""
    pull_secrets = [{"name": name} for name in options.image_pull_secrets]
    return pod | {
        "activeDeadlineSeconds": options.deadline_seconds,
        "nodeSelector": selector,
        **extended(pod, "imagePullSecrets", pull_secrets),
        "containers": [filled(each) if each["name"] == CONTAINER else each for each in pod["containers"]],
    }


def _pod_spec(pod: Content, task: Task, options: JobOptions) -> Content:
    selector = node_selector(pod, options, task.cell.model)
    return pod_spec(pod, options, selector, lambda container: _container(container, task, options))


def amounts(options: JobOptions, model: str | None) -> dict[str, str]:
    """What is set for the model alone."""
    needs = options.per_model.get(model or "", ModelOptions())
    given = {"cpu": needs.cpu, "memory": needs.memory, "ephemeral-storage": needs.ephemeral_storage}
    return {name: amount for name, amount in given.items() if amount}


def _container(container: Content, task: Task, options: JobOptions) -> Content:
    image, given = parse(options.image).pulled, amounts(options, task.cell.model)
    resources = container.get("resources") or {}
    return container | {
        "image": image,
        "env": environment(container.get("env") or [], without_hub(task) | task.to_env() | {IMAGE: image}),
        **extended(container, "envFrom", [{"secretRef": {"name": name}} for name in options.secrets]),
        "resources": resources | {kind: merged(resources, kind, given) for kind in ("requests", "limits")},
    }


def environment(fixed: list[Content], values: Mapping[str, str]) -> list[Content]:
    """`fixed` and then the values. Kubernetes reads `$(NAME)` in a value as a reference and `$$` as one dollar."""
    kept = [entry for entry in fixed if entry["name"] not in values]
    return kept + [{"name": name, "value": value.replace("$", "$$")} for name, value in values.items()]


def merged(holder: Content, name: str, entries: Mapping[str, Any]) -> Content:
    """The mapping of this name, and over it the entries."""
    return {**(holder.get(name) or {}), **entries}


def extended(holder: Content, name: str, items: list[Content]) -> Content:
    """The list of this name, longer by the items, under its name; nothing where there is nothing to add."""
    return {name: [*(holder.get(name) or ()), *items]} if items else {}
