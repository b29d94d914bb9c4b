"""Self-attention that also looks at finished keys.

The batch holds finished keys first and then those that are painted, for each half of the guidance. The
finished ones look at themselves, as always; each of the others looks at some of them and at itself.
After Text2Video-Zero (Khachatryan et al. 2023) and Rerender A Video (Yang et al. 2023), which replace a
frame's keys and values where these are added to its own.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True)
class ReferenceAttnProcessor:
    """The attention of one layer, in place of diffusers' own.

    Attributes
    ----------
    references
        Finished keys, the first pictures in each half of the batch.
    looks
        For each of the pictures behind them: numbers of those that it looks at. Without any it is the stock
        attention.
    """

    references: int
    looks: tuple[tuple[int, ...], ...]

    def __call__(
        self,
        attn: Any,
        hidden_states: Any,
        encoder_hidden_states: Any = None,
        attention_mask: Any = None,
        temb: Any = None,
        **_: Any,
    ) -> Any:
        """Attend; takes and gives diffusers' shape, (batch, tokens, width)."""
        import torch

        residual, shape = hidden_states, hidden_states.shape
        if attn.spatial_norm is not None:
            hidden_states = attn.spatial_norm(hidden_states, temb)
        if len(shape) == 4:
            hidden_states = hidden_states.view(shape[0], shape[1], -1).transpose(1, 2)
        if attn.group_norm is not None:
            hidden_states = attn.group_norm(hidden_states.transpose(1, 2)).transpose(1, 2)
        if encoder_hidden_states is not None or attention_mask is not None:
            raise TypeError("rows can only be looked at in self-attention without a mask")
        query, key, value = (_heads(attn, layer(hidden_states)) for layer in (attn.to_q, attn.to_k, attn.to_v))
        # the stock call for all rows, so that pinned ones come out as they would alone
        seen = torch.nn.functional.scaled_dot_product_attention(query, key, value)
        if any(self.looks):
            seen, rows = seen.clone(), self.references + len(self.looks)
            for row, chosen in enumerate(self.looks, start=self.references):
                if chosen:
                    wide = [self._joined(part, (*chosen, row)) for part in (key, value)]
                    mine = query[row::rows]
                    seen[row::rows] = torch.nn.functional.scaled_dot_product_attention(mine, *wide)
        found = seen.transpose(1, 2).flatten(2).to(query.dtype)
        found = attn.to_out[1](attn.to_out[0](found))
        if len(shape) == 4:
            found = found.transpose(-1, -2).reshape(shape)
        if attn.residual_connection:
            found = found + residual
        return found / attn.rescale_output_factor

    def _joined(self, part: Any, chosen: tuple[int, ...]) -> Any:
        """(halves * rows, heads, tokens, width) to (halves, heads, chosen * tokens, width)."""
        batch, heads, tokens, width = part.shape
        count = self.references + len(self.looks)
        rows = part.view(batch // count, count, heads, tokens, width)[:, list(chosen)]
        return rows.transpose(1, 2).reshape(batch // count, heads, len(chosen) * tokens, width)


def _heads(attn: Any, states: Any) -> Any:
    batch, tokens, width = states.shape
    return states.view(batch, tokens, attn.heads, width // attn.heads).transpose(1, 2)


@contextmanager
def reference_attention(unet: Any, references: int, looks: Sequence[tuple[int, ...]], layers: str) -> Iterator[None]:
    """Let pictures look at finished ones for the block; afterwards everything is as before.

    Only self-attention changes: the layers of an IP-Adapter stay the objects that they are.

    Parameters
    ----------
    unet
        diffusers' UNet2DConditionModel.
    references
        Finished keys, the first pictures in each half of the batch.
    looks
        For each of the others, which of the finished ones it looks at; if none of them does, nothing changes.
    layers
        ``up`` for those on the way up, ``all``.
    """
    if not any(looks):
        yield
        return
    before = dict(unet.attn_processors)
    mine = ReferenceAttnProcessor(references, tuple(looks))
    chosen = {
        name: mine if name.endswith("attn1.processor") and (layers == "all" or name.startswith("up_")) else old
        for name, old in before.items()
    }
    unet.set_attn_processor(chosen)
    try:
        yield
    finally:
        unet.set_attn_processor(dict(before))
