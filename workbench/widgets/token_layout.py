"""Token sequences laid out as lines of fragments: pure text and cells, no widget and no colour."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from rich.cells import cell_len, chop_cells

from engine.encode.encoding import MASKED, TokenSequence
from workbench.screen_text import visible
from workbench.widgets.token_marks import CUT, DIVERGES, OWN, POOLED, SHARED, Badge, Marks, label_badge

GAP = -1
"""The token number of a fragment that belongs to no token."""

NEWLINE, SPACE, TAB = "⏎", "·", "→"
CONTINUED = "‥"
"""What stands for a token that holds only further bytes of the character before it."""


class View(StrEnum):
    """How a row is looked at."""

    TEXT = "text"
    TOKENS = "tokens"
    IDS = "ids"
    LABELS = "labels"
    RAW = "raw"


Fragment = tuple[int, str, int, str]
"""A piece of one line: the token it belongs to (or GAP), its text, its width in cells, and its kind of style.

A plain tuple: there are as many as tokens, and plain ones cost the collector of garbage nothing.
"""


class Line(NamedTuple):
    """One line: the gutter's text (a step's number), and fragments from left to right."""

    gutter: str
    fragments: list[Fragment]


class Layout:
    """Lines of a sequence at one width, made as they are asked for: very long sequences cost nothing up front.

    `token_lines[i]` is the line on which token i begins, for the tokens laid out so far.
    """

    def __init__(self, sequence: TokenSequence, marks: Marks, view: View, width: int, whitespace: bool) -> None:
        self.lines: list[Line] = []
        self.token_lines: list[int] = []
        self.complete = False
        width = max(width, 8)
        if view in (View.IDS, View.LABELS):
            self._source = _columns(sequence, marks, view, width)
        else:
            self._source = _flow(sequence, marks, width, view is View.TOKENS, whitespace)
        self._tokens = len(sequence.ids)

    def extend(self, lines: int) -> None:
        """Lay out `lines` further lines, or what is left."""
        for _ in range(lines):
            line = next(self._source, None)
            if line is None:
                self.complete = True
                self._reach(self._tokens - 1, max(len(self.lines) - 1, 0))
                return
            for token, *_ in line.fragments:
                if token >= len(self.token_lines):
                    self._reach(token, len(self.lines))
            self.lines.append(line)

    def reached(self, token: int) -> bool:
        """Whether it is known on which line a token begins."""
        return self.complete or token < len(self.token_lines)

    def reach(self, token: int) -> int:
        """The line on which a token begins, laying out as far as needed."""
        while len(self.token_lines) <= token and not self.complete:
            self.extend(64)
        return self.token_lines[token] if 0 <= token < len(self.token_lines) else 0

    def token_at(self, line: int, column: int) -> int:
        """The token drawn at a cell, the nearest on that line, or GAP."""
        if not 0 <= line < len(self.lines):
            return GAP
        nearest, right = GAP, 0
        for token, _, cells, _ in self.lines[line].fragments:
            if token != GAP:
                if right > column and nearest != GAP:
                    break
                nearest = token
            right += cells
        return nearest

    def column_of(self, token: int, line: int) -> int:
        """The cell at which a token begins on a line (0 where it is not on it)."""
        column = 0
        for at, _, cells, _ in self.lines[line].fragments:
            if at == token:
                return column
            column += cells
        return 0

    def _reach(self, token: int, line: int) -> None:
        self.token_lines.extend([line] * (token + 1 - len(self.token_lines)))


def steps_width(sequence: TokenSequence) -> int:
    """The cells that the numbers of a sequence's steps take (0: it has none)."""
    steps = max(sequence.steps, default=-1) + 1
    return len(str(steps)) if steps else 0


def line_mark(sequence: TokenSequence, line: Line, border: int) -> tuple[str, str]:
    """What a line is, as a word and a sign: pooled, diverges, cut, own (of this side, of a step) or shared.

    From the token `border` on they are the side's own, or those of the steps.
    """
    kinds = {kind for *_, kind in line.fragments}
    if "pooled" in kinds:
        return "pooled", POOLED
    if "diverges" in kinds:
        return "diverges", DIVERGES
    tokens = [token for token, *_ in line.fragments if token != GAP]
    if tokens and not sequence.kept_start <= tokens[0] <= tokens[-1] < sequence.kept_end:
        return "cut", CUT
    if not tokens or tokens[0] < border:
        return "shared", SHARED
    return "own", OWN


def shown(sequence: TokenSequence, token: int) -> str:
    """The text of a token as its line shows it: its characters, or its piece where it has none of its own."""
    text = sequence.text[sequence.starts[token] : sequence.ends[token]]
    return text or sequence.pieces[token]


def continues(sequence: TokenSequence, token: int) -> bool:
    """Whether a token holds only further bytes of the characters that the token before it shows."""
    return (
        token > 0
        and sequence.starts[token] < sequence.ends[token]
        and sequence.starts[token] == sequence.starts[token - 1]
        and sequence.ends[token] == sequence.ends[token - 1]
    )


def pictured(text: str) -> str:
    """Text with its white space drawn."""
    return text.replace(" ", SPACE).replace("\t", TAB).replace("\n", NEWLINE)


def quoted(text: str, limit: int = 24) -> str:
    """A token's text for a line of words: in angle quotes, made visible, shortened."""
    text = visible((text if len(text) <= limit else f"{text[: limit - 1]}…").replace("\n", NEWLINE))
    return f"‹{text}›"


def cells_of(text: str) -> int:
    """The width of a text in cells."""
    return len(text) if text.isascii() else cell_len(text)


def _flow(sequence: TokenSequence, marks: Marks, width: int, borders: bool, whitespace: bool) -> Iterator[Line]:
    """Tokens as running text: lines break where the text does, else between words, else where the width ends."""
    text, starts, ends = sequence.text, sequence.starts, sequence.ends
    before, after, steps = marks.before, marks.after, sequence.steps
    line: list[Fragment] = []
    used = word = 0  # cells on the line; index of the fragment that begins its last word
    spaced = True  # whether a line may break before the next fragment
    gutter = ""
    step = -1
    reached = 0
    done: list[Line] = []

    def end() -> None:
        nonlocal line, used, word, spaced, gutter
        done.append(Line(gutter, line))
        line, used, word, spaced, gutter = [], 0, 0, True, ""

    def put(token: int, piece: str, kind: str, glued: bool = False) -> None:
        nonlocal line, used, word, spaced, gutter
        if kind == "token" and not (piece.isascii() and piece.isprintable()):
            piece = visible(piece.replace("\t", "    "))
        cells = len(piece) if piece.isascii() else cell_len(piece)
        if not cells:
            if not borders and line and piece:
                # A combining mark is drawn with the letter it belongs to.
                last = line[-1]
                line[-1] = (last[0], last[1] + piece, last[2], last[3])
                return
            piece = f"◌{piece}"
            cells = cell_len(piece)
        first = piece[0]
        if not glued and (spaced or first in (" ", SPACE) or first >= "⺀"):
            word = len(line)
        spaced = piece[-1] in (" ", SPACE)
        if used + cells > width:
            tail = line[word:]
            tail_cells = sum(fragment[2] for fragment in tail)
            if word and tail_cells + cells <= width:
                done.append(Line(gutter, line[:word]))
                line, used, word, gutter = tail, tail_cells, 0, ""
            elif line:
                breakable = spaced
                end()
                spaced = breakable
            if cells > width:
                *full, piece = chop_cells(piece, width)
                for chunk in full:
                    done.append(Line(gutter, [(token, chunk, cell_len(chunk), kind)]))
                    gutter = ""
                cells = cell_len(piece)
        line.append((token, piece, cells, kind))
        used += cells

    def badges(token: int, which: list[Badge], glued: bool) -> None:
        # A badge stays on the line of the token it speaks of, so it comes after it without a break.
        for badge in which:
            put(token, f" {badge.text} ", badge.kind, glued)
            glued = False

    for token in range(len(sequence.ids)):
        start, stop = starts[token], ends[token]
        if start > reached:
            for number, gap in enumerate(text[reached:start].split("\n")):
                if number:
                    end()
                if gap:
                    put(GAP, visible(gap.replace("\t", "    ")), "gap")
        if steps[token] != step:
            step = steps[token]
            if step >= 0:
                if line:
                    end()
                gutter = str(step + 1)
        if token in before:
            badges(token, before[token], glued=False)
        if start == stop:
            pieces = [sequence.pieces[token]]
        elif stop <= reached:
            pieces = [CONTINUED] if borders else []
        else:
            # A token may begin with the last bytes of a character that the one before it shows.
            begun = CONTINUED if borders and start < reached else ""
            pieces = (begun + text[max(start, reached) : stop]).split("\n")
        reached = max(reached, stop)
        closing = len(pieces) - 1
        for number, piece in enumerate(pieces):
            if number:
                if borders or whitespace:
                    put(token, NEWLINE, "newline", glued=True)
                elif used < width:
                    # A place where the cursor can be seen.
                    line.append((token, " ", 1, "newline"))
                    used += 1
                if number == closing and not piece and token in after:
                    badges(token, after[token], glued=True)
                end()
            if piece:
                put(token, piece.replace(" ", SPACE).replace("\t", TAB) if whitespace else piece, "token")
        if token in after and not (closing > 0 and not pieces[-1]):
            badges(token, after[token], glued=True)
        if done:
            yield from done
            done.clear()
    if reached < len(text) and (rest := visible(text[reached:], keep="")).strip():
        put(GAP, rest, "gap")
    yield from done
    if line:
        yield Line(gutter, line)


def _columns(sequence: TokenSequence, marks: Marks, view: View, width: int) -> Iterator[Line]:
    """Tokens one beside the other, and below each its id or its label."""
    upper: list[Fragment] = []
    lower: list[Fragment] = []
    used = 0
    gutter = ""
    step = -1

    def rows() -> Iterator[Line]:
        nonlocal upper, lower, used, gutter
        yield Line(gutter, upper)
        yield Line("", lower)
        upper, lower, used, gutter = [], [], 0, ""

    for token in range(len(sequence.ids)):
        text = CONTINUED if continues(sequence, token) else pictured(shown(sequence, token))
        if not (text.isascii() and text.isprintable()):
            text = visible(text)
        if not cells_of(text):
            text = f"◌{text}"
        under = str(sequence.ids[token]) if view is View.IDS else _label(sequence, token)
        columns = [(f" {badge.text} ", "", badge.kind) for badge in marks.before.get(token, ())]
        columns.append((f"{text} ", f"{under} ", "token"))
        columns += [
            (f" {badge.text} ", "", badge.kind)
            for badge in marks.after.get(token, ())
            if view is View.IDS or badge.kind in ("pooled", "cut", "agrees", "disagrees")
        ]
        if sequence.steps[token] != step:
            step = sequence.steps[token]
            if upper and step >= 0:
                yield from rows()
            gutter = str(step + 1) if step >= 0 else ""
        for whole, below, kind in columns:
            over = whole if cells_of(whole) <= width else chop_cells(whole[:width], width - 1)[0] + "…"
            cells = max(cells_of(over), cells_of(below))
            if used + cells > width:
                yield from rows()
            upper.append((token, over + " " * (cells - cells_of(over)), cells, kind))
            lower.append((token, below + " " * (cells - cells_of(below)), cells, _under(sequence, token, kind, view)))
            used += cells
        if NEWLINE in text and upper:
            yield from rows()
    if upper:
        yield from rows()


def _under(sequence: TokenSequence, token: int, kind: str, view: View) -> str:
    if kind != "token":
        return "blank"
    label = sequence.labels[token]
    return "under" if view is View.IDS or label == MASKED else label_badge(label).kind


def _label(sequence: TokenSequence, token: int) -> str:
    label = sequence.labels[token]
    return "·" if label == MASKED else label_badge(label).text
