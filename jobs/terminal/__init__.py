"""What the commands show in a terminal: figures that are read, tables and bars that are drawn. Nothing is written.

======== ====================================================================
figures  what is known of a job, its chunks and its validation, as plain data
tables   the same as tables and sentences
live     bars that move, or lines where the output is no terminal
proof    is what was promised really there: files, digests, counters
picture  what was shown, as an SVG file
screen   the rich console of a command, and how paths and names are shown
======== ====================================================================
"""
