"""Fault tests T1 to T12 of docs/reliability.md, against real processes.

``test_*.py`` are the short forms; ``python -m tests.faults`` (``make faults``) is the long form of the same scenarios.
"""
