"""Losses: each a short pure function in fp32, with the source of its formula."""
