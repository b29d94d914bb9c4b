"""Conformance of matte buffers: one class of tests for the temporary file and for the checkpoint."""

from __future__ import annotations

import numpy as np
import pytest

from stylize.errors import MediaError
from stylize.mattes.buffer import CachedMattes, MatteBuffer, MatteCheckpoint

TOLERANCE = 1 / 65535
"""Buffers store 16 bits."""


@pytest.fixture(params=["temporary file", "checkpoint"])
def buffer(request, tmp_path):
    opened = MatteBuffer() if request.param == "temporary file" else MatteCheckpoint(tmp_path / "work", "inputs")
    with opened:
        yield opened


@pytest.fixture
def mattes(rng):
    return [rng.random((5, 7), np.float32) for _ in range(4)]


class TestMatteBuffer:
    def test_mattes_are_read_as_written_in_any_order(self, buffer, mattes):
        for index in (2, 0, 3):
            buffer.write(index, mattes[index])
        for index in (3, 2, 0, 2):
            assert buffer[index].dtype == np.float32
            np.testing.assert_allclose(buffer[index], mattes[index], atol=TOLERANCE)

    def test_zero_and_one_are_exact(self, buffer):
        matte = np.array([[0, 1], [1, 0]], np.float32)
        buffer.write(0, matte)
        np.testing.assert_array_equal(buffer[0], matte)

    def test_length_and_membership_count_written_mattes(self, buffer, mattes):
        assert len(buffer) == 0
        buffer.write(5, mattes[0])
        assert len(buffer) == 1
        assert 5 in buffer
        assert 0 not in buffer

    def test_the_last_write_of_a_number_counts(self, buffer, mattes):
        buffer.write(1, mattes[0])
        buffer.write(1, mattes[1])
        assert len(buffer) == 1
        np.testing.assert_allclose(buffer[1], mattes[1], atol=TOLERANCE)

    def test_an_unwritten_matte_is_an_index_error_and_a_slice_a_type_error(self, buffer):
        with pytest.raises(IndexError, match="matte 3 not found"):
            _ = buffer[3]
        with pytest.raises(TypeError, match="no slices"):
            _ = buffer[0:2]

    def test_a_child_is_a_buffer_of_its_own(self, buffer, mattes):
        buffer.write(0, mattes[0])
        with buffer.child("edges") as child:
            assert len(child) == 0
            child.write(0, mattes[1])
            np.testing.assert_allclose(child[0], mattes[1], atol=TOLERANCE)
        np.testing.assert_allclose(buffer[0], mattes[0], atol=TOLERANCE)
        assert len(buffer) == 1

    def test_metadata_of_an_unknown_name_is_none(self, buffer):
        assert buffer.metadata("state") is None

    def test_cached_mattes_compute_each_matte_once(self, mattes):
        asked = []

        class Counted(list):
            def __getitem__(self, index):
                asked.append(index)
                return super().__getitem__(index)

        with CachedMattes(Counted(mattes)) as cached:
            for index in (1, 1, 0, -1, 3, 1):
                np.testing.assert_allclose(cached[index], mattes[index], atol=TOLERANCE)
        assert asked == [1, 0, 3]


def test_a_checkpoint_is_resumed_with_the_same_inputs_only(tmp_path, mattes):
    with MatteCheckpoint(tmp_path / "work", "inputs") as first:
        first.write(2, mattes[2])
        first.set_metadata("state", {"at": np.array(2)})
    with MatteCheckpoint(tmp_path / "work", "inputs") as resumed:
        assert [index for index in range(4) if index in resumed] == [2]
        np.testing.assert_allclose(resumed[2], mattes[2], atol=TOLERANCE)
        assert resumed.metadata("state")["at"] == 2
    with MatteCheckpoint(tmp_path / "work", "other inputs") as other:
        assert len(other) == 0
        assert other.metadata("state") is None


def test_a_checkpoint_of_invalid_inputs_is_removed_and_of_an_interrupted_run_kept(tmp_path, mattes):
    def fail(error):
        with MatteCheckpoint(tmp_path / "work", "inputs") as checkpoint:
            checkpoint.write(0, mattes[0])
            raise error

    with pytest.raises(KeyboardInterrupt):
        fail(KeyboardInterrupt())
    assert (tmp_path / "work").exists()
    with pytest.raises(MediaError):
        fail(MediaError("damaged"))
    assert not (tmp_path / "work").exists()
