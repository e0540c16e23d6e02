"""Benchmarks: how fast and how small, against the raw limit of the same run."""
