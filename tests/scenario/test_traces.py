"""Traces: captures of both formats and CSV files, against bytes written here and files written by scapy."""

import struct

import numpy as np
import pytest

from lasermesh.scenario import load_experiment
from tests.scenario import captures
from tests.scenario.captures import ARP, IPV6, ethernet, interface, ipv4, ipv6, packet, pcap, section
from tests.scenario.scenes import BARE, problems_of, warnings_of, write

TOP = "duration_s = 10.0\n"
FLOW = '[[flows]]\nname = "t"\nkind = "trace"\nfrom = "a"\nto = "b"\ntrace = "t.cap"\n'
LINE = len((TOP + BARE + FLOW).splitlines())


def trace_of(folder, content, more=""):
    """Times in ps and sizes of a trace."""
    write(folder, content, "t.cap")
    (flow,) = load_experiment(write(folder, TOP + BARE + FLOW + more)).expanded_flows
    trace = flow.table.trace_packets
    assert trace.time_ps.dtype == trace.size_bytes.dtype == np.int64
    return trace.time_ps.tolist(), trace.size_bytes.tolist()


def problems_with(folder, content):
    write(folder, content, "t.cap")
    return problems_of(folder, TOP + BARE + FLOW)


def warnings_with(folder, content):
    write(folder, content, "t.cap")
    return [each for each in warnings_of(folder, TOP + BARE + FLOW) if "t.cap" in each]


# ------------------------------------------------------------------------------------------------ pcap


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("magic", "tick_ps"), [(0xA1B2C3D4, 10**6), (0xA1B23C4D, 10**3)])
def test_pcap_is_read_in_both_byte_orders_and_resolutions(tmp_path, order, magic, tick_ps):
    frames = [(1_700_000_000, 999_999, ethernet(ipv4(100))), (1_700_000_001, 5, ethernet(ipv4(1500)))]
    times, sizes = trace_of(tmp_path, pcap(frames, order, magic))
    assert times == [0, 10**12 - (999_999 - 5) * tick_ps]
    assert sizes == [100, 1500]


FRAMES = [
    pytest.param(1, ethernet(ipv4(60)), 60, id="ethernet"),
    pytest.param(1, ethernet(ipv4(40)) + bytes(6), 40, id="padded"),
    pytest.param(1, ethernet(ipv6(900), IPV6), 900, id="ethernet-ipv6"),
    pytest.param(1, ethernet(ipv4(77), tags=[0x8100]), 77, id="vlan"),
    pytest.param(1, ethernet(ipv6(78), IPV6, tags=[0x88A8, 0x8100]), 78, id="two-tags"),
    pytest.param(113, captures.cooked(ipv4(80)), 80, id="cooked"),
    pytest.param(113, captures.cooked(struct.pack(">HH", 7, IPV6) + ipv6(81), 0x8100), 81, id="cooked-vlan"),
    pytest.param(276, captures.cooked_2(ipv6(82), IPV6), 82, id="cooked-2"),
    pytest.param(101, ipv4(83), 83, id="raw"),
    pytest.param(101, ipv6(84), 84, id="raw-ipv6"),
    pytest.param(12, ipv4(85), 85, id="raw-of-openbsd"),
    pytest.param(228, ipv4(86), 86, id="ipv4"),
    pytest.param(229, ipv6(87), 87, id="ipv6"),
    pytest.param(0, struct.pack("<I", 2) + ipv4(88), 88, id="null"),
    pytest.param(0, struct.pack(">I", 2) + ipv4(88), 88, id="null-swapped"),
    pytest.param(0, struct.pack("<I", 30) + ipv6(89), 89, id="null-ipv6"),
    pytest.param(108, struct.pack(">I", 24) + ipv6(90), 90, id="loop"),
    pytest.param(1, ethernet(ipv4(3000, says=0)), 3000, id="segmented-later"),
    pytest.param(1, ethernet(ipv6(3000, says=0), IPV6), 3000, id="segmented-later-ipv6"),
    pytest.param(0x4000_0001, ethernet(ipv4(61)), 61, id="link-type-with-checksum-bits"),
]


@pytest.mark.parametrize(("link_type", "frame", "size"), FRAMES)
def test_the_size_is_that_of_the_ip_packet(tmp_path, link_type, frame, size):
    assert trace_of(tmp_path, pcap([(0, 0, frame)], link_type=link_type)) == ([0], [size])


@pytest.mark.parametrize(
    ("captured", "size"),
    [
        (14 + 20, 1000),
        (14 + 4, 1000),
        (14 + 3, 1200),  # without the header's length, what the frame held
        (14, 1200),
        (10, 1200),
        (0, 1200),
    ],
)
def test_of_a_frame_cut_short_the_header_decides_or_else_what_the_frame_held(tmp_path, captured, size):
    frame = ethernet(ipv4(1200, says=1000))
    assert trace_of(tmp_path, pcap([(0, 0, frame[:captured], len(frame))])) == ([0], [size])


@pytest.mark.parametrize(("captured", "size"), [(46, 540), (45, 700), (40, 700)])
def test_of_an_ipv6_frame_cut_short_too(tmp_path, captured, size):
    frame = bytes(26) + ethernet(ipv6(700, says=500), IPV6)
    frame = frame[26:]
    assert trace_of(tmp_path, pcap([(0, 0, frame[: captured - 26], len(frame))])) == ([0], [size])


def test_frames_without_ip_are_skipped_and_counted(tmp_path):
    frames = [
        (0, 0, ethernet(bytes(46), ARP)),
        (1, 0, ethernet(ipv4(50))),
        (2, 0, ethernet(bytes(46), 40)),  # a length, not a protocol
        (3, 0, ethernet(ipv6(60))),  # said to be IPv4
        (4, 0, ethernet(ipv4(70))),
    ]
    assert trace_of(tmp_path, pcap(frames)) == ([0, 3 * 10**12], [50, 70])
    assert warnings_with(tmp_path, pcap(frames)) == [
        "t.cap: 3 of 5 packets are left out, because they are not IP"
    ]
    assert problems_with(tmp_path, pcap(frames[:1])) == ["t.cap: has no IP packets among 1"]


def test_packets_out_of_order_are_sorted_stably_with_a_warning(tmp_path):
    frames = [
        (5, 3, ethernet(ipv4(50))),
        (5, 1, ethernet(ipv4(51))),
        (5, 3, ethernet(ipv4(52))),
        (5, 0, ethernet(ipv4(53))),
    ]
    assert trace_of(tmp_path, pcap(frames)) == ([0, 10**6, 3 * 10**6, 3 * 10**6], [53, 51, 50, 52])
    assert warnings_with(tmp_path, pcap(frames)) == [
        "t.cap: 2 packets have an earlier time than the one before; they are put in order"
    ]


def test_a_capture_cut_anywhere_is_refused(tmp_path):
    whole = pcap([(0, 0, ethernet(ipv4(50))), (1, 0, ethernet(ipv4(60)))])
    second = len(whole) - 16 - 74
    for length in range(24, len(whole)):
        expected = {
            24: ["t.cap: has no packets"],
            second: [],
        }.get(length, [f"t.cap: packet {1 if length < second else 2}: the file ends within it"])
        assert problems_with(tmp_path, whole[:length]) == expected, length
    assert problems_with(tmp_path, whole[:20]) == ["t.cap: ends within its header"]


def test_sizes_that_no_packet_has_are_named_up_to_a_number(tmp_path):
    frames = [(0, 0, ethernet(ipv4(50)))] + [(1, 0, ethernet(ipv4(50, says=20 + k % 2))) for k in range(25)]
    problems = problems_with(tmp_path, pcap(frames))
    assert sorted(problems) == sorted(
        [f"t.cap: packet {k + 2}: its size must be 28 to 65535 bytes (got {20 + k % 2})" for k in range(20)]
        + ["t.cap: there are 5 more packets of such sizes"]
    )
    assert problems_with(tmp_path, pcap([(0, 0, ipv6(100, says=65_500))], link_type=101)) == [
        "t.cap: packet 1: its size must be 28 to 65535 bytes (got 65540)"
    ]


def test_other_captures_that_cannot_be_are_refused(tmp_path):
    frame = ethernet(ipv4(50))
    assert problems_with(tmp_path, pcap([(0, 0, frame)], link_type=105)) == [
        "t.cap: packet 1: its link type 105 is not known; those that are: Ethernet (1), "
        "raw IP (101, 228, 229), Linux cooked (113, 276) and loopback (0, 108)"
    ]
    assert problems_with(tmp_path, pcap([(0, 0, frame), (0, 10**6, frame)])) == [
        "t.cap: packet 2: its time has a fraction of a second that is a second or more"
    ]
    assert problems_with(tmp_path, pcap([(0, 0, frame), (9_158_400, 0, frame)])) == [
        "t.cap: lasts longer than 106 days (got 9158400 s)"
    ]
    assert problems_with(tmp_path, b"\x1f\x8b" + bytes(100)) == [
        "t.cap: is compressed with gzip; unpack it first"
    ]
    assert problems_with(tmp_path, b"\x00\x01\x02" * 50) == [
        f'x.toml:{LINE}: flows[0].trace: "t.cap" is a binary file, not text, and no capture (pcap or pcapng)'
    ]
    assert problems_with(tmp_path, b"") == [f'x.toml:{LINE}: flows[0].trace: "t.cap" is empty']


# ---------------------------------------------------------------------------------------------- pcapng


@pytest.mark.parametrize("order", "<>")
def test_pcapng_counts_microseconds_unless_it_says_otherwise(tmp_path, order):
    content = section(order) + interface(order)
    content += packet(1_700_000_000_000_000, ethernet(ipv4(50)), order)
    content += packet(1_700_000_000_000_007, ethernet(ipv6(60), IPV6), order)
    assert trace_of(tmp_path, content) == ([0, 7 * 10**6], [50, 60])


@pytest.mark.parametrize(
    ("resolution", "ticks", "second", "ps"),
    [
        (0, 1_700_000_000, 1_700_000_002, 2 * 10**12),
        (3, 1_700_000_000_000, 1_700_000_000_250, 250 * 10**9),
        (9, 1_700_000_000_000_000_001, 1_700_000_000_000_000_003, 2000),
        (12, 5 * 10**12 - 1, 5 * 10**12 + 1, 2),
        (15, 3 * 10**15 + 1500, 3 * 10**15 + 3500, 2),  # whole ps below each
        (0x80 | 10, 1024 * 7, 1024 * 7 + 1, 976_562_500),
        (
            0x80 | 32,
            (7 << 32) - 1,
            (7 << 32) + 1,
            465,
        ),  # 232.8 ps before and after a second, each cut to whole ps
        (0x80 | 63, 2**63 - 1, 2**63 + 2**62, 500_000_000_001),
        (19, 10**19 - 10**8, 10**19 + 10**8, 20),
    ],
)
def test_pcapng_has_ticks_of_any_length(tmp_path, resolution, ticks, second, ps):
    content = section() + interface(resolution=resolution)
    content += packet(ticks, ethernet(ipv4(50))) + packet(second, ethernet(ipv4(51)))
    assert trace_of(tmp_path, content) == ([0, ps], [50, 51])


def test_pcapng_has_interfaces_of_many_kinds(tmp_path):
    content = section() + interface() + interface(link_type=101, resolution=9) + interface(offset_s=-5)
    content += packet(2_000_000, ethernet(ipv4(50)), number=0)
    content += packet(2_500_000_000, ipv6(60), number=1)
    content += packet(8_000_000, ethernet(ipv4(70)), number=2)
    assert trace_of(tmp_path, content) == ([0, 5 * 10**11, 10**12], [50, 60, 70])


def test_pcapng_may_have_sections_of_either_byte_order_and_blocks_of_other_kinds(tmp_path):
    content = section("<") + interface("<") + block_of_names() + packet(10, ethernet(ipv4(50)), "<")
    content += section(">") + interface(">", resolution=9) + captures.block(5, bytes(20), ">")
    content += packet(20_000, ethernet(ipv4(51)), ">") + packet(30_000, ethernet(ipv4(52)), ">")
    assert trace_of(tmp_path, content) == ([0, 10**7, 2 * 10**7], [50, 51, 52])


def block_of_names():
    return captures.block(4, struct.pack("<HHIHH", 1, 8, 7, 0, 0) + bytes(4))


@pytest.mark.parametrize("order", "<>")
def test_pcapng_may_have_packets_of_the_older_kind(tmp_path, order):
    content = section(order) + interface(order) + interface(order, link_type=101)
    content += captures.old_packet(10, ethernet(ipv4(50)), order)
    content += captures.old_packet(12, ipv4(51), order, number=1)
    assert trace_of(tmp_path, content) == ([0, 2 * 10**6], [50, 51])


GOOD = section() + interface() + packet(0, ethernet(ipv4(50)))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            GOOD + captures.simple_packet(ethernet(ipv4(50))),
            "packet 2: has no time, being a Simple Packet Block",
        ),
        (GOOD + packet(0, ethernet(ipv4(50)))[:-1], "packet 2: the file ends within it"),
        (GOOD + b"\x06\x00", "packet 2: the file ends within it"),
        (
            GOOD + packet(0, ethernet(ipv4(50)), number=1),
            "packet 2: it belongs to an interface that is not described",
        ),
        (
            GOOD + captures.block(6, struct.pack("<IIIII", 0, 0, 0, 9, 9) + bytes(8)),
            "packet 2: its block ends before the bytes that it says it has",
        ),
        (
            GOOD + struct.pack("<II", 6, 8) + bytes(24),
            f"the block at byte {len(GOOD)} has a length that cannot be: 8",
        ),
        (
            section().replace(b"\x4d\x3c\x2b\x1a", b"\x4d\x3c\x2b\x1b"),
            "the section at byte 0 has no byte order that is known",
        ),
        (section() + interface(), "has no packets"),
    ],
)
def test_pcapng_that_cannot_be_is_refused(tmp_path, content, problem):
    assert problems_with(tmp_path, content) == [f"t.cap: {problem}"]


# ------------------------------------------------------------------------------------ written by others


def written_by_scapy(path, writer, **options):
    from scapy.all import IP, UDP, Ether, IPv6

    packets = [
        Ether() / IP() / UDP() / bytes(100),
        Ether() / IPv6() / UDP() / bytes(200),
        Ether(type=0x8100) / bytes(40),
        Ether() / IP() / UDP() / bytes(1472),
    ]
    for index, each in enumerate(packets):
        each.time = 1_700_000_000 + index * 0.125
    with writer(str(path), **options) as out:
        out.write(packets)
    return [0, 125 * 10**9, 375 * 10**9], [128, 248, 1500]


@pytest.mark.parametrize(
    ("writer", "options"),
    [
        ("PcapWriter", {}),
        ("PcapWriter", {"nano": True}),
        ("PcapWriter", {"endianness": ">"}),
        ("PcapNgWriter", {}),
    ],
)
def test_what_scapy_writes_is_read(tmp_path, writer, options):
    import scapy.utils

    expected = written_by_scapy(tmp_path / "s.cap", getattr(scapy.utils, writer), **options)
    assert trace_of(tmp_path, (tmp_path / "s.cap").read_bytes()) == expected


# ------------------------------------------------------------------------------------------------- CSV


@pytest.mark.parametrize(
    ("text", "times", "sizes"),
    [
        ("time_s,size_bytes\n0,40\n0.5,1500\n", [0, 5 * 10**11], [40, 1500]),
        ("size_bytes,remark,time_s\n40,x,-1\n\n1500,,1e-3\n", [0, 1_001_000_000_000], [40, 1500]),
        ("time_s , size_bytes\n1700000000.000000001,40\n1700000000.000000003,41\n", [0, 2000], [40, 41]),
        ("time_s,size_bytes\n3,40\n3,41\n", [0, 0], [40, 41]),
        ("time_s,size_bytes\n3,40\n", [0], [40]),
    ],
)
def test_a_csv_file_is_a_trace(tmp_path, text, times, sizes):
    assert trace_of(tmp_path, text) == (times, sizes)


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("time_s,size\n0,40\n", ['t.cap:1: there is no column "size_bytes"']),
        ("time_ms,size_bytes\n0,40\n", ['t.cap:1: there is no column "time_s"; did you mean "time_ms"?']),
        ("time_s,size_bytes\n", ["t.cap: has a header, but no rows"]),
        (
            "time_s,size_bytes\n0,27\nx,40\n0.5,65536\n1,40.5\n2,\n",
            [
                "t.cap:2: size_bytes: must be an integer from 28 to 65535 (got 27)",
                't.cap:3: time_s: must be a number (got "x")',
                "t.cap:4: size_bytes: must be an integer from 28 to 65535 (got 65536)",
                't.cap:5: size_bytes: must be an integer from 28 to 65535 (got "40.5")',
                "t.cap:6: size_bytes: is empty; must be an integer from 28 to 65535",
            ],
        ),
        (
            "time_s,size_bytes\n0.5,40\n0.25,40\n1,40\n0.75,40\n",
            [
                "t.cap:3: time_s: must not be before that of the packet before, 0.5 (got 0.25)",
                "t.cap:5: time_s: must not be before that of the packet before, 1 (got 0.75)",
            ],
        ),
        ("time_s,size_bytes\n0,40\ninf,40\n", ["t.cap:3: time_s: must be a number (got inf)"]),
        ("time_s,size_bytes\n0,40\n9158400,40\n", ["t.cap: lasts longer than 106 days (got 9158400 s)"]),
    ],
)
def test_what_is_wrong_with_a_csv_file_is_said(tmp_path, text, problems):
    assert problems_with(tmp_path, text) == problems


# ------------------------------------------------------------------------------------------ as a flow


def test_all_pairs_of_a_table_have_the_same_trace(tmp_path):
    write(tmp_path, "time_s,size_bytes\n0,40\n", "t.cap")
    text = (TOP + BARE + FLOW).replace('from = "a"\nto = "b"', 'pairs = [["a", "b"], ["b", "c"]]')
    first, second = load_experiment(write(tmp_path, text)).expanded_flows
    assert first.table.trace_packets is second.table.trace_packets
    assert (first.kind, first.rate_gbps, first.packet_mix) == ("trace", 0.0, ())


@pytest.mark.parametrize(("more", "sent"), [("", 2), ("stop_s = 5\n", 1), ("start_s = 9\n", 1)])
def test_packets_that_come_after_the_end_are_warned_of(tmp_path, more, sent):
    write(tmp_path, "time_s,size_bytes\n0,40\n5,40\n10,40\n", "t.cap")
    found = [each for each in warnings_of(tmp_path, TOP + BARE + FLOW + more) if "trace" in each]
    assert found == [f"x.toml:{LINE}: flows[0].trace: only {sent} of its 3 packets come before the end"]


def test_a_trace_that_is_not_there_is_reported(tmp_path):
    assert problems_of(tmp_path, TOP + BARE + FLOW) == [
        f'x.toml:{LINE}: flows[0].trace: there is no file "t.cap"'
    ]
