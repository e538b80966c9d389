"""`runs tag`, `note`, `rename`, `archive`, `unarchive`: what people say about their runs."""

import argparse
import sys

from rich.text import Text

from engine.cli.run_list import each_run, listing_console
from engine.runs.annotation import archive, read_annotation, set_note, tag, unarchive
from engine.runs.find import find_run
from engine.runs.folder import RunFolder
from engine.runs.rename import rename_run
from engine.visible import visible


def add_note_parsers(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add these actions to those of `runs`."""
    tagging = actions.add_parser("tag", help="add tags to a run, or take them from it; without TAG, show them")
    tagging.add_argument("name", metavar="RUN")
    tagging.add_argument("tags", metavar="TAG", nargs="*")
    tagging.add_argument("--remove", action="store_true", help="take these tags from it")
    tagging.set_defaults(run=_run_tag)

    noting = actions.add_parser("note", help="write a note on a run; without TEXT, show it")
    noting.add_argument("name", metavar="RUN")
    noting.add_argument("text", metavar="TEXT", nargs="?", help='`-` reads it from the input, "" takes it away')
    noting.set_defaults(run=_run_note)

    renaming = actions.add_parser("rename", help="give a run and its folder another name; never a living one")
    renaming.add_argument("name", metavar="RUN")
    renaming.add_argument("new", metavar="NAME")
    renaming.set_defaults(run=_run_rename)

    for name, what, action in (
        ("archive", "leave runs out of lists; nothing of them is deleted", archive),
        ("unarchive", "let lists have runs again", unarchive),
    ):
        parser = actions.add_parser(name, help=what)
        parser.add_argument("names", metavar="RUN", nargs="+")

        def run(arguments: argparse.Namespace, action=action) -> int:  # type: ignore[no-untyped-def]
            def put(run: RunFolder) -> str:
                return f"{run.name} is {'archived' if action(run).archived else 'in lists again'}"

            return each_run(arguments.names, put)

        parser.set_defaults(run=run)


def _run_tag(arguments: argparse.Namespace) -> int:
    run = find_run(arguments.name)
    said = tag(run, remove=arguments.tags) if arguments.remove else tag(run, arguments.tags)
    listing_console().print(Text(visible(" ".join(said.tags) or f"{run.name} has no tags")))
    return 0


def _run_note(arguments: argparse.Namespace) -> int:
    run = find_run(arguments.name)
    if arguments.text is None:
        note = read_annotation(run).note
        listing_console().print(Text(visible(note or f"{run.name} has no note", keep="\n")))
        return 0
    set_note(run, sys.stdin.read() if arguments.text == "-" else arguments.text)
    return 0


def _run_rename(arguments: argparse.Namespace) -> int:
    run = find_run(arguments.name)
    new = rename_run(run, arguments.new)
    listing_console().print(Text(visible(f"{run.name} is now {new.name}: {new.path}")))
    return 0
