"""The use cases of image datasets, the only writers of this app's tables.

=============== ==========================================================
access          a user's projects, jobs and images, or the right refusal
projects        create, change, delete a project
crawl_jobs      create, change, delete, start, cancel, retry a job
progress        how far a job is, in O(running)
queries         what the lists read
pictures        an image's file and its preview
download        the work of one chunk: candidates → files and rows
meanings        what the words for failures and issues mean
failures        which failures are meant, their counts, when to try again
refetch         try failed candidates again
refetch_plan    what such a run would try, and why the rest stays out
validation      start a run; write verdicts; summary
near_duplicates the last step of a slow run
templates       what engines are asked for a keyword
template_yields what each of a job's templates brought
thresholds      judge again by other thresholds; what that would change
files           drop files that no row points to
thumbnails      made once, kept beside the files
gallery         pages of images by what is asked for; an image's neighbours and look-alikes
decisions       keep, reject, relabel, undo
=============== ==========================================================
"""
