"""Top floor: people. The command line, the files they write, the pages they read."""
