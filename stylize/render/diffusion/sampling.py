"""One call of the pipeline: what it is given, what it gives back, and whether that is a picture."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.errors import DeviceError, StylizeError
from stylize.render.diffusion.callbacks import Steering
from stylize.render.diffusion.engine import full_precision
from stylize.render.diffusion.reference_attention import reference_attention
from stylize.render.diffusion.schedulers import make_scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from propagate.arrays import F32
    from stylize.render.diffusion.engine import Engine
    from stylize.render.diffusion.frame_options import FrameOptions
    from stylize.render.diffusion.prompts import Embeddings

_BLACK = 2 / 255


@dataclass(frozen=True)
class Row:
    """A picture of the batch, float32 (h, w, 3) at working size, 0 to 1, and its control maps."""

    picture: F32
    maps: Sequence[F32]


@dataclass(frozen=True)
class Piece:
    """A key that is painted.

    Attributes
    ----------
    ground
        What the painting begins from.
    held
        float32 (h, w, 3), what is held of others' surface; None for free painting.
    until
        float32 (h, w), 0 to 1: until which share of the steps.
    looks
        Numbers of the canvas's references that it looks at.
    """

    ground: Row
    held: F32 | None = None
    until: F32 | None = None
    looks: tuple[int, ...] = ()


@dataclass(frozen=True)
class Canvas:
    """The keys that are painted together, and the finished ones that they look at.

    Attributes
    ----------
    pieces
        At least one, all of one size.
    references
        Finished keys that are looked at; their pictures are what they are.
    """

    pieces: Sequence[Piece]
    references: Sequence[Row] = ()


@dataclass(frozen=True)
class Setup:
    """How it is painted: words, numbers, style embeddings, and which layers look at references."""

    words: Embeddings
    moment: FrameOptions
    seed: int
    control: dict[str, Any] = field(default_factory=dict)
    style: tuple[Any, Any] | None = None
    masks: dict[str, Any] | None = None
    layers: str = "up"


def sample(engine: Engine, canvas: Canvas, setup: Setup, report: Callable[[float], None]) -> list[F32]:
    """Paint a canvas; returns float32 (h, w, 3), 0 to 1, for each of its keys.

    What comes out black or not a number in half precision is computed again in full.
    """
    first = len(canvas.references)
    latents = sample_latents(engine, canvas, setup, report)[first:]
    pictures = [decode(engine, one[None]) for one in latents]
    grounds = [piece.ground.picture for piece in canvas.pieces]
    if str(engine.dtype) != "torch.float32" and any(map(broken, pictures, grounds)):
        with full_precision(engine):
            # numbers that are no numbers are painted again, others only decoded
            if not bool(latents.isfinite().all()):
                latents = sample_latents(engine, canvas, setup, report)[first:]
            pictures = [decode(engine, one[None]) for one in latents]
    return pictures


def judge(engine: Engine, picture: F32, ground: F32) -> None:
    """Refuse a painting that nobody should see.

    Raises
    ------
    DeviceError
        If it is black, where its ground is not, or not a number.
    StylizeError
        If the safety checker refuses it.
    """
    if broken(picture, ground):
        raise DeviceError(
            "the painting came out black or not a number, in full precision too; try another --scheduler, "
            "--device cpu, or lower --guidance"
        )
    if engine.checker is not None:
        _check_safety(engine, picture)


def sample_latents(engine: Engine, canvas: Canvas, setup: Setup, report: Callable[[float], None]) -> Any:
    """Run the pipeline; returns latents (rows, 4, h, w): the references as they were, then the keys."""
    import torch

    pipe, rows = engine.pipe, [*canvas.references, *(piece.ground for piece in canvas.pieces)]
    height, width = rows[0].picture.shape[:2]
    pipe.scheduler = make_scheduler(setup.moment.scheduler, engine.noise)
    guided, count = setup.moment.guidance > 1, len(rows)
    told: dict[str, Any] = {
        "image": tensor([row.picture for row in rows]),
        "strength": setup.moment.strength,
        "num_inference_steps": setup.moment.steps,
        "guidance_scale": setup.moment.guidance,
        "generator": [torch.Generator("cpu").manual_seed(setup.seed) for _ in rows],
        "output_type": "latent",
        "prompt_embeds": _rows(setup.words.prompt, count, engine),
        "negative_prompt_embeds": _rows(setup.words.negative, count, engine) if guided else None,
    }
    if setup.words.pooled is not None:
        told["pooled_prompt_embeds"] = _rows(setup.words.pooled, count, engine)
        told["negative_pooled_prompt_embeds"] = _rows(setup.words.negative_pooled, count, engine) if guided else None
        side = max(pipe.unet.config.sample_size * pipe.vae_scale_factor, 1)
        grown = max((side * side / (height * width)) ** 0.5, 1.0)  # SDXL paints thumbnails as thumbnails
        told["original_size"] = told["target_size"] = (round(height * grown), round(width * grown))
    if engine.parts.controls:
        told |= {**setup.control, **_control_images(engine, rows), "height": height, "width": width}
    if setup.style is not None:
        positive, negative = (part.to(engine.device, engine.dtype) for part in setup.style)
        told["ip_adapter_image_embeds"] = [torch.cat([negative, positive]) if guided else positive]
        if setup.masks is not None:
            told["cross_attention_kwargs"] = setup.masks
    looks = [piece.looks for piece in canvas.pieces]
    with torch.no_grad(), reference_attention(pipe.unet, len(canvas.references), looks, setup.layers):
        told["callback_on_step_end"] = _steering(engine, canvas, setup, report)
        return pipe(**told).images


def _steering(engine: Engine, canvas: Canvas, setup: Setup, report: Callable[[float], None]) -> Steering:
    import torch

    pinned = held = until = None
    if canvas.references:
        pinned = torch.cat([encode(engine, row.picture) for row in canvas.references])
    if any(piece.held is not None for piece in canvas.pieces):
        held, until = zip(*(_holding(engine, piece) for piece in canvas.pieces), strict=True)
        held, until = torch.cat(held), torch.cat(until)
    height, width = (side // engine.pipe.vae_scale_factor for side in canvas.pieces[0].ground.picture.shape[:2])
    noise = first_noise(setup.seed, (1, 4, height, width), engine.dtype).to(engine.device)
    return Steering(pinned, held, until, noise, report)


def _holding(engine: Engine, piece: Piece) -> tuple[Any, Any]:
    """Latents (1, 4, h, w) that a key is held on, and (1, 1, h, w) until when; a free key until none."""
    import torch

    held = encode(engine, piece.ground.picture if piece.held is None else piece.held)
    size = tuple(held.shape[-2:])
    if piece.held is None or piece.until is None:
        return held, torch.zeros(1, 1, *size, device=held.device)
    least = -torch.nn.functional.adaptive_max_pool2d(-torch.from_numpy(piece.until)[None, None], size)
    return held, least.to(held.device)


def first_noise(seed: int, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return the noise that the pipeline itself draws for a row, after a draw for the encoder."""
    import torch

    generator = torch.Generator("cpu").manual_seed(seed)
    torch.randn(shape, generator=generator, dtype=dtype)
    return torch.randn(shape, generator=generator, dtype=dtype)


def _control_images(engine: Engine, rows: Sequence[Row]) -> dict[str, Any]:
    each = [tensor([row.maps[index] for row in rows]) for index in range(len(engine.parts.controls))]
    several = len(each) > 1 or engine.parts.union
    return {"control_image": each if several else each[0]}


def encode(engine: Engine, picture: F32) -> Any:
    """Latents (1, 4, h, w) of a picture, float32 (H, W, 3): the most likely ones, without chance."""
    import torch

    vae = engine.pipe.vae
    with torch.no_grad(), _wide_enough(engine) as dtype:
        found = vae.encode(tensor([picture]).to(engine.device, dtype) * 2 - 1).latent_dist.mode()
    mean, deviation = _statistics(vae, found)
    return ((found - mean) * vae.config.scaling_factor / deviation).to(engine.dtype)


def decode(engine: Engine, latents: Any) -> F32:
    """Picture, float32 (H, W, 3), of latents (1, 4, h, w); what is not a number stays so."""
    import torch

    vae = engine.pipe.vae
    with torch.no_grad(), _wide_enough(engine) as dtype:
        mean, deviation = _statistics(vae, latents)
        inner = latents.to(engine.device, dtype) * deviation / vae.config.scaling_factor + mean
        picture = (vae.decode(inner.to(dtype)).sample / 2 + 0.5).clamp(0, 1)
    return np.asarray(picture[0].permute(1, 2, 0).float().cpu().numpy())


def tensor(pictures: Sequence[F32]) -> Any:
    """Pictures, float32 (h, w, 3) each, as a tensor (n, 3, h, w)."""
    import torch

    return torch.from_numpy(np.stack([np.moveaxis(picture, 2, 0) for picture in pictures]).astype(np.float32))


def _rows(embedding: Any, count: int, engine: Engine) -> Any:
    return embedding.to(engine.device, engine.dtype).expand(count, *embedding.shape[1:]).contiguous()


def _statistics(vae: Any, like: Any) -> tuple[Any, Any]:
    """Mean and deviation of latents where an autoencoder has its own; else 0 and 1."""
    import torch

    config = vae.config
    if getattr(config, "latents_mean", None) is None or getattr(config, "latents_std", None) is None:
        return 0.0, 1.0
    shape = (1, -1, 1, 1)
    return tuple(
        torch.tensor(v, device=like.device, dtype=like.dtype).view(shape)
        for v in (config.latents_mean, config.latents_std)
    )


@contextmanager
def _wide_enough(engine: Engine) -> Iterator[Any]:
    """Let an autoencoder that says it overflows in half precision work in full for the block."""
    import torch

    vae = engine.pipe.vae
    widen = vae.dtype == torch.float16 and getattr(vae.config, "force_upcast", False)
    if widen:
        vae.to(torch.float32)
    try:
        yield torch.float32 if widen else vae.dtype
    finally:
        if widen:
            vae.to(torch.float16)


def broken(picture: F32, ground: F32) -> bool:
    """Whether a painting is not a number somewhere, or black where the frame is not."""
    if not np.isfinite(picture).all():
        return True
    return bool(picture.max() <= _BLACK and ground.max() > 8 * _BLACK)


def _check_safety(engine: Engine, picture: F32) -> None:
    import torch
    from transformers import CLIPImageProcessor

    size = engine.checker.config.vision_config.image_size
    processor = CLIPImageProcessor(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
    seen = (picture * 255).round().astype(np.uint8)
    pixels = processor([seen], return_tensors="pt").pixel_values.to(engine.device, engine.checker.dtype)
    engine.checker.to(engine.device)
    with torch.no_grad():
        _, flagged = engine.checker(images=picture[None].copy(), clip_input=pixels)
    if flagged[0]:
        raise StylizeError(
            "the model's safety checker refuses the painting; change --prompt or --seed, or leave --safety-checker out"
        )
