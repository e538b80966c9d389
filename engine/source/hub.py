"""Data sets on the hub, through `datasets`; JSON-lines of theirs are downloaded and read by our own reader.

`datasets` is imported here only when such a data set is opened: it takes about a second.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.hub import HubError, ask_hub
from engine.source.combine import concatenated
from engine.source.file import open_file
from engine.source.row import Row, Source, SourceError
from engine.source.splits import choose_split

if TYPE_CHECKING:
    from engine.preset.schema import DatasetConfig

_OFFLINE = threading.Lock()


def open_hub(path: str, config: "DatasetConfig", default_split: str) -> Source:
    """The rows of the hub data set `path`, or of a local folder laid out like one: the subset, split, revision and
    files that `config` names.

    Asks the hub once, with a short timeout, before `datasets` is let near it (it retries for half a minute); what
    an earlier session downloaded is used where the hub is out of reach. Never runs a data set's own code.
    SourceError for a data set, revision, subset or split that is not there, and for a hub that is not.
    """
    local = Path(path).is_dir()
    try:
        trouble = None if local else ask_hub(path, config.revision, "data set")
    except HubError as error:
        raise SourceError(error.what, error.where, error.advice) from error
    with _offline(trouble is not None):
        try:
            return _open(path, config, default_split)
        except SourceError:
            raise
        except Exception as error:  # whatever the library meets (network, cache, parsing) ends as one clear message
            if trouble is not None:
                raise SourceError(trouble.what, trouble.where, trouble.advice) from error
            raise _translated(error, path, config.name) from error


def _open(path: str, config: "DatasetConfig", default_split: str) -> Source:
    import datasets

    builder = datasets.load_dataset_builder(path, config.name, revision=config.revision, data_files=config.data_files)
    files = builder.config.data_files or {}
    if type(builder).__name__ == "Json" and not getattr(builder.config, "field", None) and files:
        download = datasets.DownloadManager(dataset_name=builder.dataset_name)

        def opener(split_name: str) -> Any:
            return lambda: concatenated([open_file(Path(got), "json") for got in download.download(files[split_name])])

        return choose_split({str(key): opener(key) for key in files}, config.split, default_split, path)
    builder.download_and_prepare()
    splits = {str(key): _table(builder, str(key)) for key in builder.info.splits or {}}
    return choose_split(splits, config.split, default_split, path)


def _table(builder: Any, split: str) -> Any:
    return lambda: HubTable(builder.as_dataset(split=split))


class HubTable:
    """The rows of a `datasets.Dataset`."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset.with_format(None)
        self.columns: tuple[str, ...] = tuple(dataset.column_names)
        self.fingerprint: str = dataset._fingerprint

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Row:
        if not 0 <= index < len(self):
            raise IndexError(index)
        row: dict[str, Any] = self._dataset[index]
        return row

    def rows(self, start: int, stop: int) -> list[Row]:
        """Rows `start` to `stop` (exclusive), fewer at the end."""
        columns = self._dataset[start : min(stop, len(self))]
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _translated(error: Exception, path: str, name: str | None) -> SourceError:
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if "BuilderConfig" in text or "Config name is missing" in text:
        what = f"the data set has no subset {name!r}" if name else "the data set has several subsets"
        listed = re.search(r"\[([^\]]+)\]", str(error))
        return SourceError(what, path, f"Set `name` to one of: {listed[1] if listed else text}.")
    if "script" in text.lower():
        advice = "Use a revision that holds plain files (often refs/convert/parquet), or a copy on this machine."
        return SourceError("the data set is made by a program of its own, which is not run", path, advice)
    return SourceError(f"the data set cannot be loaded: {text}", path, "Pass a local copy, or another data set.")


@contextmanager
def _offline(yes: bool) -> Iterator[None]:
    """With `yes`, keep the libraries from trying the network: they would retry for half a minute."""
    if not yes:
        yield
        return
    import datasets
    from huggingface_hub import constants

    with _OFFLINE:
        before = (constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE)
        constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
        try:
            yield
        finally:
            constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before
