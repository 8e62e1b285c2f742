"""`lasermesh topologies`: what is shipped."""

import click

from lasermesh import shipped
from lasermesh.cli.common import ShippedName, json_option, print_json, print_table

_ANY = ShippedName(shipped.list_topologies, shipped.list_experiments, shipped.list_sites, shipped.list_plans)


@click.command(name="topologies")
@click.argument("name", required=False, type=_ANY)
@json_option
def command(name, as_json):
    """List the shipped topologies, experiments, sites and contact plans, or print one.

    A file that is printed can be kept and changed: a name without slash or suffix is looked up beside the
    file that names it, then among the shipped ones.

    \b
    Example:
      lasermesh topologies
      lasermesh topologies walker-144
    """
    if name is not None:
        item = shipped.find(name)
        if as_json:
            print_json({"name": item.name, "kind": item.kind, "file": str(item.file), "text": item.text})
        else:
            click.echo(item.text, nl=False)
        return
    catalogue = shipped.catalogue()
    if as_json:
        print_json(
            {
                group: [{"name": i.name, "about": i.about, "file": str(i.file)} for i in items]
                for group, items in catalogue.items()
            }
        )
        return
    rows = []
    for group, items in catalogue.items():
        rows += [(group, "")] + [(f"  {item.name}", item.about) for item in items]
    print_table(rows)
