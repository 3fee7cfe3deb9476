"""What can be done with webhooks; the only writers of their tables."""
