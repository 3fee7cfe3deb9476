"""The pages of people who are not staff: their projects, jobs, images and keys. Nothing but services writes."""
