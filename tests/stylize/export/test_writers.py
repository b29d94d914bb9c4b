"""Every writer of frames keeps one contract: all frames or nothing, and nothing under its name before the end."""

from __future__ import annotations

import numpy as np
import pytest

from stylize.export.frame_writer import FrameSequenceWriter
from stylize.media import open_clip, open_writer, write_image
from stylize.media.alpha_writer import open_alpha_writer

COUNT = 4


def sequence(form, alpha):
    return lambda root, info: FrameSequenceWriter(root, "w", info, form, first=1, space="srgb", alpha=alpha)


WRITERS = {
    "video": (lambda root, info: open_writer(root / "w.mkv", info), "w.mkv", 3),
    "folder": (lambda root, info: open_writer(root / "w", info), "w", 3),
    "alpha video": (lambda root, info: open_alpha_writer(root / "w.mov", info), "w.mov", 4),
    "export images": (sequence("png", alpha=True), "w", 4),
    "export video": (sequence("prores", alpha=False), "w.mov", 3),
    "export alpha video": (sequence("prores", alpha=True), "w.mov", 4),
}


@pytest.mark.parametrize(("make", "name", "channels"), WRITERS.values(), ids=WRITERS)
class TestWriter:
    @pytest.fixture
    def info(self, tmp_path):
        for index in range(COUNT):
            write_image(tmp_path / "clip" / f"{index + 1:04d}.png", np.full((32, 48, 3), 40 * index, np.uint8))
        with open_clip(tmp_path / "clip") as clip:
            yield clip.info

    def frame(self, index, channels):
        image = np.full((32, 48, channels), 40 + 40 * index, np.uint8)
        image[..., 3:] = 255
        return image

    def test_every_frame_is_read_back_in_order(self, tmp_path, info, make, name, channels):
        writer = make(tmp_path, info)
        for index in range(COUNT):
            writer.write(self.frame(index, channels))
        writer.close()
        with open_clip(tmp_path / name) as made:
            assert len(made) == COUNT
            assert (made.info.height, made.info.width) == (32, 48)
            means = [float(frame.mean()) / np.iinfo(frame.dtype).max * 255 for frame in made]
        np.testing.assert_allclose(means, [40 + 40 * index for index in range(COUNT)], atol=4)

    def test_an_aborted_video_leaves_no_file(self, tmp_path, info, make, name, channels):
        if name == "w":
            pytest.skip("images are written one by one; the folder around them is replaced by the caller")
        writer = make(tmp_path, info)
        writer.write(self.frame(0, channels))
        writer.abort()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["clip"]
