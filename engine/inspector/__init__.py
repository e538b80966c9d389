"""The inspector: a long-lived process that encodes and checks for the screen, so that the screen never waits."""
