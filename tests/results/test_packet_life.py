"""Lives of packets, read from tables of a run: what each part of their time went into."""

from types import SimpleNamespace

import pyarrow as pa
import pytest
from pyarrow.parquet import filters_to_expression

from lasermesh.errors import UserError
from lasermesh.results.packet_life import PacketName, packet_life, packet_named
from lasermesh.results.packet_life_text import format_life, seconds

START_S = 100.0
FLOWS = ("data", "bulk", "bulk/ack")
# Two links of 1 Mbit/s, the second one of 2 Mbit/s from 0.5 s on.
CONTACTS = [
    {"from": "A", "to": "s", "start_s": 0.0, "stop_s": 900.0, "rate_bps": 10**6},
    {"from": "s", "to": "B", "start_s": 0.0, "stop_s": 100.5, "rate_bps": 10**6},
    {"from": "s", "to": "B", "start_s": 100.5, "stop_s": 900.0, "rate_bps": 2 * 10**6},
]
LINKS = [{"link": 7, "from": "A", "to": "s"}, {"link": 8, "from": "s", "to": "B"}]
MS = 10**9


def row(time_ms, event, node, hop, link=None, **more):
    usual = {"flow": 0, "sequence": 3, "packets": 1, "size_bytes": 125, "created_ps": 0, "cause": None}
    where = {"time_ps": round(time_ms * MS), "event": event, "node": node, "hop": hop, "link": link}
    return usual | {"marked": False} | where | more


def run_of(*rows, **packets):
    """A run with these rows in packets.parquet; frames cost nothing, satellites take 0.25 ms."""
    settings = {"hop_limit": 64, "framing_bytes": 0, "satellite_processing_s": 0.00025} | packets
    tables = {"links": pa.Table.from_pylist(LINKS * 3), "contacts": pa.Table.from_pylist(CONTACTS)}
    if rows:
        tables["packets"] = pa.Table.from_pylist(list(rows))

    def part(name, columns=None, filters=None):
        # Of a packet's links and their contacts alone: a run may have millions.
        assert (columns and filters) or name == "packets"
        table = tables[name].filter(filters_to_expression(filters)) if filters else tables[name]
        return table if columns is None else table.select(columns)

    def batches(name, columns):
        return part(name, columns).to_batches(max_chunksize=2)

    return SimpleNamespace(
        manifest={
            "scenario": {
                "start_s": START_S,
                "packets": settings | {"ground_processing_s": 0.0},
                "topology": {"ground": [{"sites": [{"name": "A"}, {"name": "B"}]}]},
            }
        },
        flows=pa.Table.from_pylist([{"name": name, "from": "A", "to": "B"} for name in FLOWS]),
        has=tables.__contains__,
        part=part,
        batches=batches,
    )


WHOLE = [
    row(3.0, "left", "A", 1, 7, created_ps=1 * MS),
    row(5.0, "arrived", "s", 1, 7, created_ps=1 * MS),
    row(6.75, "left", "s", 2, 8, created_ps=1 * MS),
    row(9.0, "arrived", "B", 2, 8, created_ps=1 * MS),
    row(9.0, "delivered", "B", 2, created_ps=1 * MS),
]


def only_life(*rows, **options):
    (life,) = packet_life(run_of(*rows, **options), PacketName(rows[0]["flow"], 3))["lives"]
    return life


def parts_of(life):
    """Parts of each event's time in ms."""
    names = "processed_ps", "waited_ps", "serialized_ps", "propagated_ps"
    return [[None if event[name] is None else event[name] / MS for name in names] for event in life["events"]]


def test_every_part_of_a_packets_time_is_told_and_they_add_up():
    """125 bytes take 1 ms of 1 Mbit/s; at the source it waits 1 ms, at the satellite 0.5 ms."""
    life = only_life(*WHOLE)
    assert parts_of(life) == [
        [None, 1.0, 1.0, None],
        [None, None, None, 2.0],
        [0.25, 0.5, 1.0, None],
        [None, None, None, 2.25],
        [0.0, None, None, None],
    ]
    assert (life["outcome"], life["at"], life["latency_ps"]) == ("delivered", "B", 8 * MS)
    assert [event["peer"] for event in life["events"]] == ["s", "A", "B", "s", None]
    assert [event["hop_limit"] for event in life["events"]] == [64, 64, 63, 63, 63]
    assert sum(sum(part or 0 for part in parts) for parts in parts_of(life)) == 8.0


def test_serialization_goes_by_the_rate_at_its_start_and_counts_framing():
    later = [each | {"time_ps": each["time_ps"] + 600 * MS, "created_ps": 601 * MS} for each in WHOLE]
    assert parts_of(only_life(*later))[2] == [0.25, 1.0, 0.5, None]
    assert parts_of(only_life(*WHOLE, framing_bytes=25))[0] == [None, 0.8, 1.2, None]


def test_where_the_rate_just_changed_nothing_is_claimed():
    """At 1 Mbit/s service would have begun at the change, at 2 Mbit/s half a ms behind it."""
    rows = [WHOLE[1], row(501.0, "left", "s", 2, 8, created_ps=1 * MS)]
    assert parts_of(only_life(*rows))[1] == [None] * 4


def test_a_drop_tells_where_why_and_how_long_it_was_there():
    life = only_life(*WHOLE[:2], row(5.25, "dropped", "s", 1, 8, created_ps=1 * MS, cause="queue"))
    assert (life["outcome"], life["cause"], life["latency_ps"]) == ("dropped", "queue", None)
    last = life["events"][-1]
    assert (last["peer"], last["hop_limit"], last["waited_ps"]) == ("B", 63, 0)
    corrupted = only_life(*WHOLE[:2], row(5.25, "dropped", "s", 1, 7, created_ps=1 * MS, cause="bit_error"))
    assert (corrupted["events"][-1]["peer"], corrupted["events"][-1]["hop_limit"]) == ("A", 64)


def test_a_packet_without_an_end_is_in_flight():
    text = format_life(packet_life(run_of(*WHOLE[:3]), PacketName(0, 3)))
    assert "Its life: entered at 0.001000000 s, on the way from s to B when the run ended" in text
    assert "at s when the run ended" in format_life(packet_life(run_of(*WHOLE[:2]), PacketName(0, 3)))


def test_of_a_packet_that_found_no_route_no_link_is_known():
    life = only_life(row(1.0, "dropped", "A", 0, created_ps=1 * MS, cause="no_route"))
    assert [(event["node"], event["peer"]) for event in life["events"]] == [("A", None)]


def test_a_segment_sent_again_has_two_lives():
    first = [row(2.0, "left", "A", 1, 7, flow=1), row(4.0, "dropped", "s", 1, flow=1, cause="no_route")]
    again = [row(50.0, "left", "A", 1, 7, flow=1, created_ps=49 * MS)]
    life = packet_life(run_of(*first, *again), PacketName(1, 3))
    assert [each["outcome"] for each in life["lives"]] == ["dropped", "in_flight"]
    assert "Life 2 of 2: entered at 0.049000000 s" in format_life(life)


def test_of_an_answer_it_is_not_known_how_long_it_waited_at_its_source():
    life = only_life(*(each | {"flow": 2} for each in WHOLE))
    assert life["entered_ps"] is None and parts_of(life)[0] == [None] * 4
    assert parts_of(life)[2] == [0.25, 0.5, 1.0, None]


def test_any_packet_of_a_train_finds_it():
    train = [each | {"sequence": 0, "packets": 8} for each in WHOLE]
    life = only_life(*(train[:1] + [each | {"sequence": 1} for each in train[1:]]))
    assert [each["packets"] for each in life["events"]] == [8] * 5
    assert parts_of(life) == [[None] * 4] * 5
    with pytest.raises(UserError, match="nothing is known of packet data#9: "):
        packet_life(run_of(*train), PacketName(0, 9))


@pytest.mark.parametrize("text", ["data#3", "0#3", "3", "0x3", "data#0x3", "data A>B#3"])
def test_a_packet_is_named_by_its_flow_or_by_its_id(text):
    assert packet_named(run_of(*WHOLE), text) == (0, 3)


@pytest.mark.parametrize("text", ["dat#3", "data#", "data#-1", "7#3", "-4", "1e3"])
def test_what_names_no_packet_is_refused(text):
    with pytest.raises(UserError):
        packet_named(run_of(*WHOLE), text)


def test_ids_name_flows_by_their_numbers_where_the_table_leaves_some_out():
    run = run_of(*(each | {"flow": 1} for each in WHOLE))
    run.flows = run.flows.append_column("packet_flow", pa.array([0, 4, None]))
    assert packet_named(run, str(4 << 40 | 3)) == (1, 3)
    assert packet_life(run, PacketName(1, 3))["packet_id"] == 4 << 40 | 3
    with pytest.raises(UserError, match="may carry a part of a bundle"):
        packet_named(run, str(1 << 40))


def test_of_packets_of_real_programs_it_is_told_what_shows_them():
    run = run_of()
    run.manifest["live"] = {"verdict": "OK"}
    names = [{"name": name, "from": "A", "to": "B"} for name in ("data", "live/A>B")]
    run.flows = pa.Table.from_pylist(names)
    with pytest.raises(UserError, match=r"live/A>B#0 cannot be followed: .* --capture flow:live"):
        packet_life(run, packet_named(run, "live/A>B#0"))
    with pytest.raises(UserError, match=r"\(its flows: data\)"):
        packet_life(run, packet_named(run, "data#0"))
    with pytest.raises(UserError) as caught:
        packet_named(run, "live/A>C#0")
    assert "did you mean" not in str(caught.value)
    run.flows = run.flows.slice(1)
    with pytest.raises(UserError, match=r"followed no packets; what becomes of real packets"):
        packet_named(run, "x")


def test_instants_are_rounded_down_as_in_captures():
    assert seconds(1_999_999_999_999) == "1.999999999"
