"""The settings in effect: the environment's, `FARMAN_…`, with what they default to.

A secret can come from a file instead: `FARMAN_STORE_FILE` names one whose content is the
value of `FARMAN_STORE`, so that no password stands in an environment or an argument list.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.errors import Misused, Unavailable

if TYPE_CHECKING:
    from office.commission import Broker
    from workers.kafka import Kafka

HOME = Path("farman-home")
SQLITE = "sqlite"
FROM_FILES = ("store", "kafka_password", "kafka_admin_password")
"""Secrets, each of which a file can hold."""


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
    kafka_bootstrap: str = Field("", description="the broker's host:port, several with commas")
    kafka_protocol: Literal["", "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "", description="how the broker is spoken to"
    )
    kafka_username: str = Field("", description="who the workers are to the broker")
    kafka_password: SecretStr = Field(SecretStr(""), description="and their password")
    kafka_password_file: Path | None = Field(
        None, description="a file that holds FARMAN_KAFKA_PASSWORD"
    )
    kafka_ca_file: Path | None = Field(
        None, description="a PEM file with who vouches for the broker"
    )
    kafka_admin_username: str = Field(
        "", description="who makes an office's topics, user and rights"
    )
    kafka_admin_password: SecretStr = Field(SecretStr(""), description="and his password")
    kafka_admin_password_file: Path | None = Field(
        None, description="a file that holds FARMAN_KAFKA_ADMIN_PASSWORD"
    )
    health_port: int = Field(
        0, ge=0, le=65535, description="where a worker tells how it is, on loopback"
    )
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
        for name in FROM_FILES:
            if (file := given.get(f"{name}_file")) and not given.get(name):
                try:
                    said = Path(str(file)).read_text(encoding="utf-8").strip()
                except (OSError, UnicodeDecodeError) as fault:
                    why = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8"
                    raise Unavailable(
                        f"FARMAN_{name.upper()}_FILE: {file} cannot be read: {why}."
                    ) from None
                given = {**given, name: said}
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

    def kafka(self, kept: "Broker | None" = None, *, admin: bool = False) -> "Kafka":
        """Return how the broker is reached: as the environment says, else as ``kept`` does.

        ``admin``: as who makes topics, users and rights; the workers' user if no other is set.

        Raises:
            Misused: no broker is named, or a password is missing.
            Unavailable: the file of who vouches for the broker cannot be read.

        """
        from workers.kafka import Kafka

        username = (admin and self.kafka_admin_username) or self.kafka_username
        password = (
            self.kafka_admin_password
            if admin and self.kafka_admin_username
            else self.kafka_password
        ).get_secret_value()
        if kept is not None and not username:
            username, password = kept.username, kept.password
        try:
            ca = self.kafka_ca_file and self.kafka_ca_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            why = fault.strerror if isinstance(fault, OSError) else "it is not PEM"
            raise Unavailable(
                f"FARMAN_KAFKA_CA_FILE: {self.kafka_ca_file} cannot be read: {why}."
            ) from None
        return Kafka(
            self.kafka_bootstrap or (kept.bootstrap if kept else ""),
            self.kafka_protocol
            or (kept.protocol if kept else "SASL_SSL" if username else "PLAINTEXT"),
            username,
            password,
            ca or (kept.ca if kept else None) or "",
        )

    def shown(self) -> dict[str, str]:
        """Return the settings by their names in the environment, passwords masked."""
        told = {
            "home": str(self.home.absolute()),
            "store": masked(self.store.get_secret_value()),
            "debug": "1" if self.debug else "",
        }
        # A secret shows itself as stars, and as nothing where it is empty.
        return {
            f"FARMAN_{name.upper()}": told.get(name, str(getattr(self, name) or ""))
            for name in type(self).model_fields
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
