"""Comparing forwarding tables entry by entry."""

from lasermesh.compiled import kernel


@kernel
def count_changes(before, after):
    """How many entries of two tables of the same shape differ."""
    n_changes = 0
    one, other = before.reshape(-1), after.reshape(-1)
    for entry in range(len(one)):
        n_changes += one[entry] != other[entry]
    return n_changes


@kernel
def fill_changes(before, after, node_out, label_out, choice_out, before_out, after_out):
    """The entries that differ, in the order of nodes, labels and choices; outputs have as many rows."""
    n_changes = 0
    n_nodes, n_labels, n_choices = before.shape
    for node in range(n_nodes):
        for label in range(n_labels):
            for choice in range(n_choices):
                if before[node, label, choice] != after[node, label, choice]:
                    node_out[n_changes] = node
                    label_out[n_changes] = label
                    choice_out[n_changes] = choice
                    before_out[n_changes] = before[node, label, choice]
                    after_out[n_changes] = after[node, label, choice]
                    n_changes += 1
