"""The command line: everything the screen does can be done without it."""
