"""Entry point of ``python -m stylize``."""

from __future__ import annotations

from stylize.cli.app import main

if __name__ == "__main__":
    main()
