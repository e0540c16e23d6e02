"""Workers: the floor that knows Kafka. Outbox, inbox and clock of an office."""
