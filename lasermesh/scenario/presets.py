"""Known laser terminals: what is published of each, and what is not and had to be guessed."""

from typing import NamedTuple


class Value(NamedTuple):
    """The value of one key of a preset, and where it comes from."""

    key: str
    value: object
    source: str
    is_guess: bool = False


_SLEW = Value("slew_deg_per_s", 5.0, "unpublished; gimballed heads turn by 2 to 10 deg/s", True)
_SUN = Value("sun_exclusion_deg", 5.0, "unpublished; 3 to 5 deg are typical", True)
_MESH_ACQUISITION = {"median": 12.0, "p95": 30.0}
_GUEST_ACQUISITION = {"median": 30.0, "p95": 100.0}

PRESETS = {
    "mini": (
        Value("rate_gbps", 25.0, "Payload and Ars Technica, 21 Oct 2025: 25 Gbps at 4000 km"),
        Value("max_range_km", 4000.0, "Payload and Ars Technica, 21 Oct 2025: 25 Gbps at 4000 km"),
        Value("reference_range_km", 4000.0, "the same: more than 25 Gbps when closer"),
        Value("rate_steps_gbps", (25.0, 50.0, 100.0), "unpublished; doubling, up to a mesh terminal's", True),
        Value(
            "acquisition_s", _GUEST_ACQUISITION, "unpublished; a guest knows the host's orbit less well", True
        ),
        _SLEW,
        _SUN,
    ),
    "sl-gen3": (
        Value("rate_gbps", 100.0, "T. Brashears, SPIE Photonics West, 30 Jan 2024: 100 Gbps sustained"),
        Value("max_range_km", 5400.0, "the same: longest link 5400 km"),
        Value("reference_range_km", 5400.0, "that the sustained rate holds up to the longest link", True),
        Value("rate_steps_gbps", (100.0, 200.0), "the same: 100 Gbps sustained, up to 200 Gbps"),
        Value("acquisition_s", _MESH_ACQUISITION, "the same: the fastest take about 12 s; the rest", True),
        _SLEW,
        _SUN,
        Value(
            "mean_time_between_losses_s",
            2940.0,
            "from the acquisitions a day in the same talk, read as counted for each terminal",
            True,
        ),
    ),
    "kuiper": (
        Value("rate_gbps", 100.0, "Amazon, Dec 2023: 100 Gbps"),
        Value("max_range_km", 2600.0, "unverified; 1000 km were tested (Amazon, Dec 2023)", True),
        Value("acquisition_s", _MESH_ACQUISITION, "unpublished; as of a Starlink terminal", True),
        _SLEW,
        _SUN,
    ),
    "sda": (
        Value("rate_gbps", 2.5, "SDA OCT Standard 3.x"),
        Value("max_range_km", 5500.0, "unverified", True),
        Value("acquisition_s", 100.0, "SDA OCT Standard 3.2.0: its limit, so a link may be faster"),
        _SLEW,
        _SUN,
    ),
    "scot80": (
        Value("rate_gbps", 10.0, "Satellite Today, 28 May 2024: 10 Gbps"),
        Value("max_range_km", 8000.0, "Satellite Today, 28 May 2024: 8000 km"),
        Value("acquisition_s", _GUEST_ACQUISITION, "unpublished; within the limit of the SDA standard", True),
        _SLEW,
        _SUN,
    ),
    "ideal": (
        Value("rate_gbps", 100.0, "by choice: a round number"),
        Value("acquisition_s", 0.0, "by choice: no time is lost, and the Earth alone limits the range"),
    ),
}
