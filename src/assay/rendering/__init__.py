"""Templates, the values they are given, and who wrote what of the rendered text."""
