"""Outgoing webhooks: who is told that a task has ended, and what became of each message (CONTRACT C19, R29).

A delivery is a row that the transaction which ends the task inserts, and a task of the handler ``webhooks.deliver``
sends it: waiting, back-off and giving up are the ledger's.
"""
