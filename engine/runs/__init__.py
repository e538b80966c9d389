"""Run folders: create, launch, state, stop, resume, list. A run outlives the app, the terminal and the connection.

What a screen or a command calls; each raises RunError in a person's words, and does its work in this thread:

- folder: `create_run(loaded, name) -> RunFolder`; find: `find_run(name_or_path) -> RunFolder`
- launch: `launch(run)`, `resume(run)`
- state: `run_status(run) -> Status` (state, message, advice, log_tail, workers), `State.live`
- stop: `stop(run)`, `kill(run)`, `clean_up(run) -> int` (of an orphaned run: ends what outlived its leader)
- follow: `follow(run) -> Iterator[Batch]`; summary: `list_runs(archived=False) -> list[RunSummary]`
- annotation: `read_annotation(run) -> Annotation` (tags, note, archived), `tag(run, add, remove)`,
  `set_note(run, text)`, `archive(run)`, `unarchive(run)`
- rename: `rename_run(run, name) -> RunFolder` (never a live one); remove: `remove_run(run)` (never a live one)
- compare: `compare(runs) -> Comparison`
"""
