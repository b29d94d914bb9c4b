"""Review page: shows why each keyframe was chosen, edits the plan, paints mattes and follows runs.

A local server and one page without a build step (`static/`: plain HTML, modules and a style sheet).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


def open_review(
    clip: str | Path,
    style: str | Path | Sequence[str | Path] = (),
    *,
    project: str | Path | None = None,
    renderer: str | None = None,
    matte: str | Path | None = None,
    start: str | int | None = None,
    end: str | int | None = None,
    settings: Mapping[str, Any] | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    allow_remote: bool = False,
    browser: bool = True,
    on_message: Callable[[str], None] = print,
) -> Path:
    """Serve the review page of a clip until Ctrl-C; edits are saved in the plan of the project at once.

    Parameters
    ----------
    clip, style, project, renderer, matte, start, end
        As for `stylize.api.run.stylize_clip`; without a range, that of the last run. Runs started from the page
        use them too.
    settings
        Some settings by full name (``{"select.max_keys": 4}``) over those of the project and the user; runs
        started from the page use them too.
    host
        Address to listen on.
    port
        Port to listen on; 0 takes a free one.
    allow_remote
        Allow a `host` that other machines can reach; the connection is not encrypted.
    browser
        Open the page in the default browser.
    on_message
        Called with each line for the user, such as the link to the page.

    Returns
    -------
    Path
        Folder of the project.

    Raises
    ------
    UsageError
        If `host` can be reached by others and `allow_remote` is not set, or the port cannot be listened on.
    """
    from stylize.api._arguments import make_request
    from stylize.review.server.serve import serve

    request = make_request(clip, style, project=project, renderer=renderer, matte=matte, start=start, end=end)
    return serve(
        request,
        settings,
        host=host,
        port=port,
        allow_remote=allow_remote,
        browser=browser,
        on_message=on_message,
    )
