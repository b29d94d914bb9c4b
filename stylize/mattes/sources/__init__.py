"""Matte sources: videos, images, EXR channels and Cryptomatte, opened by specification."""
