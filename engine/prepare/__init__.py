"""Preset to data: what the preset opens, its rows encoded, and the encoded sets that training consumes.

Preview, checks and trainer all come through here, and all of them call the one `encode_batch`: what is shown is
what is trained.
"""
