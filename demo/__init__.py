"""Demos that need services beside Farman: `make demo-offices`."""
