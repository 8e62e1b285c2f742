"""Taps: what links and nodes record of packets while a run goes on."""

import numpy as np

from lasermesh.packets import state


def _room(e):
    """Rows of `taps` that belong to each worker."""
    return len(e.taps) // len(e.workers)


def take(e, before_ps):
    """Records of what was before an instant, since the last time; the others stay."""
    room = _room(e)
    parts = []
    for worker in range(len(e.workers)):
        rows = e.taps[worker * room : e.workers[worker, state.V_TAPS]]
        early = rows[:, state.T_TIME] < before_ps
        parts.append(rows[early])
        late = rows[~early]
        e.taps[worker * room : worker * room + len(late)] = late
        e.workers[worker, state.V_TAPS] = worker * room + len(late)
    return np.concatenate(parts)


def in_order(records):
    """Records sorted by time."""
    time_ps = records[:, state.T_TIME].copy()
    order = np.argsort(time_ps, kind="stable")
    time_ps = time_ps[order]
    if (time_ps[1:] == time_ps[:-1]).any():
        # What falls on one instant comes by kind and place; of one link's, that in front of the other.
        order = np.lexsort((records[:, state.T_PLACE], records[:, state.T_KIND], records[:, state.T_TIME]))
    return records[order]


def n_waiting(e):
    """Records that have not been drained."""
    return int(e.workers[:, state.V_TAPS].sum()) - _room(e) * len(e.workers) * (len(e.workers) - 1) // 2


def is_short(e, most):
    """Whether a worker ran out of room although it has `most` rows."""
    return _room(e) >= most and bool(e.workers[:, state.V_NEEDED_TAPS].any())


def want_draining(e, most, before_ps):
    """Whether a worker ran out of room although it has `most` rows, and a drain would free half of them."""
    if not is_short(e, most):
        return False
    room = _room(e)
    used = e.workers[:, state.V_TAPS] - np.arange(len(e.workers)) * room
    times = np.concatenate([e.taps[w * room : w * room + n, state.T_TIME] for w, n in enumerate(used)])
    return int((times < before_ps).sum()) >= room // 2


def has_room(e):
    """Whether all workers have the room that they asked for, and half of theirs at least."""
    rows = e.workers
    free = rows[:, state.V_TAPS_END] - rows[:, state.V_TAPS]
    return bool((free >= np.maximum(rows[:, state.V_NEEDED_TAPS], _room(e) // 2)).all())


def make_room(e):
    """The engine with at least twice the room for taps, and what workers asked for."""
    n_workers, room = len(e.workers), _room(e)
    needed = int(e.workers[:, state.V_NEEDED_TAPS].max())
    records = np.zeros((n_workers, 2 * room + needed, state.TAP_COLUMNS), np.int64)
    records[:, :room] = e.taps.reshape(n_workers, room, state.TAP_COLUMNS)
    used = e.workers[:, state.V_TAPS] - np.arange(n_workers) * room
    starts = np.arange(n_workers) * records.shape[1]
    e.workers[:, state.V_TAPS] = starts + used
    e.workers[:, state.V_TAPS_END] = starts + records.shape[1]
    return e._replace(taps=records.reshape(-1, state.TAP_COLUMNS))
