import numpy as np

from lasermesh.views.coastlines import BREAK, coastline_table, coastlines


def test_coastlines_are_lines_on_the_earth_that_no_map_needs_to_cut():
    lines = coastlines()
    assert len(lines) > 100
    for line in lines:
        assert len(line) >= 2
        assert np.abs(line[:, 0]).max() <= 180.0 and np.abs(line[:, 1]).max() <= 90.0
        assert np.abs(np.diff(line[:, 0])).max() < 15.0  # one step of a line never goes around the Earth
        assert not ((np.abs(line[:-1, 0]) == 180.0) & (line[:-1, 0] == line[1:, 0])).any()


def test_the_table_has_a_break_between_any_two_lines_and_all_their_points():
    table, lines = coastline_table(), coastlines()
    is_break = table[:, 0] == BREAK
    assert (is_break == (table[:, 1] == BREAK)).all()
    assert is_break.sum() == len(lines) - 1
    assert (~is_break).sum() == sum(map(len, lines))
    assert not is_break[0] and not is_break[-1]


def distance_deg(lines, lon_deg, lat_deg):
    """Angle from a point to the nearest vertex of any coast."""
    points = np.radians(np.concatenate(lines))
    lon, lat = np.radians((lon_deg, lat_deg))
    cosine = np.sin(lat) * np.sin(points[:, 1]) + np.cos(lat) * np.cos(points[:, 1]) * np.cos(
        points[:, 0] - lon
    )
    return np.degrees(np.arccos(cosine.max()))


def test_well_known_capes_lie_on_a_coast_and_the_middle_of_an_ocean_does_not():
    lines = coastlines()
    for lon_deg, lat_deg in ((18.5, -34.4), (-5.6, 36.0), (-67.3, -55.9), (77.5, 8.1), (-9.5, 38.8)):
        assert distance_deg(lines, lon_deg, lat_deg) < 1.0  # vertices stand that far apart
    assert distance_deg(lines, -30.0, 0.0) > 5.0
    assert distance_deg(lines, 90.0, 50.0) > 5.0
