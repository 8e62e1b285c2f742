"""Contacts from the stream of an engine's steps, and how to compare them with those of the reference."""

import math

import numpy as np

from lasermesh.compiled import COMPILED
from lasermesh.contacts import LinkEngine
from tests.reference.link_rules import Contact, simulate

EDGE_TOLERANCE_S = 1e-5
"""Both sides find the root of the same smooth margin, to 1e-6 s and 1e-7 s."""

SHORTEST_S = 2e-6
"""Two roots nearer to each other than they are known may come in either order."""


PLAIN_SHARE = 1.0 if COMPILED else 0.15
"""Share of the simulated time that is tried where kernels run as plain Python."""


def contacts_of_engine(topology, ephemeris, stop_s, start_s=0.0, step_s=None, warm_up_s=None):
    """Every contact of the engine's steps from `start_s` to `stop_s`, as the reference lists them."""
    engine = LinkEngine(topology, ephemeris, warm_up_s=warm_up_s)
    return contacts_of_stream(engine, start_s, stop_s, step_s or topology.step_s)


def contacts_of_stream(engine, start_s, stop_s, step_s):
    """The contacts of successive steps; the shape of every step is checked on the way."""
    up, contacts = {}, []
    for index in range(math.ceil(round((stop_s - start_s) / step_s, 6))):
        begin_s = start_s + index * step_s
        end_s = min(start_s + (index + 1) * step_s, stop_s)
        step = engine.step(begin_s, end_s)
        check_shape(step, begin_s, end_s)
        at_start = dict(zip(step.graph.link.tolist(), step.graph.rate_bps.tolist(), strict=True))
        for link in sorted(set(up) | set(at_start)):
            change(engine, up, contacts, link, begin_s, at_start.get(link, 0))
        columns = (column.tolist() for column in (step.change_s, step.change_link, step.change_rate_bps))
        for t_s, link, rate_bps in zip(*columns, strict=True):
            if rate_bps == 0:
                assert link in up, f"link {link} goes down at {t_s} without being up"
            else:
                assert link not in up or up[link][1] != rate_bps, f"link {link} changes nothing at {t_s}"
            change(engine, up, contacts, link, t_s, rate_bps)
    for link in sorted(up):
        change(engine, up, contacts, link, stop_s, 0)
    return sorted(contacts)


def change(engine, up, contacts, link, t_s, rate_bps):
    """Note that a link has this rate from `t_s` on (0: down), and the contact that ends by that."""
    started_s, old_bps = up.pop(link, (t_s, 0))
    if old_bps == rate_bps != 0:
        up[link] = started_s, old_bps
        return
    if old_bps != 0 and t_s > started_s:
        table = engine.links
        ends = int(table.from_node[link]), int(table.to_node[link]), int(table.rule[link])
        contacts.append(Contact(*ends, started_s, t_s, old_bps))
    if rate_bps != 0:
        up[link] = t_s, rate_bps


def check_shape(step, begin_s, end_s):
    """Types and order of what `LinkEngine.step` returns."""
    assert step.graph.t_s == begin_s
    assert (step.change_s.dtype, step.change_link.dtype) == (np.float64, np.int32)
    assert step.change_rate_bps.dtype == np.int64
    assert ((step.change_s > begin_s) & (step.change_s < end_s)).all()
    goes_up = step.change_rate_bps > 0
    order = np.lexsort((step.change_link, goes_up, step.change_s))
    assert order.tolist() == list(range(len(order))), "changes by instant, down before up, then by link"
    pairs = list(zip(step.graph.from_node.tolist(), step.graph.to_node.tolist(), strict=True))
    assert pairs == sorted(set(pairs))
    assert (step.graph.rate_bps > 0).all()


def clipped(contacts, start_s, stop_s):
    """The parts of contacts within an interval."""
    inside = [
        contact._replace(start_s=max(contact.start_s, start_s), stop_s=min(contact.stop_s, stop_s))
        for contact in contacts
    ]
    return [contact for contact in inside if contact.stop_s - contact.start_s > SHORTEST_S]


def joined(contacts):
    """Contacts of one link at one rate of which one begins where the other ends, made one."""
    done = []
    for contact in sorted(contacts):
        last = done[-1] if done else None
        if (
            last is not None
            and (last[:3], last.rate_bps) == (contact[:3], contact.rate_bps)
            and contact.start_s - last.stop_s <= SHORTEST_S
        ):
            done[-1] = last._replace(stop_s=contact.stop_s)
        else:
            done.append(contact)
    return done


def check_same(found, expected, tolerance_s=EDGE_TOLERANCE_S):
    """Raise, with the first difference in time, unless both list the same contacts."""
    by_link = {}
    for side, contacts in enumerate((found, expected)):
        for contact in contacts:
            by_link.setdefault(contact[:3], ([], []))[side].append(contact)
    differences = []
    for link, (ours, theirs) in by_link.items():
        for i in range(max(len(ours), len(theirs))):
            one = ours[i] if i < len(ours) else None
            other = theirs[i] if i < len(theirs) else None
            if one is None or other is None or not near(one, other, tolerance_s):
                first_s = min(contact.start_s for contact in (one, other) if contact)
                differences.append((first_s, link, one, other))
                break
    if differences:
        first = [
            f"from {link[0]} to {link[1]}, rule {link[2]}: engine {brief(one)}, reference {brief(other)}"
            for _, link, one, other in sorted(differences, key=lambda row: row[:2])[:8]
        ]
        raise AssertionError(f"{len(differences)} of {len(by_link)} links differ:\n" + "\n".join(first))


def near(one, other, tolerance_s):
    return (
        one.rate_bps == other.rate_bps
        and abs(one.start_s - other.start_s) <= tolerance_s
        and abs(one.stop_s - other.stop_s) <= tolerance_s
    )


def brief(contact):
    return (
        "nothing" if contact is None else f"[{contact.start_s:.7f}, {contact.stop_s:.7f}) {contact.rate_bps}"
    )


def check_engine(topology, ephemeris, stop_s, start_s=0.0, step_s=None, warm_up_s=None, least=1):
    """Compare the engine's steps with the reference from `start_s` to `stop_s`; returns the contacts."""
    outcome = simulate(topology, ephemeris, stop_s, start_s, warm_up_s)
    expected = joined(clipped(outcome.contacts, start_s, stop_s))
    assert len(expected) >= least, "nothing happens in this world"
    found = contacts_of_engine(topology, ephemeris, stop_s, start_s, step_s, warm_up_s)
    check_same(joined(clipped(found, start_s, stop_s)), expected)
    return expected
