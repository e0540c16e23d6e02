"""The end of links at which an office is: which topics it reads and writes, and as whom."""

from dataclasses import dataclass
from typing import Literal

from domain.errors import Unavailable
from ledger import links
from office import commission
from office.office import Office
from projections.database import Database
from projections.force import described
from workers.kafka import group, topic

Side = Literal["reads", "writes", "dlq"]


@dataclass(frozen=True)
class Ends:
    """What this office calls things at the broker."""

    office: str
    force: str

    @classmethod
    def of(cls, office: Office) -> "Ends":
        """Return the ends of an office that has links.

        Raises:
            Unavailable: it does not know yet which force it is of.

        """
        given = commission.kept(office.home.path)
        if given is not None:
            return cls(office.home.office, given.force)
        with office.store.reading() as conn:
            known = described(Database(conn))
        if known is None:
            raise Unavailable("No force was imported here yet: `farman force import`.")
        return cls(office.home.office, known[0])

    def is_region(self, link: str) -> bool:
        """Tell whether this is the region's end of a link: links are called like their region."""
        return link == self.office

    def topic(self, link: str, side: Side) -> str:
        """Return the topic that this end reads or writes, or that of dead letters."""
        if side == "dlq":
            return topic(self.force, link, "dlq")
        return topic(
            self.force, link, "down" if self.is_region(link) == (side == "reads") else "up"
        )

    @property
    def group(self) -> str:
        """The group as which this office reads."""
        return group(self.force, self.office)


def linked(office: Office) -> list[str]:
    """Return the links that an office has."""
    with office.store.reading() as conn:
        return [one.link for one in links.every(conn)]
