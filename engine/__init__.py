"""Everything about reward models: presets, formatting, encoding, training, runs.

Nothing is imported here, so that `import engine.preset` costs no more than what it names; see AGENTS.md for where
things are.
"""
