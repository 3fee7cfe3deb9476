"""The HTTP interfaces of the ledger: one package per dialect."""
