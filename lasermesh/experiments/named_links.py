"""Links that an experiment names: whether the run had them."""


def missing_links(experiment, links, names):
    """A sentence for each link that `[[faults]]` or `[observe]` names and that has never been.

    Parameters
    ----------
    experiment : Experiment
    links : LinkTable
        Of all links that have been up by the end of the run, were it not for faults.
    names : sequence of str
        Of nodes.
    """
    there = set(zip(links.from_node.tolist(), links.to_node.tolist(), strict=True))
    for index, fault in enumerate(experiment.faults):
        for ends in fault.link_rows:
            if ends not in there and not (fault.both_ways and ends[::-1] in there):
                yield _sentence(f"faults[{index}]", ends, names)
    for ends in experiment.observe.queue_rows:
        if ends not in there:
            yield _sentence("observe.queue_of", ends, names)


def _sentence(where, ends, names):
    start, end = (names[row] for row in ends)
    return f"{where} has had no effect on {start} > {end}: there was no such link during the run"
