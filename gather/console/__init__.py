"""Pages of the console that are no list and no form of one table."""
