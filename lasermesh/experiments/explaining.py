"""Why there is or is no link between two nodes at an instant, and why packets between them go as they do."""

import math

import numpy as np

from lasermesh.errors import UserError
from lasermesh.experiments.instants import sunlight_at, utc_of
from lasermesh.experiments.paths import check_instant, row_of
from lasermesh.experiments.remembering import link_engine, memory_of
from lasermesh.experiments.route_explaining import route_between
from lasermesh.orbits import build_ephemeris, geodetic_from_ecef, look_angles
from lasermesh.orbits.left_out import warn_of_failures
from lasermesh.routing import Policy
from lasermesh.scenario.problems import shown
from lasermesh.units import EARTH_ROTATION_RAD_PER_S, SPEED_OF_LIGHT_M_PER_S

MOST_ALTERNATIVES = 100
"""Each costs a few searches for the shortest path."""

_PARTS = 32  # of a line, of which the two about the lowest point are divided again
_DIVISIONS = 4


def explain(
    topology,
    first: str,
    second: str,
    at_s: float = 0.0,
    warm_up_s: float | None = None,
    warn=lambda message: None,
    route: bool | None = False,
    policy: str | Policy = "shortest-delay",
    alternatives: int = 3,
    options=None,
) -> dict:
    """What stands for and against a link between two nodes at `at_s` seconds since the topology's epoch.

    Parameters
    ----------
    topology : Topology
    first, second : str
        Names of nodes, or `#17` for a row.
    at_s : float
    warm_up_s : float, optional
        Follow rules with a memory for so long before `at_s`, instead of from t = 0.
    warn : function of one str
    route : bool, optional
        Whether to explain the route from the first to the second too; None: if there is no link between them.
    policy : str or Policy
        Whose route.
    alternatives : int
        How many other paths to tell.
    options : mapping, optional
        Of the policy.

    Returns
    -------
    result : dict
        `{topology, t_s, utc, memory}`, the fields of one link and `route`, see `lasermesh docs commands`.
        JSON-ready; None for what does not exist.

    Raises
    ------
    UserError
        If a name, a time, the policy or the number of alternatives makes no sense.
    RunFailed
        If the policy's table is wrong.
    """
    if not 0 <= alternatives <= MOST_ALTERNATIVES:
        raise UserError(f"alternatives must be from 0 to {MOST_ALTERNATIVES} (got {alternatives})")
    rows = row_of(topology, first), row_of(topology, second)
    if rows[0] == rows[1]:
        raise UserError(f"a link from {shown(first)} to itself; two nodes are needed")
    scene = _Scene(topology, at_s, warm_up_s, warn)
    verdict = scene.links.explain(*rows, at_s)
    told = scene.entry(*rows, verdict) | {"route": None}
    if route or (route is None and not verdict.up):
        told["route"] = route_between(scene, rows, policy, alternatives, warn, options)
    warn_of_failures(scene.ephemeris, warn)
    return scene.heading() | told


def explain_all(
    topology, name: str, at_s: float = 0.0, warm_up_s: float | None = None, warn=lambda message: None
) -> dict:
    """Every node with which a link rule might join a node, nearest first; arguments as for `explain`.

    Returns
    -------
    result : dict
        `{topology, t_s, utc, memory, node, candidates}`, each candidate with the fields of one link.
    """
    row = row_of(topology, name)
    scene = _Scene(topology, at_s, warm_up_s, warn)
    entries = [scene.entry(row, other, verdict) for other, verdict in scene.candidates(row)]
    entries.sort(key=lambda entry: math.inf if entry["range_km"] is None else entry["range_km"])
    warn_of_failures(scene.ephemeris, warn)
    return scene.heading() | {"node": scene.ephemeris.names[row], "candidates": entries}


class _Scene:
    """Everything about one topology at one instant."""

    def __init__(self, topology, at_s, warm_up_s, warn):
        check_instant(at_s, "instant")
        self.topology, self.at_s, self._warm_up_s = topology, at_s, warm_up_s
        self.ephemeris = build_ephemeris(topology)
        self.links = link_engine(topology, self.ephemeris, warm_up_s, warn)
        self._position_m, velocity_m_per_s = self.ephemeris.state_at(at_s)
        self._velocity_m_per_s = velocity_m_per_s + EARTH_ROTATION_RAD_PER_S * np.cross(
            (0.0, 0.0, 1.0), self._position_m
        )
        self._sunlight = sunlight_at(self.ephemeris, at_s)

    def heading(self):
        """What every answer begins with."""
        return {
            "topology": self.topology.name,
            "t_s": self.at_s,
            "utc": utc_of(self.topology.epoch, self.at_s),
            "memory": memory_of(self.links, self._warm_up_s),
        }

    def candidates(self, row):
        """Every other node with which a rule might join this one, and its verdict."""
        return self.links.candidates(row, self.at_s)

    def entry(self, first, second, verdict):
        """Fields of one link."""
        ends_m = self._position_m[[first, second]]
        range_m = float(np.linalg.norm(ends_m[1] - ends_m[0]))
        known = math.isfinite(range_m)
        both_fly = not self.ephemeris.is_ground[[first, second]].any()
        return {
            "from": self.ephemeris.names[first],
            "to": self.ephemeris.names[second],
            "up": verdict.up,
            "made": verdict.made,
            "state": verdict.state,
            "rule": verdict.rule,
            "rule_kind": verdict.rule_kind or None,
            "since_s": _finite(verdict.since_s),
            "until_s": _finite(verdict.until_s),
            "reason": verdict.reason or None,
            "range_km": range_m / 1e3 if known else None,
            "light_time_ms": range_m / SPEED_OF_LIGHT_M_PER_S * 1e3 if known else None,
            "grazing_altitude_km": _lowest_height_m(*ends_m) / 1e3 if known and both_fly else None,
            "conditions": [_condition(condition) for condition in verdict.conditions],
            "ends": [
                self._end(first, second, verdict.terminals[0]),
                self._end(second, first, verdict.terminals[1]),
            ],
        }

    def _end(self, node, other, terminal):
        """Fields of one end: where it looks to see the other, and with what."""
        is_ground = bool(self.ephemeris.is_ground[node])
        made = {
            "name": self.ephemeris.names[node],
            "kind": "ground" if is_ground else "satellite",
            "sunlight": self._sunlight[node],
            "azimuth_deg": None,
            "elevation_deg": None,
            "pointing": None,
            "terminal": _terminal(terminal),
        }
        offset_m = self._position_m[other] - self._position_m[node]
        length_m = np.linalg.norm(offset_m)
        if not length_m > 0.0:  # nan too
            return made
        if is_ground:
            azimuth_rad, elevation_rad, _ = look_angles(self._position_m[node], self._position_m[[other]])
            made["azimuth_deg"] = math.degrees(azimuth_rad[0])
            made["elevation_deg"] = math.degrees(elevation_rad[0])
        else:
            frame = local_frame(self._position_m[node], self._velocity_m_per_s[node])
            fore, left, up = (float(part) for part in frame @ (offset_m / length_m))
            made["azimuth_deg"] = math.degrees(math.atan2(-left, fore)) % 360.0
            made["elevation_deg"] = math.degrees(math.asin(max(-1.0, min(1.0, up))))
            made["pointing"] = {"fore": fore, "left": left, "up": up}
        return made


def describe_link(entry: dict) -> list[list[tuple[str, ...]]]:
    """What `explain` returned as tables: the link, its conditions, its ends."""
    tables = [[("link", _verdict_in_words(entry)), ("range", _range_in_words(entry))]]
    if entry["conditions"]:
        rows = [("condition", "value", "limit", "holds")]
        for condition in entry["conditions"]:
            value, limit = (_quantity(condition, what) for what in ("value", "limit"))
            rows.append((condition["name"], value, limit, "yes" if condition["holds"] else "NO"))
        tables.append(rows)
    rows = [("", "azimuth", "elevation", "fore, left, up", "sunlight", "terminal")]
    for end in entry["ends"]:
        pointing = end["pointing"]
        rows.append(
            (
                end["name"],
                *(_number(end[what], 3, " deg") for what in ("azimuth_deg", "elevation_deg")),
                "-" if pointing is None else ", ".join(f"{part:+.4f}" for part in pointing.values()),
                end["sunlight"] or "-",
                _terminal_in_words(end["terminal"]),
            )
        )
    tables.append(rows)
    return tables


def list_candidates(result: dict) -> list[tuple[str, ...]]:
    """What `explain_all` returned: rows of a table, the first one its heading."""
    rows = [("candidate", "range_km", "elevation_deg", "rule", "state", "reason")]
    for entry in result["candidates"]:
        rows.append(
            (
                entry["to"],
                _number(entry["range_km"], 1),
                _number(entry["ends"][0]["elevation_deg"], 2),
                _rule_in_words(entry),
                entry["state"],
                entry["reason"] or "-",
            )
        )
    return rows


def _verdict_in_words(entry):
    """Whether the link is made, by which rule, since when; or what refused it."""
    reason = f": {entry['reason']}" if entry["reason"] else ""
    if not entry["made"]:
        under = "" if entry["rule"] is None else f" under {_rule_in_words(entry)}"
        return f"none, {entry['state']}{under}{reason}"
    text = f"{entry['state']}, made by {_rule_in_words(entry)}{reason}"
    if entry["since_s"] is not None:
        text += f", since t = {entry['since_s']:.3f} s"
    if entry["until_s"] is not None:
        text += f", until t = {entry['until_s']:.3f} s as predicted"
    return text


def _rule_in_words(entry):
    """Index and kind of the rule that decides on a link."""
    return "-" if entry["rule"] is None else f"links[{entry['rule']}] ({entry['rule_kind']})"


def _range_in_words(entry):
    if entry["range_km"] is None:
        return "unknown: an end has no position"
    text = f"{entry['range_km']:.3f} km, {entry['light_time_ms']:.6f} ms of light"
    told = any(condition["name"] == "grazing altitude" for condition in entry["conditions"])
    if entry["grazing_altitude_km"] is not None and not told:
        text += f", at lowest {entry['grazing_altitude_km']:.3f} km above the Earth"
    return text


def _quantity(condition, what):
    """A value or limit of a condition with its unit."""
    for name, value in condition.items():
        if name.partition("_")[0] == what:
            unit = name.partition("_")[2]
            if value is None or isinstance(value, (bool, str)):
                return "-" if value is None else str(value)
            return f"{value:z.3f} {unit}".rstrip()
    return "-"


def _number(value, digits, unit=""):
    return "-" if value is None else f"{value:z.{digits}f}{unit}"


def _terminal_in_words(terminal):
    """Type and state of a terminal."""
    if terminal is None:
        return "-"
    text = f"{terminal['type']}, number {terminal['index']} of {terminal['count']}"
    if terminal["acquiring_until_s"] is not None:
        return f"{text}, acquiring until t = {terminal['acquiring_until_s']:.3f} s"
    if terminal["with"] is not None:
        return f"{text}, with {terminal['with']}"
    return f"{text}, {'busy' if terminal['busy'] else 'free'}"


def local_frame(position_m, velocity_m_per_s):
    """Axes of a satellite's local orbital frame, given its inertial velocity: rows fore, left, up.

    Up is away from the Earth's centre, fore along the velocity at right angles to it, left = up x fore.
    """
    up = position_m / np.linalg.norm(position_m)
    fore = velocity_m_per_s - (velocity_m_per_s @ up) * up
    fore /= np.linalg.norm(fore)
    return np.stack((fore, np.cross(up, fore), up))


def _lowest_height_m(start_m, end_m):
    """Least height above the ellipsoid of a straight line between two points."""
    low, high = 0.0, 1.0
    for _ in range(_DIVISIONS):
        share = np.linspace(low, high, _PARTS + 1)
        height_m = geodetic_from_ecef(start_m + share[:, None] * (end_m - start_m))[2]
        lowest = int(np.argmin(height_m))
        low, high = share[max(0, lowest - 1)], share[min(_PARTS, lowest + 1)]
    return float(height_m[lowest])


def _condition(condition):
    """One condition, its unit at the end of the names of its fields."""
    unit = f"_{condition.unit}" if condition.unit else ""
    return {
        "name": condition.name,
        "holds": condition.holds,
        f"value{unit}": _finite(condition.value),
        f"limit{unit}": _finite(condition.limit),
    }


def _terminal(terminal):
    """State of a terminal; None where none is used or known."""
    if terminal is None:
        return None
    return {
        "type": terminal.type_name,
        "index": terminal.index,
        "count": terminal.count,
        "busy": terminal.busy,
        "with": terminal.with_name,
        "acquiring_until_s": _finite(terminal.acquiring_until_s),
    }


def _finite(value):
    """A number as it is; None where there is none."""
    if value is None or isinstance(value, (bool, str)):
        return value
    return float(value) if math.isfinite(value) else None
