"""Breaks the compiler on purpose, one small change at a time, and sees whether the model tests notice."""
