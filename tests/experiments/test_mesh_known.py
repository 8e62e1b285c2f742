"""What senders know of the mesh: their own links, for how long guests had none, and ways."""

from types import SimpleNamespace

import numpy as np
import pytest

from lasermesh.experiments.fault_overlay import LinkChanges
from lasermesh.experiments.mesh_known import KnownMesh
from lasermesh.routing import Routes
from lasermesh.units import PS_PER_S
from lasermesh.workloads.agenda import Agenda

FROM_NODE = np.array([0, 0, 1, 2])


@pytest.fixture
def mesh():
    """Nodes 0 and 1 send, 1 and 2 are guests; one flow comes before the channels."""
    feed = SimpleNamespace(full_rate_bps=np.array([5, 6, 7, 8]))
    return KnownMesh(1, {0, 1}, {1, 2}, np.array([0, 0, 1000]), 2, feed, Agenda())


def test_a_guest_attaches_until_it_has_a_link(mesh):
    agenda = mesh._agenda
    assert mesh.is_attaching(1) and not mesh.is_attaching(0) and not mesh.is_attaching(2)
    agenda.run_until(10)
    assert mesh.change_links([(2, True), (0, True)], FROM_NODE) == {0, 1}
    assert not mesh.is_attaching(1) and mesh.is_attached(1) and mesh.is_up(2)
    agenda.run_until(30)
    mesh.change_links([(2, False)], FROM_NODE)
    agenda.run_until(35)
    assert mesh.is_attaching(1) and mesh.attaching_ps(1) == 15
    assert mesh.attaching_ps(0) == 0


def test_being_told_twice_changes_nothing(mesh):
    mesh.change_links([(0, True), (0, True), (1, False)], FROM_NODE)
    mesh.change_links([(0, False)], FROM_NODE)
    assert not mesh.is_attached(0)


def test_only_links_of_senders_are_followed(mesh):
    changes = LinkChanges(np.zeros(4), np.array([3, 3, 4, 5]), np.array([0, 3, 2, 2]), np.array([1, 1, 1, 0]))
    found = mesh.changes_of_senders(changes, FROM_NODE)
    assert found == {3: [(0, True)], 4: [(2, True)], 5: [(2, False)]}


def test_a_way_has_its_links_light_time_and_processing(mesh):
    assert mesh.path(0) is None
    mesh.set_routes(
        Routes(
            np.array([0, 2, 5, 5, 9]),
            np.array([0, 1, 0, 2, 1, 0, 1, 2, 1]),
            np.array([0, -1, 1, 3, -1, 0, 2, 3, -1]),
            np.array([1.0, 0.25, np.nan, 1.0]),
            np.zeros(4),
        )
    )
    assert mesh.path(0) == ((1, 3), PS_PER_S // 4 + 1000)
    assert mesh.path(1) is None
    assert mesh.path(2) is None  # longer than packets may go
    assert mesh.rate_bps(3) == 8
