"""What is crawled: projects, jobs, chunks, images and what validation says of them."""
