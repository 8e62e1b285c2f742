"""`lasermesh trace`: prints what happened to one packet of a run."""

import click

from lasermesh.cli.common import json_option, print_json


@click.command(name="trace")
@click.argument("run", type=click.Path(), metavar="RUN")
@click.argument("packet", required=False, metavar="PACKET")
@json_option
def command(run, packet, as_json):
    """One packet's life, hop by hop, out of a run that followed it.

    It tells where the packet was when, and what its time went into.

    RUN is the folder of a run that followed some flows, as of `lasermesh run quick --set
    observe.trace_flows=rush`. PACKET is FLOW#SEQUENCE, or the id that Wireshark shows in a capture of the run
    (frame.packet_id).

    \b
    Example:
      lasermesh trace runs/quick "rush/Delhi>London#5"
      lasermesh trace runs/quick 0x40000000005 --json
    """
    from lasermesh.experiments.showing import trace
    from lasermesh.results.packet_life_text import format_life

    life = trace(run, packet)
    if as_json:
        print_json(life)
    else:
        click.echo(format_life(life))
