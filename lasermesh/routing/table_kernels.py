"""Following forwarding tables link by link."""

import numpy as np

from lasermesh.compiled import kernel
from lasermesh.units import NONE


@kernel
def count_right_links(link, first, link_up):
    """How many entries of int32 (n_nodes, n_labels) are a link of their node or empty.

    `link_up` has the ids that are up by sending node. Each entry is compared with each link of its node,
    which takes half the time of looking up where its own starts.
    """
    n_right = 0
    for node in range(len(link)):
        of_node = link[node]
        for label in range(len(of_node)):
            n_right += of_node[label] == NONE
        for row in range(first[node], first[node + 1]):
            wanted = link_up[row]
            for label in range(len(of_node)):
                n_right += of_node[label] == wanted
    return n_right


@kernel
def find_wrong_link(link, ends_of_link):
    """Place of the first entry that is no usable link of its node, or empty before a filled one, or NONE."""
    n_nodes, n_labels, n_choices = link.shape
    for node in range(n_nodes):
        for label in range(n_labels):
            for choice in range(n_choices):
                chosen = link[node, label, choice]
                place = (node * n_labels + label) * n_choices + choice
                if chosen == NONE:
                    if choice + 1 < n_choices and link[node, label, choice + 1] != NONE:
                        return place
                elif chosen < 0 or chosen >= len(ends_of_link) or ends_of_link[chosen, 0] != node:
                    return place
    return NONE


@kernel
def label_after(next_label, keeps_label, node, label):
    """The label with which a packet leaves a node."""
    if keeps_label or next_label[node, label] == NONE:
        return np.int64(label)
    return np.int64(next_label[node, label])


@kernel
def survey_flows(
    link,
    label_of_flow,
    next_label,
    keeps_label,
    ends_of_link,
    transit,
    flow_from,
    flow_to,
    mark,
    stack,
    stack_choice,
    visited,
    good_for,
    dead_end,
    loops,
    trespass,
):
    """Follow every label of every flow over every choice, depth first.

    A state is a node with a label, or a node alone where labels are kept. `mark` int64 (n_states,), zeros at
    the start, holds 2 * visit while a state is on the current path and 2 * visit + 1 once all that follows it
    is known; `stack`, `stack_choice` and `visited` have room for every state. `good_for` int32 (n_nodes,
    n_labels), or without rows, NONE at the start, holds the destination to which all choices were found to
    lead from there: many flows share most of their paths. `dead_end` and `loops`, bool (n_flows,), come out
    true where some choices lead there; `trespass` becomes (flow, node) of the first path through a node
    without transit.
    """
    n_labels, n_choices = link.shape[1], link.shape[2]
    visit = 0
    for flow in range(len(flow_from)):
        for path in range(label_of_flow.shape[1]):
            entered = np.int64(label_of_flow[flow, path])
            if entered == NONE:
                if path == 0:
                    dead_end[flow] = True
                continue
            visit += 1
            n_visited = 0
            good = True
            state = np.int64(flow_from[flow])
            if not keeps_label:
                state = state * n_labels + entered
            stack[0] = state
            stack_choice[0] = 0
            mark[state] = 2 * visit
            depth = 1
            while depth > 0:
                state = stack[depth - 1]
                choice = stack_choice[depth - 1]
                if keeps_label:
                    node, label = state, entered
                else:
                    node, label = state // n_labels, state % n_labels
                if choice == 0:
                    visited[n_visited] = state
                    n_visited += 1
                chosen = np.int32(NONE)
                if node != flow_to[flow] and choice < n_choices:
                    chosen = link[node, label, choice]
                    if chosen == NONE and choice == 0:
                        dead_end[flow] = True
                        good = False
                if chosen == NONE:
                    mark[state] = 2 * visit + 1
                    depth -= 1
                    continue
                stack_choice[depth - 1] += 1
                onward = np.int64(ends_of_link[chosen, 1])
                if onward != flow_to[flow] and not transit[onward] and trespass[0] == NONE:
                    trespass[0] = flow
                    trespass[1] = onward
                label = label_after(next_label, keeps_label, node, label)
                state = onward if keeps_label else onward * n_labels + label
                if len(good_for) > 0 and good_for[onward, label] == flow_to[flow]:
                    continue
                if mark[state] == 2 * visit:
                    loops[flow] = True
                    good = False
                elif mark[state] < 2 * visit:
                    mark[state] = 2 * visit
                    stack[depth] = state
                    stack_choice[depth] = 0
                    depth += 1
            if good and len(good_for) > 0:
                for k in range(n_visited):
                    if keeps_label:
                        good_for[visited[k], entered] = flow_to[flow]
                    else:
                        good_for[visited[k] // n_labels, visited[k] % n_labels] = flow_to[flow]


@kernel
def picked_link(link, node, label, flow_hash):
    """The link that a flow's hash picks among the choices at a node, or NONE."""
    n_choices = link.shape[2]
    if n_choices == 1:
        return link[node, label, 0]
    usable = 0
    while usable < n_choices and link[node, label, usable] != NONE:
        usable += 1
    if usable == 0:
        return np.int32(NONE)
    return link[node, label, flow_hash % usable]


@kernel
def route_length(link, entered, next_label, keeps_label, ends_of_link, source, destination, flow_hash):
    """How many nodes are on the path of a flow that enters with a label, both ends counted; 0 if none."""
    if entered == NONE:
        return 0
    label = np.int64(entered)
    most = link.shape[0] if keeps_label else link.shape[0] * link.shape[1]
    node = np.int64(source)
    for length in range(1, most + 1):
        if node == destination:
            return length
        chosen = picked_link(link, node, label, flow_hash)
        if chosen == NONE:
            return 0
        label = label_after(next_label, keeps_label, node, label)
        node = np.int64(ends_of_link[chosen, 1])
    return 0


@kernel
def fill_route_lengths(
    link, entered, next_label, keeps_label, ends_of_link, flow_from, flow_to, flow_hash, length
):
    """Nodes on the path of each flow: length int64 (n_flows,)."""
    for flow in range(len(flow_from)):
        length[flow] = route_length(
            link,
            entered[flow],
            next_label,
            keeps_label,
            ends_of_link,
            flow_from[flow],
            flow_to[flow],
            flow_hash[flow],
        )


@kernel
def fill_routes(
    link,
    entered,
    next_label,
    keeps_label,
    ends_of_link,
    flow_from,
    flow_to,
    flow_hash,
    row_of_link,
    link_delay_s,
    link_range_m,
    first,
    node_out,
    link_out,
    delay_s,
    range_m,
):
    """Nodes, links and lengths of the path of each flow, into the rows that `first` gives them.

    Delay and range are added from the destination outward, as the trees add them.
    """
    for flow in range(len(flow_from)):
        delay_s[flow] = np.nan
        range_m[flow] = np.nan
        start, stop = first[flow], first[flow + 1]
        if start == stop:
            continue
        node = np.int64(flow_from[flow])
        label = np.int64(entered[flow])
        for place in range(start, stop - 1):
            chosen = picked_link(link, node, label, flow_hash[flow])
            node_out[place] = node
            link_out[place] = chosen
            label = label_after(next_label, keeps_label, node, label)
            node = np.int64(ends_of_link[chosen, 1])
        node_out[stop - 1] = node
        link_out[stop - 1] = NONE
        total_s = 0.0
        total_m = 0.0
        for place in range(stop - 2, start - 1, -1):
            row = row_of_link[link_out[place]]
            total_s += link_delay_s[row]
            total_m += link_range_m[row]
        delay_s[flow] = total_s
        range_m[flow] = total_m
