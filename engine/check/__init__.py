"""Checks: what is said about a row or a data set, and what to do about it."""
