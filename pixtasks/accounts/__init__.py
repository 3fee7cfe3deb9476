"""Who calls: users, API keys and the record of what they did."""
