"""A home: the folder (and database) where one office keeps its ledger, and its clock.

A rehearsal home's clock stands still at the last ``--now`` and never goes back; it is kept
here, beside the ledger and not in it. A real home's clock is the machine's.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import orjson

from domain.errors import Misused, Refused, Unavailable, Unknown
from ledger.store import Store

_FILE = "home.json"
_CLOCK = "clock.json"
_MADE = "made.json"


@dataclass(frozen=True, slots=True)
class Home:
    """Where an office keeps what it knows."""

    path: Path
    store: str
    """``sqlite``, or a PostgreSQL address."""
    rehearsal: bool
    office: str

    @classmethod
    def init(
        cls, path: Path, *, store: str = "sqlite", rehearsal: bool = False, office: str = "hq"
    ) -> "Home":
        """Make a home; one that is there already, of the same kind, is returned as it is.

        Raises:
            Refused: a home of another kind is there.
            Misused: the store or the office's id is not understood.
            Unavailable: the folder cannot be made.

        """
        if store != "sqlite" and not store.startswith(("postgresql://", "postgres://")):
            raise Misused(
                f"FARMAN_STORE is {shown(store)!r}; it is `sqlite` or a postgresql:// address."
            )
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", office):
            raise Misused(
                f"An office's id is small letters, digits and dashes, not {office!r}."
            )
        file = path / _FILE
        if file.exists():
            known = cls.open(path)
            if (known.rehearsal, known.store, known.office) != (rehearsal, store, office):
                kind = "a rehearsal" if known.rehearsal else "a real home"
                raise Refused(
                    f"{path} is already {kind} of the office {known.office!r} on "
                    f"{known.store_shown}; choose another --home."
                )
            return known
        home = cls(path, store, rehearsal, office)
        if store != "sqlite":
            Store.open(
                store, create=True
            ).close()  # an address that cannot be reached is not kept
        try:
            path.mkdir(parents=True, exist_ok=True)
            _write(file, {"office": office, "rehearsal": rehearsal, "store": store})
        except OSError as fault:
            raise Unavailable(f"The home {path} cannot be made: {fault.strerror}.") from fault
        return home

    @classmethod
    def open(cls, path: Path) -> "Home":
        """Return the home at ``path``.

        Raises:
            Unknown: there is none.
            Unavailable: it cannot be read.

        """
        try:
            kept = orjson.loads((path / _FILE).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise Unknown(f"There is no home at {path}; `farman init` makes one.") from None
        except (OSError, ValueError) as fault:
            raise Unavailable(f"The home {path} cannot be read: {fault}.") from fault
        return cls(path, kept["store"], kept["rehearsal"], kept["office"])

    @property
    def store_shown(self) -> str:
        """The store, its password masked."""
        return shown(self.store)

    @property
    def url(self) -> str:
        """The address by which the store is opened."""
        if self.store == "sqlite":
            return f"sqlite:///{(self.path / 'farman.db').resolve()}"
        return self.store

    def is_new(self) -> bool:
        """Tell whether its store was never opened: a store that vanished later is not made anew."""
        return not (self.path / _MADE).exists()

    def made(self) -> None:
        """Take note that the store was made."""
        _write(self.path / _MADE, {"store": shown(self.store)})

    def clock(self, now: datetime | None) -> datetime:
        """Return the clock of a command, moving a rehearsal's to ``now`` if it is given.

        Raises:
            Misused: a real home is given a time, or a rehearsal has none yet.
            Refused: a rehearsal's clock would go back.

        """
        if not self.rehearsal:
            if now is not None:
                raise Misused(
                    "--now is for rehearsals; a real home goes by the machine's clock."
                )
            return datetime.now(UTC)
        file = self.path / _CLOCK
        kept = (
            datetime.fromisoformat(orjson.loads(file.read_bytes())["now"])
            if file.exists()
            else None
        )
        if now is None:
            if kept is None:
                raise Misused(
                    "This rehearsal has no clock yet; give the first command --now T."
                )
            return kept
        if kept is not None and now < kept:
            raise Refused(
                f"A rehearsal's clock never goes back: it stands at {kept.isoformat()}, "
                f"--now is {now.isoformat()}."
            )
        if kept != now:
            _write(file, {"now": now.isoformat()})
        return now


def shown(store: str) -> str:
    """Return a store's address with its password masked."""
    if store == "sqlite":
        return store
    parts = urlsplit(store)
    name, at, host = parts.netloc.rpartition("@")
    if ":" in name:
        name = f"{name.split(':')[0]}:***"
    query = re.sub(r"(?i)(password=)[^&]*", r"\1***", parts.query)
    return urlunsplit(parts._replace(netloc=f"{name}{at}{host}", query=query))


def _write(file: Path, kept: Mapping[str, object]) -> None:
    """Replace a small file whole: written beside, synced, renamed."""
    beside = file.with_suffix(".tmp")
    with beside.open("wb") as out:
        out.write(orjson.dumps(kept, option=orjson.OPT_SORT_KEYS))
        out.flush()
        os.fsync(out.fileno())
    beside.chmod(0o600)
    beside.replace(file)
