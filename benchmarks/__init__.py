"""What connecting a big switch costs, and whether REST and OpenFlow wait for each other. ``python -m benchmarks``."""
