"""What a live run has around it."""


class Outside:
    """What a live run has around it: who uses it. As it is here, nobody, and it lasts as long as it may.

    Attributes
    ----------
    tun_fds : sequence of int
        Interfaces of the hosts, in their order.
    command : list of str or None
        What runs on a host, as long as the run lasts.
    """

    tun_fds = ()
    command = None

    def begin(self):
        """The mesh carries packets from now on."""

    def has_ended(self):
        """Whether there is nothing more to run for."""
        return False

    def end(self):
        """The mesh carries no more packets: who uses it is to go."""

    @property
    def was_interrupted(self):
        """Whether it was Ctrl-C that ended it."""
        return False

    def show(self, status):
        """How the run goes, a dictionary, for those who ask."""

    def tun_drops(self):
        """Packets that the interfaces had no room for."""
        return 0

    def entries(self):
        """What the summary says of it, by name in its object `live`."""
        return {}
