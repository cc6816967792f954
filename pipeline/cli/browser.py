"""The page in the user's own browser."""

import sys
import webbrowser

from pipeline.settings.reading import has_display


def open_page(url: str) -> bool:
    """Open a URL where there is a screen to see it on; whether that was tried with success.

    Without one, `webbrowser` would put a browser of text into the terminal.
    """
    if not has_display(sys.platform):
        return False
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False
