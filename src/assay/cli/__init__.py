"""The command line: options become settings, results become output and an exit code."""
