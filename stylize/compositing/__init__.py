"""Layers: what of a frame is styled, how it is cut out, and how all of it is put together and handed on."""
