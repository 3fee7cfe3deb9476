"""The ledger's use cases, the only writers of its tables.

========== =====================================================================
submit     insert pending tasks (the row is the outbox)
dispatch   choose what may run now, mark it, ring the broker
claim      pending → running, one guarded UPDATE, rate limits inside
execute    what a worker does with a message: claim, run, settle, go on
checkpoint progress and results of a running task, fenced
settle     running → its end or back to pending, counters, events, hooks
cancel     a durable mark, and pending → cancelled
retry      failed or cancelled → pending, by hand
sweep      lost workers, overdue cancels, orphans of cancelled groups
inspect    who is alive, how many slots are free
========== =====================================================================
"""
