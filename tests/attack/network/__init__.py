"""What the attacks on outgoing requests share: the forms of an address, a canary, and a resolver that lies."""
