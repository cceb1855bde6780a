"""What the hub's refusals mean for a user."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

from contract.exits import BadInput, SourceUnavailable
from trainer.failures import causes

_CLOSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


@contextmanager
def hub_errors(repository: str, revision: str) -> Iterator[None]:
    """Raises BadInput where the hub wants a licence accepted or a token first, SourceUnavailable for all else."""
    try:
        yield
    except (HfHubHTTPError, OSError) as error:
        if any(map(_is_closed, causes(error))):  # transformers hides it in an OSError
            page = f"huggingface.co/{repository}"
            raise BadInput(f"{repository} is gated: accept its licence at {page} and set HF_TOKEN") from error
        raise not_delivered(repository, revision, error) from error


def not_delivered(repository: str, revision: str, error: Exception) -> SourceUnavailable:
    """In one line."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return SourceUnavailable(f"the hub did not deliver {repository}@{revision[:12]}: {reason}")


def _is_closed(error: BaseException) -> bool:
    """The hub also answers so where it has no such repository, as long as it does not know who asks."""
    return isinstance(error, GatedRepoError) or (
        isinstance(error, HfHubHTTPError) and error.response.status_code in _CLOSED
    )
