"""Control maps: what of a frame a painter must keep, as a picture of the painter's own size."""

from __future__ import annotations

from stylize.maps.registry import NAMES, check_map_name, make_map, map_names

__all__ = ["NAMES", "check_map_name", "make_map", "map_names"]
