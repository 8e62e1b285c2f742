"""How a capture is written: what of each packet, into which files."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from lasermesh.capture.streams import folder_and_suffix
from lasermesh.errors import UserError
from lasermesh.files import check_output

COPIES = ("out", "in", "both")
LINK_TYPES = ("raw", "ethernet")

SNAPLEN = 96
"""Bytes kept of a packet: all headers, of IPv6 and TCP with options too."""

LEAST_SNAPLEN, MOST_SNAPLEN = 48, 65535
"""The headers of IPv6 and UDP; the largest packet."""

LIMIT = 1_000_000
"""Records written at most: Wireshark takes half a minute to open so many."""

FILE_NAME = "capture.pcapng"
STDOUT = "/dev/stdout"
SUFFIXES = (".pcapng", ".pcapng.gz")


class CaptureOptions(NamedTuple):
    """What `--capture` and the options beside it ask for."""

    spec: str = "endpoints"
    """`endpoints`, `NODE`, `NODE:PEER`, `flow:NAME` or `all`."""

    copies: str | None = None
    """Of COPIES; None: both at chosen ports, out for `flow:NAME` and `all`."""

    file: str | None = None
    """Where to: a name without a folder lies in the run folder; ends in .pcapng or .pcapng.gz, or is a pipe.
    `-` is stdout. None: capture.pcapng in the run folder."""

    split: bool = False
    """A file for each port, in a folder named as the file without its suffix."""

    snaplen: int = SNAPLEN
    limit: int = LIMIT
    link_type: str = "raw"
    """Of LINK_TYPES."""


def options_of(capture):
    """`CaptureOptions` from what `run` was given: None, what to capture, or all of them; checked.

    Raises
    ------
    UserError
        If an option cannot be, or the file cannot be written.
    """
    if capture is None:
        return None
    options = capture if isinstance(capture, CaptureOptions) else CaptureOptions(capture)
    if options.file == "-":
        options = options._replace(file=STDOUT)
    for name, value, known in (
        ("copies", options.copies, (None, *COPIES)),
        ("link-type", options.link_type, LINK_TYPES),
    ):
        if value not in known:
            words = ", ".join(each for each in known if each)
            raise UserError(f'--{name} must be one of {words} (got "{value}")')
    if not LEAST_SNAPLEN <= options.snaplen <= MOST_SNAPLEN:
        raise UserError(f"--snaplen must be {LEAST_SNAPLEN} to {MOST_SNAPLEN} bytes (got {options.snaplen})")
    if options.limit < 1:
        raise UserError(f"--limit must be at least 1 packet (got {options.limit})")
    if options.file is not None:
        _check_file(options)
    return options


def _check_file(options):
    """Refuse a file that cannot be written, or whose name does not say what it is."""
    name = options.file
    if is_pipe(name):
        if options.split:
            raise UserError(f'--split needs files, one for each port, and "{name}" is a pipe')
        return
    if not name.endswith(SUFFIXES) or Path(name).name in SUFFIXES:
        ends = " or ".join(SUFFIXES)
        raise UserError(f'--capture-to: the name "{name}" must end in {ends}, or be a pipe, or - for stdout')
    if options.split:
        _check_folder(name)
    elif not lies_in_run_folder(name):
        check_output(name)


def _check_folder(name):
    """Refuse a folder for a file per port that cannot be made, or holds what would be mixed with them."""
    from lasermesh.results.folder import OWN_NAMES  # slow to import

    folder, _ = folder_and_suffix(name)
    if lies_in_run_folder(name):
        if folder.name.casefold() in OWN_NAMES:  # not all file systems know capital letters
            raise UserError(
                f'--capture-to: with --split "{name}" becomes a folder "{folder.name}", as a file of the run '
                "is called; name another one"
            )
    elif not folder.exists():
        check_output(folder)
    elif not folder.is_dir():
        raise UserError(f'--capture-to: with --split "{name}" becomes a folder "{folder}", which is a file')
    elif not os.access(folder, os.W_OK):
        raise UserError(f'"{folder}" cannot be written into: permission denied')
    elif before := sorted(file.name for file in folder.iterdir() if file.name.endswith(SUFFIXES)):
        raise UserError(
            f'--capture-to: the folder "{folder}" holds captures already, as "{before[0]}"; remove them, or '
            "name another one"
        )


def lies_in_run_folder(name):
    """Whether a capture's file is in the run folder, as its name has no folder of its own."""
    return os.path.basename(name) == name


def is_pipe(name):
    """Whether a file is there that is no regular one: a pipe, or /dev/stdout."""
    if lies_in_run_folder(name):
        return False
    try:
        mode = os.stat(name).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def is_standard_output(options):
    """Whether a capture goes to where this process prints."""
    if options is None or options.file is None:
        return False
    if options.file in ("-", STDOUT):
        return True
    if not is_pipe(options.file):
        return False
    try:
        return os.path.samestat(os.stat(options.file), os.fstat(1))
    except OSError:
        return False
