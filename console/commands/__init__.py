"""The commands, by the story they belong to; `console.cli` puts them under their words.

Each opens the office for one act, hands over what it was told, and shows the answer: no rule
lives here. What is heavy is imported inside a command, so that `--help` costs nothing.
"""
