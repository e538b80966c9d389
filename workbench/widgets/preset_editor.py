"""The YAML editor: problems marked beside their lines, completion at the cursor, colours from the app's theme."""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.content import Content
from textual.strip import Strip
from textual.theme import Theme
from textual.widgets import TextArea
from textual.widgets.text_area import Selection, TextAreaTheme

from engine.preset.complete import NOTHING, Around, complete, hover
from workbench.widgets.completion_list import CompletionList
from workbench.widgets.text_input import act_in_order
from workbench.widgets.yaml_line import yaml_spans

if TYPE_CHECKING:
    from engine.preset.problem import Problem

SYNTAX = {"key": "primary", "value": "special", "null": "quiet", "punctuation": "quiet", "comment": "quiet"}
"""The theme's variable for each kind of `yaml_spans`."""
MARKS = {"error": "✗", "notice": "i"}
_PICTURES = {code: 0x2400 + code for code in range(0x20) if code != 0x09} | {0x7F: 0x2421}
_PICTURES |= dict.fromkeys(
    (*range(0x80, 0xA0), *range(0xD800, 0xE000), *range(0x200B, 0x2010), *range(0x202A, 0x202F)), 0xFFFD
)
_PICTURES |= dict.fromkeys((*range(0x2060, 0x2070), 0xFEFF), 0xFFFD)
"""What stands on screen for a character that must not reach the terminal: one for one, so that columns stay."""

_OPENS = re.compile(r"(?P<dashes> *(?:- +)*)[^#]*?(?P<holds>[\w\"']:[ ]*)?(?:#.*)?$")
"""A line's beginning up to its key, and whether its key holds what follows."""


class _LineHighlights(dict[int, list[tuple[int, int | None, str]]]):
    """The spans of each line that is drawn, in bytes of UTF-8, as TextArea wants them; found when first asked for."""

    def __init__(self, editor: "PresetEditor") -> None:
        super().__init__()
        self._editor = editor

    def __bool__(self) -> bool:
        return True

    def __missing__(self, line: int) -> list[tuple[int, int | None, str]]:
        text = self._editor.get_line(line).plain
        to_bytes = (lambda at: at) if text.isascii() else (lambda at: len(text[:at].encode()))
        self[line] = [(to_bytes(start), to_bytes(end), name) for start, end, name in yaml_spans(text)]
        return self[line]


class PresetEditor(TextArea):
    """Edits a preset. Problems are marked in the gutter, and underlined where they begin.

    `completions` floats over the editor; its screen composes it.
    """

    BINDING_GROUP_TITLE = "Editor"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+z", "undo", "Undo", show=False),
        Binding("ctrl+y,ctrl+shift+z", "redo", "Redo", show=False),
        Binding("ctrl+home", "cursor_document_start", "To the top", show=False),
        Binding("ctrl+end", "cursor_document_end", "To the end", show=False),
        Binding("ctrl+underscore,ctrl+slash", "comment", "Comment", tooltip="Lines into comments, and back", show=False,
                key_display="^/", id="preset.comment"),
        Binding("ctrl+space,ctrl+@", "complete", "Complete", tooltip="What may be typed here", show=False,
                id="preset.complete"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    PresetEditor {
        border: none; padding: 0; background: $surface;
        &:focus { border: none; }
    }
    """

    def __init__(self, completions: CompletionList, id: str | None = None) -> None:
        super().__init__(
            id=id,
            soft_wrap=True,
            show_line_numbers=True,
            tab_behavior="indent",
            highlight_cursor_line=True,
            max_checkpoints=500,
        )
        self.indent_width = 2
        self._marks: dict[int, Problem] = {}
        self._completions = completions
        self._typing = False
        self.around: Callable[[int], Around] = lambda line: NOTHING
        """What is known beside the text about a line: its screen knows."""
        self._highlights = _LineHighlights(self)

    def on_mount(self) -> None:
        """Take the app's colours, now and whenever they change."""
        self._take_colours()
        self.app.theme_changed_signal.subscribe(self, self._take_colours)

    def mark(self, problems: Iterable["Problem"]) -> None:
        """Mark these problems; the first of a line counts, errors before notices."""
        marks: dict[int, Problem] = {}
        for problem in sorted(problems, key=lambda problem: (problem.severity != "error", problem.column)):
            marks.setdefault(problem.line - 1, problem)
        if marks != self._marks:
            self._marks = marks
            self._line_cache.clear()
            self.refresh()

    # --- completion ---

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        """Keys with Alt are bindings, though terminals send a character with them."""
        return not key.startswith("alt+") and super().check_consume_key(key, character)

    async def _on_key(self, event: events.Key) -> None:
        completions = self._completions
        if event.key.startswith("alt+") or self.screen.focused is not self:  # it was on its way when Escape left
            event.prevent_default()
            return
        self._typing = event.is_printable or event.key in {"backspace", "delete"}
        if not completions.is_open:
            if event.key == "escape":
                self._leave()
                event.stop()
                event.prevent_default()
            elif event.key == "enter" and not self.read_only:
                self._begin_line()
                event.stop()
                event.prevent_default()
            else:
                await act_in_order(self, event)
            return
        if event.key == "down":
            completions.move(1)
        elif event.key == "up":
            completions.move(-1)
        elif event.key == "tab" or (event.key == "enter" and completions.chosen.text.strip() != self._typed()):
            self.accept()
        elif event.key == "escape":
            completions.close()
        elif event.key == "enter":
            completions.close()
            self._begin_line()
        else:
            if not self._typing:
                completions.close()
            await act_in_order(self, event)
            return
        event.stop()
        event.prevent_default()

    def _on_text_area_changed(self) -> None:
        if self._typing:
            self._typing = False
            self._offer(asked=False)
        else:
            self._completions.close()

    def _on_blur(self, event: events.Blur) -> None:
        self.close_completions()

    def _leave(self) -> None:
        """Give the keys to what follows, or to nothing, so that they are not typed: also before there is a text."""
        if self.screen.focus_next() in (self, None):
            self.screen.set_focus(None)

    def close_completions(self) -> None:
        """Offer nothing any more."""
        self._completions.close()

    def action_complete(self) -> None:
        """Offer what may be typed at the cursor."""
        self._offer(asked=True)

    def _offer(self, asked: bool) -> None:
        line, column = self.cursor_location
        found = complete(self.text, line, column, self.around(line))
        before = self.document.get_line(line)[:column]
        typed = before[found.start :]
        begun = bool(typed) or (before.endswith(": ") and len(before) > 2)
        fits = bool(found.items) and found.items[0].text.lower().startswith(typed.lower())
        done = len(found.items) == 1 and found.items[0].text.strip() == typed.strip()
        if found.items and (asked or (begun and fits and not done)):
            self._completions.open(found, self.cursor_screen_offset, len(typed))
        else:
            self._completions.close()

    def _typed(self) -> str:
        line, column = self.cursor_location
        return self.document.get_line(line)[self._completions.start : column].strip()

    def accept(self) -> None:
        """Take the highlighted completion."""
        line, column = self.cursor_location
        completion = self._completions.chosen
        self._completions.close()
        self._typing = completion.text.endswith(": ")  # the key's values are offered next
        self.replace(completion.text, (line, self._completions.start), (line, column), maintain_selection_offset=False)

    # --- moving and editing ---

    def action_cursor_document_start(self) -> None:
        """To the first character."""
        self.move_cursor(self.document.start)

    def action_cursor_document_end(self) -> None:
        """Behind the last character."""
        self.move_cursor(self.document.end)

    def _begin_line(self) -> None:
        """A new line, where YAML goes on: as deep as this one, or deeper after a key that holds what follows."""
        line, column = min(self.selection)
        before = self.document.get_line(line)[:column]
        depth = len(before) - len(before.lstrip(" "))
        if begun := _OPENS.match(before):
            depth = len(begun["dashes"]) + (2 if begun["holds"] else 0)
        self.replace("\n" + " " * min(depth, column), *sorted(self.selection), maintain_selection_offset=False)

    def action_comment(self) -> None:
        """Make comments of the selected lines, or lines of comments."""
        (first, _), (last, column) = sorted(self.selection)
        if last > first and column == 0:
            last -= 1
        lines = [self.document.get_line(number) for number in range(first, last + 1)]
        filled = [line for line in lines if line.strip()]
        if not filled or self.read_only:
            return
        if all(line.lstrip().startswith("#") for line in filled):
            changed = [re.sub(r"^( *)# ?", r"\1", line) for line in lines]
        else:
            depth = min(len(line) - len(line.lstrip(" ")) for line in filled)
            changed = [f"{line[:depth]}# {line[depth:]}" if line.strip() else line for line in lines]
        at = self.cursor_location
        self.replace("\n".join(changed), (first, 0), (last, len(lines[-1])))
        self.move_cursor(
            (at[0], max(0, at[1] + len(changed[at[0] - first]) - len(lines[at[0] - first]))) if at[0] <= last else at
        )

    def find(self, wanted: str, *, backward: bool = False, stay: bool = False) -> tuple[int, int]:
        """Select the next place that holds `wanted` (capitals alike), round and round; `stay` takes one at the cursor.

        Returns which it is, from 1, of how many: (0, 0) where there is none.
        """
        places = [
            (number, match.start())
            for number, line in enumerate(self.document.lines)
            for match in re.finditer(re.escape(wanted), line, re.IGNORECASE)
            if wanted
        ]
        if not places:
            return 0, 0
        start, end = sorted(self.selection)
        if backward:
            which = max((at for at, place in enumerate(places) if place < start), default=len(places) - 1)
        else:
            behind = start if stay else max(end, (start[0], start[1] + 1))
            which = next((at for at, place in enumerate(places) if place >= behind), 0)
        line, column = places[which]
        self.selection = Selection((line, column), (line, column + len(wanted)))
        self.scroll_cursor_visible(center=True)
        return which + 1, len(places)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Help for the key under the mouse."""
        line, column = self.get_target_document_location(event)
        key = hover(self.text, line, column)
        self.tooltip = None if key is None else Content(f"{key.key}: {key.type}\n{key.description}".replace("`", ""))

    # --- drawing ---

    def get_line(self, line_index: int) -> Text:
        """The line as it is drawn: harmless, and underlined where a problem begins."""
        line = Text(self.document.get_line(line_index).translate(_PICTURES), end="", no_wrap=True)
        problem = self._marks.get(line_index)
        if problem is not None and problem.severity == "error" and problem.column:
            start = problem.column - 1
            end = len(line.plain.split("#")[0].rstrip()) or len(line)
            line.stylize(Style(underline=True), start, max(end, start + 1))
        return line

    def _render_line(self, y: int) -> Strip:
        strip = super()._render_line(y)
        problem = self._marks.get(self._first_shown_at(y))
        if problem is None:
            return strip
        at = self.gutter_width - 2
        mark, name = MARKS[problem.severity], "error" if problem.severity == "error" else "primary"
        style = Style(color=self._colour(name), bold=True)
        here = next(iter(strip.crop(at, at + 1)), Segment(" "))
        background = Style(bgcolor=here.style.bgcolor) if here.style else Style()
        marked = Strip([Segment(mark, background + style)], 1)
        return Strip.join([strip.crop(0, at), marked, strip.crop(at + 1)])

    def _first_shown_at(self, y: int) -> int:
        lines = self.wrapped_document._offset_to_line_info
        at = y + self.scroll_offset.y
        line, section = lines[at] if at < len(lines) else (-1, 0)
        return line if section == 0 else -1

    def _colour(self, name: str) -> str | None:
        colour = Color.parse(self.app.theme_variables[name])
        return colour.rich_color.name

    def _take_colours(self, _: Theme | None = None) -> None:
        styles = {name: Style(color=self._colour(variable)) for name, variable in SYNTAX.items()}
        styles["comment"] += Style(italic=True)
        self.register_theme(TextAreaTheme("workbench", syntax_styles=styles))
        if self.theme == "workbench":
            self._set_theme("workbench")
            self.notify_style_update()
        else:
            self.theme = "workbench"
        self.refresh()
