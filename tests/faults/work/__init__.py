"""A third-party app whose tasks can be counted, hang or crash; only fault tests' settings name it."""
