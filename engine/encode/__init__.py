"""Sample to encoding: the one place where text becomes token ids, for preview, checks and training."""
