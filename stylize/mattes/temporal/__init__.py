"""Mattes that are steady over time."""
