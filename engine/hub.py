"""Asking the hub whether it has something: once, with a short timeout, before the libraries are let near it.

They would retry for half a minute. What an earlier session downloaded is used where the hub is out of reach.
"""

import re
from pathlib import Path
from typing import Literal

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from engine.error import EngineError

Kind = Literal["data set", "model"]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_TIMEOUT = 5.0


class HubError(EngineError):
    """The hub does not have it, does not give it to this user, or cannot be reached."""


def is_hub_id(name: str) -> bool:
    """Whether `name` can be a hub id; what begins like a path, or has more than one slash, never goes to the hub."""
    return bool(_HUB_ID.fullmatch(name))


def ask_hub(name: str, revision: str | None, kind: Kind) -> HubError | None:
    """Ask the hub whether it has `name`: None if it has, else what to say if there is no copy on this machine either.

    HubError at once where the hub answers that there is no such thing or revision for this user.
    """
    ask = HfApi().dataset_info if kind == "data set" else HfApi().model_info
    try:
        ask(name, revision=revision, timeout=_TIMEOUT)
    except GatedRepoError as error:
        advice = "Ask for access on its page on the hub, then log in with `hf auth login`."
        raise HubError(f"the {kind} asks for access", name, advice) from error
    except RevisionNotFoundError as error:
        raise HubError(f"the {kind} has no revision {revision!r}", name, "Check the revision.") from error
    except RepositoryNotFoundError as error:
        advice = "Check the spelling; pass a local path; or log in with `hf auth login` if it is private."
        raise HubError(f"no such path here, and no such {kind} on the hub", name, advice) from error
    except OfflineModeIsEnabled:
        return _unreachable(name, "the hub may not be asked: HF_HUB_OFFLINE is set")
    except HfHubHTTPError as error:
        return _unreachable(name, f"the hub answered {getattr(error.response, 'status_code', 'with an error')}")
    except Exception as error:  # no name server, no route, a timeout, offline mode: the client has no one type for it
        return _unreachable(name, f"the hub could not be reached ({type(error).__name__})")
    return None


def model_on_hub(name: str, revision: str | None = None) -> str:
    """What the libraries load the model `name` from: its name where the hub has it, and where the hub is out of reach
    the folder of an earlier session's download. HubError where there is neither.
    """
    trouble = ask_hub(name, revision, "model")
    if trouble is None:
        return name
    if (folder := downloaded_model(name, revision)) is None:
        raise trouble
    return str(folder)


def downloaded_model(name: str, revision: str | None = None) -> Path | None:
    """The folder of an earlier session's download of the model `name`; None if there is none."""
    try:
        return Path(snapshot_download(name, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, ValueError):
        return None


def _unreachable(name: str, why: str) -> HubError:
    advice = (
        "Pass the path of a local file or folder; or connect, and log in with `hf auth login` if it is private; "
        "or set HF_ENDPOINT to a mirror."
    )
    return HubError(f"not a local path, and {why}", name, advice)
