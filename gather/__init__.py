"""Repeated gathering: runs, their records, live progress, and the way in and out of the house."""
