"""Values that change along the clip."""
