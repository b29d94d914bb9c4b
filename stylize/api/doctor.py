"""Check of the installation: packages, tools, devices and disk space that a run needs."""

from __future__ import annotations

import importlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NAME = "keystylize"
OPENCV = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
ENCODERS = ("libx264", "prores_ks", "libvpx-vp9")
LEARNED = ("torch", "diffusers", "transformers", "accelerate", "peft")
"""Packages of the extra `diffusion`."""
NEEDED_BYTES = 2 * 1024**3
"""Free space below which a run of a short 720p clip may not fit."""


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes
    ----------
    name
        The part that was checked.
    state
        ``ok``, ``absent`` (optional and missing) or ``bad``.
    found
        The version, device, path or fault.
    mend
        The command or step that repairs it; empty when nothing is wrong.
    """

    name: str
    state: str
    found: str
    mend: str = ""


@dataclass(frozen=True)
class DoctorResult:
    """All findings, in the order in which they were checked."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """True if no finding is ``bad``."""
        return all(check.state != "bad" for check in self.checks)


def run_doctor(place: Path | None = None) -> DoctorResult:
    """Check everything that a run needs: packages, OpenCV, FFmpeg, kernels, GPU, models, disk space.

    An unexpected error in a check is a finding too: one broken package must not hide the others.

    Parameters
    ----------
    place
        Folder of the work; the current one by default.
    """
    place = place or Path.cwd()
    checks: tuple[Callable[[], Check], ...] = (
        _python,
        _packages,
        _opencv,
        _contrib,
        _reader,
        _ffmpeg,
        _threads,
        _kernel_cache,
        _gpu,
        _learned,
        _device,
        _weights,
        lambda: _disk(place),
    )
    return DoctorResult(tuple(_guarded(check) for check in checks))


def format_check(check: Check) -> str:
    """Return a finding as text for the terminal."""
    mark = {"ok": "ok", "absent": "-", "bad": "BAD"}[check.state]
    return f"{mark:<4} {check.name:<9} {check.found}" + (f"\n     mend: {check.mend}" if check.mend else "")


def opencv_clash(installed: Iterable[str]) -> Check:
    """Return the finding on the OpenCV distributions among the names `installed`.

    All of them write the same ``cv2`` folder: the last one installed wins, and removing any breaks it.
    """
    found = sorted({name.lower().replace("_", "-") for name in installed} & set(OPENCV))
    if found == ["opencv-contrib-python"]:
        return Check("opencv", "ok", f"opencv-contrib-python {version('opencv-contrib-python')}")
    again = f"{_pip()} install --force-reinstall --no-deps opencv-contrib-python"
    if not found:
        return Check("opencv", "bad", "no OpenCV distribution", again)
    others = " ".join(name for name in found if name != "opencv-contrib-python")
    return Check(
        "opencv",
        "bad",
        f"these overwrite each other: {', '.join(found)}",
        f"{_pip()} uninstall -y {others} && {again}",
    )


def _guarded(check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Exception as error:  # noqa: BLE001  any failure of a check is a finding
        name = getattr(check, "__name__", "disk").strip("_").replace("<lambda>", "disk")
        return Check(name, "bad", f"{type(error).__name__}: {error}", f"{_pip()} install --force-reinstall {_source()}")


def _pip() -> str:
    """Return the command of pip for this Python, which need not be the first on the path."""
    name = Path(sys.executable).name
    found = shutil.which(name)
    here = found is not None and Path(found).absolute() == Path(sys.executable).absolute()
    return f"{name if here else shlex.quote(sys.executable)} -m pip"


def _source() -> str:
    """Return the argument of `pip install` for this program: the checkout it runs from, or its name."""
    root = Path(__file__).resolve().parents[2]
    return f"-e {shlex.quote(str(root))}" if (root / "pyproject.toml").is_file() else NAME


def _python() -> Check:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return Check("python", "ok", found)


def _packages() -> Check:
    """Check every package that the distribution requires, without extras."""
    needed = [re.split(r"[^\w.-]", one)[0] for one in requires(NAME) or () if "extra ==" not in one]
    found, missing = [], []
    for name in needed:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("packages", "bad", f"missing: {', '.join(missing)}", f"{_pip()} install {' '.join(missing)}")
    return Check("packages", "ok", ", ".join(found))


def _opencv() -> Check:
    return opencv_clash(d.metadata["Name"] or "" for d in distributions())


def _contrib() -> Check:
    try:
        import cv2
    except ImportError as error:
        mend = "on Debian or Ubuntu: apt install libgl1 libglib2.0-0; elsewhere install the libraries named here"
        return Check("cv2", "bad", f"does not load: {error}", mend)
    missing = [name for name in ("ximgproc", "optflow") if not hasattr(cv2, name)]
    if missing:
        mend = f"{_pip()} install --force-reinstall --no-deps opencv-contrib-python"
        return Check("cv2", "bad", f"{cv2.__version__} without {', '.join(missing)}", mend)
    return Check("cv2", "ok", f"{cv2.__version__} with ximgproc and optflow")


def _reader() -> Check:
    av = importlib.import_module("av")
    return Check(
        "reader",
        "ok",
        f"av {av.__version__}, libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}",
    )


def _ffmpeg() -> Check:
    import imageio_ffmpeg

    binary = imageio_ffmpeg.get_ffmpeg_exe()
    listing = subprocess.run(
        [binary, "-hide_banner", "-encoders"], capture_output=True, text=True, check=True, timeout=60
    )
    missing = [name for name in ENCODERS if name not in listing.stdout]
    if missing:
        mend = f"unset IMAGEIO_FFMPEG_EXE, or: {_pip()} install --force-reinstall imageio-ffmpeg"
        return Check("ffmpeg", "bad", f"{binary} without {', '.join(missing)}", mend)
    return Check("ffmpeg", "ok", f"{imageio_ffmpeg.get_ffmpeg_version()} at {binary}")


def _threads() -> Check:
    import numba

    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        return Check(
            "threads",
            "bad",
            "NUMBA_DISABLE_JIT is set: kernels run 100 times slower",
            "unset NUMBA_DISABLE_JIT",
        )
    found = f"numba {numba.__version__} uses {numba.get_num_threads()} of {os.cpu_count()} cores"
    return Check("threads", "ok", found)


def _kernel_cache() -> Check:
    """Check where compiled kernels are cached: beside their sources, else in the user's cache folder."""
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or str(Path(__file__).resolve().parents[2] / "propagate"))
    if os.access(folder, os.W_OK):
        return Check("kernels", "ok", f"compiled once, kept in {folder}")
    try:
        importlib.import_module("propagate._patch_distance")
    except RuntimeError:  # Numba found no folder for its cache
        mend = "set NUMBA_CACHE_DIR to a folder that can be written"
        return Check("kernels", "bad", f"{folder} and the user's cache are read-only", mend)
    return Check(
        "kernels",
        "absent",
        f"{folder} is read-only; each user compiles once",
        "set NUMBA_CACHE_DIR to a folder for all",
    )


def _gpu() -> Check:
    if find_spec("numba_cuda") is None:
        return Check("gpu", "absent", "not needed; numba-cuda is not installed", f"{_pip()} install '{NAME}[cuda]'")
    cuda = importlib.import_module("numba.cuda")
    if not cuda.is_available():
        return Check("gpu", "absent", "not needed; no CUDA device or driver", "install the device's driver")
    name = cuda.get_current_device().name
    return Check("gpu", "ok", name.decode() if isinstance(name, bytes) else str(name))


def _learned() -> Check:
    """Check the packages of diffusion renderers; a torchvision built for another torch breaks them."""
    installed = {name: find_spec(name) is not None for name in LEARNED}
    if not all(installed.values()):
        missing = ", ".join(name for name, here in installed.items() if not here)
        mend = f"{_pip()} install '{NAME}[diffusion]'"
        return Check("learned", "absent", f"renderer patch needs none; missing: {missing}", mend)
    found = ", ".join(f"{name} {version(name)}" for name in LEARNED)
    if find_spec("torchvision") is not None:
        try:
            importlib.import_module("torchvision")
        except Exception as error:  # noqa: BLE001  a library of another build may raise anything
            mend = f"{_pip()} install --force-reinstall torch torchvision"
            state = f"{found}; torchvision does not fit torch and is not used ({error})"
            return Check("learned", "absent", state, mend)
    return Check("learned", "ok", found)


def _device() -> Check:
    """Check the device on which renderer sd would paint."""
    if find_spec("torch") is None:
        return Check("device", "absent", "renderer patch needs none; torch is not installed")
    torch = importlib.import_module("torch")
    if torch.cuda.is_available():
        free, total = (size / 1024**3 for size in torch.cuda.mem_get_info())
        return Check("device", "ok", f"{torch.cuda.get_device_name()}, {free:.1f} of {total:.1f} GiB free")
    if torch.backends.mps.is_available():
        return Check("device", "ok", "Apple GPU (mps)")
    return Check("device", "absent", "no GPU: renderer sd takes minutes for a key here, --renderer auto takes patch")


def _weights() -> Check:
    from stylize.models import ModelOptions, presets
    from stylize.models.locations import cache_folder, locate

    here = [name for name in presets() if locate(name, ModelOptions()) is not None]
    if not here:
        found = f"renderer patch needs none; no known model in {cache_folder()}"
        return Check("weights", "absent", found, "stylize models list, stylize models fetch NAME")
    return Check("weights", "ok", f"renderer patch needs none; here: {', '.join(here)}")


def _disk(place: Path) -> Check:
    folder = next(p for p in (place.absolute(), *place.absolute().parents) if p.exists())
    free = shutil.disk_usage(folder).free
    found = f"{free / 1024**3:.1f} GiB free at {folder}"
    if not os.access(folder, os.W_OK):
        return Check("disk", "bad", f"{folder} cannot be written", "work elsewhere, or name a folder with --project")
    if free < NEEDED_BYTES:
        return Check("disk", "bad", found, "free some space: frames of a 720p clip take about 1.5 MB each")
    return Check("disk", "ok", found)
