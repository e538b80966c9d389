"""Presets: the schema, loading, names, the resolved preset, and what the editor and the docs show of them."""
