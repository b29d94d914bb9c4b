from __future__ import annotations

import numpy as np

from stylize.compositing.spec import LayerSpec
from stylize.compositing.stack import CompositeLayer, Stack, layer_strengths
from stylize.media import open_clip, write_image
from stylize.project.frame_store import FrameStore


def test_strengths_are_clamped_and_count_frames_of_the_complete_clip(world):
    with open_clip(world.frames) as whole, open_clip(world.frames, start=4, end=7) as part:
        assert layer_strengths("2", part.info, whole.info) == (1.0, 1.0, 1.0)
        assert layer_strengths("-1", part.info, whole.info) == (0.0, 0.0, 0.0)
        np.testing.assert_allclose(layer_strengths("0: 0, 8: 1", part.info, whole.info), [0.5, 0.625, 0.75])
        np.testing.assert_allclose(layer_strengths("0: 0, 8: 2", part.info, whole.info), [1, 1, 1])


def test_stack_composites_frames_by_matte_strength_and_holdout(world, tmp_path):
    with open_clip(world.frames) as clip:
        store, size = FrameStore(tmp_path / "layer"), (clip.info.height, clip.info.width)
        paint = np.full((*size, 3), 200, np.uint8)
        for name in clip.info.names:
            write_image(store.path(name), paint, durable=False)
        frames = (store,) * (len(clip) - 1) + (None,)
        half = CompositeLayer(LayerSpec("half"), None, frames, (0.5,) * len(clip))
        with Stack(clip, [half]) as stack:
            np.testing.assert_allclose(stack.frame(2), (clip[2].astype(float) + 200) / 2, atol=0.51)
            np.testing.assert_array_equal(stack.frame(len(clip) - 1), clip[len(clip) - 1])
            np.testing.assert_array_equal(stack.matte(0, 0), np.ones(size, np.float32))
        held = CompositeLayer(LayerSpec("held", holdout=("half",)), None, frames, (1.0,) * len(clip))
        with Stack(clip, [half, held]) as stack:
            _, sample = stack.samples(2)
            assert not sample.alpha.any()
