"""A run's events: what the trainer says while it works, one JSON object a line in `events.jsonl`."""
