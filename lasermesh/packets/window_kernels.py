"""Windows and domains: how far each node may go on its own, and the workers that step them.

No window is longer than the shortest delay between two domains, so what is sent in a window arrives after it
and domains cannot see each other inside it: their order, and which worker steps them, cannot matter.
"""

from lasermesh.compiled import hot_kernel, inline_kernel
from lasermesh.packets.change_kernels import apply_changes
from lasermesh.packets.node_kernels import BEGIN, run_batch
from lasermesh.packets.port_kernels import publish
from lasermesh.packets.state import (
    C_LOOKAHEAD,
    C_PARITY,
    C_STOP_AT,
    C_UNFINISHED,
    C_WAKE_ROWS,
    C_WINDOW_END,
    C_WINDOW_START,
    C_WINDOWS,
    D_END,
    D_FIRST,
    D_NEXT,
    D_PLACE,
    D_WAKE,
    D_WINDOW,
    D_WORK,
    DONE,
    G_TIME,
    N_CHANGE,
    N_CHANGE_END,
    N_DOMAIN,
    N_KEPT_TIME,
    N_NEXT,
    N_SOURCES,
    NEVER,
    SHORT,
    V_DOMAIN,
    V_DOMAIN_ACTIVE,
    V_DOMAIN_END,
    V_HANDLED,
    V_HEADS,
    V_NEXT,
    V_NODE,
    V_PARITY,
    V_SOURCES,
    V_STAGE,
    V_STATUS,
    V_STOP,
    V_STOP_AT,
    V_VERDICT,
    V_VERDICT_COLUMNS,
    V_WAKES,
    V_WOKE,
)
from lasermesh.packets.sync_kernels import wait_for_all
from lasermesh.units import NONE


@inline_kernel
def domain_next(domains, nodes, lists, domain):
    """When a domain has something to do next."""
    time = NEVER
    for row in range(domains[domain, D_FIRST], domains[domain, D_END]):
        time = min(time, nodes[lists[row], N_NEXT])
    return time


@inline_kernel
def look_again(domains, nodes, lists, domain, now):
    """Have the nodes of a domain look at their streams from `now` on: packets were published to one."""
    for row in range(domains[domain, D_FIRST], domains[domain, D_END]):
        node = lists[row]
        nodes[node, N_NEXT] = min(nodes[node, N_NEXT], now)


@inline_kernel
def publish_domain(e, worker, domain, now):
    """Let last bits leave a domain until `now`. Whether anybody else was woken; NONE if short of room."""
    woke = 0
    for row in range(e.domains[domain, D_FIRST], e.domains[domain, D_END]):
        answer = publish(e, worker, e.lists[row], now)
        if answer == NONE:
            return NONE
        woke |= answer
    return woke


@inline_kernel
def next_at(e, worker, node):
    """When a node whose last batch is done has something to do next."""
    time = min(e.workers[worker, V_HEADS], e.workers[worker, V_SOURCES])
    if e.nodes[node, N_CHANGE] < e.nodes[node, N_CHANGE_END]:
        time = min(time, e.changes[e.nodes[node, N_CHANGE], G_TIME])
    return time


@inline_kernel
def step_domain(e, worker, domain, start, end):
    """Everything in a domain before `end`. Whether anybody else was woken; NONE if short of room.

    Nodes of one domain may be nearer to each other than the window is long, so a domain of several has
    windows of its own, and its clock jumps over idle time. Each node goes from change to change, in batches
    between. A batch under way is finished before all else.
    """
    first = e.domains[domain, D_FIRST]
    last = e.domains[domain, D_END]
    alone = last - first == 1
    woke = 0
    now = start
    while True:
        if now == end or not alone:
            answer = publish_domain(e, worker, domain, now)
            if answer == NONE:
                return NONE
            woke |= answer
        if now == end:
            return woke
        upcoming = domain_next(e.domains, e.nodes, e.lists, domain)
        if upcoming > now and not alone:
            now = min(upcoming, end)
            continue
        until = end if alone else now + min(end - now, e.domains[domain, D_WINDOW])
        row = first
        while row < last:
            resumed = e.workers[worker, V_STAGE] != BEGIN
            node = e.workers[worker, V_NODE] if resumed else e.lists[row]
            idle = not (resumed or alone or e.nodes[node, N_NEXT] < until)
            while not idle:
                change = e.nodes[node, N_CHANGE]
                limit = until
                if change < e.nodes[node, N_CHANGE_END]:
                    limit = min(until, e.changes[change, G_TIME])
                reached = run_batch(e, worker, node, limit)
                if reached == NONE:
                    return NONE
                if reached == limit and limit < until:
                    change = apply_changes(e, worker, node, change, limit)
                    if change == NONE:
                        return NONE
                    e.nodes[node, N_CHANGE] = change
                    e.nodes[node, N_KEPT_TIME] = limit
                elif reached == limit:
                    e.nodes[node, N_NEXT] = next_at(e, worker, node)
                    idle = True
            if not resumed:
                row += 1
        now = until


@inline_kernel
def make_active(domains, workers, lists, worker, domain):
    """Put a domain among those of its worker that have something to do."""
    place = domains[domain, D_PLACE]
    active = workers[worker, V_DOMAIN_ACTIVE]
    if place < active:
        return
    other = lists[active]
    lists[place] = other
    domains[other, D_PLACE] = place
    lists[active] = domain
    domains[domain, D_PLACE] = active
    workers[worker, V_DOMAIN_ACTIVE] = active + 1


@inline_kernel
def make_idle(domains, workers, lists, worker, domain):
    """Put a domain behind those of its worker that have something to do."""
    place = domains[domain, D_PLACE]
    active = workers[worker, V_DOMAIN_ACTIVE] - 1
    other = lists[active]
    lists[place] = other
    domains[other, D_PLACE] = place
    lists[active] = domain
    domains[domain, D_PLACE] = active
    workers[worker, V_DOMAIN_ACTIVE] = active


@inline_kernel
def wake_own(e, worker, parity, start):
    """Wake the domains of a worker to which packets were published in the last window, by whomever."""
    for other in range(len(e.workers)):
        first = (2 * other + parity) * e.control[C_WAKE_ROWS]
        for k in range(first, first + e.workers[other, V_WAKES + parity]):
            domain = e.wakes[k]
            place = e.domains[domain, D_PLACE]
            if e.workers[worker, V_DOMAIN] <= place < e.workers[worker, V_DOMAIN_END]:
                if e.domains[domain, D_WAKE + parity]:
                    e.domains[domain, D_WAKE + parity] = 0
                    look_again(e.domains, e.nodes, e.lists, domain, start)
                    e.domains[domain, D_NEXT] = min(e.domains[domain, D_NEXT], start)
                    make_active(e.domains, e.workers, e.lists, worker, domain)


@hot_kernel
def wake_node(nodes, domains, workers, lists, n_workers, node, time_ps):
    """Have a node act at an instant of which it was told from outside, between two calls of `advance`."""
    nodes[node, N_NEXT] = min(nodes[node, N_NEXT], time_ps)
    nodes[node, N_SOURCES] = min(nodes[node, N_SOURCES], time_ps)
    if len(domains) == 0:
        return
    domain = nodes[node, N_DOMAIN]
    domains[domain, D_NEXT] = min(domains[domain, D_NEXT], time_ps)
    place = domains[domain, D_PLACE]
    for worker in range(n_workers):
        if workers[worker, V_DOMAIN] <= place < workers[worker, V_DOMAIN_END]:
            make_active(domains, workers, lists, worker, domain)


@hot_kernel
def advance(e, worker, n_workers, until, most_windows):
    """Windows until `until` (at most the end of the step), or `most_windows` of them. DONE or SHORT.

    The one in which an end of a watched flow falls that matters is the last.

    Every worker calls this at once, with the same arguments but its own number; all of them see the same
    verdicts at the end of a window and so agree on the next one.
    """
    start = e.control[C_WINDOW_START]
    end = e.control[C_WINDOW_END]
    parity = e.control[C_PARITY]
    unfinished = e.control[C_UNFINISHED]
    stop_at = e.control[C_STOP_AT]
    e.workers[worker, V_STOP_AT] = NEVER
    windows = 0
    rounds = 0
    status = DONE
    while True:
        if unfinished == 0:
            if start >= until or windows >= most_windows:
                break
            end = start + min(until - start, e.control[C_LOOKAHEAD])
            e.workers[worker, V_WAKES + parity] = 0
        rounds += 1
        verdict = V_VERDICT + (rounds & 1) * V_VERDICT_COLUMNS
        e.workers[worker, verdict + V_STATUS] = DONE
        e.workers[worker, verdict + V_WOKE] = 0
        e.workers[worker, V_PARITY] = parity
        wake_own(e, worker, 1 - parity, start)
        upcoming = NEVER
        row = e.workers[worker, V_DOMAIN]
        while row < e.workers[worker, V_DOMAIN_ACTIVE]:
            resumed = e.workers[worker, V_STAGE] != BEGIN
            domain = e.nodes[e.workers[worker, V_NODE], N_DOMAIN] if resumed else e.lists[row]
            # A last bit that leaves at `end` itself still leaves in this window, so `<=`.
            if resumed or e.domains[domain, D_NEXT] <= end:
                before = e.workers[worker, V_HANDLED]
                answer = step_domain(e, worker, domain, start, end)
                e.domains[domain, D_WORK] += e.workers[worker, V_HANDLED] - before
                if answer == NONE:
                    e.workers[worker, verdict + V_STATUS] = SHORT
                    break
                e.workers[worker, verdict + V_WOKE] |= answer
                e.domains[domain, D_NEXT] = domain_next(e.domains, e.nodes, e.lists, domain)
            if resumed:
                continue
            upcoming = min(upcoming, e.domains[domain, D_NEXT])
            if e.domains[domain, D_NEXT] == NEVER:
                make_idle(e.domains, e.workers, e.lists, worker, domain)
            else:
                row += 1
        e.workers[worker, verdict + V_NEXT] = upcoming
        e.workers[worker, verdict + V_STOP] = e.workers[worker, V_STOP_AT]
        wait_for_all(e.control, n_workers, rounds)
        woke = unfinished
        for other in range(n_workers):
            if e.workers[other, verdict + V_STATUS] != DONE:
                status = SHORT
            upcoming = min(upcoming, e.workers[other, verdict + V_NEXT])
            woke |= e.workers[other, verdict + V_WOKE]
            stop_at = min(stop_at, e.workers[other, verdict + V_STOP])
        if status == SHORT:
            unfinished = 1
            break
        unfinished = 0
        windows += 1
        parity = 1 - parity
        start = end
        if woke == 0 and upcoming > start:
            # What leaves at `until` itself leaves in this call, so there has to be a window that ends there.
            latest = until if upcoming > until else max(start, until - e.control[C_LOOKAHEAD])
            start = max(start, min(upcoming, latest, stop_at))
        if stop_at < start:
            break
    wait_for_all(e.control, n_workers, rounds + 1)
    if worker == 0:
        e.control[C_WINDOW_START] = start
        e.control[C_WINDOW_END] = end
        e.control[C_PARITY] = parity
        e.control[C_UNFINISHED] = unfinished
        e.control[C_STOP_AT] = stop_at
        e.control[C_WINDOWS] += windows
    return status
