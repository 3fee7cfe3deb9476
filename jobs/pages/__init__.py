"""The gallery's pages, written once: the console shows them in its frame, and users below ``/images`` in theirs."""
