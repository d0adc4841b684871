"""Many pictures: found, answered, and written row by row."""
