"""The options of a capture, which `run` and `live` share, and stdout where it is captured to."""

import contextlib
import functools
import os
import stat
import sys

import click

_OPTIONS = (
    click.option(
        "--capture",
        "captures",
        multiple=True,
        metavar="endpoints|NODE|NODE:PEER|flow:NAME|all",
        help="Write packets for Wireshark: what flows send and receive, what passes ports of a node, or what "
        "becomes of a flow wherever it goes; see `lasermesh docs captures`.",
    ),
    click.option(
        "--copies",
        type=click.Choice(("out", "in", "both")),
        help="Capture packets as they leave ports, as they arrive, or both: default both, out for flow: and "
        "all.",
    ),
    click.option(
        "--capture-to",
        "file",
        metavar="FILE",
        help="Where to, ending in .pcapng or .pcapng.gz, instead of capture.pcapng; a name without a folder "
        "lies in the run folder; - is stdout.",
    ),
    click.option(
        "--split", is_flag=True, default=None, help="Capture each port into a file of its own, in a folder."
    ),
    click.option(
        "--snaplen", type=int, metavar="BYTES", help="Keep so much of each packet (96: all headers)."
    ),
    click.option("--limit", type=int, metavar="N", help="Capture so many packets at most (1,000,000)."),
    click.option(
        "--link-type",
        type=click.Choice(("raw", "ethernet")),
        help="Capture IP packets (raw), or Ethernet frames.",
    ),
)
_NAMES = ("copies", "file", "split", "snaplen", "limit", "link_type")


def capture_options(function):
    """Give a command the options of a capture.

    They come as its argument `capture`: `CaptureOptions`, None where nothing is to be captured.
    """

    @functools.wraps(function)
    def with_capture(*, captures, **arguments):
        how = {name: arguments.pop(name) for name in _NAMES}
        return function(**arguments, capture=_capture(captures, how))

    for option in reversed(_OPTIONS):
        with_capture = option(with_capture)
    return with_capture


def _capture(specs, how):
    """The `CaptureOptions` that were given, None where nothing is to be captured."""
    given = {name: value for name, value in how.items() if value is not None}
    if len(specs) > 1:
        raise click.UsageError(f"a run has one capture, and --capture is given {len(specs)} times")
    if not specs:
        for name in given:
            option = {"file": "capture-to"}.get(name, name.replace("_", "-"))
            raise click.UsageError(f"--{option} is of a capture; --capture says of what")
        return None
    from lasermesh.capture.options import CaptureOptions

    return CaptureOptions(specs[0], **given)


def takes_stdout(capture, as_json):
    """Whether a capture goes to stdout, which then has to be a pipe that nothing else is printed to."""
    from lasermesh.capture.options import is_standard_output

    if not is_standard_output(capture):
        return False
    if as_json:
        raise click.UsageError("stdout takes the capture or the object of --json, not both")
    if stat.S_ISREG(os.fstat(1).st_mode):
        raise click.UsageError("--capture-to: stdout is a file here; name it, as --capture-to FILE.pcapng")
    if os.isatty(1):
        raise click.UsageError("--capture-to: stdout is a terminal; pipe it, as | wireshark -k -i -")
    return True


@contextlib.contextmanager
def printing_on_stderr():
    """Have what this process and its children print come out on stderr; a descriptor of what stdout was."""
    sys.stdout.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        yield stdout
    finally:
        sys.stdout.flush()
        os.dup2(stdout, 1)
        os.close(stdout)
