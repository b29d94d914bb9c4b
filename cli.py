"""Entry point for a checkout: ``python cli.py …`` is ``stylize …``."""

from __future__ import annotations

from stylize.cli.app import main

if __name__ == "__main__":
    main()
