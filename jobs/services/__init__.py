"""The use cases of image datasets, the only writers of this app's tables.

=============== ==========================================================
access          a user's projects, jobs and images, or the right refusal
projects        create, change, delete a project
crawl_jobs      create, change, delete, start, cancel, retry a job
progress        how far a job is, in O(running)
queries         what the lists read
pictures        an image's file and its preview
download        the work of one chunk: candidates → files and rows
validation      start a run; write verdicts; summary
near_duplicates the last step of a slow run
files           drop files that no row points to
=============== ==========================================================
"""
