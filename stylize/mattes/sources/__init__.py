"""Readers of mattes."""
