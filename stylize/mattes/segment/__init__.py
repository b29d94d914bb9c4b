"""Mattes from hints."""
