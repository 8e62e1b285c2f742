"""Names of nodes and groups: that each is there once, and that what the files refer to is there."""

from functools import cached_property

from lasermesh.scenario.fields import BAD, row_number
from lasermesh.scenario.problems import closest, did_you_mean, shown

MOST_SUGGESTIONS = 20
"""Each takes 0.2 s among ten thousand names; a file of wrong pairs has thousands."""


class NodeNames:
    """The names of a topology while it is read, also while parts of it are unknown because they are wrong.

    Where a group could not be read, names that may be its nodes' are not reported as missing.
    """

    def __init__(self, topology):
        self.topology = topology
        self.groups = {}
        self.groups_known = True
        self._rows = {}
        self._names = []
        self._places = []
        self._without_position = set()
        self._unknown_prefixes = []
        self._suggestions = 0
        self._group_places = {}
        self._ipn_numbers = {}  # by row, where they are not row + 1

    def add_group(self, name, place, is_ground):
        """Notes a group; a second one of that name is reported."""
        if name is BAD:
            self.groups_known = False
        elif name in self.groups:
            place.at("name").report(f"{shown(name)} is already the name of {self._group_places[name]}", name)
        else:
            self.groups[name] = is_ground
            self._group_places[name] = place

    def add_node(self, name, place, has_position=True):
        """Gives the next row to a node; a second one of that name is reported at its place."""
        if not has_position:
            self._without_position.add(len(self._places))
        row = self._rows.setdefault(name, len(self._places))
        if row < len(self._places):
            place.report(f"{shown(name)} is already the name of the node at {self._places[row]}", name)
        self._names.append(name)
        self._places.append(place)

    def add_unknown(self, prefix=""):
        """Notes that there are more nodes, whose names begin with the prefix."""
        self._unknown_prefixes.append(prefix)

    def __len__(self):
        return len(self._places)

    def find(self, name, place):
        """Row of the node of that name or `#17`; BAD if there is none (reported) or it cannot be known."""
        if name in self._rows:
            return self._rows[name]
        row = row_number(name)
        if row is not None and row < len(self) and not self._unknown_prefixes:
            return row
        if any(name.startswith(prefix) or row is not None for prefix in self._unknown_prefixes):
            return BAD
        if row is not None:
            place.report(f"there is no row {row}; rows go from 0 to {len(self) - 1}", name)
        elif name in self.groups:
            place.report(f"{shown(name)} is a group; here the name of one node is wanted", name)
        else:
            self._report_unknown("node", name, self._rows, place)
        return BAD

    def find_nodes(self, name, place, group_rows):
        """Rows of the node or of the nodes of the group of that name; BAD as for `find`.

        `group_rows` gives the rows of a group by its name; None if they cannot be known.
        """
        if name in self.groups and name not in self._rows:
            return BAD if group_rows is None else tuple(group_rows(name))
        if name in self._rows or row_number(name) is not None:
            row = self.find(name, place)
            return BAD if row is BAD else (row,)
        if self.groups_known and not any(name.startswith(prefix) for prefix in self._unknown_prefixes):
            self._report_unknown("node or group", name, [*self._rows, *self.groups], place)
        return BAD

    def knows(self, name):
        """Whether `find_nodes` finds something of that name, or might if all of the topology were known."""
        if name in self._rows or name in self.groups:
            return True
        if (row := row_number(name)) is not None:
            return row < len(self) or bool(self._unknown_prefixes)
        return not self.groups_known or any(name.startswith(prefix) for prefix in self._unknown_prefixes)

    def _report_unknown(self, what, name, known, place):
        """Says that nothing has that name, and which known one may be meant."""
        self._suggestions += 1
        hint = did_you_mean(name, known) if self._suggestions <= MOST_SUGGESTIONS else ""
        place.report(f"no {what} is named {shown(name)} in topology {shown(self.topology)}{hint}", name)

    def is_known(self, name):
        """Whether this is the name of a node."""
        return name in self._rows

    def number_group(self, first_row, numbers):
        """Gives ipn numbers to the nodes of a group."""
        self._ipn_numbers.update(enumerate(numbers, first_row))

    def ipn_number(self, row):
        """Number of a node in the ipn scheme."""
        return self._ipn_numbers.get(row, row + 1)

    def find_number(self, number, place):
        """Row of the node with that ipn number; BAD if there is none (reported) or it cannot be known."""
        if number in self._row_of_number:
            return self._row_of_number[number]
        if not self._unknown_prefixes:
            place.report(f"no node has the ipn number {number}", number)
        return BAD

    @cached_property
    def _row_of_number(self):
        """Made when first asked for: by then all nodes and their numbers are known."""
        return {self.ipn_number(row): row for row in range(len(self))}

    def name_of(self, row):
        return self._names[row]

    def has_position(self, row):
        return row not in self._without_position

    def check_group(self, name, place, is_ground):
        """Whether there is a group of that name and sort; if not, that is reported."""
        sort = "ground sites" if is_ground else "satellites"
        if self.groups.get(name) == is_ground:
            return True
        if name in self.groups:
            place.report(f"{shown(name)} is not a group of {sort}", name)
        elif self.groups_known:
            same_sort = [known for known, ground in self.groups.items() if ground == is_ground]
            nearest = closest(name, same_sort)
            hint = f"; did you mean {shown(nearest)}?" if nearest else ""
            place.report(f"no group of {sort} is named {shown(name)}{hint}", name)
        return False
