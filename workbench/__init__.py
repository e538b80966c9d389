"""The app: screens, widgets, keys. It knows nothing of torch; what it shows comes from the engine."""
