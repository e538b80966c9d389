"""What a training will cost, told before it starts: steps, tokens, and memory by part. Free of torch."""
