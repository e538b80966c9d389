"""The histories of runs that are looked at side by side: kept as long as they may be looked at again."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from workbench.panels import NamedRun
from workbench.run_follower import Follower
from workbench.run_history import RunHistory

_KEPT = 8


class FollowedRuns:
    """A follower and a history a run, the latest used last; beyond eight the others are let go."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Follower, RunHistory]] = {}

    async def read(self, paths: Sequence[Path]) -> tuple[list[NamedRun], bool]:
        """The histories of these runs as they are now, and whether any has grown since the last look."""
        grown = False
        named = []
        for path in paths:
            follower, history = self._known.get(path) or (Follower(path), RunHistory())
            self._known.pop(path, None)
            self._known[path] = follower, history
            more = True
            while more:
                await asyncio.to_thread(follower.read)
                news = follower.take()
                if news.history is not None:
                    history, grown = news.history, True
                    self._known[path] = follower, history
                history.add(news.records)
                grown = grown or bool(news.records)
                more = news.more
                await asyncio.sleep(0)
            named.append(NamedRun(path.name, history))
        while len(self._known) > max(_KEPT, len(paths)):
            del self._known[next(iter(self._known))]
        return named, grown

    def forget(self, path: Path) -> None:
        """Let a run go whose folder is no longer there."""
        self._known.pop(path, None)
