"""The real services that tests, bench and demo stand on: PostgreSQL, Apache Kafka, and Go for checkers."""

from tests.services.broker import Broker, find_kafka, kafka
from tests.services.golang import find_go, first_go
from tests.services.java import Java, find_java, first_java
from tests.services.keeper import Missing, NotStarted
from tests.services.postgresql import Server, find_programs, first_fit, postgres

__all__ = [
    "Broker",
    "Java",
    "Missing",
    "NotStarted",
    "Server",
    "find_go",
    "find_java",
    "find_kafka",
    "find_programs",
    "first_fit",
    "first_go",
    "first_java",
    "gaps",
    "kafka",
    "postgres",
]


def gaps() -> list[str]:
    """Return what keeps any service from starting here, with how to mend it; empty if nothing does."""
    found = []
    for find in (find_programs, find_kafka, find_go):
        try:
            find()
        except Missing as gap:
            found.append(str(gap))
    return found
