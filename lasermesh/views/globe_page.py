"""The globe as one page of HTML that needs nothing else: template, style, script and data joined.

The page's parts lie in `page/` as plain files. They are joined as they are, without a build step: the scripts
one after the other in the order of SCRIPTS, inside one function, so that they share names with each other and
with nothing else. The page forbids itself any request, and any script and style but its own, which it names
by hash (Content Security Policy).
"""

import base64
import hashlib
import html
import json
from pathlib import Path

PAGE = Path(__file__).parent / "page"

# Each uses only names of those before it, outside of functions.
SCRIPTS = (
    "unpack.js",
    "sky.js",
    "links.js",
    "drops.js",
    "earth.js",
    "view.js",
    "paths.js",
    "pick.js",
    "text.js",
    "overview.js",
    "search.js",
    "flow_card.js",
    "panel.js",
    "player.js",
    "main.js",
)


def globe_html(data: dict) -> str:
    """A self-contained page that shows `data`, as `lasermesh.views.globe.globe_data` makes it."""
    style = _part("globe.css")
    script = '"use strict";\n(() => {\n' + "\n".join(_part(name) for name in SCRIPTS) + "})();\n"
    filled = {
        "POLICY": f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}",
        "TITLE": html.escape(f"{data['title']} - lasermesh globe"),
        "STYLE": style,
        "SCRIPT": script,
        # "<" is only inside strings there, where it may be written so: nothing ends the element early.
        "DATA": json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
    }
    pieces = _part("globe.html").split("@@")
    return "".join(filled[piece] if place % 2 else piece for place, piece in enumerate(pieces))


def _part(name):
    return (PAGE / name).read_text(encoding="utf-8")


def _hash(text):
    """A text as Content Security Policy names it."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
