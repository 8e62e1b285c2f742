"""The benchmark of captures: every program writes the packets that its figure counts."""

from scapy.utils import RawPcapNgReader

from bench import capture


def test_every_way_writes_all_its_packets(tmp_path):
    peers, lines = capture.find_peers(30)
    assert len(lines) >= 1
    for k, way in enumerate(capture.our_ways(300) + peers):
        path = tmp_path / f"{k}{way.suffix}"
        way.write(path)
        files = [path] if path.exists() else list((tmp_path / str(k)).iterdir())
        read = 0
        for each in files:
            with RawPcapNgReader(str(each)) as reader:
                read += sum(1 for _ in reader)
        assert read == way.n_packets, way.name


def test_rates_are_of_every_round_and_sizes_of_the_files(tmp_path):
    ways = [capture.our_way("IPv4", 100), capture.our_way("a file per port", 100, split=True)]
    rates, sizes = capture.measure(ways, 2, tmp_path)
    assert [len(of_rounds) for of_rounds in rates.values()] == [2, 2]
    assert all(rate > 0 for of_rounds in rates.values() for rate in of_rounds)
    assert 100 < sizes["lasermesh, IPv4"] < 300
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
