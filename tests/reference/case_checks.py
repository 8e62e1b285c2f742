"""Whether a case means anything."""

import itertools

from tests.reference.case import (
    ANSWERS,
    CODEL,
    DROP_TAIL,
    ECN_THRESHOLD,
    NONE,
    TIMED_KINDS,
    UNLIMITED,
    ordered_changes,
)

MAX_PACKET_BYTES = 65_536
MAX_TRAIN = 512
PER_LINK = (
    "link_to",
    "queue_packets",
    "queue_bytes",
    "classes",
    "discipline",
    "mark_packets",
    "mark_bytes",
    "codel",
    "bit_error_rate",
)


def check_case(case):
    """Raise ValueError if the case means nothing, as a stop of a link that is down."""
    check_network(case)
    check_queues(case)
    check_changes(case)
    check_node_changes(case)
    check_steps(case)
    check_tables(case)
    for pool in case.pools:
        check_pool(case, pool)
    for flow in case.flows:
        check_flow(case, flow)
        check_packets(flow)
    are_direct = [flow.link is not None for flow in case.flows]
    need(are_direct == sorted(are_direct), "flows with links of their own must come behind all others")
    check_answers(case)


def need(condition, sentence):
    """Refuse a case with a sentence unless the condition holds."""
    if not condition:
        raise ValueError(sentence)


def check_network(case):
    for name in PER_LINK:
        need(len(getattr(case, name)) == case.n_links, f"{name} must have one entry per link")
    need(
        case.end_ps > 0 and case.framing_bytes >= 0,
        "end_ps must be positive, framing_bytes must not be negative",
    )
    need(case.on_link_down in ("drop", "reroute"), f"on_link_down is {case.on_link_down!r}")
    pairs = list(zip(case.link_from, case.link_to, strict=True))
    for start, end in pairs:
        need(
            0 <= start < case.n_nodes and 0 <= end < case.n_nodes and start != end,
            f"link {start} -> {end} is none",
        )
    need(len(set(pairs)) == case.n_links, "two links join the same nodes in the same direction")
    need(len(case.processing_ps) == case.n_nodes, "processing_ps must have one entry per node")
    need(all(delay_ps >= 0 for delay_ps in case.processing_ps), "a processing delay is negative")


def check_queues(case):
    need(all(1 <= n <= 8 for n in case.classes), "a link has one to eight waiting lists")
    known = (DROP_TAIL, ECN_THRESHOLD, CODEL)
    need(all(discipline in known for discipline in case.discipline), "a discipline is unknown")
    need(min([*case.mark_packets, *case.mark_bytes], default=0) >= 0, "a mark threshold is negative")
    for target_ps, interval_ps, min_bytes in case.codel:
        need(target_ps >= 0 and interval_ps >= 1 and min_bytes >= 0, "CoDel's settings are out of range")
    need(all(0.0 <= rate < 1.0 for rate in case.bit_error_rate), "a bit error rate is not in [0, 1)")


def check_changes(case):
    is_up = [False] * case.n_links
    seen = set()
    for time_ps, link, kind, rate_bps in ordered_changes(case):
        what = f"change ({time_ps}, {link}, {kind!r}, {rate_bps})"
        need(time_ps >= 0, f"{what} comes before the run")
        need((time_ps, link, kind) not in seen, f"{what} is there twice")
        seen.add((time_ps, link, kind))
        need(is_up[link] == (kind != "start"), f"{what} finds the link {'up' if is_up[link] else 'down'}")
        need(kind == "stop" or rate_bps > 0, f"{what} has no rate")
        is_up[link] = kind != "stop"


def check_node_changes(case):
    """Nodes change at most once at an instant, and a node that is down has no link that is up."""
    need(
        len({change[:2] for change in case.node_changes}) == len(case.node_changes),
        "a node changes twice at once",
    )
    down_nodes, up_links = set(), set()
    changes = sorted(
        [(time_ps, 0, node, kind) for time_ps, node, kind in case.node_changes]
        + [
            (time_ps, 1 + order, link, kind)
            for order, (time_ps, link, kind, _) in enumerate(ordered_changes(case))
        ]
    )
    for time_ps, together in itertools.groupby(changes, key=lambda change: change[0]):
        need(time_ps >= 0, "a node changes before the run")
        for _, order, what, kind in together:
            if order == 0:
                need(0 <= what < case.n_nodes and kind in ("down", "up"), f"node {what} cannot go {kind!r}")
                need((what in down_nodes) == (kind == "up"), f"node {what} goes {kind} at {time_ps} but is")
                (down_nodes.add if kind == "down" else down_nodes.discard)(what)
            elif kind == "start":
                up_links.add(what)
                ends = case.link_from[what], case.link_to[what]
                need(down_nodes.isdisjoint(ends), f"link {what} starts at {time_ps} at a node that is down")
            elif kind == "stop":
                up_links.discard(what)
        for link in up_links:
            ends = case.link_from[link], case.link_to[link]
            need(down_nodes.isdisjoint(ends), f"link {link} is up at {time_ps} at a node that is down")


def check_steps(case):
    need(
        case.steps and case.steps[0].t0_ps == 0 and case.steps[-1].t1_ps >= case.end_ps,
        "steps do not cover the run",
    )
    for before, after in itertools.pairwise(case.steps):
        need(before.t1_ps == after.t0_ps, "steps do not follow one another")
    for step in case.steps:
        need(step.t0_ps < step.t1_ps, "a step is empty")
        for delays in (step.delay_start_ps, step.delay_end_ps):
            need(len(delays) == case.n_links, "a step must have two delays per link")
            need(all(delay >= 0 for delay in delays), "a step has a negative delay")


def check_tables(case):
    for table in case.tables:
        need(len(table.link) == len(table.switch_ps) == case.n_nodes, "a table must have one row per node")
        need(all(time_ps >= 0 for time_ps in table.switch_ps), "a table switches before the run")
        need(
            len(table.label_of_flow) in (0, len(case.flows)),
            "label_of_flow must have one entry per flow, or none",
        )
        for rows in (table.link, table.more, table.backup):
            need(len(rows) in (0, case.n_nodes), "choices and backups have one row per node, or none")
        backups = table.backup or [[NONE] * len(row) for row in table.link]
        for node, row in enumerate(table.link):
            need(len(backups[node]) == len(row), "a table must have a backup per label, or none")
            links = [*row, *backups[node]]
            for label in range(len(row)):
                links += table.more[node][label] if table.more else ()
                need(row[label] != NONE or not table.choices(node, label), "a first choice is missing")
            for link in links:
                need(
                    link == NONE or case.link_from[link] == node,
                    f"a table sends from node {node} over link {link}",
                )
    label_counts = {len(row) for table in case.tables for row in table.link}
    need(len(label_counts) <= 1, "tables must have the same number of labels at all nodes")
    n_labels = label_counts.pop() if label_counts else 1
    labels = [flow.label for flow in case.flows]
    labels += [label for table in case.tables for label in table.label_of_flow]
    need(all(0 <= label < n_labels for label in labels), "a label is outside the tables")


def check_pool(case, pool):
    need(0 <= pool.node < case.n_nodes, "a pool is at no node")
    need(
        pool.servers >= 1 and pool.queue_requests >= 0 and pool.service_ps > 0,
        f"{pool} makes no sense",
    )
    need(pool.service_kind in ("constant", "exponential"), f"{pool} makes no sense")


def check_flow(case, flow):
    """Where a flow goes, when, and what its kind needs."""
    need(0 <= flow.source < case.n_nodes and 0 <= flow.destination < case.n_nodes, "a flow ends at no node")
    need(flow.source != flow.destination, "a flow ends where it starts")
    need(
        flow.hop_limit >= 1 and flow.phase_ps >= 0 and 0 <= flow.start_ps <= flow.stop_ps,
        f"{flow} makes no sense",
    )
    need(0 <= flow.traffic_class <= 7, f"{flow} is of no class")
    need(flow.kind in (*TIMED_KINDS, "bulk", "ack", "reply"), f"{flow} is of an unknown kind")
    if flow.link is not None:
        need(flow.kind == "script", f"{flow} cannot have a link of its own")
        ends = flow.source, flow.destination
        need(
            flow.link == NONE or (case.link_from[flow.link], case.link_to[flow.link]) == ends,
            f"{flow} has a link of its own that leads elsewhere",
        )
    if flow.kind == "on-off":
        need(flow.on_ps > 0 and flow.off_ps > 0, f"{flow} has no periods")
    if flow.kind == "bulk":
        need(len(flow.sizes) == 1 and flow.total_bytes >= 1, f"{flow} has no segments of one size")
        need(flow.window >= 1 and flow.timeout_min_ps >= 1 and flow.timeout_first_ps >= 1, f"{flow} stalls")
    if flow.train != 1:
        need(flow.kind == "constant" and len(flow.sizes) == 1, f"{flow} cannot make trains")
        need(1 < flow.train <= MAX_TRAIN, f"{flow} cannot make trains")
    if flow.makes_trains:
        need(flow.pool == NONE, f"{flow} cannot make trains")
        need(
            set(case.classes) == {1} and set(case.discipline) == {DROP_TAIL},
            "trains need links that are first in, first out, and drop-tail",
        )


def check_packets(flow):
    """Sizes in range; a script in order."""
    if flow.kind == "script":
        times = [entry[0] for entry in flow.script]
        in_order = times == sorted(times) and all(time_ps >= flow.start_ps for time_ps in times)
        need(in_order, "a script is not in order")
        sizes = [entry[1] for entry in flow.script]
        for time_ps, _, count, tail_ps in (entry for entry in flow.script if len(entry) > 2):
            need(1 <= count <= MAX_TRAIN and tail_ps >= time_ps, "a script has a train that is none")
            need(count > 1 or tail_ps == time_ps, "a script has a packet that is a train")
    else:
        need(flow.rate_bps > 0 or flow.kind in ("ack", "reply"), f"{flow} has no rate")
        need(all(weight > 0 for _, weight in flow.sizes), "a packet mix has a weight that is not positive")
        sizes = [size for size, _ in flow.sizes]
        need(sizes, "a packet mix is empty")
    need(all(1 <= size <= MAX_PACKET_BYTES for size in sizes), "a packet size is out of range")


def check_answers(case):
    """Every reply and ack flow answers one flow, the other way, with its hop limit and class, without ECN."""
    asking = [(row, flow) for row, flow in enumerate(case.flows) if flow.reply != NONE]
    answering = [row for row, flow in enumerate(case.flows) if flow.kind in ("ack", "reply")]
    need(sorted(flow.reply for _, flow in asking) == answering, "flows and their answers do not pair up")
    for row, flow in enumerate(case.flows):
        need(
            (flow.kind == "bulk" or flow.pool != NONE) == (flow.reply != NONE), f"flow {row} lacks its answer"
        )
    for row, flow in asking:
        answer = case.flows[flow.reply]
        need(answer.kind == ANSWERS.get(flow.kind, "reply"), f"flow {row} is answered by {answer.kind!r}")
        need(
            (answer.source, answer.destination) == (flow.destination, flow.source),
            f"flow {row} is answered elsewhere",
        )
        alike = answer.hop_limit == flow.hop_limit and answer.traffic_class == flow.traffic_class
        need(alike and not answer.ecn, f"the answer to flow {row} has another hop limit, class or ECN")
        need(
            (answer.start_ps, answer.stop_ps) == (0, UNLIMITED),
            f"the answer to flow {row} has a time of its own",
        )
        need(flow.reply_bytes >= 1, f"flow {row} is answered by nothing")
        if flow.kind == "bulk":
            need(flow.pool == NONE and flow.reply_bytes <= MAX_PACKET_BYTES, f"flow {row} has no such acks")
        else:
            need(flow.kind in TIMED_KINDS, f"flow {row} cannot ask for replies")
            need(1 <= flow.reply_packet_bytes <= MAX_PACKET_BYTES, f"flow {row} has no such replies")
            need(
                0 <= flow.pool < len(case.pools) and case.pools[flow.pool].node == flow.destination,
                f"flow {row} asks no pool",
            )
