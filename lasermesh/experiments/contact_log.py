"""The contacts that a run was made of, written as they end."""

from lasermesh.contacts import OpenContacts
from lasermesh.results import Contacts


class ContactLog:
    """Follows what links do from step to step and writes each contact once it is over.

    Parameters
    ----------
    links, light_times_s, start_s
        As for `OpenContacts`.
    """

    def __init__(self, links, light_times_s, start_s):
        self._open = OpenContacts(links, light_times_s, start_s)

    def note(self, changes, writer):
        """Follow the changes of a step (`LinkChanges`), and write the contacts that they end."""
        if len(changes.link):
            _write(self._open.note(changes.link, changes.t_s, changes.rate_bps), writer)

    def close(self, end_s, writer):
        """Write the contacts that the end of the run cuts."""
        _write(self._open.close(end_s), writer)


def _write(contacts, writer):
    if contacts.size:
        writer.write(Contacts(**contacts._asdict()))
