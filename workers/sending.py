"""Sending to the broker so that what counts as sent is there, once and in its order."""

import asyncio
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer

from workers.kafka import LARGEST, Kafka
from workers.messages import Message

PATIENCE = 10.0
"""Seconds that the broker has for an acknowledgement."""


def producer(kafka: Kafka) -> AIOKafkaProducer:
    """Return a producer that the broker takes each message from once, in order."""
    return AIOKafkaProducer(
        **kafka.aiokafka(),
        enable_idempotence=True,
        acks="all",
        linger_ms=0,
        compression_type="lz4",
        max_batch_size=256 * 1024,
        max_request_size=LARGEST,
        request_timeout_ms=round(PATIENCE * 1000),
    )


async def send(broker: AIOKafkaProducer, topic: str, messages: Iterable[Message]) -> None:
    """Send messages in their order; they are all acknowledged when this returns.

    Raises:
        KafkaError: one of them was not; the producer is not used afterwards.

    """
    sent: list[asyncio.Future[object]] = []
    try:
        for key, value, headers in messages:
            sent.append(await broker.send(topic, value, key, 0, headers=headers))
    finally:
        answers = await asyncio.gather(*sent, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
