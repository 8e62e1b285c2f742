"""What the globe's page is given: a scene as one JSON object, arrays packed."""

import base64
import gzip
import json

import numpy as np

from lasermesh.files import whole_file
from lasermesh.units import EARTH_ROTATION_RAD_PER_S, WGS84_EQUATORIAL_RADIUS_M
from lasermesh.views import coastlines
from lasermesh.views.globe_page import globe_html
from lasermesh.views.keyframes import turned

VERSION = 1
NOWHERE = -32768
"""In x, in units: the satellite has no position at that frame."""

_MOST_UNITS = 32767
_TYPES = {"i2": "<i2", "u2": "<u2", "u4": "<u4", "f4": "<f4", "u1": "u1"}


def globe_data(scene) -> dict:
    """A `GlobeScene` as the page reads it: JSON-ready.

    A blob is `{type, shape, data}`: little-endian numbers of that type ("i2", "u1", "f4", ...), or "json" or
    "text" in UTF-8, compressed by gzip, in base64. Positions are inertial: the Earth-fixed frame turned back
    about its z axis by the Earth's angle, `gmst_rad` at the start and `earth_rate_rad_per_s`. They are in
    `position_unit_km`; the first frame is as it is, each further one its difference to the one before.
    """
    frames = scene.frames
    angle_rad = frames.gmst_rad + EARTH_ROTATION_RAD_PER_S * frames.frame_s
    units, unit_km = _in_units(turned(frames.position_m, angle_rad))
    changes = units.copy()
    changes[1:] -= units[:-1]  # of int16, around its ends
    n_nodes = len(scene.names)
    row_type = "u2" if n_nodes <= 65_536 else "u4"
    return {
        "version": VERSION,
        "title": scene.title,
        "subtitle": scene.subtitle,
        "epoch_ms": round(scene.epoch.timestamp() * 1e3),
        "start_s": scene.start_s,
        "stop_s": scene.stop_s,
        "n_satellites": scene.n_satellites,
        "n_nodes": n_nodes,
        "has_position": blob(scene.has_position, "u1"),
        "names": text_blob("\n".join(scene.names)),
        "groups": scene.groups,
        "kinds": scene.roles,
        "frame_s": blob(frames.frame_s, "f4"),
        "positions": blob(changes, "i2"),
        "position_unit_km": unit_km,
        "gmst_rad": frames.gmst_rad,
        "earth_rate_rad_per_s": EARTH_ROTATION_RAD_PER_S,
        "sun": blob(turned(frames.sun, angle_rad), "f4"),
        "sites": blob(scene.sites, "f4"),
        "links": {
            "a": blob(scene.links.a, row_type),
            "b": blob(scene.links.b, row_type),
            "rate_gbps": blob(scene.links.rate_bps / 1e9, "f4"),
            "kind": blob(scene.links.kind, "u1"),
        },
        "contacts": {
            "link": blob(scene.contacts.link, "u4"),
            "start_s": blob(scene.contacts.start_s, "f4"),
            "stop_s": blob(scene.contacts.stop_s, "f4"),
            "left_out": scene.contacts_left_out,
        },
        "load": None if scene.load is None else _load(scene.load),
        "drops": None if scene.drops is None else _drops(scene.drops),
        "flows": None if scene.flows is None else json_blob([_flow(flow) for flow in scene.flows]),
        "flows_left_out": scene.flows_left_out,
        "coast": blob(coastlines.coastline_table(), "i2"),
        "notes": [*scene.notes, f"They are rounded to {unit_km:.2g} km.", coastlines.SOURCE],
        "summary": scene.summary,
    }


def write_globe(path, scene) -> int:
    """Write the page that shows a scene; its size in bytes.

    Raises
    ------
    UserError
        If it cannot be written.
    """
    page = globe_html(globe_data(scene)).encode()
    with whole_file(path, binary=True) as out:
        out.write(page)
    return len(page)


def blob(values, type_):
    """An array as numbers of a type, packed."""
    array = np.ascontiguousarray(values, dtype=_TYPES[type_])
    return {"type": type_, "shape": list(array.shape), "data": _packed(array.tobytes())}


def text_blob(text):
    """A text, packed; its shape is its length in bytes."""
    encoded = text.encode()
    return {"type": "text", "shape": [len(encoded)], "data": _packed(encoded)}


def json_blob(value):
    """What JSON can hold, packed."""
    return text_blob(json.dumps(value, allow_nan=False, separators=(",", ":"))) | {"type": "json"}


def _packed(raw):
    return base64.b64encode(gzip.compress(raw, 9, mtime=0)).decode("ascii")


def _in_units(position_m):
    """Positions as int16, NOWHERE where there is none, and the unit in km: the finest that reaches as far."""
    finite = np.isfinite(position_m).all(axis=-1)
    furthest_m = np.abs(position_m[finite]).max(initial=WGS84_EQUATORIAL_RADIUS_M)
    unit_m = furthest_m / _MOST_UNITS
    units = np.zeros(position_m.shape, np.int16)
    units[finite] = np.rint(position_m[finite] / unit_m)
    units[~finite] = (NOWHERE, 0, 0)
    return units, unit_m / 1e3


def _load(load):
    """Load of a scene, packed; whatever was used at all is not rounded to nothing."""
    use = np.maximum(np.rint(load.use * 255.0), load.use > 0.0)
    return {
        "bin_s": load.bin_s,
        "last_bin_s": load.last_bin_s,
        "n_bins": load.n_bins,
        "first": blob(load.first, "u4"),
        "link": blob(load.link, "u4"),
        "use": blob(use, "u1"),
        "queue_bytes": blob(load.queue_bytes, "f4"),
        "dropped": blob(np.minimum(load.dropped, 2**32 - 1), "u4"),
        "bytes": blob(load.bytes, "f4"),
    }


def _drops(drops):
    """What was dropped over time, packed; causes that never occurred are left out."""
    occurred = drops.dropped.any(axis=0)
    return {
        "start_s": drops.start_s,
        "bin_s": drops.bin_s,
        "stop_s": drops.stop_s,
        "n_bins": len(drops.dropped),
        "causes": [cause for cause, occurs in zip(drops.causes, occurred.tolist(), strict=True) if occurs],
        "dropped": blob(np.minimum(drops.dropped[:, occurred], 2**32 - 1), "u4"),
    }


def _flow(flow):
    """One flow as the page reads it."""
    return {
        "name": flow.name,
        "from": flow.from_row,
        "to": flow.to_row,
        "sent": flow.sent,
        "delivered": flow.delivered,
        "in_flight": flow.in_flight,
        "dropped": flow.dropped,
        "counts": flow.counts,
        "latency_mean_ms": flow.latency_mean_ms,
        "paths": [[round(t_s, 6), list(rows)] for t_s, rows in flow.paths],
    }
