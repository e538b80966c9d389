"""The rows that a preset leaves out: named in a file, so that who chose them, and why, can be read there."""

from pathlib import Path

from pydantic_core import from_json

from engine.source.row import SourceError

_SHAPE = 'each line must be an object such as {"dataset": 0, "row": 17}; other keys are not read'


def read_left_out(name: str | None, base: Path) -> frozenset[tuple[int, int]]:
    """The (data set, row) of each line of a JSON-lines file; nothing where there is no file to read.

    A relative path is looked up in the current folder, then in `base`. Raises SourceError where the file is not there
    or a line names no row.
    """
    if name is None:
        return frozenset()
    given = Path(name).expanduser()
    path = next((place for place in (given, base / given) if place.is_file()), None)
    if path is None:
        raise SourceError(f"the file of rows to leave out is not there: {name}", str(base), "mend `leave_out`")
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise SourceError(f"the rows to leave out cannot be read: {error.strerror}", str(path)) from error
    found = set()
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                value = from_json(line)
                place = value["dataset"], value["row"]
            except (ValueError, KeyError, TypeError) as error:
                raise SourceError("a line names no row to leave out", f"{path}:{number}", _SHAPE) from error
            if not all(type(each) is int and each >= 0 for each in place):
                raise SourceError("a line names no row to leave out", f"{path}:{number}", _SHAPE)
            found.add(place)
    return frozenset(found)
