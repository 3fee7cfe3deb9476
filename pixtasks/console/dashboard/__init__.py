"""The console's first page: what runs, what waits, what failed, who works, and how much is done per minute."""
