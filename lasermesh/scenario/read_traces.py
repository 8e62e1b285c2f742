"""Reading the trace of a flow of kind "trace": a capture or a CSV file."""

import csv
import io
import itertools
from decimal import Decimal, InvalidOperation

import numpy as np

from lasermesh.scenario.fields import BAD
from lasermesh.scenario.finding import read_data_bytes
from lasermesh.scenario.flows import LONGEST_S, PACKET_BYTES, Trace, TracePacket
from lasermesh.scenario.frames import NOT_IP, CaptureFault, ip_sizes
from lasermesh.scenario.pcap import PCAP_MAGIC, read_pcap
from lasermesh.scenario.pcapng import PCAPNG_MAGIC, read_pcapng
from lasermesh.scenario.sources import FileFault, Line, text_of
from lasermesh.scenario.tables import read_csv

MOST_PACKETS_NAMED = 20
"""Of a damaged trace of a million packets, so many are named and the others counted."""

_GZIP_MAGIC = b"\x1f\x8b"
_PS_PER_S = 10**12
_LONGEST_PS = int(LONGEST_S) * _PS_PER_S


def read_trace(name, place):
    """The packets of the file that a flow names.

    Parameters
    ----------
    name : str
    place : Place
        Of the name.

    Returns
    -------
    trace : Trace
        BAD if it could not be read, which has been reported.
    """
    opened = read_data_bytes(name, place, ".csv", "trace")
    if opened is None:
        return BAD
    content, path, file = opened
    report = place.source.report
    whole = Line(report, file, None)
    if content[:2] == _GZIP_MAGIC:
        whole.report("is compressed with gzip; unpack it first")
        return BAD
    if content[:4] in PCAP_MAGIC or content[:4] == PCAPNG_MAGIC:
        return _read_capture(content, whole)
    try:
        text = text_of(content, path)
    except FileFault as fault:
        place.report(f"{fault}, and no capture (pcap or pcapng)", name)
        return BAD
    return _read_csv(text, file, report, whole)


def _read_capture(content, whole):
    """The IP packets of a capture."""
    try:
        frames = read_pcap(content) if content[:4] in PCAP_MAGIC else read_pcapng(content)
        sizes = ip_sizes(frames)
    except CaptureFault as fault:
        for number, message in fault.problems:
            (whole if number is None else whole.at(f"packet {number}")).report(message)
        return BAD
    is_ip = sizes != NOT_IP
    if not is_ip.any():
        whole.report(f"has no IP packets among {len(sizes)}" if len(sizes) else "has no packets")
        return BAD
    if not is_ip.all():
        count = int((~is_ip).sum())
        _warn(whole, f"{count} of {len(sizes)} packets are left out, because they are not IP")
    if not _check_sizes(sizes, is_ip, whole):
        return BAD
    seconds, fraction_ps = frames.seconds[is_ip], frames.fraction_ps[is_ip]
    seconds = seconds - seconds.min()
    if not _check_length(int(seconds.max()), whole):
        return BAD
    time_ps = seconds * _PS_PER_S + fraction_ps
    early = int((np.diff(time_ps) < 0).sum())
    if early:
        _warn(whole, f"{early} packets have an earlier time than the one before; they are put in order")
    order = np.argsort(time_ps, kind="stable")
    return Trace(time_ps[order] - time_ps[order[0]], sizes[is_ip][order])


def _warn(whole, message):
    whole.report_to.warn(whole.file, None, None, message)


def _check_sizes(sizes, is_ip, whole):
    """Whether all sizes are those of IP packets; those that are not are reported, the first ones each."""
    low, high = PACKET_BYTES.low, PACKET_BYTES.high
    wrong = np.flatnonzero(is_ip & ((sizes < low) | (sizes > high)))
    for index in wrong[:MOST_PACKETS_NAMED].tolist():
        size = int(sizes[index])
        whole.at(f"packet {index + 1}").report(f"its size must be {low} to {high} bytes (got {size})", size)
    if len(wrong) > MOST_PACKETS_NAMED:
        whole.report(f"there are {len(wrong) - MOST_PACKETS_NAMED} more packets of such sizes")
    return not len(wrong)


def _check_length(longest_s, whole):
    """Whether a trace is so short that the packet engine can count its time."""
    if longest_s >= LONGEST_S:
        whole.report(f"lasts longer than 106 days (got {longest_s} s)", longest_s)
    return longest_s < LONGEST_S


def _read_csv(text, file, report, whole):
    """The packets of a CSV file: at once if all is well, line by line to say what is not."""
    times, sizes = _read_csv_at_once(text)
    if times is None:
        rows, sound = read_csv(text, file, TracePacket, report)
        for (_, before), (line, row) in itertools.pairwise(rows):
            if row["time_s"] < before["time_s"]:
                line.at("time_s").report(
                    f"must not be before that of the packet before, {before['time_s']:.15g} "
                    f"(got {row['time_s']:.15g})",
                    row["time_s"],
                )
                sound = False
        if not sound:
            return BAD
        times, sizes = [Decimal(row["time_s"]) for _, row in rows], [row["size_bytes"] for _, row in rows]
    first = times[0]
    if not _check_length(int(times[-1] - first), whole):
        return BAD
    time_ps = np.array([int((time - first) * _PS_PER_S) for time in times], np.int64)
    return Trace(time_ps, np.array(sizes, np.int64))


def _read_csv_at_once(text):
    """Times (decimal, exact) and sizes of a CSV text, or (None, None) where anything about it is unusual."""
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    header = [cell.strip() for cell in rows[0]] if rows else []
    if header.count("time_s") != 1 or header.count("size_bytes") != 1 or len(rows) < 2:
        return None, None
    time_at, size_at = header.index("time_s"), header.index("size_bytes")
    try:
        times = [Decimal(row[time_at].strip()) for row in rows[1:]]
        sizes = [int(row[size_at]) for row in rows[1:]]
    except (InvalidOperation, ValueError, IndexError):
        return None, None
    in_order = all(map(Decimal.is_finite, times)) and all(map(Decimal.__le__, times, times[1:]))
    in_range = PACKET_BYTES.low <= min(sizes) and max(sizes) <= PACKET_BYTES.high
    return (times, sizes) if in_order and in_range else (None, None)
