"""Edges of mattes."""
