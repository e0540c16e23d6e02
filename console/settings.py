"""The settings in effect: the environment's, `FARMAN_…`, with what they default to.

A secret can come from a file instead: `FARMAN_STORE_FILE` names one whose content is the
value of `FARMAN_STORE`, so that no password stands in an environment or an argument list.
"""

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.errors import Misused, Unavailable

HOME = Path("farman-home")
SQLITE = "sqlite"


class Settings(BaseSettings):
    """What the environment says, checked."""

    model_config = SettingsConfigDict(
        env_prefix="FARMAN_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    home: Path = Field(HOME, description="where the office keeps its store and its clock")
    store: SecretStr = Field(
        SecretStr(SQLITE), description="sqlite, or postgresql://user:password@host/database"
    )
    store_file: Path | None = Field(None, description="a file that holds FARMAN_STORE")
    debug: bool = Field(False, description="1 prints tracebacks")

    @field_validator("store")
    @classmethod
    def _known_store(cls, store: SecretStr) -> SecretStr:
        said = store.get_secret_value().strip()
        if said != SQLITE and not said.startswith(("postgresql://", "postgres://")):
            raise ValueError("it is neither sqlite nor postgresql://…")
        return SecretStr(said)

    @model_validator(mode="before")
    @classmethod
    def _from_files(cls, given: dict[str, object]) -> dict[str, object]:
        """Read what a file holds, where a setting names one and nothing is said outright."""
        if (file := given.get("store_file")) and not given.get("store"):
            given = {**given, "store": Path(str(file)).read_text(encoding="utf-8").strip()}
        return given

    @classmethod
    def read(cls, home: str | None = None) -> "Settings":
        """Return the settings in effect; `--home` comes before the environment.

        Raises:
            Misused: a setting has a value that cannot be one.
            Unavailable: a file that should hold a setting cannot be read.

        """
        try:
            return cls(home=Path(home)) if home else cls()
        except ValidationError as fault:
            first = fault.errors(include_url=False, include_input=False)[0]
            name = "_".join(["FARMAN", *(str(part).upper() for part in first["loc"])])
            said = str(first["msg"]).removeprefix("Value error, ")
            raise Misused(f"{name}: {said}.") from None
        except OSError as fault:
            raise Unavailable(
                f"FARMAN_STORE_FILE: {fault.filename} cannot be read: {fault.strerror}."
            ) from None

    def shown(self) -> dict[str, str]:
        """Return the settings by their names in the environment, passwords masked."""
        return {
            "FARMAN_HOME": str(self.home.absolute()),
            "FARMAN_STORE": masked(self.store.get_secret_value()),
            "FARMAN_STORE_FILE": str(self.store_file or ""),
            "FARMAN_DEBUG": "1" if self.debug else "",
        }


def masked(store: str) -> str:
    """Return a store's address with its password, and any in its query, as stars."""
    if "://" not in store:
        return store
    parts = urlsplit(store)
    if parts.password is not None:
        user, _, host = parts.netloc.rpartition("@")
        parts = parts._replace(netloc=f"{user.partition(':')[0]}:***@{host}")
    query = "&".join(
        f"{pair.partition('=')[0]}=***" if "password" in pair.casefold() else pair
        for pair in parts.query.split("&")
    )
    return urlunsplit(parts._replace(query=query))
