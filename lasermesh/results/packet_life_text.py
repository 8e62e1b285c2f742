"""A packet's life as people read it."""

from lasermesh.results.layout import GAP, padded, shown_width, wrapped
from lasermesh.units import PS_PER_MS, PS_PER_NS, PS_PER_S

_PARTS = ("processed_ps", "waited_ps", "serialized_ps", "propagated_ps")


def format_life(life):
    """Text of what `packet_life` returns."""
    lines = wrapped(
        f"Packet {life['flow']}#{life['sequence']}, from {life['from']} to {life['to']}; in captures its id "
        f"is {life['packet_id']} (0x{life['packet_id']:x})"
    )
    several = len(life["lives"]) > 1
    for number, each in enumerate(life["lives"], 1):
        lines += [
            "",
            *wrapped(_outcome(each, f"Life {number} of {len(life['lives'])}: " if several else "Its life: ")),
        ]
        lines += ["", *_events(each)]
    return "\n".join(lines)


def seconds(time_ps):
    """An instant in s, rounded down to ns as in captures."""
    whole, rest_ps = divmod(time_ps, PS_PER_S)
    return f"{whole}.{rest_ps // PS_PER_NS:09d}"


def _outcome(life, title):
    """How it ended, in a sentence."""
    began = "what it answers entered" if life["entered_ps"] is None else "entered"
    text = f"{title}{began} at {seconds(life['created_ps'])} s, "
    if life["outcome"] == "delivered":
        return f"{text}delivered at {life['at']} {life['latency_ps'] / PS_PER_MS:.6f} ms later"
    if life["outcome"] == "dropped":
        return f"{text}dropped at {life['at']}: {life['cause']}"
    last = life["events"][-1]
    if last["event"] == "left":
        return f"{text}on the way from {life['at']} to {last['peer']} when the run ended"
    return f"{text}at {life['at']} when the run ended"


def _events(life):
    """One line for each event, below two of headers."""
    parts = [
        part for part in _PARTS if part != "processed_ps" or any(event[part] for event in life["events"])
    ]
    upper = ["since the", "", "", "size", "hop", *(part.removesuffix("_ps") for part in parts), "latency"]
    lower = ["start, s", "node", "event", "bytes", "limit", *["ms"] * (len(parts) + 1)]
    table = [upper, lower]
    for event in life["events"]:
        size = f"{event['packets']} x " * (event["packets"] > 1) + str(event["size_bytes"])
        row = [seconds(event["time_ps"]), event["node"], _what(event), size, str(event["hop_limit"])]
        table.append([*row, *(_ms(event[part]) for part in (*parts, "latency_ps"))])
    widths = [max(map(shown_width, column)) for column in zip(*table, strict=True)]
    lines = [
        GAP.join(
            padded(cell, width, right=place not in (1, 2))
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]
    marks = ["", "", *("marked" * event["marked"] for event in life["events"])]
    return [f"{line}{GAP}{mark}".rstrip() for line, mark in zip(lines, marks, strict=True)]


def _what(event):
    """What happened, and towards or from which neighbour."""
    peer = event["peer"]
    if event["event"] == "left":
        return f"left for {peer or '?'}"
    if event["event"] == "arrived":
        return f"arrived from {peer or '?'}"
    if event["event"] == "dropped":
        return f"dropped: {event['cause']}" + (f", port to {peer}" if peer else "")
    return event["event"]


def _ms(time_ps):
    """A duration in ms to the picosecond; empty where it is not known."""
    return "" if time_ps is None else f"{time_ps // PS_PER_MS}.{time_ps % PS_PER_MS:09d}"
