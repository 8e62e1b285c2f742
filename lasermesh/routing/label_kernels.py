"""Which paths may share a label, and the table entries of paths."""

import numpy as np

from lasermesh.compiled import kernel
from lasermesh.units import NONE


@kernel
def entry_of(path, place, column, first, node, link, end, tree_link):
    """What a table must say at one node of a path: 0 nothing, else link and whether the label changes.

    The label changes at the way-point that a path ends at, if that is not its destination.
    """
    if place + 1 < first[path + 1]:
        return (np.int64(link[place]) + 1) * 2
    if node[place] == end[path]:
        return np.int64(0)
    return (np.int64(tree_link[node[place], column[path]]) + 1) * 2 + 1


@kernel
def choose_levels(order, column, first, node, link, end, tree_link, scratch, level):
    """The lowest level at which each path contradicts nobody; NONE if some path finds none, else 0.

    Parameters
    ----------
    order : int64 (n_paths,)
        Rows of the paths, those to one destination together.
    column : int64 (n_paths,)
    first, node, link : see `labels.Paths`
    end : int32 (n_paths,)
        The destination of each path.
    tree_link : int32 (n_nodes, n_columns)
        Level 0.
    scratch : int64 (n_levels - 1, n_nodes)
        Zeros; entries of the levels from 1 on for the destination in hand. Zeros again at the end.
    level : int64 (n_paths,)
        Output.
    """
    begin = 0
    while begin < len(order):
        stop = begin
        while stop < len(order) and column[order[stop]] == column[order[begin]]:
            stop += 1
        for turn in range(begin, stop):
            path = order[turn]
            found = NONE
            for candidate in range(len(scratch) + 1):
                fits = True
                for place in range(first[path], first[path + 1]):
                    wanted = entry_of(path, place, column, first, node, link, end, tree_link)
                    if wanted == 0:
                        continue
                    if candidate == 0:
                        there = (np.int64(tree_link[node[place], column[path]]) + 1) * 2
                    else:
                        there = scratch[candidate - 1, node[place]]
                    if there != wanted and (candidate == 0 or there != 0):
                        fits = False
                        break
                if fits:
                    found = candidate
                    break
            if found == NONE:
                return NONE
            level[path] = found
            if found > 0:
                for place in range(first[path], first[path + 1]):
                    wanted = entry_of(path, place, column, first, node, link, end, tree_link)
                    if wanted != 0:
                        scratch[found - 1, node[place]] = wanted
        for turn in range(begin, stop):
            path = order[turn]
            if level[path] > 0:
                for place in range(first[path], first[path + 1]):
                    scratch[level[path] - 1, node[place]] = 0
        begin = stop
    return 0


@kernel
def fill_labels(order, column, first, node, link, end, tree_link, level, table_link, next_label):
    """Write paths into link int32 (n_nodes, n_labels, 1); `next_label` is empty where labels are kept."""
    n_columns = tree_link.shape[1]
    for path in order:
        if level[path] == 0:
            continue
        label = level[path] * n_columns + column[path]
        for place in range(first[path], first[path + 1]):
            entry = entry_of(path, place, column, first, node, link, end, tree_link)
            if entry == 0:
                continue
            table_link[node[place], label, 0] = entry // 2 - 1
            if entry % 2 == 1:
                next_label[node[place], label] = column[path]
