"""What the summary of a run says of work: its workloads, computers, power and storage."""

from lasermesh.scenario.experiment import TRAIN


def work_entries(totals, experiment):
    """The summary's entries of work.

    Parameters
    ----------
    totals : dict
        What `workloads.work.Work.totals` gives.
    experiment : Experiment

    Returns
    -------
    entries : dict
        `workloads`, for each node of a table `compute` and `storage`, and for each table `power`, None where
        there is none; the name of a workload or table is `name`. Workloads say whether they were sent in
        packets or trains (`fidelity`, `train_packets`).
    """
    fidelity = {
        "fidelity": experiment.fidelity,
        "train_packets": experiment.train_packets if experiment.fidelity == TRAIN else None,
    }
    return {
        "workloads": [entry | fidelity for entry in totals["workloads"]] or None,
        "compute": totals["computers"] or None,
        "storage": totals["storages"] or None,
        "power": totals["power"] or None,
    }
