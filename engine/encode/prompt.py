"""Which samples are on one prompt: what stands before their answers or steps, as a number."""

import hashlib

from engine.sample import Conversation, Pair, PlainText, Sample

NO_PROMPT = 0
"""The number of a sample without a prompt, or in which prompt and answer are not told apart."""


def prompt_number(sample: Sample) -> int:
    """A number that samples have in common if their prompts are the same, and no others: 63 bits of a digest.

    Of a pair the chosen side's prompt counts. Which tokens two samples share is for their encodings to say.
    """
    side = sample.chosen if isinstance(sample, Pair) else sample.prompt
    if isinstance(side, Conversation):
        text = _written(side, len(side.messages) if not isinstance(sample, Pair) else side.answer_start)
    else:
        text = side if isinstance(side, str) else side.prompt if isinstance(side, PlainText) else ""
    if not text.strip():
        return NO_PROMPT
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) >> 1 or 1


def _written(side: Conversation, messages: int) -> str:
    """The first messages of a conversation and what else its template is given; empty where it has none."""
    try:
        return repr((side.messages[:messages], side.tools, side.template_kwargs)) if messages else ""
    except RecursionError:
        # Nested deeper than can be written: no row may stop the others.
        return ""
