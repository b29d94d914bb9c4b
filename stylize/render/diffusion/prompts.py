"""Words to embeddings: weights in the manner of ``(word:1.3)``, any length, layers left out.

All of it is done here and handed to the pipeline ready, since its own ways cut prompts after 77 tokens and
reach for parts of the text encoder that today's libraries no longer have.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Words: TypeAlias = Sequence[tuple[str, float]]
"""Texts and their shares."""
_TOKEN = re.compile(r"\\[()\[\]\\]|\(|\)|\[|\]|:\s*(-?\d*\.?\d+)\s*(?=\))|[^\\()\[\]:]+|:|\\")
_STEP = 1.1
"""What a bare bracket weighs, as artists are used to it: ((word)) is 1.21."""


@dataclass(frozen=True)
class Embeddings:
    """A prompt and a negative prompt as the pipeline takes them; pooled ones are SDXL's."""

    prompt: Any
    negative: Any
    pooled: Any = None
    negative_pooled: Any = None


def parse_weights(text: str) -> list[tuple[str, float]]:
    r"""Split a prompt into pieces and their weights.

    ``(word)`` weighs 1.1, ``(word:1.3)`` 1.3, ``[word]`` 1/1.1; brackets nest; ``\(`` is a bracket as such.
    A bracket that is not closed weighs to the end, one too many is text.
    """
    pieces: list[list[Any]] = []
    open_at: list[tuple[str, int]] = []
    for found in _TOKEN.finditer(text):
        word = found[0]
        if word in "([":
            open_at.append((word, len(pieces)))
        elif found[1] is not None and open_at and open_at[-1][0] == "(":
            pieces.append([None, float(found[1])])  # the closing bracket comes next and takes it
        elif word in ")]" and open_at and open_at[-1][0] == "(["[")]".index(word)]:
            _weigh(pieces, open_at.pop()[1], _STEP if word == ")" else 1 / _STEP)
        else:
            pieces.append([word[1] if len(word) == 2 and word[0] == "\\" else word, 1.0])
    while open_at:
        kind, start = open_at.pop()
        _weigh(pieces, start, _STEP if kind == "(" else 1 / _STEP)
    joined: list[tuple[str, float]] = []
    for word, weight in pieces:
        if joined and joined[-1][1] == weight:
            joined[-1] = (joined[-1][0] + word, weight)
        else:
            joined.append((word, weight))
    return joined


def _weigh(pieces: list[list[Any]], start: int, usual: float) -> None:
    factor = usual
    if len(pieces) > start and pieces[-1][0] is None:
        factor = pieces.pop()[1]
    for piece in pieces[start:]:
        piece[1] *= factor


def encode(pipe: Any, prompt: Words, negative: Words, clip_skip: int) -> Embeddings:
    """Encode a prompt and a negative prompt with the text encoders of a pipeline.

    Parameters
    ----------
    pipe
        A Stable Diffusion pipeline; with a second text encoder it is SDXL's.
    prompt, negative
        Texts and their shares, which add up to 1: several blend. Each with weights, of any length; textual
        inversions by their word.
    clip_skip
        Last layers to leave out.

    Returns
    -------
    Embeddings
        Both of the same length. One text without weights, at most 75 tokens long and with nothing skipped,
        is what the pipeline itself makes of it.
    """
    import torch

    second = getattr(pipe, "text_encoder_2", None)
    place = pipe._execution_device  # noqa: SLF001  an offloaded encoder says that it is nowhere
    encoders = [(pipe.tokenizer, pipe.text_encoder)]
    if second is not None:
        encoders.append((pipe.tokenizer_2, second))
    texts = [text for text, _ in (*prompt, *negative)]
    chunked = [[_chunks(pipe, tokenizer, text) for text in texts] for tokenizer, _ in encoders]
    longest = max(len(chunks) for each in chunked for chunks in each)
    mixed: list[Any] = []
    pooled: list[Any] = []
    for words, first in ((prompt, 0), (negative, len(prompt))):
        parts = []
        for (tokenizer, encoder), each in zip(encoders, chunked, strict=True):
            found = [
                _encoded(encoder, place, _filled(tokenizer, chunks, longest), clip_skip, sdxl=second is not None)
                for chunks in each[first : first + len(words)]
            ]
            parts.append(_mixed([states for states, _ in found], words))
            pool = _mixed([pool for _, pool in found], words)
        mixed.append(torch.cat(parts, dim=-1))
        pooled.append(pool)  # of the last encoder, as SDXL has it
    if second is None:
        return Embeddings(mixed[0], mixed[1])
    if not any(text for text, _ in negative) and pipe.config.get("force_zeros_for_empty_prompt", False):
        mixed[1], pooled[1] = torch.zeros_like(mixed[1]), torch.zeros_like(pooled[1])
    return Embeddings(mixed[0], mixed[1], pooled[0], pooled[1])


def _mixed(states: list[Any], words: Words) -> Any:
    if len(states) == 1:
        return states[0]
    if states[0] is None:
        return None
    return sum(share * one for one, (_, share) in zip(states, words, strict=True))


def _filled(
    tokenizer: Any, chunks: list[tuple[list[int], list[float]]], count: int
) -> list[tuple[list[int], list[float]]]:
    return [*chunks, *[_chunk(tokenizer, [], [])] * (count - len(chunks))]


def _chunks(pipe: Any, tokenizer: Any, text: str) -> list[tuple[list[int], list[float]]]:
    """Token ids and weights in chunks of the tokenizer's length, each with its own begin and end."""
    room = tokenizer.model_max_length - 2
    ids: list[int] = []
    weights: list[float] = []
    for piece, weight in parse_weights(text):
        whole = pipe.maybe_convert_prompt(piece, tokenizer)
        found = tokenizer(whole, add_special_tokens=False, truncation=False).input_ids
        ids += found
        weights += [weight] * len(found)
    starts = range(0, max(len(ids), 1), room)
    return [_chunk(tokenizer, ids[at : at + room], weights[at : at + room]) for at in starts]


def _chunk(tokenizer: Any, ids: list[int], weights: list[float]) -> tuple[list[int], list[float]]:
    pad = tokenizer.model_max_length - 2 - len(ids)
    filler = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    whole = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id, *[filler] * pad]
    return whole, [1.0, *weights, 1.0, *[1.0] * pad]


def _encoded(
    encoder: Any, place: Any, chunks: list[tuple[list[int], list[float]]], clip_skip: int, *, sdxl: bool
) -> tuple[Any, Any]:
    """States (1, tokens, width) of all chunks in a row, and the pooled state of the first."""
    import torch

    ids = torch.tensor([ids for ids, _ in chunks], device=place)
    out = encoder(ids, output_hidden_states=True)
    if sdxl:
        states = out.hidden_states[-(clip_skip + 2)]
    elif clip_skip:
        inner = getattr(encoder, "text_model", encoder)
        states = inner.final_layer_norm(out.hidden_states[-(clip_skip + 1)])
    else:
        states = out[0]
    weights = torch.tensor([w for _, w in chunks], device=states.device, dtype=states.dtype)[..., None]
    if (weights != 1).any():
        before = states.float().norm(dim=(1, 2), keepdim=True)
        states = states * weights
        # weighing some words must not make the whole prompt louder
        states = states * (before / states.float().norm(dim=(1, 2), keepdim=True)).to(states.dtype)
    pool = out[0][:1] if sdxl and out[0].ndim == 2 else None
    return states.reshape(1, -1, states.shape[-1]), pool
