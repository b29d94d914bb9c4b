"""Public functions, one module per verb: the command line, the review page, hosts and scripts call these.

`stylize` re-exports them. Paths are strings or `pathlib.Path`; ``settings`` are complete `Settings`, a mapping
of some by full name (``{"select.max_keys": 4}``), or None; ``on_progress`` is called with the name of a stage
and its finished share, 0 to 1, and may raise to cancel. Results are frozen dataclasses.
"""
