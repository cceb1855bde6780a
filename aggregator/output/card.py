"""A finished cell's model card, as the Hugging Face hub reads it: YAML for machines, then words.

What is no result of the study claims none: neither a score nor the corpus or base model that it never saw.
"""

from typing import Any

import yaml

from aggregator.outcomes.marks import marks_of
from aggregator.page.templating import environment
from aggregator.statistics.intervals import over_comments
from contract.cell import MODELS
from contract.result import Metrics, Success
from contract.revision import DATASET_HUB_ID


def card(success: Success) -> str:
    """The text of README.md. Fields: https://huggingface.co/docs/hub/model-cards."""
    return (
        environment()
        .get_template("card.md.j2")
        .render(
            fields=yaml.safe_dump(_fields(success), sort_keys=False, allow_unicode=True),
            cell=success.cell,
            success=success,
            model=MODELS[success.cell.model],
            warnings=marks_of([success]).warnings(),
            interval=over_comments(success.test.accuracy, success.splits.test.comments),
            settings=success.fingerprint_fields,
            is_result=_is_result(success),
            from_hub=str(success.fingerprint_fields.get("model.revision")).startswith("hub:"),
        )
    )


def _is_result(success: Success) -> bool:
    return not success.random_weights and not success.synthetic_data


def _fields(success: Success) -> dict[str, Any]:
    fields: dict[str, Any] = {"library_name": "peft", "pipeline_tag": "text-classification", "language": "en"}
    if not success.random_weights:
        fields["base_model"] = MODELS[success.cell.model].hub_id
    if not success.synthetic_data:
        fields["datasets"] = [DATASET_HUB_ID]
    fields["tags"] = ["lora", "qlora", "emotion-classification"]
    if _is_result(success):
        fields["metrics"] = ["accuracy", "f1"]
        fields["model-index"] = [{"name": success.cell.id, "results": [_results(success)]}]
    return fields


def _results(success: Success) -> dict[str, Any]:
    return {
        "task": {"type": "text-classification"},
        "dataset": {
            "type": DATASET_HUB_ID,
            "name": f"GoEmotions, {success.cell.labels} labels, balanced",
            "split": "test",
        },
        "metrics": _metrics(success.test),
    }


def _metrics(test: Metrics) -> list[dict[str, Any]]:
    scores = {"accuracy": test.accuracy, "precision": test.precision, "recall": test.recall, "f1": test.f1}
    return [
        {"type": name, "value": round(value, 4), "name": f"{'' if name == 'accuracy' else 'macro '}{name}"}
        for name, value in scores.items()
    ]
