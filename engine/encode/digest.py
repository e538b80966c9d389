"""A digest of encodings: two sets have the same one if, and only if, a model would be fed the same."""

import hashlib
import json
from array import array

from engine.encode.encoding import EncodedRow, PairEncoding


class Digest:
    """A running digest over kept encodings in source order. Where a sample came from is no part of it."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def update(self, row: EncodedRow) -> None:
        """Take in one row: its ids, labels, pooled positions and margin. Refused rows leave it as it is."""
        encoding = row.encoding
        if not row.kept or encoding is None:
            return
        if isinstance(encoding, PairEncoding):
            facts = (encoding.chosen_pooled, encoding.rejected_pooled, encoding.margin)
            self._take(json.dumps(("pair", len(encoding.chosen_ids), len(encoding.rejected_ids), *facts)))
            self._hash.update(_bytes("q", encoding.chosen_ids))
            self._hash.update(_bytes("q", encoding.rejected_ids))
        else:
            soft = float in map(type, encoding.labels)
            self._take(json.dumps(("steps", len(encoding.input_ids), soft)))
            self._hash.update(_bytes("q", encoding.input_ids))
            self._hash.update(_bytes("d", encoding.labels))

    def hexdigest(self) -> str:
        """The digest so far, as 32 hexadecimal characters."""
        return self._hash.hexdigest()

    def _take(self, text: str) -> None:
        self._hash.update(text.encode())


def _bytes(typecode: str, values: list[int] | list[int | float]) -> bytes:
    return array(typecode, values).tobytes()
