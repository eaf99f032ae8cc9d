"""A kernel inside bubblewrap: it sees the system, Python, the course, and its desk."""
