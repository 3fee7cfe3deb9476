"""What can be done with gather runs; the only writers of their rows."""
