"""What connecting a big switch and filtering packets cost, and who waits for whom. ``python -m benchmarks``."""
