"""The `stylize` command: parse, call, show progress, set the exit code."""


def main() -> None:
    """Run the command line."""
    raise SystemExit("stylize: no command yet")
