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
        values["sites"] = _read_sites(values, place, names)
    else:
        names.add_node(values["name"], place)
        values["sites"] = BAD if BAD in own.values() else (Site(name=values["name"], **own),)
    return None if BAD in values.values() else GroundGroup(**values)


def _read_sites(values, place, names):
    """The sites of a CSV file; BAD if they could not be read."""
    if BAD in (values["sites"], values["prefix"]):
        names.add_unknown()
        return BAD
    opened = read_data_file(
        values["sites"], place.at("sites"), ".csv", "set of sites", shipped.find_sites, shipped.list_sites()
    )
    rows, sound = ([], False) if opened is None else read_csv(*opened, Site, place.source.report)
    prefix = f"{values['name']}/" if values["prefix"] else ""
    sites = tuple(Site(**row | {"name": prefix + row["name"]}) for _, row in rows)
    for site, (line, _) in zip(sites, rows, strict=True):
        names.add_node(site.name, line.at("name"))
    if not sound:
        names.add_unknown(prefix)
    return sites if sound else BAD
