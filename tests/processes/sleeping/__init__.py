"""A third-party app with a long task, as somebody would write it; only stacks whose settings name it know it."""
