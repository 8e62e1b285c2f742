"""A scene as CZML, the JSON of the globe Cesium (github.com/AnalyticalGraphicsInc/czml-writer/wiki).

Positions are Earth-fixed (`referenceFrame` FIXED): what Cesium calls INERTIAL is the ICRF, from which the
frame of SGP4 has turned by precession since 2000, 0.37 degrees or 44 km at 550 km altitude in 2026. Between
samples Cesium interpolates by Lagrange's polynomial of the degree asked for, here of degree 5.
"""

import datetime
import html
import json

import numpy as np

from lasermesh.files import whole_file
from lasermesh.views.keyframes import DEGREE

LINK_NAMES = ("ISL", "GSL")

# Colours that are told apart with any kind of colour vision (Okabe and Ito, 2008), as red, green, blue.
SATELLITE_COLOURS = ((86, 180, 233), (240, 228, 66), (204, 121, 167), (0, 158, 115))
SITE_COLOUR = (230, 159, 0)
FLOW_COLOURS = ((213, 94, 0), (230, 159, 0), (204, 121, 167), (0, 158, 115), (240, 228, 66), (255, 255, 255))
IDLE_COLOURS = ((86, 180, 233, 70), (0, 158, 115, 90))  # of ISL and GSL; the last number is opacity, of 255
USE_COLOURS = (
    *((59, 82, 139, 200), (33, 145, 140, 220), (94, 201, 98, 235), (170, 220, 50, 245)),
    *((253, 231, 37, 255),),
)
"""Of links that were used: up to 20, 40, 60, 80 and 100 % of a bin (viridis)."""

FLOW_WIDTH, LINK_WIDTH = 4, 1
SECONDS_TO_PLAY = 60.0


def write_czml(path, scene) -> int:
    """Write a scene as CZML, its positions made for Lagrange's polynomial; the size in bytes.

    Raises
    ------
    UserError
        If the file cannot be written.
    """
    n_bytes = 0
    with whole_file(path, binary=True) as out:
        for number, packet in enumerate(packets(scene)):
            text = json.dumps(packet, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
            n_bytes += out.write((("," if number else "[") + text + "\n").encode())
        n_bytes += out.write(b"]\n")
    return n_bytes


def packets(scene):
    """The packets of a scene one by one: the document, groups, nodes, links, paths of flows."""
    yield _document(scene)
    for number, group in enumerate(scene.groups):
        yield {"id": f"group-{number}", "name": group["name"]}
    for number, group in enumerate(scene.groups):
        for row in range(group["first"], group["first"] + group["size"]):
            if scene.has_position[row]:
                yield _node(scene, row, number, group)
    if len(scene.links.a):
        yield {"id": "links", "name": "links"}
        yield from _links(scene)
    for number, flow in enumerate(scene.flows or ()):
        yield from _flow(scene, number, flow)


def _document(scene):
    start, stop = _instant(scene, 0.0), _instant(scene, scene.stop_s - scene.start_s)
    return {
        "id": "document",
        "name": scene.subtitle,
        "version": "1.0",
        "clock": {
            "interval": f"{start}/{stop}",
            "currentTime": start,
            "multiplier": (scene.stop_s - scene.start_s) / SECONDS_TO_PLAY,
            "range": "LOOP_STOP",
            "step": "SYSTEM_CLOCK_MULTIPLIER",
        },
    }


def _node(scene, row, group_number, group):
    """A satellite or a ground site: a point, and a label that only sites show at first."""
    is_site = group["kind"] == "ground"
    colour = SITE_COLOUR if is_site else SATELLITE_COLOURS[group_number % len(SATELLITE_COLOURS)]
    packet = {"id": _id(row), "name": scene.names[row], "parent": f"group-{group_number}"}
    if is_site:
        lat_deg, lon_deg, height_m = scene.sites[row - scene.n_satellites].tolist()
        packet["position"] = {"cartographicDegrees": [lon_deg, lat_deg, height_m]}
    else:
        known = np.flatnonzero(np.isfinite(scene.frames.position_m[:, row, 0]))
        frame_s = scene.frames.frame_s[known]
        samples = np.column_stack((frame_s, np.rint(scene.frames.position_m[known, row])))
        packet["availability"] = _interval(scene, frame_s[0], frame_s[-1])
        packet["position"] = {
            "interpolationAlgorithm": "LAGRANGE",
            "interpolationDegree": DEGREE,
            "referenceFrame": "FIXED",
            "epoch": _instant(scene, 0.0),
            "cartesian": [_short(value) for value in samples.ravel().tolist()],
        }
    packet["point"] = {"pixelSize": 7 if is_site else 4, "color": _rgba(colour)}
    packet["label"] = {
        "text": scene.names[row],
        "show": is_site,
        "font": "12px sans-serif",
        "fillColor": _rgba(colour),
        "horizontalOrigin": "LEFT",
        "pixelOffset": {"cartesian2": [8, 0]},
    }
    return packet


def _links(scene):
    """Links, each while it is; coloured by use where something was sent."""
    links, contacts = scene.links, scene.contacts
    order = np.argsort(contacts.link, kind="stable")
    first = np.searchsorted(contacts.link[order], np.arange(len(links.a) + 1))
    levels = None if scene.load is None else _levels(scene.load, len(links.a))
    for link, (a, b, kind) in enumerate(
        zip(links.a.tolist(), links.b.tolist(), links.kind.tolist(), strict=True)
    ):
        mine = order[first[link] : first[link + 1]]
        if not len(mine):
            continue  # its contacts were left out
        times = zip(contacts.start_s[mine].tolist(), contacts.stop_s[mine].tolist(), strict=True)
        colour = _rgba(IDLE_COLOURS[kind])
        if levels is not None and levels[link].any():
            colour = _colours_over_time(scene, levels[link], kind)
        yield {
            "id": f"link-{link}",
            "name": f"{LINK_NAMES[kind]} {scene.names[a]} - {scene.names[b]}",
            "parent": "links",
            "availability": [_interval(scene, *time) for time in times],
            "polyline": _polyline((a, b), LINK_WIDTH, colour),
        }


def _levels(load, n_links):
    """Number of the colour of each link in each bin, from 1, 0 where it was idle: uint8 (n_links, n_bins)."""
    levels = np.zeros((n_links, load.n_bins), np.uint8)
    at = np.repeat(np.arange(load.n_bins), np.diff(load.first))
    use = load.use.max(axis=1)
    steps = len(USE_COLOURS)
    levels[load.link, at] = np.where(use > 0.0, np.clip(np.ceil(use * steps), 1, steps), 0)
    return levels


def _colours_over_time(scene, levels, kind):
    """Colours of a link by interval."""
    begins = np.flatnonzero(np.diff(levels, prepend=255))
    ends = [*begins[1:].tolist(), len(levels)]
    length_s = scene.stop_s - scene.start_s
    return [
        {
            "interval": _interval(scene, begin * scene.load.bin_s, min(end * scene.load.bin_s, length_s)),
            **_rgba(USE_COLOURS[levels[begin] - 1] if levels[begin] else IDLE_COLOURS[kind]),
        }
        for begin, end in zip(begins.tolist(), ends, strict=True)
    ]


def _flow(scene, number, flow):
    """Paths of a flow, each while it was taken, below an entry with its numbers."""
    name, parent = flow.name, f"flow-{number}"
    if not flow.paths:
        return
    numbers = f"{flow.sent:,} {flow.counts} sent, {flow.delivered:,} delivered, {flow.dropped:,} dropped"
    yield {"id": parent, "name": name, "description": f"<p>{html.escape(name)}: {numbers}</p>"}
    times = {}
    ends = [t_s for t_s, _ in flow.paths[1:]] + [scene.stop_s - scene.start_s]
    for (t_s, rows), until_s in zip(flow.paths, ends, strict=True):
        if rows and until_s > t_s:
            times.setdefault(rows, []).append(_interval(scene, t_s, until_s))
    colour = _rgba(FLOW_COLOURS[number % len(FLOW_COLOURS)])
    for path, (rows, intervals) in enumerate(times.items()):
        if not scene.has_position[list(rows)].all():
            continue
        yield {
            "id": f"{parent}-path-{path}",
            "name": f"{name}: {' > '.join(scene.names[row] for row in rows)}",
            "parent": parent,
            "availability": intervals,
            "polyline": _polyline(rows, FLOW_WIDTH, colour),
        }


def _polyline(rows, width, colour):
    """A line through nodes, straight from one to the next."""
    return {
        "positions": {"references": [f"{_id(row)}#position" for row in rows]},
        "arcType": "NONE",
        "width": width,
        "material": {"solidColor": {"color": colour}},
    }


def _id(row):
    """What a node is called in references, in which names would need escapes."""
    return f"node-{row}"


def _rgba(colour):
    return {"rgba": [*colour, 255][:4]}


def _short(value):
    """A number as JSON writes it shortest: a whole one without its fraction."""
    return int(value) if value == int(value) else round(value, 6)


def _interval(scene, start_s, stop_s):
    return f"{_instant(scene, start_s)}/{_instant(scene, stop_s)}"


def _instant(scene, t_s):
    """A time since the scene's start in ISO 8601."""
    instant = scene.epoch.astimezone(datetime.UTC) + datetime.timedelta(seconds=scene.start_s + float(t_s))
    return instant.replace(tzinfo=None).isoformat() + "Z"
