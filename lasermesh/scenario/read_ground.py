"""Reading `[[ground]]`: which ground sites there are, and their names."""

import dataclasses

from lasermesh import shipped
from lasermesh.scenario.fields import BAD
from lasermesh.scenario.finding import read_data_file
from lasermesh.scenario.reading import read_table
from lasermesh.scenario.tables import read_csv
from lasermesh.scenario.topology import ONE_SITE, SITES, GroundGroup, Site


def read_ground(table, place, names):
    """A ground site or group of them, or None if it could not be read; `names` gets its nodes."""
    single = "lat_deg" in table or "lon_deg" in table
    variant = SITES if "sites" in table else ONE_SITE if single else None
    values = read_table((Site, GroundGroup), table, place, variant)
    names.add_group(values["name"], place, is_ground=True)
    if variant is None and BAD not in values.values():
        place.report("must have lat_deg and lon_deg, or sites")
    if variant is None or values["name"] is BAD:
        names.add_unknown()
        return None
    own = {each.name: values.pop(each.name) for each in dataclasses.fields(Site) if each.name != "name"}
    if variant == SITES:
        values["sites"] = (
            BAD if own["antennas"] is BAD else _read_sites(values, own["antennas"], place, names)
        )
    else:
        names.add_node(values["name"], place)
        _resolve_site(own, place)
        values["sites"] = BAD if BAD in own.values() else (Site(name=values["name"], **own),)
    return None if BAD in values.values() else GroundGroup(**values)


def _read_sites(values, antennas, place, names):
    """The sites of a CSV file, with so many antennas where it says nothing; BAD if they could not be read."""
    if BAD in (values["sites"], values["prefix"]):
        names.add_unknown()
        return BAD
    opened = read_data_file(
        values["sites"], place.at("sites"), ".csv", "set of sites", shipped.find_sites, shipped.list_sites()
    )
    rows, sound = ([], False) if opened is None else read_csv(*opened, Site, place.source.report)
    prefix = f"{values['name']}/" if values["prefix"] else ""
    sites = []
    for line, row in rows:
        names.add_node(prefix + row["name"], line.at("name"))
        _resolve_site(row, line)
        if row["antennas"] is None:
            row["antennas"] = antennas
        sites.append(BAD if BAD in row.values() else Site(**row | {"name": prefix + row["name"]}))
    if not sound:
        names.add_unknown(prefix)
    return tuple(sites) if sound and BAD not in sites else BAD


def _resolve_site(values, place):
    """Checks the keys of a site against each other; a mask given as a table comes to stand by azimuth."""
    if isinstance(values["mask_deg"], tuple):
        values["mask_deg"] = _mask_by_azimuth(values["mask_deg"], place.at("mask_deg"))
    availability, mean_cloudy_s = values["availability"], values["mean_cloudy_s"]
    if BAD in (availability, mean_cloudy_s):
        return
    if availability is None and mean_cloudy_s is not None:
        place.at("availability").report("missing; it goes together with mean_cloudy_s")
        values["availability"] = BAD
    elif availability not in (None, 1.0) and mean_cloudy_s is None:
        place.at("mean_cloudy_s").report("missing; with an availability below 1 it says how long clouds stay")
        values["mean_cloudy_s"] = BAD


def _mask_by_azimuth(rows, place):
    """Pairs of azimuth in [0, 360) and elevation, ascending; BAD if an azimuth has two elevations."""
    elevation_of = {}
    for azimuth_deg, elevation_deg in rows:
        azimuth_deg %= 360.0  # tables that go once around give north twice
        if elevation_of.setdefault(azimuth_deg, elevation_deg) != elevation_deg:
            place.report(f"has two elevations at azimuth {azimuth_deg:g}", [list(row) for row in rows])
            return BAD
    return tuple(sorted(elevation_of.items()))
