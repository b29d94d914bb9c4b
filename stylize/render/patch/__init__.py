"""Keyframe renderer without weights, by patch synthesis."""
