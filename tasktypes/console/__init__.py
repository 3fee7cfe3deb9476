"""The ledger's pages of the operator console."""
