"""What can be wrong with a model, said to a person."""

from engine.error import EngineError


class ModelError(EngineError):
    """The model cannot be loaded, does not fit the tokenizer, or cannot train as the preset asks."""
