"""SAM 2: a subject that was pointed at on a few frames, found in all others by the model's own memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.errors import ModelError
from stylize.mattes.learned_models import load_learned, memory_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from propagate.arrays import F32, Image
    from stylize.mattes.hints import Box
    from stylize.mattes.options import MakingOptions

_SUBJECT = 1
_ADDED, _LEFT_OUT, _CORNER, _OTHER_CORNER = 1, 0, 2, 3  # as the model counts the kinds of points
_KEYS_LOOKED_AT = 4
"""Keys that one frame is compared with, the nearest: so many the model was trained with."""
_REMEMBERED = ("maskmem_features", "maskmem_pos_enc", "object_pointer")


@dataclass(frozen=True)
class Prompt:
    """What a person says of the subject on one frame: a matte, or a box, points, or both.

    Attributes
    ----------
    box
        (left, top, width, height) in pixels.
    points
        (x, y, inside): whether the subject is there.
    matte
        float32 (H, W); goes before the others.
    """

    box: Box | None = None
    points: tuple[tuple[float, float, bool], ...] = ()
    matte: F32 | None = field(default=None, compare=False)


class Segmenter:
    """A SAM 2 that is loaded; `track` begins a shot."""

    def __init__(self, path: Path, options: MakingOptions) -> None:
        self.loaded = load_learned("segmenter", path, options)
        config = self.loaded.net.config
        side = config.image_size
        self.side = int(side if isinstance(side, int) else side[0])
        if config.max_cond_frame_num < 0:
            config.max_cond_frame_num = _KEYS_LOOKED_AT

    def track(self, frames: Sequence[Image], prompts: Mapping[int, Prompt]) -> Tracking:
        """Look at the frames of a shot that have a prompt, at least one; then any way may be gone."""
        return Tracking(self, frames, prompts)

    def prepared(self, image: Image) -> Any:
        """Return a frame at the model's size."""
        pixels = self.loaded.pixels(image)
        size = (self.side, self.side)
        small = self.loaded.torch.nn.functional.interpolate(
            pixels, size, mode="bilinear", align_corners=False, antialias=True
        )
        return small[0].to(self.loaded.device, self.loaded.dtype)


class Tracking:
    """One shot: the mattes of its frames, in any direction away from a key. Memory does not grow with it.

    The model keeps what the frames with prompts look like, and the last few frames of the way that it goes.
    """

    def __init__(self, segmenter: Segmenter, frames: Sequence[Image], prompts: Mapping[int, Prompt]) -> None:
        from transformers import Sam2VideoInferenceSession

        self._one, self._frames, self._loaded = segmenter, frames, segmenter.loaded
        height, width = frames[0].shape[:2]
        self._size = (height, width)
        loaded = self._loaded
        self._session: Any = Sam2VideoInferenceSession(
            video_height=height, video_width=width, inference_device=loaded.device,
            inference_state_device=loaded.device, video_storage_device=loaded.device, dtype=loaded.dtype,
        )  # fmt: skip
        self._session.obj_id_to_idx(_SUBJECT)
        self._keys: dict[int, F32] = {}
        for at in sorted(prompts):
            self._say(at, prompts[at])
            self._keys[at] = self._look(at, back=False)
        self._memory = self._session.output_dict_per_obj[0]["non_cond_frame_outputs"]

    def matte(self, at: int, *, back: bool) -> F32:
        """Return the matte of frame `at`, float32 (H, W); the frame before it on the way was last."""
        if at in self._keys:
            return self._keys[at]
        found = self._look(at, back=back)
        self._forget(at)
        return found

    def turn(self) -> None:
        """Forget the way that was gone; only frames with prompts are remembered."""
        self._memory.clear()

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what is remembered of the way, exactly, as arrays; see `restore`."""
        return {
            f"{at}/{name}": out[name].float().cpu().numpy()
            for at, out in self._memory.items()
            for name in _REMEMBERED
            if name in out
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on as if the way had been gone that `state` was taken from."""
        torch, formats = self._loaded.torch, self._formats()
        self._memory.clear()
        for name, values in state.items():
            at, _, part = name.partition("/")
            tensor = torch.from_numpy(np.array(values)).to(self._loaded.device, formats[part])
            self._memory.setdefault(int(at), {})[part] = tensor

    def _forget(self, at: int) -> None:
        """Drop what no later frame asks for: pictures of the last few frames only, pointers of some more."""
        config = self._loaded.net.config
        for other in list(self._memory):
            away = abs(other - at)
            if away >= config.max_object_pointers_in_encoder and away >= config.num_maskmem:
                del self._memory[other]
            elif away >= config.num_maskmem - 1:
                for name in ("maskmem_features", "maskmem_pos_enc", "pred_masks"):
                    self._memory[other].pop(name, None)

    def _formats(self) -> dict[str, Any]:
        outs = self._session.output_dict_per_obj[0]["cond_frame_outputs"]
        first = next(iter(outs.values()))
        return {name: first[name].dtype for name in _REMEMBERED}

    def _say(self, at: int, prompt: Prompt) -> None:
        """Tell the session what a person said; coordinates are of the model's size."""
        import cv2

        torch, side = self._loaded.torch, self._one.side
        if prompt.matte is not None:
            small = cv2.resize(prompt.matte, (side, side), interpolation=cv2.INTER_AREA)
            mask = torch.from_numpy(np.asarray(small >= 0.5, np.float32))[None, None]
            self._session.add_mask_inputs(0, at, mask)
        else:
            marks = list(_marks(prompt))
            scale = np.array([side / self._size[1], side / self._size[0]], np.float32)
            places = np.array([mark[:2] for mark in marks], np.float32) * scale
            self._session.add_point_inputs(0, at, {
                "point_coords": torch.from_numpy(places)[None, None].to(self._loaded.dtype),
                "point_labels": torch.tensor([[[mark[2] for mark in marks]]], dtype=torch.int32),
            })  # fmt: skip
        self._session.obj_with_new_inputs = [_SUBJECT]

    def _look(self, at: int, *, back: bool) -> F32:
        """Show the model one frame, and keep of it no more than later ones ask for."""
        loaded, session = self._loaded, self._session
        with loaded.torch.inference_mode(), memory_errors("segmenter", loaded.device):
            seen = loaded.net(session, frame_idx=at, frame=self._one.prepared(self._frames[at]), reverse=back)
            scores = loaded.torch.nn.functional.interpolate(
                seen.pred_masks.float().reshape(1, 1, *seen.pred_masks.shape[-2:]), self._size,
                mode="bilinear", align_corners=False,
            )  # fmt: skip
            found = loaded.torch.sigmoid(scores)[0, 0].cpu().numpy()
        session.processed_frames.pop(at, None)
        session.frames_tracked_per_obj[0].clear()
        for kept in session.output_dict_per_obj[0].values():
            if at in kept:
                kept[at].pop("high_res_masks", None)
        if not np.isfinite(found).all():
            raise ModelError(
                "SAM 2 gives no numbers (NaN); check the model: stylize models check, or use --dtype float32"
            )
        return np.asarray(found, np.float32)


def _marks(prompt: Prompt) -> Iterable[tuple[float, float, int]]:
    if prompt.box is not None:
        left, top, width, height = prompt.box
        yield left, top, _CORNER
        yield left + width, top + height, _OTHER_CORNER
    for x, y, inside in prompt.points:
        yield x, y, _ADDED if inside else _LEFT_OUT
