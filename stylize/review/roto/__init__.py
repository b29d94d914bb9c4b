"""Mattes painted in the review page."""
