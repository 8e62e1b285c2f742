"""Traffic matrices: from files of both forms, and by the gravity model."""

import pytest

from lasermesh.scenario import load_experiment
from tests.scenario.scenes import BARE, problems_of, warnings_of, write

TOP = "duration_s = 10.0\n"
MATRIX = '[[flows]]\nname = "m"\nmatrix = "m.csv"\n'
SITES = (
    "name,lat_deg,lon_deg,population\nOslo,59.9,10.8,1000000\nRome,41.9,12.5,4000000\nBonn,50.7,7.1,500000\n"
)
GRAVITY = """
[topology]
[[topology.ground]]
name = "cities"
sites = "sites.csv"
[[flows]]
name = "g"
matrix = "gravity"
sites = "cities"
total_gbps = 13
"""


def text_of(flow=MATRIX):
    return TOP + BARE + flow


def rates_of(folder, matrix):
    write(folder, matrix, "m.csv")
    flows = load_experiment(write(folder, text_of())).expanded_flows
    return {flow.name.removeprefix("m/"): flow.rate_gbps for flow in flows}


def problems_with(folder, matrix):
    write(folder, matrix, "m.csv")
    return problems_of(folder, text_of())


@pytest.mark.parametrize(
    "matrix",
    [
        "from,to,rate_gbps\na,b,1.5\nb,c,2\nc,a,0\na,a,0\n",
        "rate_gbps,to,remark,from\n1.5,b,x,a\n2,c,,b\n",
        ",a,b,c\na,,1.5,0\nb,0,0,2\nc,0,0,\n",
        "from,c,b,a\nb,2,,0\na,0,1.5,0\nc,0,0,0\n",
        "from,a,b,c\n\na,0,1.5,0\nb,0,,2\nc,0,0\n",
    ],
)
def test_both_forms_say_the_same(tmp_path, matrix):
    assert rates_of(tmp_path, matrix) == {"a>b": 1.5, "b>c": 2.0}


def test_nodes_of_a_matrix_go_by_row_too(tmp_path):
    assert rates_of(tmp_path, ",#0,#1\n#0,0,1\n#1,2,0\n") == {"#0>#1": 1.0, "#1>#0": 2.0}


def test_rates_below_a_kilobit_are_left_out_and_counted(tmp_path):
    matrix = "from,to,rate_gbps\na,b,1e-6\nb,c,9.9e-7\nc,a,1e-8\na,c,0\n"
    assert rates_of(tmp_path, matrix) == {"a>b": 1e-6}
    assert [each for each in warnings_of(tmp_path, text_of()) if "left out" in each] == [
        "x.toml:9: flows[0].matrix: 2 of 3 pairs are left out, because their rates are below 1 kbit/s; they "
        "have 50 % of the traffic"
    ]


def test_a_matrix_serves_any_kind_that_has_a_rate(tmp_path):
    write(tmp_path, ",a,b\na,,1\nb,2,\n", "m.csv")
    flow = MATRIX + 'kind = "bulk"\ntotal_bytes = 15_000\n'
    flows = load_experiment(write(tmp_path, text_of(flow))).expanded_flows
    assert [flow.name for flow in flows] == ["m/a>b", "m/a>b/ack", "m/b>a", "m/b>a/ack"]


@pytest.mark.parametrize(
    ("matrix", "problems"),
    [
        ("from,to\na,b\n", ['m.csv:1: there is no column "rate_gbps"']),
        (
            "from,to,rate_gbps\na,b,-1\nb,c,\n",
            [
                "m.csv:2: rate_gbps: must be a number from 0 to 1000000 (got -1.0)",
                "m.csv:3: rate_gbps: is empty; must be a number from 0 to 1000000",
            ],
        ),
        ("from,to,rate_gbps\na,a,1\n", ['m.csv:2: leads from "a" to itself; a flow needs two nodes']),
        (
            "from,to,rate_gbps\na,b,1\na,b,2\n",
            ['m.csv:3: "m/a>b" is already the name of the flow at m.csv:2'],
        ),
        (
            "from,to,rate_gbps\na,d,1\n",
            ['m.csv:2: to: no node is named "d" in topology "x"'],
        ),
        (
            "x,a,b\na,0,1\nb,1,0\n",
            ["m.csv:1: must be from,to,rate_gbps, or an empty cell or from and then the names of nodes"],
        ),
        (
            ",a,b\na,3,1\nb,x,0\n",
            [
                'm.csv:2: a: must be empty or 0, because no flow ends where it starts (got "3")',
                'm.csv:3: a: must be a number from 0 to 1000000 (got "x")',
            ],
        ),
        (
            ",a,b\na,0,-1\nb,,0\n",
            [
                'm.csv:2: b: must be a number from 0 to 1000000 (got "-1")',
                "m.csv:3: a: must be a number from 0 to 1000000 (is empty; 0 is no flow)",
            ],
        ),
        (",a,b\na,0,1\n", ['m.csv:1: there is no row of "b"']),
        (",a,b\na,0,1\nb,1,0\nc,1,1\n", ['m.csv:4: begins with "c", which is not in the header']),
        (",a,b\na,0,1\na,0,1\nb,1,0\n", ['m.csv:3: "a" has a row already, line 2']),
        (",a,a\na,0,1\n", ['m.csv:1: "a" is there twice']),
        (",a,\na,0,1\n", ["m.csv:1: has a column without a name"]),
        (",a,b\na,0,1,2\nb,1,0\n", ["m.csv:2: has 3 entries, but the header has 2 names"]),
        (",a,d\na,0,1\nd,1,0\n", ['m.csv:1: no node is named "d" in topology "x"']),
        (",a,b\na,0,nan\nb,1,0\n", ['m.csv:2: b: must be a number from 0 to 1000000 (got "nan")']),
        (",a,b\na,0,0\nb,1e-9,0\n", ["x.toml:9: flows[0].matrix: has no rate of at least 1 kbit/s"]),
    ],
)
def test_what_is_wrong_with_a_matrix_is_said(tmp_path, matrix, problems):
    assert problems_with(tmp_path, matrix) == problems


@pytest.mark.parametrize(
    ("flow", "problem"),
    [
        (MATRIX + "rate_gbps = 1\n", "flows[0].rate_gbps: goes with a single pair or pairs, not with matrix"),
        (MATRIX + 'pairs = [["a", "b"]]\nrate_gbps = 1\n', "flows[0].matrix: cannot stand beside pairs"),
        (MATRIX + 'from = "a"\n', "flows[0].from: goes with a single pair, not with matrix"),
        (MATRIX + "total_gbps = 1\n", 'flows[0].total_gbps: goes with matrix = "gravity", not with matrix'),
        (
            MATRIX + 'kind = "request"\nrequests_per_s = 9\nresponse_bytes = 99\nservice_s = 0\n',
            'flows[0].matrix: goes with kind = "constant", "poisson", "on-off" or "bulk", not with '
            'kind = "request"',
        ),
    ],
)
def test_what_does_not_go_with_a_matrix_is_refused(tmp_path, flow, problem):
    write(tmp_path, ",a,b\na,,1\nb,2,\n", "m.csv")
    assert [each.split(": ", 1)[1] for each in problems_of(tmp_path, text_of(flow))] == [problem]


def test_a_matrix_that_is_not_there_is_reported(tmp_path):
    assert problems_of(tmp_path, text_of()) == ['x.toml:9: flows[0].matrix: there is no file "m.csv"']


# --------------------------------------------------------------------------------------------- gravity


def gravity_of(folder, more="", sites=SITES):
    write(folder, sites, "sites.csv")
    flows = load_experiment(write(folder, TOP + GRAVITY + more)).expanded_flows
    return {flow.name.removeprefix("g/"): flow.rate_gbps for flow in flows}


def test_rates_go_with_the_product_of_populations(tmp_path):
    # In units of 10^11 people squared: 40 both ways, 5 both ways, 20 both ways; the sum is 130.
    assert gravity_of(tmp_path) == {
        "Oslo>Rome": pytest.approx(4.0, rel=1e-12),
        "Oslo>Bonn": pytest.approx(0.5, rel=1e-12),
        "Rome>Oslo": pytest.approx(4.0, rel=1e-12),
        "Rome>Bonn": pytest.approx(2.0, rel=1e-12),
        "Bonn>Oslo": pytest.approx(0.5, rel=1e-12),
        "Bonn>Rome": pytest.approx(2.0, rel=1e-12),
    }


def test_only_the_largest_pairs_are_kept_with_the_rates_that_they_have_among_all(tmp_path):
    found = gravity_of(tmp_path, "largest = 3\n")
    assert list(found) == ["Oslo>Rome", "Rome>Oslo", "Rome>Bonn"]
    assert list(found.values()) == pytest.approx([4.0, 4.0, 2.0], rel=1e-12)
    assert len(gravity_of(tmp_path, "largest = 100\n")) == 6


def test_single_sites_can_have_a_population_too(tmp_path):
    ground = '[[topology.ground]]\nname = "Pole"\nlat_deg = 90\nlon_deg = 0\npopulation = 500_000\n'
    text = TOP + GRAVITY.replace("[[flows]]", f"{ground}[[flows]]").replace(
        'sites = "cities"', 'sites = ["cities", "Pole"]'
    )
    write(tmp_path, SITES, "sites.csv")
    flows = load_experiment(write(tmp_path, text)).expanded_flows
    assert len(flows) == 12
    assert sum(flow.rate_gbps for flow in flows) == pytest.approx(13.0, rel=1e-12)


def test_gravity_leaves_out_what_is_below_a_kilobit(tmp_path):
    found = gravity_of(tmp_path, sites=SITES.replace("500000", "0.02"))
    assert list(found) == ["Oslo>Rome", "Rome>Oslo"]
    warnings = warnings_of(tmp_path, TOP + GRAVITY)
    assert any(
        "x.toml:11: flows[0].total_gbps: 4 of 6 pairs are left out, because their rates" in warning
        for warning in warnings
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            ("total_gbps = 13\n", ""),
            "7: flows[0].total_gbps: missing; must be a number from 1e-06 to 1000000",
        ),
        (
            ('sites = "cities"\n', ""),
            "7: flows[0].sites: missing; must be the name of a group in quotes or a list, each item the "
            "name of a group",
        ),
        (
            ('sites = "cities"', 'sites = "citys"'),
            '10: flows[0].sites: no group of ground sites is named "citys"; did you mean "cities"?',
        ),
        (
            ("total_gbps = 13", "total_gbps = 1e-6"),
            "11: flows[0].total_gbps: leaves less than 1 kbit/s to each pair (got 1e-06)",
        ),
        (
            ("total_gbps = 13", "total_gbps = 13\nlargest = 0"),
            "12: flows[0].largest: must be an integer of at least 1 (got 0)",
        ),
    ],
)
def test_what_is_wrong_with_gravity_is_said(tmp_path, change, problem):
    write(tmp_path, SITES, "sites.csv")
    assert problems_of(tmp_path, TOP + GRAVITY.replace(*change)) == [f"x.toml:{problem}"]


def test_sites_without_population_are_named(tmp_path):
    write(tmp_path, SITES.replace("1000000", "").replace("500000", ""), "sites.csv")
    assert problems_of(tmp_path, TOP + GRAVITY) == [
        'x.toml:10: flows[0].sites: 2 of 3 sites have no population: "Oslo", "Bonn"'
    ]


def test_one_site_sends_to_nobody(tmp_path):
    write(tmp_path, SITES.split("Rome")[0], "sites.csv")
    assert problems_of(tmp_path, TOP + GRAVITY) == [
        "x.toml:10: flows[0].sites: must have two sites at least (got 1)"
    ]


@pytest.mark.parametrize("name", ["cities-30", "cities-100"])
def test_shipped_cities_have_their_populations(tmp_path, name):
    text = TOP + GRAVITY.replace("sites.csv", name).replace("cities", name, 1)
    flows = load_experiment(
        write(tmp_path, text.replace('sites = "cities"', f'sites = "{name}"'))
    ).expanded_flows
    count = int(name.removeprefix("cities-"))
    assert len(flows) == count * (count - 1)
    largest = max(flows, key=lambda flow: flow.rate_gbps)
    assert {largest.from_name, largest.to_name} == {"Tokyo", "Delhi"}
