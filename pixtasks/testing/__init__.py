"""Tests for those who extend the product from packages of their own; nothing of the product imports them."""
