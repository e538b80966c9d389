"""Training: the transformers.Trainer subclass, its metrics, and the process that runs it."""
