"""Element files: TLE, or orbit mean-elements messages as JSON, XML, text or CSV, told apart by content."""

import re

from lasermesh.scenario.element_formats import read_csv, read_json, read_keywords, read_xml
from lasermesh.scenario.element_lines import ELEMENT_LINE, read_lines
from lasermesh.scenario.element_values import ElementFile

_TLE, _JSON, _XML, _OMM, _CSV = "TLE", "JSON", "XML", "OMM text", "CSV"
_BY_CONTENT = (
    (re.compile(r"\s*[\[{]"), _JSON),
    (re.compile(r"\s*<"), _XML),
    (re.compile(r"\s*(?:COMMENT[^\n]*\s+)*CCSDS_OMM_VERS"), _OMM),
    (re.compile(r"\s*[^\n]*\bNORAD_CAT_ID\b[^\n=]*(?:\n|$)"), _CSV),
)
_BY_SUFFIX = {".json": _JSON, ".xml": _XML, ".omm": _OMM, ".kvn": _OMM, ".csv": _CSV}
_READERS = {_TLE: read_lines, _JSON: read_json, _XML: read_xml, _OMM: read_keywords, _CSV: read_csv}

# What no line of a file in another format looks like.
_MARKS = (
    (re.compile(r"^[12] [ 0-9A-Z][ 0-9]{4}.{55,63}$", re.MULTILINE), _TLE),
    (re.compile(r"^\s*\[?\s*\{\s*\"", re.MULTILINE), _JSON),
    (re.compile(r"^\s*<(?:\?xml|ndm|omm)\b", re.MULTILINE), _XML),
    (re.compile(r"^CCSDS_OMM_VERS\s*=", re.MULTILINE), _OMM),
    (re.compile(r"^(?:[A-Z_]+,)+NORAD_CAT_ID,", re.MULTILINE), _CSV),
)


def read_elements(text, file_name) -> ElementFile:
    """What an element file holds; its name only counts where its content leaves the format open."""
    found = _format(text, file_name)
    read = _READERS[found](text)
    for mark, other in _MARKS:
        match = mark.search(text) if other != found else None
        if match is not None and (read.fault is not None or found in (_TLE, _OMM, _CSV)):
            line = text.count("\n", 0, match.start() + len(match[0]) - len(match[0].lstrip())) + 1
            return ElementFile([], [], fault=(line, f"is {found} up to here, but this is {other}"))
    return read


def _format(text, file_name):
    by_content = next((name for pattern, name in _BY_CONTENT if pattern.match(text)), None)
    if by_content is not None:
        return by_content
    if ELEMENT_LINE.search(text) is None:
        for suffix, name in _BY_SUFFIX.items():
            if file_name.lower().endswith(suffix):
                return name
    return _TLE
