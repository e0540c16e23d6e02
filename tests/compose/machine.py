"""docker-compose.yml without an engine: each service a process of this machine, in the order of `up`.

Paths   a volume is a folder; a container's paths in commands, variables and Kafka's settings become paths there.
Hosts   a database's host and the broker's become free ports on loopback.
Users   Kafka runs as its image's user where we are root, so that owners and modes count; ours run as we do.
Ended   each by a keeper of ``tests/services``, whatever ends us.
"""

import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg

from tests import services
from tests.compose.project import OURS, ROOT, Project, Service, in_the_image
from tests.services.keeper import Keeper, kept

PATIENCE = 120
"""Seconds for a service to end, or to become healthy, on a busy machine."""

KAFKA_USER = 1000
"""Who `apache/kafka` runs as."""

BIN = ROOT / ".venv" / "bin"

ALREADY = "already formatted"
"""The one complaint of the wrapper after which the image goes on."""


class Failed(Exception):
    """A service did not do what `up` waits for; the text is its own."""


class Machine:
    """A machine with empty volumes, on which :meth:`up` can be called again and again."""

    def __init__(self, project: Project, folder: Path, stack: contextlib.ExitStack) -> None:
        self.project = project
        self.folder = folder
        self.volumes = folder / "volumes"
        self.logs = folder / "logs"
        self.client, self.controller = _free_ports()
        self._stack = stack
        self._databases: dict[str, services.Server] = {}
        self._running: dict[str, tuple[contextlib.ExitStack, Keeper]] = {}
        self.logs.mkdir()
        for volume in sorted(project.volumes):
            (self.volumes / volume).mkdir(parents=True)
        # As a new volume takes over the owner of the image's folder.
        os.chown(self.volumes / "kafka-data", *(_kafka_user() or (-1, -1)))
        self.kafka = _image_of_kafka(folder / "image")

    @property
    def bootstrap(self) -> str:
        """The broker's address on this machine."""
        return f"localhost:{self.client}"

    # --- What an engine does ------------------------------------------------------------------------

    def up(self, *names: str) -> None:
        """Do as `docker compose up --wait NAMES`.

        Raises:
            Failed: a service ended badly, or does not become healthy.

        """
        wanted = self.project.in_order(*names)
        for service in wanted:
            for name, condition in service.waits_for.items():
                if condition == "service_healthy":
                    self._await_healthy(self.project.services[name])
            if service.once:
                self._run(service)
            elif service.name not in self._running:
                self._start(service)
        for service in wanted:
            if not service.once:
                self._await_healthy(service)

    def stop(self) -> None:
        """Do as `docker compose stop`; the databases are killed, and not in order."""
        for name in reversed([each.name for each in self.project.in_order()]):
            if name in self._running:
                self._running.pop(name)[0].close()
            elif name in self._databases:
                self._databases[name].kill()

    def farman(self, service: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Do as `docker compose exec SERVICE farman …`."""
        container = self.project.services[service]
        return self._do(container, self.mapped(container, ["farman", *words]))

    def login(self, user: str, password: str) -> dict[str, str | int | float | bool]:
        """Return how a client of confluent-kafka comes to the broker."""
        return {
            "bootstrap.servers": self.bootstrap,
            "broker.address.family": "v4",
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(self.volumes / "malakand" / "ca.pem"),
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": password,
        }

    def for_aiokafka(self, user: str, password: str) -> dict[str, Any]:
        """Return how a client of aiokafka does."""
        return {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": "SASL_SSL",
            "ssl_context": ssl.create_default_context(
                cafile=self.volumes / "malakand" / "ca.pem"
            ),
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": user,
            "sasl_plain_password": password,
        }

    def password(self, user: str) -> str:
        """Return the password that `credentials` has made for a user of the broker."""
        return (self.volumes / "authority" / f"{user}.password").read_text()

    def log(self, service: str) -> str:
        """Return what a service, other than a database, has printed."""
        return (self.logs / service).read_text(errors="replace")

    # --- One service --------------------------------------------------------------------------------

    def _run(self, service: Service) -> None:
        if service.image == OURS:
            done = self._do(service, self.mapped(service, service.command))
        else:
            done = self._kafka_tool(service, self.mapped(service, service.command))
        with (self.logs / service.name).open("a") as log:
            log.write(done.stdout + done.stderr)
        if done.returncode:
            raise Failed(f"{service.name}: {done.returncode}\n{done.stdout}{done.stderr}")

    def _start(self, service: Service) -> None:
        if service.image.startswith("postgres:"):
            self._database(service)
            return
        if service.image == OURS:
            words, user = self.mapped(service, service.command), None
        else:
            words, user = self._kafka_server(service), _kafka_user()
        stack = contextlib.ExitStack()
        keeper = stack.enter_context(
            kept(
                "program",
                words=words,
                folder=str(self._work(service)),
                environment=self.environment(service),
                user=user and user[0],
                log=str(self.logs / service.name),
            )
        )
        self._stack.callback(stack.close)
        self._running[service.name] = stack, keeper

    def _await_healthy(self, service: Service) -> None:
        kind, *words = service.said["healthcheck"]["test"]
        assert kind == "CMD", "a shell's check would pass where a program is missing"
        deadline = time.monotonic() + PATIENCE
        while True:
            done = self._do(service, self.mapped(service, words))
            if done.returncode == 0:
                return
            said = done.stdout + done.stderr
            if service.name in self._running:
                status = self._running[service.name][1].ask(do="status")["status"]
                if status is not None:
                    raise Failed(
                        f"{service.name} ended with {status}\n{self.log(service.name)}"
                    )
                said += self.log(service.name)
            if time.monotonic() > deadline:
                raise Failed(f"{service.name} does not become healthy:\n{said}")
            time.sleep(0.2)

    def _do(self, service: Service, words: list[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            words,
            cwd=self._work(service),
            env=self.environment(service),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    # --- A container's words, on this machine -------------------------------------------------------

    def mapped(self, service: Service, words: list[str]) -> list[str]:
        """Return a command with its paths, hosts and ports as they are here."""
        return [_replaced(word, self._places(service)) for word in words]

    def environment(self, service: Service) -> dict[str, str]:
        """Return what the container has, and nothing of ours but where programs are."""
        given = {
            name: _replaced(value, self._places(service))
            for name, value in service.environment.items()
        }
        programs = [str(BIN), str(services.find_programs()), os.defpath]
        server = self._databases.get(service.name)
        return {
            **given,
            "PATH": os.pathsep.join(programs),
            "TMPDIR": str(self._work(service)),
            **({"PGPORT": str(server.port)} if server else {}),
        }

    def _places(self, service: Service) -> dict[str, str]:
        """Return what stands for what, of a container and its network."""
        places = {mount.target: str(self.volumes / mount.volume) for mount in service.mounts}
        places |= {place: str(file) for place, file in in_the_image().items()}
        places |= {
            "/volumes": str(self.volumes),
            "/opt/kafka": str(self.kafka),
            "kafka:9092": self.bootstrap,
            "127.0.0.1/9092": f"127.0.0.1/{self.client}",
        }
        if service.image.startswith("apache/kafka:"):
            places["/mnt/shared/config"] = str(self.kafka_config())
        for name, server in self._databases.items():
            places[f"@{name}"] = f"@127.0.0.1:{server.port}"
        return places

    def _work(self, service: Service) -> Path:
        """Return a folder of its own: the container's /tmp, and where it starts."""
        folder = self.folder / "tmp" / service.name
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o1777)
        return folder

    # --- PostgreSQL, as its image's entry point does ------------------------------------------------

    def _database(self, service: Service) -> None:
        if known := self._databases.get(service.name):
            if not known.pid:
                known.start()
            return  # what is there is not made anew
        (given,) = (m for m in service.mounts if m.target == "/docker-entrypoint-initdb.d")
        scripts = self.volumes / given.volume
        password = _replaced(
            service.environment["POSTGRES_PASSWORD_FILE"], {given.target: str(scripts)}
        )
        server = self._stack.enter_context(services.postgres(fsync=False))
        self._databases[service.name] = server
        for script in sorted(scripts.glob("*.sql")):
            psql = ["psql", "--host=127.0.0.1", "--username=postgres", "--dbname=postgres"]
            options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={script}"]
            done = self._do(service, [*psql, *options])
            if done.returncode:
                raise Failed(f"{service.name}: {script.name}\n{done.stderr}")
        with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
            # From here on with a password, as the image has it.
            admin.execute(f"ALTER ROLE postgres PASSWORD '{Path(password).read_text()}'")
            (rules,) = admin.execute("SHOW hba_file").fetchone() or ("",)
            Path(rules).write_text("host all all all scram-sha-256\n")
            admin.execute("SELECT pg_reload_conf()")

    # --- Kafka, as its image does -------------------------------------------------------------------

    def kafka_config(self) -> Path:
        """Return a copy of the volume `kafka`, with this machine's paths and ports in the settings."""
        copy = self.folder / "kafka-config"
        if copy.exists():
            return copy
        shutil.copytree(self.volumes / "kafka", copy)
        settings = copy / "server.properties"
        mode = settings.stat().st_mode
        settings.chmod(0o600)
        here = {
            "/mnt/shared/config": str(copy),
            "/var/lib/kafka/data": str(self.volumes / "kafka-data"),
            "0.0.0.0:9092": f"127.0.0.1:{self.client}",
            "kafka:9092": self.bootstrap,
            "127.0.0.1:9093": f"127.0.0.1:{self.controller}",
            "localhost:9093": f"localhost:{self.controller}",
        }
        settings.write_text(_replaced(settings.read_text(), here))
        settings.chmod(mode)
        if user := _kafka_user():
            for each in (copy, *copy.iterdir()):
                os.chown(each, *user)
        return copy

    def _kafka_tool(
        self, service: Service, words: list[str]
    ) -> "subprocess.CompletedProcess[str]":
        user = _kafka_user()
        return subprocess.run(
            words,
            cwd=self._work(service),
            env=self.environment(service),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            user=user and user[0],
            group=user and user[1],
            extra_groups=user and (),
        )

    def _kafka_server(self, service: Service) -> list[str]:
        """Do what the image does before the server, and return how it starts that.

        Its `launch` has the wrapper write the settings and format, and goes on if that is done already.
        """
        final = self.kafka / "config"
        folders = {
            "default": self.folder / "image" / "etc" / "kafka" / "docker",
            "mounted": Path(self.mapped(service, ["/mnt/shared/config"])[0]),
            "final": final,
        }
        words = [
            str(self.kafka / "bin" / "kafka-run-class.sh"),
            "kafka.docker.KafkaDockerWrapper",
        ]
        words.append("setup")
        for which, folder in folders.items():
            words += [f"--{which}-configs-dir", str(folder)]
        done = self._kafka_tool(service, words)
        if done.returncode and ALREADY not in done.stdout + done.stderr:
            raise Failed(f"{service.name}: the image's wrapper\n{done.stdout}{done.stderr}")
        return [
            str(self.kafka / "bin" / "kafka-server-start.sh"),
            str(final / "server.properties"),
        ]


def _kafka_user() -> tuple[int, int] | None:
    """Return the user and group of Kafka's image; None where we are not free to choose."""
    return (KAFKA_USER, KAFKA_USER) if os.geteuid() == 0 else None


def _image_of_kafka(folder: Path) -> Path:
    """Lay out what of Kafka's image is used, and return its ``/opt/kafka``."""
    java, jars = services.find_kafka()
    kafka = folder / "opt" / "kafka"
    libraries, programs, config = kafka / "libs", kafka / "bin", kafka / "config"
    defaults = folder / "etc" / "kafka" / "docker"
    for each in (libraries, programs, config, defaults):
        each.mkdir(parents=True)
    program = java.program
    if user := _kafka_user():
        os.chown(config, *user)
        # Its user may not get to where they are.
        for jar in jars:
            shutil.copy(jar, libraries)
        jars = sorted(libraries.iterdir())
        home = program.resolve().parents[1]
        program = Path(shutil.copytree(home, folder / "java", symlinks=True)) / "bin" / "java"
    flags = (
        "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData "
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    )
    if java.version >= 24:
        flags += " --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow"
    for name, main in {
        "kafka-run-class.sh": "",
        "kafka-storage.sh": "kafka.tools.StorageTool",
        "kafka-server-start.sh": "kafka.Kafka",
    }.items():
        script = programs / name
        script.write_text(
            "#!/bin/sh\n"
            f"exec '{program}' ${{KAFKA_HEAP_OPTS--Xmx256M}} {flags} "
            f'-Djava.io.tmpdir="$TMPDIR" -cp \'{":".join(map(str, jars))}\' {main} "$@"\n'
        )
        script.chmod(0o755)
    return kafka


def _replaced(text: str, places: Mapping[str, str]) -> str:
    """Put here what stands for there, the longest first, whole parts of paths only."""
    names = sorted(places, key=len, reverse=True)
    pattern = "|".join(rf"{re.escape(name)}(?![\w-])" for name in names)
    return re.sub(pattern, lambda found: places[found[0]], text)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


@contextlib.contextmanager
def machine(project: Project) -> Iterator[Machine]:
    """Yield a machine that is gone with the block, and all that ran on it."""
    folder = Path(tempfile.mkdtemp(prefix="farman-compose-"))
    folder.chmod(0o755)  # Kafka's user must get to its volumes
    try:
        with contextlib.ExitStack() as stack:
            yield Machine(project, folder, stack)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
