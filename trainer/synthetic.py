"""Generated comments, for tests, demos and machines without a corpus: deterministic, and learnable but not trivially.

Each emotion has six cues of its own and shares six with its neighbour in `_FAMILIES`; a comment holds one or two cues
among neutral filler, and now and then a cue of another emotion. Raise contract.revision.SYNTHETIC_VERSION with every
change that alters a comment.
"""

import hashlib
import random
from collections.abc import Iterator
from typing import Literal

from contract.cell import EMOTIONS

PER_LABEL = {"train": 1400, "test": 80}
_OWN_CUE = 0.52
_SHARED_CUE = 0.28
_SECOND_CUE = 0.35
_STRAY_CUE = 0.12

_CUES: dict[str, str] = {
    "admiration": "brilliant|so talented|what a legend|masterpiece|impressive work|respect to you",
    "gratitude": "thank you|thanks a lot|much appreciated|i owe you one|grateful for this|cheers for the help",
    "approval": "i agree|good call|exactly right|fair point|that works for me|sounds right",
    "amusement": "lol|hahaha|that cracked me up|hilarious|i laughed so hard|comedy gold",
    "annoyance": "so annoying|give it a rest|ugh not again|this gets old|stop spamming|what a hassle",
    "disapproval": "i disagree|that is wrong|not a good idea|no way this is ok|you should not|bad take",
    "love": "i love this|adore them|my favourite ever|so lovely|love you all|close to my heart",
    "curiosity": "i wonder|how does that work|tell me more|anyone know why|is it true that|what happens if",
    "anger": "furious|i hate this|makes my blood boil|shut up|damn liars|screw them",
    "optimism": "it will get better|looking forward|fingers crossed|good things ahead|i hope so|next time for sure",
    "confusion": "i do not get it|makes no sense|wait what|so confused|lost me there|which one is it",
    "joy": "so happy|best day ever|made me smile|yay|what a delight|feeling great",
    "sadness": "so sad|i cried|heartbroken|miss him|feel down|lonely tonight",
    "surprise": "wow|did not expect that|no kidding|out of nowhere|i am shocked|unbelievable",
    "disappointment": "expected more|what a letdown|such a waste|not what i hoped|let us down|kind of a bummer",
    "caring": "take care|be safe|i am here for you|hope you feel better|look after yourself|sending hugs",
    "realization": "now i see|just noticed|turns out|it hit me|i never realised|that explains it",
    "disgust": "gross|disgusting|makes me sick|yuck|vile stuff|that smells rotten",
    "excitement": "so pumped|cannot wait|hyped for this|let us go|thrilled|counting the days",
    "fear": "so scared|terrifying|gave me chills|i am afraid|nightmare stuff|too creepy",
    "desire": "i want one|wish i had|i need this|craving that|would kill for|take my money",
    "remorse": "so sorry|my apologies|i regret it|my fault|should not have said|forgive me",
    "embarrassment": "so awkward|i cringed|my face went red|how embarrassing|want to hide|made a fool of myself",
    "nervousness": "anxious about it|so nervous|hands are shaking|worried sick|butterflies|on edge",
    "relief": "thank goodness|what a relief|glad it is over|finally safe|phew|dodged that one",
    "pride": "so proud|i did it|we earned this|look at my work|our team did well|hold my head high",
    "grief": "rest in peace|lost my friend|at the funeral|gone too soon|we mourn|still grieving",
}

_FAMILIES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("admiration", "pride"), "well done|top notch|amazing effort|hats off|strong showing|great stuff"),
    (("gratitude", "relief"), "that helped|really needed this|saved my day|finally good news|bless you|at last"),
    (("approval", "optimism"), "sounds good|good plan|count me in|makes sense to try|on the right track|yes please"),
    (("amusement", "joy"), "fun times|what a laugh|good one|made my day|cheerful stuff|big grin"),
    (("annoyance", "anger"), "for crying out loud|enough already|fed up|who does that|so rude|unacceptable"),
    (("disapproval", "disgust"), "shameful|who would do this|nope|hard pass|nobody wants that|poor taste"),
    (("love", "caring"), "sweet soul|dear friend|so kind|warm feelings|precious|you matter"),
    (
        ("curiosity", "confusion"),
        "can someone explain|what does it mean|how come|any idea|where is this from|why though",
    ),
    (("sadness", "grief", "disappointment"), "breaks my heart|hard to take|never the same|such a shame|too bad|tears"),
    (("surprise", "realization"), "oh i see|did you know|huh|that is new to me|plot twist|for real"),
    (("excitement", "desire"), "shut up and take it|on my list|want it now|big plans|dream come true|soon please"),
    (("fear", "nervousness"), "what if it fails|sleepless night|heart racing|not ready|bad feeling|dreading it"),
    (("remorse", "embarrassment"), "i messed up|stupid of me|wish i could undo it|that was on me|oops|red faced"),
)

_FILLER = (
    "the game|last night|this thread|on my way home|some people|my neighbour|that episode|at work|"
    "the new patch|every week|you guys|in this town|the second half|his comment|after lunch|"
    "a friend of mine|the whole season|on the bus|it seems|to be fair|honestly|as far as i can tell|"
    "from what i read|these days|in the end|the other team|her video|over there|with the kids|for a while|"
    "before the match|around here|that guy|the manager|our server|my brother|this recipe|the article|"
    "right now|since monday|on the radio|in the comments|the old one|a bit later|most of the time|"
    "that song"
)

GeneratedRow = tuple[str, str, tuple[str, ...]]
"""Comment id, text, emotions."""


def generate(split: Literal["train", "test"], labels: tuple[str, ...]) -> Iterator[GeneratedRow]:
    """The split's comments of these labels. Texts may repeat, as in the corpus; the draw removes duplicates."""
    for emotion in labels:
        for number in range(PER_LABEL[split]):
            comment_id = f"synthetic-{split}-{emotion}-{number:04}"
            yield comment_id, _comment(emotion, _random(comment_id)), (emotion,)


def comments_for_tokenizers() -> list[str]:
    """Text of all labels to train a small tokenizer on."""
    return [text for _, text, _ in generate("test", EMOTIONS)]


def _random(comment_id: str) -> random.Random:
    return random.Random(hashlib.sha256(comment_id.encode()).digest())  # noqa: S311


def _comment(emotion: str, source: random.Random) -> str:
    cues = [_cue(emotion, source)]
    if source.random() < _SECOND_CUE:
        cues.append(_cue(emotion, source))
    if source.random() < _STRAY_CUE:
        cues.append(_cue(_pick(EMOTIONS, source), source))
    parts = cues + [_pick(_FILLER.split("|"), source) for _ in range(2 + int(source.random() * 4))]
    order = sorted((source.random(), part) for part in parts)
    return " ".join(part for _, part in order) + _pick((".", "!", "", "...", "?"), source)


def _cue(emotion: str, source: random.Random) -> str:
    """A cue of the emotion, one that it shares with its neighbours, or nothing that tells."""
    kind = source.random()
    if kind < _OWN_CUE:
        return _pick(_CUES[emotion].split("|"), source)
    if kind < _OWN_CUE + _SHARED_CUE:
        return _pick(next(cues for family, cues in _FAMILIES if emotion in family).split("|"), source)
    return _pick(_FILLER.split("|"), source)


def _pick(choices: tuple[str, ...] | list[str], source: random.Random) -> str:
    # random() alone is promised to give the same sequence on every version of Python.
    return choices[int(source.random() * len(choices))]
