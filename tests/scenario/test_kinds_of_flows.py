"""Flows of all kinds: what each must and may say, and the flows that come back."""

import pytest

from lasermesh.scenario import load_experiment
from tests.scenario.scenes import BARE, TABLES, problems_of, write

TOP = "duration_s = 10.0\n"
ENDS = 'from = "a"\nto = "b"\n'
ON_OFF = ENDS + 'kind = "on-off"\nrate_gbps = 1\non_s = 0.5\noff_s = 1.5\n'
BULK = ENDS + 'kind = "bulk"\nrate_gbps = 1\ntotal_bytes = 10_000_000\n'
REQUEST = ENDS + 'kind = "request"\nrequests_per_s = 100\nresponse_bytes = 20_000\nservice_s = 0.001\n'
TRACE = ENDS + 'kind = "trace"\ntrace = "t.csv"\n'
CONSTANT = ENDS + "rate_gbps = 1\n"


def text_of(*flows):
    return TOP + BARE + "".join(f'[[flows]]\nname = "f{i}"\n{flow}' for i, flow in enumerate(flows))


def flows_of(folder, *flows):
    return load_experiment(write(folder, text_of(*flows))).expanded_flows


def test_on_off_flows_have_their_mean_times(tmp_path):
    (flow,) = flows_of(tmp_path, ON_OFF)
    assert (flow.kind, flow.rate_gbps, flow.table.on_s, flow.table.off_s) == ("on-off", 1.0, 0.5, 1.5)


def test_defaults_of_a_bulk_transfer_are_those_of_the_design(tmp_path):
    there, back = flows_of(tmp_path, BULK)
    table = there.table
    assert (table.total_bytes, table.window_packets, table.ack_bytes) == (10_000_000, 65_536, 64)
    assert (table.timeout_min_s, table.timeout_first_s) == (0.01, 1.0)
    assert (there.kind, there.rate_gbps, there.packet_mix) == ("bulk", 1.0, ((1500, 1),))
    assert (back.name, back.kind, back.rate_gbps, back.packet_mix) == ("f0/ack", "ack", 0.0, ((64, 1),))


def test_defaults_of_requests_are_those_of_the_design(tmp_path):
    there, back = flows_of(tmp_path, REQUEST + "packet_bytes = 125\n")
    table = there.table
    assert (table.response_packet_bytes, table.service, table.servers) == (1500, "exponential", 1)
    assert table.queue_requests == 10_000
    assert (there.kind, there.packet_mix) == ("request", ((125, 1),))
    assert there.rate_gbps == pytest.approx(100 * 125 * 8 / 1e9)
    assert (back.name, back.kind, back.rate_gbps, back.packet_mix) == ("f0/reply", "reply", 0.0, ((1500, 1),))


def test_a_response_shorter_than_a_packet_is_one_packet(tmp_path):
    _, back = flows_of(tmp_path, REQUEST.replace("20_000", "300"))
    assert back.packet_mix == ((300, 1),)


def test_what_comes_back_follows_its_flow_and_goes_the_other_way(tmp_path):
    pairs = BULK.replace(ENDS, 'pairs = [["a", "b"], ["c", "b"]]\nclass = 5\nstart_s = 2\nstop_s = 3\n')
    flows = flows_of(tmp_path, CONSTANT, pairs, CONSTANT)
    assert [(flow.name, flow.from_row, flow.to_row) for flow in flows] == [
        ("f0", 0, 1),
        ("f1/a>b", 0, 1),
        ("f1/a>b/ack", 1, 0),
        ("f1/c>b", 2, 1),
        ("f1/c>b/ack", 1, 2),
        ("f2", 0, 1),
    ]
    assert (flows[2].from_name, flows[2].to_name) == ("b", "a")
    assert [flow.table_index for flow in flows] == [0, 1, 1, 1, 1, 2]
    assert [(flow.start_s, flow.stop_s, flow.class_) for flow in flows[1:3]] == [
        (2.0, 3.0, 5),
        (2.0, 10.0, 5),
    ]


def test_imix_is_seven_to_four_to_one(tmp_path):
    (flow,) = flows_of(tmp_path, CONSTANT + 'packet_mix = "imix"\n')
    assert flow.packet_mix == ((40, 7), (576, 4), (1500, 1))


def test_class_and_ecn_belong_to_any_kind(tmp_path):
    write(tmp_path, "time_s,size_bytes\n0,100\n", "t.csv")
    kinds = [each + "class = 7\necn = true\n" for each in (CONSTANT, ON_OFF, BULK, REQUEST, TRACE)]
    assert all(flow.class_ == 7 and flow.table.ecn for flow in flows_of(tmp_path, *kinds))
    plain = flows_of(tmp_path, CONSTANT)[0]
    assert (plain.class_, plain.table.ecn) == (0, False)


def test_the_examples_have_all_kinds():
    flows = load_experiment(TABLES / "kinds.toml").expanded_flows
    assert [flow.kind for flow in flows] == [
        *("on-off", "trace", "bulk", "ack", "request", "reply", "constant", "constant")
    ]


def test_flows_have_the_version_of_ip_of_their_table_or_else_that_of_packets(tmp_path):
    text = TOP + "packets.ip_version = 6\n" + text_of(BULK, CONSTANT + "ip_version = 4\n").removeprefix(TOP)
    flows = load_experiment(write(tmp_path, text)).expanded_flows
    assert [flow.table.ip_version for flow in flows] == [6, 6, 4]
    assert [flow.table.ip_version for flow in flows_of(tmp_path, CONSTANT)] == [4]


@pytest.mark.parametrize(
    ("flow", "problem"),
    [
        (CONSTANT + "packet_bytes = 47\n", "packet_bytes: has 47 bytes"),
        (CONSTANT + 'packet_mix = "imix"\n', "packet_mix: makes packets of which one has 40 bytes"),
        (BULK + "ack_bytes = 40\n", "ack_bytes: has 40 bytes"),
        (BULK.replace("10_000_000", "15_030"), "total_bytes: makes packets of which one has 30 bytes"),
        (REQUEST + "response_packet_bytes = 40\n", "response_packet_bytes: has 40 bytes"),
        (REQUEST.replace("20_000", "1_531"), "response_bytes: makes packets of which one has 31 bytes"),
        (TRACE, "trace: makes packets of which one has 44 bytes"),
    ],
)
def test_packets_of_ipv6_are_no_shorter_than_its_headers(tmp_path, flow, problem):
    write(tmp_path, "time_s,size_bytes\n0,100\n1,44\n", "t.csv")
    assert problems_of(tmp_path, text_of(flow)) == []
    found = problems_of(tmp_path, text_of(flow + "ip_version = 6\n"))
    assert [each.split(": ", 1)[1] for each in found] == [
        f"flows[0].{problem}; with ip_version = 6 it must have 48 at least"
    ]


@pytest.mark.parametrize(
    ("flow", "problem"),
    [
        (CONSTANT + "ip_version = 5\n", "ip_version: must be 4 or 6 (got 5)"),
        (CONSTANT + 'ip_version = "6"\n', 'ip_version: must be 4 or 6 (got "6")'),
        (CONSTANT + "on_s = 1\n", 'on_s: goes with kind = "on-off", not with kind = "constant"'),
        (
            ON_OFF.replace("off_s = 1.5\n", ""),
            'off_s: missing; must be a number above 0 and at most 9158400, with kind = "on-off"',
        ),
        (
            ON_OFF.replace("off_s = 1.5", "off_s = 0"),
            "off_s: must be a number above 0 and at most 9158400 (got 0)",
        ),
        (ON_OFF.replace("rate_gbps = 1\n", ""), "rate_gbps: missing; it is the rate of each flow, in Gbps"),
        (
            BULK.replace("total_bytes = 10_000_000\n", ""),
            'total_bytes: missing; must be an integer from 28 to 9007199254740992, with kind = "bulk"',
        ),
        (BULK.replace("rate_gbps = 1\n", ""), "rate_gbps: missing; it is the rate of each flow, in Gbps"),
        (
            BULK + 'packet_mix = "imix"\n',
            'packet_mix: goes with kind = "constant", "poisson" or "on-off", not with kind = "bulk"',
        ),
        (
            BULK.replace("10_000_000", "15_001"),
            "total_bytes: leaves 1 byte for the last packet after those of 1500; it must have 28 at least "
            "(got 15001)",
        ),
        (
            BULK.replace("10_000_000", "4_000_000_000_000"),
            "total_bytes: must be at most 2147483647 segments of 1500 bytes (got 4000000000000)",
        ),
        (
            REQUEST + "rate_gbps = 1\n",
            'rate_gbps: goes with kind = "constant", "poisson", "on-off" or "bulk", not with '
            'kind = "request"',
        ),
        (
            REQUEST.replace("requests_per_s = 100\n", ""),
            "requests_per_s: missing; must be a number above 0 and at most 1000000000000, with "
            'kind = "request"',
        ),
        (
            REQUEST.replace("= 100\n", "= 0.05\n"),
            "requests_per_s: must make 1 kbit/s at least, which 0.08333 of 1500 bytes do (got 0.05)",
        ),
        (
            REQUEST.replace("20_000", "1_502"),
            "response_bytes: leaves 2 bytes for the last packet after those of 1500; "
            "it must have 28 at least (got 1502)",
        ),
        (
            REQUEST + 'service = "normal"\n',
            'service: must be "constant" or "exponential" (got "normal")',
        ),
        (REQUEST + "servers = 0\n", "servers: must be an integer from 1 to 10000 (got 0)"),
        (REQUEST + "servers = 10_001\n", "servers: must be an integer from 1 to 10000 (got 10001)"),
        (
            REQUEST + "queue_requests = 1_000_001\n",
            "queue_requests: must be an integer from 0 to 1000000 (got 1000001)",
        ),
        (
            REQUEST.replace("20_000", "1_073_741_825"),
            "response_bytes: must be an integer from 28 to 1073741824 (got 1073741825)",
        ),
        (CONSTANT + "servers = 2\n", 'servers: goes with kind = "request", not with kind = "constant"'),
        (
            TRACE.replace('trace = "t.csv"\n', ""),
            'trace: missing; must be a file name in quotes, with kind = "trace"',
        ),
        (
            TRACE + "packet_bytes = 100\n",
            'packet_bytes: goes with kind = "constant", "poisson", "on-off", "bulk" or "request", not with '
            'kind = "trace"',
        ),
        (CONSTANT + 'packet_mix = "imx"\n', 'packet_mix: must be "imix" (got "imx"); did you mean "imix"?'),
        (
            CONSTANT + 'packet_mix = "imix"\npacket_bytes = 40\n',
            "packet_mix: cannot stand beside packet_bytes",
        ),
    ],
)
def test_what_is_wrong_with_a_flow_of_some_kind_is_said(tmp_path, flow, problem):
    write(tmp_path, "time_s,size_bytes\n0,100\n", "t.csv")
    (found,) = problems_of(tmp_path, text_of(flow))
    assert found.split(": ", 1)[1] == f"flows[0].{problem}"


def test_a_file_of_pairs_gives_no_rates_to_requests(tmp_path):
    write(tmp_path, "from,to,rate_gbps\na,b,\nb,c,1\n", "p.csv")
    assert problems_of(tmp_path, text_of(REQUEST.replace(ENDS, 'pairs = "p.csv"\n'))) == [
        'p.csv:3: rate_gbps: goes with a kind that has a rate, not with kind = "request"'
    ]


def test_no_flow_may_have_the_name_of_what_comes_back(tmp_path):
    text = text_of(BULK, CONSTANT).replace('"f1"', '"f0/ack"')
    (problem,) = problems_of(tmp_path, text)
    assert 'flows[1].name: "f0/ack" is already the name of the flow at flows[0].to (x.toml' in problem


@pytest.mark.parametrize(("flow", "kind"), [(TRACE, "trace"), (BULK, "bulk"), (REQUEST, "request")])
def test_scale_is_refused_with_what_its_rate_does_not_describe(tmp_path, flow, kind):
    """The first such flow is named, and those that may be scaled are not."""
    write(tmp_path, "time_s,size_bytes\n0,100\n", "t.csv")
    text = TOP + "packets.scale = 0.01\n" + text_of(CONSTANT, flow, BULK).removeprefix(TOP)
    assert problems_of(tmp_path, text) == [
        'x.toml:2: packets.scale: other than 1 goes with flows of kind "constant", "poisson" or "on-off", '
        f'but flows[1], "f1", has kind = "{kind}", whose times and sizes are not scaled (got 0.01)'
    ]
    assert problems_of(tmp_path, text.replace("0.01", "1.0")) == []


def test_scale_goes_with_rates(tmp_path):
    flows = text_of(CONSTANT, CONSTANT + 'kind = "poisson"\n', ON_OFF).removeprefix(TOP)
    assert problems_of(tmp_path, TOP + "packets.scale = 100\n" + flows) == []
