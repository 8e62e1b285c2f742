"""Multi-commodity flow as textbooks write it: a variable for each pair and link, conservation at each vertex.

Slow and obvious; the whole program goes to scipy at once.
"""

import numpy as np
from scipy.optimize import linprog


def solve(n_vertices, links, capacity, pairs, wanted, concurrent):
    """The most in total with `wanted` as limits of pairs, or the greatest multiple of all of it at once.

    `links` and `pairs` are lists of (from, to). Pairs without a path carry nothing in total, and make the
    multiple 0.
    """
    n_links, n_pairs = len(links), len(pairs)
    n_flow = n_links * n_pairs
    n_more = 1 if concurrent else n_pairs
    equal, of_equal = [], []
    for pair, (source, sink) in enumerate(pairs):
        for vertex in range(n_vertices):
            row = np.zeros(n_flow + n_more)
            for link, (tail, head) in enumerate(links):
                row[pair * n_links + link] += (tail == vertex) - (head == vertex)
            sent = (vertex == source) - (vertex == sink)
            row[n_flow + (0 if concurrent else pair)] = -sent * (wanted[pair] if concurrent else 1.0)
            equal.append(row)
            of_equal.append(0.0)
    within = np.zeros((n_links, n_flow + n_more))
    for link in range(n_links):
        within[link, link:n_flow:n_links] = 1.0
    objective = np.zeros(n_flow + n_more)
    objective[n_flow:] = -1.0
    limits = [(0, None)] * n_flow + ([(0, None)] if concurrent else [(0, most) for most in wanted])
    solved = linprog(objective, within, capacity, np.array(equal), of_equal, limits)
    assert solved.status == 0, solved.message
    return -solved.fun
