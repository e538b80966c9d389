"""A canvas of braille dots, two across and four down in each character cell, in layers one above the other."""

_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot in a braille character: row from the top, then column."""

_FROM_TOP = tuple(
    tuple(sum(_BITS[row][side] for row in range(top, 4)) for top in range(4)) for side in range(2)
)  # dots from `top` down to the cell's end
_TO_BOTTOM = tuple(
    tuple(sum(_BITS[row][side] for row in range(bottom + 1)) for bottom in range(4)) for side in range(2)
)  # dots from the cell's start down to `bottom`


class Layer:
    """Dots of one colour: `cells[row * width + column]` is the bit pattern of a character cell."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.cells = [0] * (width * height)

    def dot(self, x: int, y: int) -> None:
        """Set the dot `x` from the left and `y` from the top; outside of the canvas nothing is set."""
        if 0 <= x < self.width * 2 and 0 <= y < self.height * 4:
            self.cells[(y >> 2) * self.width + (x >> 1)] |= _BITS[y & 3][x & 1]

    def column(self, x: int, top: int, bottom: int) -> None:
        """Set the dots of column `x` from `top` to `bottom`, both included, in either order."""
        if top > bottom:
            top, bottom = bottom, top
        top, bottom = max(top, 0), min(bottom, self.height * 4 - 1)
        if not 0 <= x < self.width * 2 or top > bottom:
            return
        side, cells, width = x & 1, self.cells, self.width
        first, last = top >> 2, bottom >> 2
        place = first * width + (x >> 1)
        if first == last:
            cells[place] |= _FROM_TOP[side][top & 3] & _TO_BOTTOM[side][bottom & 3]
            return
        cells[place] |= _FROM_TOP[side][top & 3]
        for _ in range(first + 1, last):
            place += width
            cells[place] |= _FROM_TOP[side][0]
        cells[place + width] |= _TO_BOTTOM[side][bottom & 3]

    def line(self, x0: int, y0: int, x1: int, y1: int) -> None:
        """Set the dots of a line without holes between two dots, both included; x0 must not exceed x1."""
        if x0 == x1:
            self.column(x0, y0, y1)
            return
        slope = (y1 - y0) / (x1 - x0)
        before = y0
        for x in range(x0, x1 + 1):
            here = round(y0 + slope * (x - x0))
            # The step from one column to the next is shared between both, so that steep lines stay thin.
            middle = (before + here) // 2
            if x > x0 and abs(here - before) > 1:
                self.column(x - 1, before, middle)
                self.column(x, middle + (1 if here > before else -1), here)
            else:
                self.dot(x, here)
            before = here


def character(bits: int) -> str:
    """The braille character with these dots, a space for none."""
    return chr(0x2800 + bits) if bits else " "
