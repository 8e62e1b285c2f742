"""Element sets as orbit mean-elements messages (OMM): JSON, XML, keywords in text, and CelesTrak's CSV."""

import csv
import io
import json
import re
from xml.parsers import expat

from lasermesh.scenario.element_values import NEEDED, BadSet, ElementFile, set_from_keywords
from lasermesh.scenario.problems import shown

_SPACE = re.compile(r"[ \t\r\n]*")
_KEY_AND_VALUE = re.compile(r"([A-Z][A-Z0-9_]*)[ \t]*=[ \t]*(.*)")
_UNIT = re.compile(r"[ \t]*\[[^\]]*\]$")
_MOST_NESTED = 100


class _Fault(Exception):
    """The file as a whole is wrong; `line` is None where it cannot be known."""

    def __init__(self, line, message):
        super().__init__(line, message)
        self.line, self.message = line, message


def read_json(text):
    """The `ElementFile` of JSON text: a list of messages, or one."""
    return _read(_json_messages, text)


def read_xml(text):
    """The `ElementFile` of XML text: `omm` elements, alone or in an `ndm`."""
    return _read(_xml_messages, text)


def read_keywords(text):
    """The `ElementFile` of messages one after the other, each begun by CCSDS_OMM_VERS."""
    return _read(_keyword_messages, text)


def read_csv(text):
    """The `ElementFile` of a table with OMM's keywords as its header."""
    return _read(_csv_messages, text)


def _read(messages, text):
    """Element sets of the messages: pairs of line and values, or of line and what is wrong."""
    sets, bad = [], []
    try:
        for slot, (line, values) in enumerate(messages(text)):
            if isinstance(values, str):
                made = BadSet(None, None, line, slot, "damaged", values)
            else:
                made = set_from_keywords(values, line, slot)
            (bad if isinstance(made, BadSet) else sets).append(made)
    except _Fault as fault:
        return ElementFile([], [], fault=(fault.line, fault.message))
    return ElementFile(sets, bad)


def _json_messages(text):
    decode = json.JSONDecoder().raw_decode
    at = _SPACE.match(text).end()
    in_list = text[at] == "["
    at = _SPACE.match(text, at + in_list).end()
    line, counted = 1, 0
    more = not in_list or text[at : at + 1] != "]"
    while more:
        line += text.count("\n", counted, at)
        counted = at
        try:
            value, at = decode(text, at)
        except json.JSONDecodeError as error:
            raise _Fault(error.lineno, f"not valid JSON: {error.msg}") from None
        except RecursionError:
            raise _Fault(line, "not valid JSON: nested too deeply") from None
        except ValueError:  # a number of thousands of digits
            raise _Fault(line, "not valid JSON: a number is too long") from None
        yield line, value if isinstance(value, dict) else f"a message must be an object (got {shown(value)})"
        at = _SPACE.match(text, at).end()
        more = in_list and text[at : at + 1] == ","
        if more:
            at = _SPACE.match(text, at + 1).end()
    end_line = text.count("\n", 0, at) + 1
    if in_list:
        if text[at : at + 1] != "]":
            what = "more is missing at its end" if at >= len(text) else "a comma or ] is missing"
            raise _Fault(end_line, f"not valid JSON: {what}")
        at = _SPACE.match(text, at + 1).end()
    if at < len(text):
        raise _Fault(text.count("\n", 0, at) + 1, "not valid JSON: something follows after its end")


class _XmlReader:
    """Collects the keywords below each `omm` element; refuses document types, with which entities come."""

    def __init__(self):
        self.messages = []
        self._depth = 0
        self._values = None
        self._text = []
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _doctype(self, *_):
        raise _Fault(self.parser.CurrentLineNumber, "XML with a document type (<!DOCTYPE) is not read")

    def _start(self, tag, _):
        self._depth += 1
        if self._depth > _MOST_NESTED:
            raise _Fault(self.parser.CurrentLineNumber, "not valid XML: nested too deeply")
        if _local(tag) == "omm":
            if self._values is not None:
                raise _Fault(self.parser.CurrentLineNumber, "an omm element stands inside another")
            self._values = {}
            self.messages.append((self.parser.CurrentLineNumber, self._values))
        self._text = []

    def _characters(self, text):
        self._text.append(text)

    def _end(self, tag):
        self._depth -= 1
        if _local(tag) == "omm":
            self._values = None
        elif self._values is not None:
            text = "".join(self._text).strip()
            keyword = _local(tag)
            if text and keyword in NEEDED and keyword in self._values:
                raise _Fault(self.parser.CurrentLineNumber, f"{keyword} is there twice in an omm element")
            if text:
                self._values[keyword] = text
        self._text = []


def _local(tag):
    return tag.rpartition(":")[2]


def _xml_messages(text):
    reader = _XmlReader()
    try:
        reader.parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        raise _Fault(error.lineno, f"not valid XML: {expat.ErrorString(error.code)}") from None
    return reader.messages


def _keyword_messages(text):
    line_of_message, values = None, None
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line.startswith("COMMENT"):
            continue
        match = _KEY_AND_VALUE.fullmatch(line)
        if match is None:
            raise _Fault(number, f"must be KEYWORD = value (got {shown(line)})")
        if match[1] == "CCSDS_OMM_VERS":
            if values is not None:
                yield line_of_message, values
            line_of_message, values = number, {}
        if values is None:
            raise _Fault(number, "a message must begin with CCSDS_OMM_VERS")
        if match[1] in values:
            raise _Fault(number, f"{match[1]} is there twice; each message begins with CCSDS_OMM_VERS")
        # A unit may follow a number, as [deg]; names may end in brackets too.
        values[match[1]] = match[2] if match[1] == "OBJECT_NAME" else _UNIT.sub("", match[2])
    if values is not None:
        yield line_of_message, values


def _csv_messages(text):
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _Fault(line, f"not valid CSV: {error}") from None
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = [cell.strip() for cell in cells]
            _check_header(header, line)
        elif len(cells) != len(header):
            yield line, f"has {len(cells)} cells, but the header has {len(header)}"
        else:
            yield line, dict(zip(header, cells, strict=True))


def _check_header(header, line):
    missing = [word for word in NEEDED if word not in header]
    if missing:
        raise _Fault(line, f"there is no column {', '.join(missing)}")
    twice = [word for word in NEEDED if header.count(word) > 1]
    if twice:
        raise _Fault(line, f"the column {twice[0]} is there twice")
