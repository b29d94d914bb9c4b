"""Detectors of the package controlnet-aux, behind one door that undoes what they do to the picture's size.

The package is not maintained any more. It resizes every picture so that its short side is a given length and
both sides are multiples of 64, which changes its shape; some of its detectors draw from NumPy's
global randomness, read the command line or print; and it does not load beside today's mediapipe.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import sys
import warnings
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from stylize.errors import ModelError, UsageError
from stylize.models import ModelOptions, find_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from propagate.arrays import Image


@dataclass(frozen=True)
class Detector:
    """A detector of controlnet-aux.

    Attributes
    ----------
    kind
        Its class.
    weights
        The preset of its weights; empty when it needs none.
    hard
        Whether it draws lines or flat colors that must not be blurred when its map is resized.
    given
        What else the class is loaded with.
    asked
        What else it is called with.
    """

    kind: str
    weights: str = ""
    hard: bool = False
    given: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)


DETECTORS: Final = {
    "canny": Detector("CannyDetector", hard=True),
    "lineart_standard": Detector("LineartStandardDetector"),
    "shuffle": Detector("ContentShuffleDetector"),
    "hed": Detector("HEDdetector", "aux-hed"),
    "hed_scribble": Detector("HEDdetector", "aux-hed", asked={"scribble": True}),
    "pidinet": Detector("PidiNetDetector", "aux-pidinet"),
    "lineart": Detector("LineartDetector", "aux-lineart"),
    "lineart_coarse": Detector("LineartDetector", "aux-lineart", asked={"coarse": True}),
    "lineart_anime": Detector("LineartAnimeDetector", "aux-lineart-anime"),
    "mlsd": Detector("MLSDdetector", "aux-mlsd", hard=True),
    "normalbae": Detector("NormalBaeDetector", "aux-normalbae"),
    "midas": Detector("MidasDetector", "aux-midas"),
    "zoe": Detector("ZoeDetector", "aux-zoe"),
    "leres": Detector("LeresDetector", "aux-leres"),
    "openpose": Detector("OpenposeDetector", "aux-openpose", hard=True),
    "openpose_full": Detector(
        "OpenposeDetector", "aux-openpose", hard=True, asked={"include_hand": True, "include_face": True}
    ),
    "teed": Detector("TEEDdetector", "aux-teed", given={"filename": "5_model.pth"}),
    "anyline": Detector("AnylineDetector", "aux-anyline", given={"filename": "MTEED.pth"}),
}
"""Detectors that work, by the name behind ``aux:``. DWPose, SAM and the mediapipe face do not."""


def detector_function(name: str) -> Callable[..., Image]:
    """Return a detector as a map function: uint8 (H, W, 3) in, uint8 (H, W, 3) out, the same size.

    Raises
    ------
    UsageError
        If there is no such detector.
    """
    if name not in DETECTORS:
        raise UsageError(f"map aux:{name} is unknown; known are {', '.join(f'aux:{one}' for one in DETECTORS)}")

    def detect(image: Image, *, weights: str | Path | None = None, models: ModelOptions | None = None) -> Image:
        return run_detector(name, image, weights, models or ModelOptions())

    return detect


def run_detector(name: str, image: Image, weights: str | Path | None, models: ModelOptions) -> Image:
    """Run a detector at the picture's own size.

    Parameters
    ----------
    name
        One of `DETECTORS`.
    image
        uint8 (H, W, 3) RGB.
    weights
        A folder with its weights; its preset by default.
    models
        Where weights are looked for; they are pickles, which must be allowed.

    Raises
    ------
    ModelError
        If the package or the weights are not here, or the detector fails.
    """
    detector = DETECTORS[name]
    package = _package(f"map aux:{name}")
    place = find_weights(name, weights, models)
    height, width = image.shape[:2]
    sides = {"detect_resolution": min(height, width), "image_resolution": min(height, width)}
    try:
        with _held():
            run = _loaded(package, name, place)
            known = inspect.signature(run.__call__).parameters
            any_name = any(one.kind is one.VAR_KEYWORD for one in known.values())
            asked = {key: side for key, side in sides.items() if any_name or key in known}
            made = run(image, output_type="np", **asked, **detector.asked)
    except (RuntimeError, ValueError, OSError, TypeError, AttributeError, NameError, KeyError) as error:
        raise ModelError(f"map aux:{name}: controlnet-aux failed ({type(error).__name__}: {error})") from error
    made = np.asarray(made)
    made = np.dstack([made] * 3) if made.ndim == 2 else made[..., :3]
    if made.shape[:2] != (height, width):
        shrinks = made.shape[0] * made.shape[1] > height * width
        how = cv2.INTER_NEAREST if detector.hard else cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        made = cv2.resize(made, (width, height), interpolation=how)
    return np.ascontiguousarray(made, np.uint8)


def find_weights(name: str, weights: str | Path | None, models: ModelOptions) -> Path | None:
    """Return where the weights of a detector are; None if it needs none. Nothing is imported.

    Raises
    ------
    ModelError
        If the package is not installed, or the weights are not here or are not allowed.
    """
    _check_package(f"map aux:{name}")
    wanted = DETECTORS[name].weights
    return find_model(weights or wanted, "annotator", options=models) if wanted else None


@functools.lru_cache(maxsize=1)
def _loaded(package: Any, name: str, place: Path | None) -> Any:
    detector = DETECTORS[name]
    kind = getattr(package, detector.kind)
    return kind() if place is None else kind.from_pretrained(str(place), **detector.given)


def _package(wanted_by: str) -> Any:
    """Import controlnet-aux, even beside a mediapipe that it does not know.

    Raises
    ------
    ModelError
        If it is not installed, or does not load.
    """
    if "controlnet_aux" in sys.modules:
        return sys.modules["controlnet_aux"]
    _check_package(wanted_by)
    away = "mediapipe" not in sys.modules  # it looks for `mediapipe.solutions`, which newer ones do not have
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        if away:
            sys.modules["mediapipe"] = None  # type: ignore[assignment]
        try:
            return import_module("controlnet_aux")
        except Exception as error:
            raise ModelError(
                f"{wanted_by}: controlnet-aux does not load ({type(error).__name__}: {error}); torch and "
                "torchvision must come from the same source: pip install --force-reinstall torch torchvision"
            ) from error
        finally:
            if away:
                del sys.modules["mediapipe"]


def _check_package(wanted_by: str) -> None:
    if "controlnet_aux" not in sys.modules and find_spec("controlnet_aux") is None:
        raise ModelError(
            f"{wanted_by} needs the package controlnet-aux; install it with: pip install 'keystylize[maps]'"
        )


@contextlib.contextmanager
def _held() -> Iterator[None]:
    """Keep a detector from what is not its own: the command line, stdout, warnings, global randomness."""
    state, arguments = np.random.get_state(), sys.argv  # noqa: NPY002  theirs, put back afterwards
    np.random.seed(0)  # noqa: NPY002
    sys.argv = arguments[:1]
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
        sys.argv = arguments
