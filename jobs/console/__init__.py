"""Pages of jobs, projects and what belongs to them in the console; ``jobs.admin`` registers them."""
