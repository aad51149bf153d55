"""The bodies that are understood."""
