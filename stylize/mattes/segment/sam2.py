"""SAM 2 (Ravi et al. 2024): video segmentation of a subject from prompts on a few frames."""

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
"""Object id; there is one subject."""
_FOREGROUND_POINT = 1
"""Point label of SAM 2."""
_BACKGROUND_POINT = 0
"""Point label of SAM 2."""
_BOX_TOP_LEFT = 2
"""Point label of SAM 2."""
_BOX_BOTTOM_RIGHT = 3
"""Point label of SAM 2."""
_MAX_KEYS = 4
"""Nearest prompted frames that one frame attends to: as many as in training."""
_MEMORY_TENSORS = ("maskmem_features", "maskmem_pos_enc", "object_pointer")


@dataclass(frozen=True)
class Prompt:
    """Prompt on one frame: a matte, or a box, points, or both.

    Attributes
    ----------
    box
        (left, top, width, height) in pixels.
    points
        (x, y, inside) in pixels; inside is True on the subject, False on the background.
    matte
        float32 (H, W); overrides the others.
    """

    box: Box | None = None
    points: tuple[tuple[float, float, bool], ...] = ()
    matte: F32 | None = field(default=None, compare=False)


class Segmenter:
    """A loaded SAM 2 model; `track` starts a shot."""

    def __init__(self, path: Path, options: MakingOptions) -> None:
        self.loaded = load_learned("segmenter", path, options)
        config = self.loaded.net.config
        side = config.image_size
        self.side = int(side if isinstance(side, int) else side[0])
        if config.max_cond_frame_num < 0:
            config.max_cond_frame_num = _MAX_KEYS

    def track(self, frames: Sequence[Image], prompts: Mapping[int, Prompt]) -> Tracking:
        """Process the prompted frames of a shot, at least one, and return its tracking."""
        return Tracking(self, frames, prompts)

    def prepared(self, image: Image) -> Any:
        """Return a frame, normalized, at the size of the model."""
        pixels = self.loaded.pixels(image)
        size = (self.side, self.side)
        small = self.loaded.torch.nn.functional.interpolate(
            pixels, size, mode="bilinear", align_corners=False, antialias=True
        )
        return small[0].to(self.loaded.device, self.loaded.dtype)


class Tracking:
    """Tracking of one shot, in either direction from a prompted frame; memory does not grow with its length.

    The model remembers the prompted frames, and the last few frames of the current direction.
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
            self._add_prompt(at, prompts[at])
            self._keys[at] = self._segment(at, back=False)
        self._memory = self._session.output_dict_per_obj[0]["non_cond_frame_outputs"]

    def matte(self, at: int, *, back: bool) -> F32:
        """Return the matte of frame `at`, float32 (H, W); call it frame by frame along one direction."""
        if at in self._keys:
            return self._keys[at]
        found = self._segment(at, back=back)
        self._forget(at)
        return found

    def reset(self) -> None:
        """Clear the memory except for the prompted frames, before tracking in the other direction."""
        self._memory.clear()

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the memory of this direction as arrays, losslessly; see `restore`."""
        return {
            f"{at}/{name}": out[name].float().cpu().numpy()
            for at, out in self._memory.items()
            for name in _MEMORY_TENSORS
            if name in out
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore the memory of `state`, so that tracking resumes exactly."""
        torch, formats = self._loaded.torch, self._formats()
        self._memory.clear()
        for name, values in state.items():
            at, _, part = name.partition("/")
            tensor = torch.from_numpy(np.array(values)).to(self._loaded.device, formats[part])
            self._memory.setdefault(int(at), {})[part] = tensor

    def _forget(self, at: int) -> None:
        """Drop memory that no later frame needs: features are kept of a few frames, object pointers of more."""
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
        return {name: first[name].dtype for name in _MEMORY_TENSORS}

    def _add_prompt(self, at: int, prompt: Prompt) -> None:
        """Add a prompt to the session; its coordinates are scaled to the size of the model."""
        import cv2

        torch, side = self._loaded.torch, self._one.side
        if prompt.matte is not None:
            small = cv2.resize(prompt.matte, (side, side), interpolation=cv2.INTER_AREA)
            mask = torch.from_numpy(np.asarray(small >= 0.5, np.float32))[None, None]
            self._session.add_mask_inputs(0, at, mask)
        else:
            points = list(_labeled_points(prompt))
            scale = np.array([side / self._size[1], side / self._size[0]], np.float32)
            places = np.array([point[:2] for point in points], np.float32) * scale
            self._session.add_point_inputs(0, at, {
                "point_coords": torch.from_numpy(places)[None, None].to(self._loaded.dtype),
                "point_labels": torch.tensor([[[point[2] for point in points]]], dtype=torch.int32),
            })  # fmt: skip
        self._session.obj_with_new_inputs = [_SUBJECT]

    def _segment(self, at: int, *, back: bool) -> F32:
        """Segment one frame, and keep only the memory that later frames need."""
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
            raise ModelError("invalid output of SAM 2 (NaN); use --dtype float32, or run: stylize models check")
        return np.asarray(found, np.float32)


def _labeled_points(prompt: Prompt) -> Iterable[tuple[float, float, int]]:
    if prompt.box is not None:
        left, top, width, height = prompt.box
        yield left, top, _BOX_TOP_LEFT
        yield left + width, top + height, _BOX_BOTTOM_RIGHT
    for x, y, inside in prompt.points:
        yield x, y, _FOREGROUND_POINT if inside else _BACKGROUND_POINT
