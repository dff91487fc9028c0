"""Where objects come from: one module for each kind of source."""
