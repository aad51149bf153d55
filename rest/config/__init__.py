"""Declared configurations: read, planned, carried out, written."""
