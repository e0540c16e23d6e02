"""The first floor: the only writer. Streams, transactions and how they are stored."""
