"""Encodings to tensors: which rows form a batch, and how a batch is laid out."""
