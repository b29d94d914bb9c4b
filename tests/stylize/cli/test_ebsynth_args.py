"""Weights and guides belong together by their place, as on EbSynth's command line."""

from __future__ import annotations

import pytest

from stylize.cli.ebsynth_args import normalize_arguments
from stylize.errors import UsageError

TWO = "--guide a --guide b --guide c --guide d "


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("synth --style s --guide a b -o o", "synth --style s --guide a --guide b -o o"),
        ("-style s -guide a b -weight 2", "-style s -guide a -guide b --weight 2"),
        ("-guide a b -weight 2 -style s", "-guide a -guide b -style s --weight 2"),
        ("-style s -weight .5 -guide a b", "-style s -guide a -guide b --style-weight .5"),
        ("--style=s --weight=.5 --guide a b", "--style s --guide a --guide b --style-weight .5"),
        ("--guide a b --guide c d --weight 2", TWO + "--weight 0.5 --weight 2"),
        ("--guide a b --weight 2 --guide c d", TWO + "--weight 2 --weight 0.5"),
        ("--guide a b --guide c d --weight 1 --weight 2", TWO + "--weight 1 --weight 2"),
        ("--guide a b -o o --weight -1", "--guide a --guide b -o o --weight -1"),
        ("--guide a", "--guide a"),
        ("--guide a -o o", "--guide a -o o"),
        ("--guide", "--guide"),
        ("--style s --weight", "--style s --weight"),
        ("run clip --style s --max-keys 2", "run clip --style s --max-keys 2"),
    ],
)  # fmt: skip
def test_every_word_finds_its_owner(said, meant):
    assert normalize_arguments(said.split()) == meant.split()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("--weight 2 --guide a b", "--weight 2: no style or guide before it"),
        ("--guide a b --weight 1 --weight 2", "guide 1 of 1 has more than one weight: 1, 2"),
        ("--guide a b --guide c d --weight 1 --weight 2 --weight 3", "guide 2 of 2 has more than one weight"),
        ("--style s --weight 1 --weight 2", "the style has more than one weight"),
        ("--style s --weight 1 --style-weight 2 --guide a b", "the style has more than one weight"),
    ],
)
def test_weights_without_a_clear_owner_are_refused(said, words):
    with pytest.raises(UsageError, match=words):
        normalize_arguments(said.split())
