"""Pages of the console that are about the whole product."""
