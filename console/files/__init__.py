"""Readers of what people write: bytes in, values or problems out.

No database, no clock: what a unit, a post or an officer must be known as is handed in.
Every fault is told with its file, line, column or field, value and one sentence; all of
them, never only the first.
"""
