"""Run folders: create, launch, state, stop, resume, list. A run outlives the app, the terminal and the connection."""
