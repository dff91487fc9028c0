"""Rules against objects: loading, compiling, judging."""
