"""Places in answers: relative to the home. Where it lies on its machine is nobody's business.

Who reads an answer may sit elsewhere; who runs the server knows where its home is.
"""

import os
import re
from pathlib import Path

# All folders of an absolute path, not of a URL or a ratio; its name stays. A blank may be part of
# a path: what is cut too early shows the rest, so names of folders with blanks go with their home.
FOLDERS = re.compile(r"(?<![\w/.:~}-])(?:/[^\s/'\":,;()]+)*/(?=[^\s/'\":,;()])")
HOME = "the home"


def shown(text: str, home: Path) -> str:
    """A text of an error without absolute paths: from the home on, elsewhere only the name."""
    for root in sorted({str(home), str(home.absolute()), os.path.realpath(home)}, key=len)[::-1]:
        if root.startswith("/") and root != "/":
            inner = re.escape(root)
            text = re.sub(rf"{inner}/+(?=[^\s/'\":,;()])", "", text)
            text = re.sub(rf"{inner}/?(?![\w.-])", HOME, text)
    return FOLDERS.sub("", text)
