"""Keys follow each other: which are painted again when one of them changes."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from stylize.compositing.shot_view import FullFrameView
from stylize.media import open_clip, read_image, write_image
from stylize.pipeline.painting import key_states, paint_keys
from stylize.project.project import Project
from stylize.render import Anchor, consistency
from stylize.render.options import AgreementOptions
from tests.stylize import fakes
from tests.stylize.world import make_frames

KEYS = [0, 4, 8, 12]


class Shot:
    """Keys of a sliding texture in a project; a painting is the frame turned round plus its parents' mean."""

    def __init__(self, root):
        self.frames = make_frames(root / "frames", 16)
        self.root = root / "work"
        self.keys = list(KEYS)
        self.options = AgreementOptions()
        self.locked = ()
        self.renderer = fakes.FakeRenderer([np.zeros((4, 4, 3), np.uint8)], {})

    def paint(self):
        """Paint what is to be painted; returns the keys in the order in which they were."""
        with open_clip(self.frames) as clip, Project.open(self.root, clip.info).lock() as project:
            before = self.stamps(project, clip)
            paint_keys(
                project,
                FullFrameView(clip),
                self.keys,
                self.renderer,
                0,
                lambda _: None,
                None,
                self.options,
                self.locked,
            )
            after = self.stamps(project, clip)
        return sorted((k for k in after if after[k] != before.get(k)), key=lambda k: after[k][1])

    def stamps(self, project, clip):
        paths = {key: project.keys.path(clip.info.names[key]) for key in self.keys}
        return {key: (p.read_bytes(), p.stat().st_mtime_ns) for key, p in paths.items() if p.exists()}

    def parents(self):
        with open_clip(self.frames) as clip:
            project = Project.open(self.root, clip.info)
            return {
                key: [int(name) for name in (project.keys.recipe(f"{key:04d}") or {}).get("parents", {})]
                for key in self.keys
            }

    def states(self):
        with open_clip(self.frames) as clip:
            project = Project.open(self.root, clip.info)
            found = key_states(project, FullFrameView(clip), self.keys, self.renderer, 0, self.options, self.locked)
            return {key: state for key, (state, _) in found.items()}

    def change(self, key, value=200):
        write_image(self.root / "keys" / f"{key:04d}.png", np.full((48, 64, 3), value, np.uint8))


def descendants(parents, key):
    found = {key}
    while more := {k for k, of in parents.items() if k not in found and found & set(of)}:
        found |= more
    return found - {key}


@pytest.fixture
def shot(tmp_path, monkeypatch):
    """One parent a key, anchors that carry its mean, and a painter that shows it."""

    def anchors_for(index, frames, painted, parents):
        return [Anchor(painted[p], np.ones(painted[p].shape[:2], np.float32), p) for p in parents[:1]]

    def paint(self, frame, anchors=(), *, seed=0, on_progress=None):
        from stylize.render import PaintedKey

        shade = int(np.mean([a.image.mean() for a in anchors])) if anchors else 0
        return PaintedKey((255 - frame // 2 - shade // 4).astype(np.uint8), {"renderer": "fake"})

    monkeypatch.setattr(consistency, "anchors_for", anchors_for)
    monkeypatch.setattr(fakes.FakeRenderer, "paint", paint)
    return Shot(tmp_path)


def test_every_key_but_the_first_has_parents_and_is_painted_once(shot):
    order = shot.paint()
    parents = shot.parents()
    assert sorted(order) == KEYS
    assert [k for k in KEYS if not parents[k]] == [order[0]]
    assert all(order.index(p) < order.index(k) for k in KEYS for p in parents[k])
    assert shot.paint() == []
    assert set(shot.states().values()) == {"cached"}


@pytest.mark.parametrize("key", KEYS)
def test_changed_key_repaints_exactly_its_descendants(shot, key):
    shot.paint()
    parents = shot.parents()
    shot.change(key)
    after = descendants(parents, key)
    assert {k for k, state in shot.states().items() if state == "to do"} == after
    assert set(shot.paint()) == after
    now = shot.parents()
    assert all(now[k] == parents[k] for k in after)
    assert shot.paint() == []
    assert (read_image(shot.root / "keys" / f"{key:04d}.png") == 200).all()


def test_locked_key_is_not_repainted_after_its_parent(shot):
    order = shot.paint()
    shot.locked = (order[1],)
    shot.change(order[0])
    assert order[1] not in shot.paint()


def test_a_locked_key_and_one_painted_by_hand_are_followed(shot):
    shot.locked = (12,)
    assert shot.paint()[0] == 12
    shot.root = shot.root.with_name("fresh")
    shot.locked = ()
    shot.paint()
    write_image(shot.root / "overrides" / "0000.png", np.full((48, 64, 3), 9, np.uint8))
    shutil.rmtree(shot.root / "keys")
    shutil.rmtree(shot.root / "takes")
    assert 0 not in shot.paint()
    assert any(0 in of for of in shot.parents().values())


def test_without_agreement_no_key_has_parents(shot):
    shot.options = AgreementOptions(level="off")
    assert sorted(shot.paint()) == KEYS
    assert not any(shot.parents().values())
    shot.change(4)
    assert shot.paint() == []


def test_added_or_removed_key_does_not_repaint_others(shot):
    shot.paint()
    shot.keys = [0, 4, 6, 8, 12]
    assert shot.paint() == [6]
    shot.keys = [4, 6, 8, 12]
    assert shot.paint() == []


def test_stopped_painting_resumes_to_the_same_result(shot, tmp_path, monkeypatch):
    shot.paint()
    whole = {k: read_image(shot.root / "keys" / f"{k:04d}.png") for k in KEYS}
    again = Shot(tmp_path / "again")
    usual, painted = fakes.FakeRenderer.paint, []

    def halting(self, frame, anchors=(), *, seed=0, on_progress=None):
        if len(painted) == 2:
            raise KeyboardInterrupt
        painted.append(1)
        return usual(self, frame, anchors, seed=seed, on_progress=on_progress)

    monkeypatch.setattr(fakes.FakeRenderer, "paint", halting)
    with pytest.raises(KeyboardInterrupt):
        again.paint()
    monkeypatch.setattr(fakes.FakeRenderer, "paint", usual)
    assert len(again.paint()) == 2
    for key in KEYS:
        np.testing.assert_array_equal(read_image(again.root / "keys" / f"{key:04d}.png"), whole[key])
