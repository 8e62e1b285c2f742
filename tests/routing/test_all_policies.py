"""What holds for every policy built in."""

import dataclasses

import numpy as np
import pytest

from lasermesh.routing import (
    POLICIES,
    compute_table,
    disjoint_kernels,
    ecmp_kernels,
    geographic_kernels,
    grid_kernels,
    label_kernels,
    loopless_kernels,
    search_kernels,
    valiant_kernels,
)
from tests.reference.routing import outcomes, snapshot_of
from tests.routing.networks import random_network

KERNELS = [
    disjoint_kernels,
    ecmp_kernels,
    geographic_kernels,
    grid_kernels,
    label_kernels,
    loopless_kernels,
    search_kernels,
    valiant_kernels,
]


def random_places(t_s):
    return np.random.default_rng(5).normal(size=(8, 3))


def with_all_it_needs(snapshot, folder):
    """The snapshot with what some policy asks for: a grid, positions, a file of paths."""
    (folder / "paths.csv").write_text("from,to,path\nn0,n1,n0>n1\nn0,n1,n0>n2>n1\n")
    rows = np.arange(snapshot.n_nodes, dtype=np.int32)
    grid = np.stack([np.where(rows < 6, 0, -1), rows // 3, rows % 3], axis=1).astype(np.int32)
    return dataclasses.replace(
        snapshot, grid=grid, positions=random_places, options={"file": "paths.csv"}, folder=folder
    )


@pytest.mark.parametrize("name", POLICIES)
def test_a_network_without_links_or_flows_is_no_error(name, tmp_path):
    for flows in ([], [(0, 1), (1, 0)]):
        snapshot = with_all_it_needs(snapshot_of(8, [], flows), tmp_path)
        _, report = compute_table(name, snapshot)
        assert report.dead_end_flows.tolist() == list(range(len(flows)))


@pytest.mark.parametrize("name", POLICIES)
def test_the_same_snapshot_gives_the_same_table_and_no_circles(name, tmp_path):
    for seed in range(4):
        load = table = None
        for _ in range(2):
            snapshot = with_all_it_needs(random_network(np.random.default_rng(seed), 8), tmp_path)
            snapshot = dataclasses.replace(snapshot, load=load, previous=table)
            table, report = compute_table(name, snapshot)
            again, _ = compute_table(name, snapshot)
            for before, after in zip(table[:3], again[:3], strict=True):
                np.testing.assert_array_equal(before, after)
            assert str(table.notes) == str(again.notes)
            assert not any("loops" in outcomes(snapshot, table, flow) for flow in range(snapshot.n_flows))
            assert len(report.looping_flows) == 0
            load = np.random.default_rng(seed).random(snapshot.n_links)


@pytest.mark.parametrize("name", POLICIES)
def test_what_is_complete_misses_no_flow_that_has_a_path(name, tmp_path):
    for seed in range(6):
        snapshot = with_all_it_needs(random_network(np.random.default_rng(seed), 8), tmp_path)
        _, report = compute_table(name, snapshot)
        _, best = compute_table("shortest-delay", snapshot)
        if POLICIES[name].lasermesh_policy.complete:
            assert report.dead_end_flows.tolist() == best.dead_end_flows.tolist()
        else:
            assert set(best.dead_end_flows.tolist()) <= set(report.dead_end_flows.tolist())


@pytest.mark.compiled_only
def test_each_kernel_is_compiled_once(tmp_path):
    for seed in range(2):
        snapshot = with_all_it_needs(random_network(np.random.default_rng(seed), 8), tmp_path)
        for name in POLICIES:
            table, _ = compute_table(name, snapshot)
            compute_table(name, dataclasses.replace(snapshot, previous=table))
    for module in KERNELS:
        for name, kernel in vars(module).items():
            if hasattr(kernel, "signatures") and kernel.__module__ == module.__name__:
                assert len(kernel.signatures) <= 1, name
