"""One call of the command: what it was told for all commands, and how it answers.

`--home`, `--json` and `--now` are taken out of the words before anything reads them, so they
may stand anywhere, and a wrong command still fails in the form that was asked for.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from console import output
from domain.errors import Flaw, Misused, Unaccepted

if TYPE_CHECKING:
    from rich.console import Console

    from console.settings import Settings
    from office.home import Home
    from office.office import Office

_VALUED = ("--home", "--now")

Told: TypeAlias = Callable[[Mapping[str, object], "Callable[[Console], None] | str"], None]
"""Takes an answer, or a failure's document: what a script gets, and what a person is shown."""


@dataclass(slots=True)
class Invocation:
    """What one call of `farman` was told, and what it has found out."""

    json: bool = False
    home: str | None = None
    """As given; else the settings say."""
    now: str | None = None
    rehearsal: bool = False
    """Whether the home that was opened is one for exercises."""
    clock: datetime | None = None
    """Where a rehearsal's clock stands, if it is set."""
    file: str = ""
    """The file that is being read, for what is wrong with it."""
    place: Literal["column", "field"] = "column"
    """What a place in that file is called."""
    marked: bool = field(default=False, repr=False)
    told: Told | None = field(default=None, repr=False)
    """Takes the answer instead of stdout, where one command carries out another."""

    # -- the home and its office

    @property
    def settings(self) -> "Settings":
        """The settings in effect."""
        from console.settings import Settings

        return Settings.read(self.home)

    @property
    def chosen(self) -> bool:
        """Whether the home was named, by `--home` or by FARMAN_HOME."""
        return bool(self.home or os.environ.get("FARMAN_HOME"))

    def instant(self, text: str | None, option: str) -> datetime | None:
        """Read an option's instant.

        Raises:
            Misused: it is none, or has no offset.

        """
        if text is None:
            return None
        from console.files import durations

        try:
            return durations.instant(text)
        except ValueError as fault:
            raise Misused(f"{option} {text}: {fault}") from None

    def known(self, text: str | None) -> int | datetime | None:
        """Read `--known-at`: a position, inclusive, or an instant."""
        if text is None:
            return None
        if text.isascii() and text.isdigit():
            return int(text)
        return self.instant(text, "--known-at")

    def open(self) -> "Home":
        """Open the home.

        Raises:
            Unknown: there is none.

        """
        from office.home import Home

        return self.entered(Home.open(self.settings.home))

    def entered(self, home: "Home") -> "Home":
        """Note which home this is, so that every output is marked by its kind."""
        self.rehearsal = home.rehearsal
        return home

    @contextmanager
    def office(self, home: "Home | None" = None) -> "Iterator[Office]":
        """Open the home's office for one command."""
        from office.office import Office

        with Office(home or self.open(), self.instant(self.now, "--now")) as office:
            yield office

    # -- files

    def reads(self, path: Path, place: Literal["column", "field"] = "column") -> Path:
        """Note which file the command reads, and that it can be read.

        Raises:
            Unaccepted: there is no such file.

        """
        self.file, self.place = str(path), place
        try:
            with path.open("rb") as file:
                file.read(1)
        except OSError as fault:
            reason = f"{path} cannot be read: {fault.strerror or fault}."
            raise Unaccepted(reason, [Flaw(None, "", str(path), reason)]) from None
        return path

    def writes(self, path: Path) -> Path:
        """Check that a file can be made there.

        Raises:
            Misused: there is no such folder, or a folder has that name.

        """
        if not path.parent.is_dir():
            raise Misused(f"--out {path}: there is no folder {path.parent}; make it first.")
        if path.is_dir():
            raise Misused(f"--out {path}: this is a folder; name a file in it.")
        return path

    # -- the answer

    def answer(
        self, content: Mapping[str, object], draw: "Callable[[Console], None] | str"
    ) -> None:
        """Give the answer: the document with `--json`, else the lines that ``draw`` prints."""
        if self.told is not None:
            self.told(content, draw)
            return
        if self.json:
            output.document({**content, "rehearsal": True} if self.rehearsal else content)
            return
        self.mark()
        if isinstance(draw, str):
            output.say(draw)
        else:
            output.show(draw)

    def mark(self) -> None:
        """Say once, in the first line of stdout, that all of it is an exercise."""
        if self.rehearsal and not self.marked and not self.json:
            output.say(output.EXERCISE)
        self.marked = True

    @contextmanager
    def progress(self) -> "Iterator[Callable[[str, int, int | None], None] | None]":
        """Show how far long work has come, on stderr and only to a terminal."""
        if not output.terminal(sys.stderr):
            yield None
            return
        from console.progress import bars

        with bars() as tell:
            yield tell


def parse(words: Sequence[str]) -> tuple[Invocation, list[str]]:
    """Take the options of all commands out of ``words``; return them and the rest.

    Whatever stands after `--` is left alone.

    Raises:
        Misused: one of them lacks its value; `.args[1]` is what was understood so far.

    """
    call, rest = Invocation(), []
    waiting = list(reversed(words))
    lacking = ""
    while waiting:
        word = waiting.pop()
        name, equals, value = word.partition("=")
        if word == "--":
            rest += [word, *reversed(waiting)]
            break
        if word == "--json":
            call.json = True
        elif name in _VALUED:
            if not equals and (not waiting or waiting[-1].startswith("--")):
                lacking = lacking or name
                continue
            said = value if equals else waiting.pop()
            if name == "--home":
                call.home = said
            else:
                call.now = said
        else:
            rest.append(word)
    if lacking or call.home == "" or call.now == "":
        name = lacking or ("--home" if call.home == "" else "--now")
        example = (
            "a folder" if name == "--home" else "an instant such as 2020-01-15T16:00:00+05:00"
        )
        raise Lacking(f"{name} needs its value: {example}.", call)
    return call, rest


class Lacking(Misused):
    """An option of all commands was given without its value."""

    def __init__(self, reason: str, call: Invocation) -> None:
        super().__init__(reason)
        self.call = call
        """What was understood all the same: whether the error is to be JSON."""
