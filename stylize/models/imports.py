"""Load the learned libraries so that they work together, quietly, and stay off the network."""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module
from typing import Any

from stylize.errors import ModelError


def load_libraries(*names: str, wanted_by: str, extra: str = "diffusion") -> tuple[Any, ...]:
    """Import packages of an extra.

    Parameters
    ----------
    *names
        Such as ``torch``, ``transformers``, ``diffusers``.
    wanted_by
        What needs them, for the message.
    extra
        Which extra installs them.

    Raises
    ------
    ModelError
        If one is missing or does not load; the message names the command that installs it.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the libraries say about each other; errors remain errors
        mask_broken_torchvision()
        try:
            found = tuple(import_module(name) for name in names)
        except ImportError as error:
            missing = getattr(error, "name", None) or names[0]
            raise ModelError(
                f"{wanted_by} needs {missing}, which does not load; install it with: "
                f"pip install 'keystylize[{extra}]' ({error})"
            ) from error
    for library in found:
        if library.__name__ in ("transformers", "diffusers"):
            library.utils.logging.set_verbosity_error()
            library.utils.logging.disable_progress_bar()
    return found


def mask_broken_torchvision() -> None:
    """Hide a torchvision that was built for another torch: it breaks every library that finds it.

    None of what this project uses of transformers and diffusers needs it; they work without.
    """
    try:
        import_module("torchvision")
    except ImportError:
        pass
    except Exception:  # noqa: BLE001  "operator torchvision::nms does not exist", or whatever comes next
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        sys.modules["torchvision"] = None  # type: ignore[assignment]
