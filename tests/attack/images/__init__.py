"""Broken and hostile image files against the validators; see judge.py for what "agrees" means."""
