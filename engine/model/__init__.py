"""The model: loading it with its head, adapters and precision, and reading its scores."""
