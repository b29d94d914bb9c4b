"""Every file that a painting needs, found and checked against the others before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from stylize.errors import ModelError, UsageError
from stylize.maps import check_map_name
from stylize.maps.registry import DETECTOR
from stylize.models import ModelOptions, find_model, model_hash, presets
from stylize.render.diffusion.compatibility import check_adapter, check_controlnet, check_lora, find_encoder
from stylize.render.diffusion.families import FAMILIES, Family, Shape, detect
from stylize.render.diffusion.options import Control, parse_control, parse_weighted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from stylize.render.diffusion.options import DiffusionOptions

PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "peft", "safetensors")


@dataclass(frozen=True)
class ControlPart:
    """A control and its ControlNet.

    Attributes
    ----------
    mode
        The map's number in a ControlNet-Union, else None.
    annotator
        Weights of the detector that draws the map; None for maps that need none.
    """

    control: Control
    path: Path
    mode: int | None = None
    annotator: Path | None = None

    def drawn_by(self) -> list[str]:
        """Name and hash the detector's own files; many detectors share a repository."""
        if self.annotator is None or self.annotator.is_file():
            return [] if self.annotator is None else [model_hash(self.annotator)]
        from stylize.maps.detectors import DETECTORS

        preset = presets()[DETECTORS[self.control.map.removeprefix(DETECTOR)].weights]
        files = [self.annotator / name.rpartition("/")[2] for name in preset.files]
        return [text for file in files if file.is_file() for text in (file.name, model_hash(file))]


@dataclass(frozen=True)
class Adapter:
    """An IP-Adapter: its file, the folder of its image encoder, whether it reads hidden states."""

    path: Path
    encoder: Path
    plus: bool


@dataclass(frozen=True)
class LoraPart:
    """A LoRA and its weight."""

    path: Path
    weight: float


@dataclass(frozen=True)
class Components:
    """All files of a painter.

    Attributes
    ----------
    base
        The model: a folder in diffusers' layout, or a checkpoint file with `config` for what it lacks.
    shape
        Its family and widths.
    adapter
        None where no IP-Adapter carries the style.
    depth
        The depth model, when a control needs one.
    models
        Where models are looked for, and whether those in Python's pickle format may be loaded.
    """

    base: Path
    shape: Shape
    config: Path | None
    vae: Path | None
    controls: tuple[ControlPart, ...]
    adapter: Adapter | None
    loras: tuple[LoraPart, ...]
    embeddings: tuple[Path, ...]
    depth: Path | None = None
    models: ModelOptions = field(default_factory=ModelOptions)

    @property
    def family(self) -> Family:
        """The family of the model."""
        return self.shape.family

    @property
    def union(self) -> bool:
        """Whether one net follows all controls."""
        return any(part.mode is not None for part in self.controls)

    def weights(self) -> tuple[str, ...]:
        """Everything that is loaded, in one hashable line: two painters with the same share a pipeline.

        Not how much each counts: that is said with every painting.
        """
        paths = [self.base, self.config, self.vae, *(part.path for part in self.controls), *self.embeddings]
        adapter = [self.adapter.path, self.adapter.encoder] if self.adapter else []
        return tuple(map(str, [*paths, "with", *adapter, "and", *(lora.path for lora in self.loras)]))

    def files(self) -> list[Path]:
        """All that is loaded for painting, once each."""
        adapter = [self.adapter.path] if self.adapter else []
        controls, loras = (part.path for part in self.controls), (lora.path for lora in self.loras)
        return list(dict.fromkeys(filter(None, [self.base, self.vae, *controls, *adapter, *loras])))

    def identity(self) -> dict[str, Any]:
        """Name and hash of every file, JSON-ready."""

        def known(path: Path | None) -> list[str] | None:
            return None if path is None else [path.name, model_hash(path)]

        adapter = self.adapter
        return {
            "family": self.family.name,
            "base": known(self.base),
            "config": known(self.config),
            "vae": known(self.vae),
            "depth": known(self.depth),
            "controls": [[p.control.map, *(known(p.path) or ()), *p.drawn_by()] for p in self.controls],
            "adapter": adapter and [*(known(adapter.path) or ()), model_hash(adapter.encoder)],
            "loras": [known(lora.path) for lora in self.loras],
            "embeddings": [known(path) for path in self.embeddings],
        }


def check_packages() -> None:
    """Raise ModelError unless every package of the extra is installed; imports none of them."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ModelError(
            f"renderer sd needs {', '.join(missing)}; install with: pip install 'keystylize[diffusion]', "
            "or paint without any model: --renderer patch"
        )


def gather_parts(options: DiffusionOptions, models: ModelOptions, *, styled: bool) -> Components:
    """Find and check every file that `options` name.

    Parameters
    ----------
    options
        What is asked for.
    models
        Where models are looked for, and whether missing ones are fetched.
    styled
        Whether there is a style picture to carry.

    Raises
    ------
    ModelError
        If something is missing, with the command that fetches it; damaged; or of another family.
    UsageError
        If a name is unknown.
    """
    base = _base(options.model, models)
    shape = detect(base, allow_pickle=models.allow_pickle)
    loras = [parse_weighted(spec) for spec in options.loras]
    found = [LoraPart(_find(one.name, "lora", models), one.weight) for one in loras]
    if options.fast != "off":
        found.append(LoraPart(_find(f"{options.fast}-{shape.family.name}", "lora", models), 1.0))
    for lora in found:
        check_lora(lora.path, shape, allow_pickle=models.allow_pickle)
    if options.safety_checker:
        find_checker(base)
    embeddings = tuple(_find(spec, "embedding", models) for spec in options.embeddings)
    return Components(
        base,
        shape,
        _config(base, options.config, shape, models),
        None if options.vae == "auto" else _find(options.vae, "vae", models),
        _controls(options.controls, shape, models),
        _adapter(options.style_adapter, shape, models) if styled else None,
        tuple(found),
        embeddings,
        _depth(options, models),
        models,
    )


def find_checker(base: Path) -> Path:
    """Return the folder of the safety checker that came with a model; ModelError if none did."""
    place = base / "safety_checker"
    if not (place / "config.json").is_file():
        raise ModelError(f"{base}: has no safety checker; leave --safety-checker out, or add it in {place}")
    return place


def _find(name: str, kind: str, models: ModelOptions) -> Path:
    return find_model(name, kind, options=models)


def _base(name: str, models: ModelOptions) -> Path:
    """Find the model; ``auto`` takes the first family's that is here, and else says what to fetch."""
    if name != "auto":
        return _find(name, "base", models)
    first: ModelError | None = None
    offline = type(models)(models.folders, download=False, allow_pickle=models.allow_pickle)
    for family in FAMILIES:
        try:
            return _find(family, "base", offline)
        except ModelError as error:
            first = first or error
    if models.download:
        return _find(next(iter(FAMILIES)), "base", models)
    raise first or ModelError("no model is known")


def _config(base: Path, config: str, shape: Shape, models: ModelOptions) -> Path | None:
    """Find what a checkpoint of one file lacks: tokenizers and settings of its family."""
    if base.is_dir():
        return None
    try:
        found = _find(shape.family.name if config == "auto" else config, "base", models)
    except ModelError as error:
        raise ModelError(
            f"{base}: a checkpoint of one file needs tokenizer and settings of its family besides; fetch "
            f"them: `stylize models fetch {shape.family.name}`, or name a folder in diffusers' layout as "
            "diffusion.config"
        ) from error
    if not found.is_dir() or detect(found).family is not shape.family:
        raise ModelError(f"{found}: is no folder of {shape.family.title}, which {base.name} is; name one")
    return found


def _controls(specs: Iterable[str], shape: Shape, models: ModelOptions) -> tuple[ControlPart, ...]:
    found, pickle = [], models.allow_pickle
    for control in filter(None, map(parse_control, specs)):
        check_map_name(control.map)
        short = control.map.removeprefix(DETECTOR)
        table = shape.family.controls
        name = control.model or table.get(short) or table.get(short.partition("_")[0]) or table.get("")
        if name is None:
            raise UsageError(
                f"control {control.map} has no ControlNet of its own for {shape.family.title}; "
                f"name one: --control {control.map}@MODEL, or choose one of {', '.join(table)}"
            )
        path = _find(name, "controlnet", models)
        found.append(
            ControlPart(
                control,
                path,
                check_controlnet(path, short, shape, allow_pickle=pickle),
                _annotator(control, models),
            )
        )
    if len({part.mode is None for part in found}) > 1 or (
        found and found[0].mode is not None and len({part.path for part in found}) > 1
    ):
        raise UsageError("a ControlNet-Union stands alone: let all controls use it, or none")
    return tuple(found)


def _annotator(control: Control, models: ModelOptions) -> Path | None:
    """Find the weights of a map's detector, and its package, before any work; None if it needs none."""
    if not control.map.startswith(DETECTOR):
        return None
    from stylize.maps.detectors import find_weights

    return find_weights(control.map.removeprefix(DETECTOR), None, models)


def _depth(options: DiffusionOptions, models: ModelOptions) -> Path | None:
    wanted = any(spec.partition(":")[0].partition("@")[0] == "depth" for spec in options.controls)
    return _find(options.depth_model, "depth", models) if wanted else None


def _adapter(name: str, shape: Shape, models: ModelOptions) -> Adapter | None:
    if name in ("none", "attention"):
        return None
    preset = f"ip-adapter-{shape.family.name}" if name == "auto" else name
    try:
        path = _find(preset, "ip-adapter", models)
    except ModelError as error:
        raise ModelError(f"{error}; --style-adapter attention needs no IP-Adapter") from error
    plus, width = check_adapter(path, shape, allow_pickle=models.allow_pickle)
    return Adapter(path, find_encoder(path, plus, width), plus)
