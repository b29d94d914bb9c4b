"""An OpenTimelineIO timeline of a comp: source, layers and mattes on tracks of their own, keys as markers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stylize.errors import StylizeError

if TYPE_CHECKING:
    from stylize.export.comp_description import CompDescription, Footage


def load_timelines() -> Any:
    """Return the module `opentimelineio`; call it before work whose end is a timeline.

    Raises
    ------
    StylizeError
        If the extra ``comp`` is not installed.
    """
    try:
        import opentimelineio
    except ImportError as error:
        raise StylizeError(
            "a timeline needs OpenTimelineIO, which is not installed; pip install 'keystylize[comp]'"
        ) from error
    return opentimelineio


def write_timeline(path: str, comp: CompDescription) -> None:
    """Write a .otio file.

    Video tracks from the bottom up: the source, the layers, then the flattened clip and the mattes, both
    disabled; an audio track has the source's sound. A layer's blend is in its metadata.

    Raises
    ------
    StylizeError
        If the extra ``comp`` is not installed.
    """
    otio = load_timelines()
    rate = float(comp.rate)
    begin = otio.opentime.RationalTime(comp.first, rate)
    timeline = otio.schema.Timeline(comp.name, global_start_time=begin)

    def span(first: int) -> Any:
        return otio.opentime.TimeRange(
            otio.opentime.RationalTime(first, rate), otio.opentime.RationalTime(comp.count, rate)
        )

    def media(footage: Footage) -> Any:
        if not footage.is_sequence:
            # Only the part that is used is known here, and a video's frames count from 0.
            return otio.schema.ExternalReference(footage.path(""), span(footage.first))
        return otio.schema.ImageSequenceReference(
            target_url_base=f"{footage.folder}/" if footage.folder else "",
            name_prefix=footage.prefix,
            name_suffix=footage.suffix,
            start_frame=footage.first,
            frame_step=1,
            rate=rate,
            frame_zero_padding=footage.digits,
            available_range=span(footage.first),
        )

    def track(name: str, footage: Footage, *, enabled: bool = True, **facts: Any) -> Any:
        one = otio.schema.Track(name, kind=otio.schema.TrackKind.Video)
        clip = otio.schema.Clip(name, media(footage), span(footage.first), metadata={"stylize": facts})
        clip.enabled = enabled
        one.append(clip)
        timeline.tracks.append(one)
        return clip

    track("source", comp.plate)
    for layer in comp.layers:
        clip = track(layer.name, layer.footage, blend=layer.blend, light="linear" if comp.linear else "display")
        for key in layer.keys:
            at = otio.opentime.RationalTime(layer.footage.first + key, rate)
            marked = otio.opentime.TimeRange(at, otio.opentime.RationalTime(1, rate))
            clip.markers.append(otio.schema.Marker(f"key {key}", marked, otio.schema.MarkerColor.GREEN))
    track("flattened", comp.flat, enabled=False)
    for layer in comp.layers:
        track(f"{layer.name} matte", layer.matte, enabled=False)
    if comp.sound is not None:
        sound = otio.schema.Track("sound", kind=otio.schema.TrackKind.Audio)
        used = span(comp.plate.first)
        reference = otio.schema.ExternalReference(comp.sound, used)
        sound.append(otio.schema.Clip("sound", reference, used))
        timeline.tracks.append(sound)
    otio.adapters.write_to_file(timeline, path)
