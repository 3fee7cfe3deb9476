"""pixtasks: build image datasets, and run any other background work, on one task ledger."""

__version__ = "0.1.0"
