"""Which image the Jobs of a run carry: a tag is resolved to a digest once for a run, and the digest is kept.

It is kept in the store and not on the Jobs alone, because a Job is deleted a day after its end (job.yaml's TTL) while
the run goes on: a cell that is retried next week runs what the others ran, though the tag has moved. One record a tag,
so that a run may change its image by another tag; and written once, so that two submits at the same time agree.
"""

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.exits import BadInput
from contract.keys import image_key
from contract.store import Store
from launcher.command_line.reference import DIGEST, Reference, parse
from launcher.command_line.talk import say
from launcher.servers.registry import Absent, Found, Unknown, look_up


class Resolved(BaseModel):
    """What stands in the store: the tag in full, and the digest that it stands for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    image: str
    digest: str = Field(pattern=f"^{DIGEST}$")

    @property
    def pinned(self) -> str:
        """Both, as --image would take them."""
        return f"{self.image}@{self.digest}"


def pin_image(image: str, run: str, store: Store) -> str:
    """What `resolve_image` says, and for a tag keep it as the run's.

    Where another submit was first its digest counts. Raises StoreFailed too when the store takes no record.
    """
    resolved = resolve_image(image, run, store)
    reference = parse(resolved)
    if resolved == image or reference.tagged is None or reference.digest is None:
        return resolved
    found = Resolved(image=reference.tagged, digest=reference.digest)
    if store.publish(image_key(run, found.image), found.model_dump_json(indent=1).encode()):
        return resolved
    return (_recorded(reference, run, store) or found).pinned


def resolve_image(image: str, run: str, store: Store) -> str:
    """`image` with its digest: its own, that of the run's record, or the registry's. Writes nothing.

    Raises BadInput when the registry has no such image or the record is damaged, StoreFailed when it cannot be read.
    """
    recorded = None if parse(image).digest else _recorded(parse(image), run, store)
    if recorded is None:
        return ask_registry(image)
    say(f"image {recorded.image} is {recorded.digest}, as run {run} has recorded it")
    return recorded.pinned


def ask_registry(image: str) -> str:
    """`image` with its digest: its own, or the registry's.

    As it was, with a warning, where no registry can be asked: on a local cluster an image may live on the nodes alone.
    Raises BadInput when the registry has no such image.
    """
    reference = parse(image)
    if reference.digest:
        return image
    match look_up(reference):
        case Found(digest):
            say(f"image {reference.tagged} is {digest}")
            return f"{reference.tagged}@{digest}"
        case Absent():
            raise BadInput(
                f"no image {reference.tagged}: {reference.registry} does not have it; push it, or mend --image"
            )
        case Unknown(reason):
            say(
                f"warning: {reference.tagged} is not resolved to a digest ({reason}): attempts may run different images"
            )
            return image


def _recorded(reference: Reference, run: str, store: Store) -> Resolved | None:
    key = image_key(run, reference.tagged or "")
    if (data := store.get(key)) is None:
        return None
    try:
        return Resolved.model_validate_json(data)
    except ValidationError as error:
        raise BadInput(f"{key} in {store.uri} cannot be read: it was cut short or edited; delete it") from error
