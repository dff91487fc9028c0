"""The data types: frozen, without I/O and without third-party imports. Every other package may import them."""
