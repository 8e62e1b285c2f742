"""Experiments together with the policy that they name, whose options are checked with the file."""

from lasermesh.errors import UserError
from lasermesh.scenario import load_experiment


class PolicyReader:
    """What `load_experiment` is to call as `read_policy`; keeps the policy that it has loaded."""

    def __init__(self):
        self.policy = None

    def __call__(self, name, options, place):
        """All options that the policy declares, by key; what is wrong is reported at its place."""
        from lasermesh.routing import load_policy, read_options  # checking a topology needs no kernels

        try:
            self.policy = load_policy(name, place.source.path.parent)
        except UserError as error:
            place.at("policy").report(str(error), name)
            return options
        return read_options(self.policy, options, place.at("options"))


def load_with_policy(name, sets=()):
    """An experiment, whose `routing.options` hold the policy's defaults too, and its `Policy`.

    Parameters and errors as for `load_experiment`.
    """
    reader = PolicyReader()
    experiment = load_experiment(name, sets, reader)
    return experiment, reader.policy


def load_to_simulate(name, sets=()):
    """As `load_with_policy`, for a simulated run; UserError if nothing is sent there, as `[live]` allows."""
    experiment, policy = load_with_policy(name, sets)
    for each in [alternative.experiment for alternative in experiment.alternatives] or [experiment]:
        if not (each.expanded_flows or each.bundle_flows or each.workloads):
            raise UserError(
                f"{each.name}: there is nothing to simulate, no [[flows]] and no [[workloads]]; run it live, "
                f"with lasermesh live {name}, or add what is sent"
            )
    return experiment, policy
