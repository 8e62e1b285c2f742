"""`lasermesh topologies`, and what is shipped."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from lasermesh import shipped
from lasermesh.errors import UserError

README = Path(__file__).parents[2] / "README.md"


def test_the_list_names_everything_that_is_shipped(run_command):
    words = set(run_command("topologies").out.split())
    lists = shipped.list_topologies, shipped.list_experiments, shipped.list_sites, shipped.list_plans
    for names in (list_names() for list_names in lists):
        assert names and set(names) <= words


def test_the_topologies_of_the_documentation_are_shipped():
    text = README.read_text(encoding="utf-8")
    table = text[text.index("## Shipped topologies") :].split("\n## ")[0]
    named = set(re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE))
    assert named == set(shipped.list_topologies())
    assert {"cities", "quick"} <= set(shipped.list_experiments())


def test_a_name_prints_the_file(run_command):
    done = run_command("topologies", "walker-144")
    assert done.out == shipped.find_topology("walker-144").read_text()
    assert tomllib.loads(done.out)["name"] == "walker-144"


@pytest.mark.parametrize("name", ["quick", "polar-2", "polar-2.csv", "iridium.toml", "tutorial"])
def test_experiments_and_sites_print_too_with_or_without_suffix(run_command, name):
    assert run_command("topologies", name).code == 0


def test_an_unknown_name_is_refused_with_the_nearest_one(run_command):
    done = run_command("topologies", "starlink-gen2")
    assert (done.code, done.out) == (2, "")
    assert done.err == 'Error: nothing shipped is named "starlink-gen2"; did you mean "starlink-gen1"?\n'


def test_json_of_the_list_and_of_one_file(run_command):
    listed = json.loads(run_command("topologies", "--json").out)
    assert set(listed) == {"topologies", "experiments", "sites", "plans"}
    for item in (each for group in listed.values() for each in group):
        assert set(item) == {"name", "about", "file"} and item["about"]
    one = json.loads(run_command("topologies", "quick", "--json").out)
    assert (one["name"], one["kind"]) == ("quick", "experiment")
    assert one["text"] == shipped.find_experiment("quick").read_text()


@pytest.mark.parametrize(
    "find", [shipped.find_topology, shipped.find_experiment, shipped.find_sites, shipped.find_plan]
)
@pytest.mark.parametrize(
    "name", ["no-such-file", "", ".", "../pyproject", "sites/cities-30", "/etc/passwd", "*"]
)
def test_what_is_no_shipped_name_is_not_found(find, name):
    assert find(name) is None


def test_no_two_shipped_files_share_a_name():
    items = [item.name for group in shipped.catalogue().values() for item in group]
    assert len(items) == len(set(items))
    with pytest.raises(UserError):
        shipped.find("no-such-file")


@pytest.mark.parametrize("name", shipped.list_sites())
def test_site_sets_hold_plain_rows_with_distinct_names(name):
    header, *rows = shipped.find_sites(name).read_text(encoding="utf-8").splitlines()
    columns = header.split(",")
    assert columns[:3] == ["name", "lat_deg", "lon_deg"]
    assert set(columns[3:]) <= {"height_m", "antennas", "availability", "mean_cloudy_s", "population"}
    sites = [dict(zip(columns, row.split(","), strict=True)) for row in rows]
    assert len({site["name"] for site in sites}) == len(sites)
    for site in sites:
        assert re.fullmatch(r"[\w' ().]+", site["name"])
        assert -90 <= float(site["lat_deg"]) <= 90 and -180 <= float(site["lon_deg"]) <= 180
        assert 0 <= float(site.get("height_m", 0)) < 5000


def test_the_thirty_cities_are_those_of_the_hundred():
    hundred = set(shipped.find_sites("cities-100").read_text().splitlines())
    thirty = set(shipped.find_sites("cities-30").read_text().splitlines())
    assert thirty <= hundred
