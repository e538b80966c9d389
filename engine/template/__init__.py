"""Chat templates: ours by name, the tokenizer's, inline; rendered in the sandbox."""
