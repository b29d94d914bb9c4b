"""Hand-off to compositing and editing programs."""
