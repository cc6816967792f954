"""The ledger: what became of every record, and whether it all adds up."""
