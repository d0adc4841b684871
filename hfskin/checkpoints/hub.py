"""Getting a checkpoint from the Hub, and what went wrong on the way, in one line that says what to do."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import constants, errors, snapshot_download
from huggingface_hub.utils import are_progress_bars_disabled, enable_progress_bars, validate_repo_id
from safetensors import SafetensorError

from .layout import CHECKPOINT_FILES, EMBEDDED, ONNX_FILE, SHARDS_FILE, WEIGHTS_FILE

try:
    import httpx2 as http
except ImportError:  # huggingface_hub 1, on a training machine whose packages are given
    import httpx as http  # type: ignore[no-redef]


class HubError(OSError, ValueError):
    """A repository or checkpoint that cannot be loaded or pushed; the message says what to do.

    An OSError since that is what users of transformers catch.
    """


def check_name(repo_id: str) -> None:
    """Stop at what cannot be a repository's whole name.

    Raises:
        HubError: it is not organisation/name.
    """
    try:
        validate_repo_id(repo_id)
    except errors.HFValidationError as error:
        raise HubError(_wrong_name(error, repo_id, None)) from None
    if "/" not in repo_id:
        raise HubError(f"{repo_id!r} is half a name; give organisation/name, or your own user name before the /")


def checkpoint_folder(
    source: str | Path, revision: str | None = None, further_files: Sequence[str] = (), **hub_kwargs
) -> Path:
    """The folder of a checkpoint: an embedded one's, `source` itself, or where the Hub's repository of that name is
    cached.

    All files are of one commit, and without a network the cache serves.

    Args:
        revision: branch, tag or commit.
        further_files: patterns of what else to get, if it is there.
        hub_kwargs: token, cache_dir, local_files_only, force_download or endpoint of `snapshot_download`.

    Raises:
        HubError: no such folder, or a file of `CHECKPOINT_FILES` is missing. What huggingface_hub raises is for
            [`hub_errors`].
    """
    folder = EMBEDDED.get(str(source), Path(source))
    if not folder.is_dir():
        if len(folder.parts) > 1 and folder.parent.is_dir():  # a slip, and no name of the Hub
            raise HubError(f"{source}: no such folder; `ls {folder.parent}` shows what is there")
        if "/" not in str(source):  # nobody need be asked
            raise HubError(_wrong_name(None, source, None))
        wanted = [*CHECKPOINT_FILES, SHARDS_FILE, ONNX_FILE, *further_files]
        folder = Path(snapshot_download(str(source), revision=revision, allow_patterns=wanted, **hub_kwargs))
    for name, remedy in CHECKPOINT_FILES.items():
        if not (folder / name).is_file():
            raise HubError(f"{source} has no {name}{_instead(folder, name) or remedy}")
    return folder


def local_checkpoint(folder: Path) -> Path:
    """`folder`, where it is a checkpoint on this machine: for what reads or changes more of it than answers need.

    Raises:
        HubError: no such folder, or see [`checkpoint_folder`].
    """
    if not folder.is_dir():
        raise HubError(f"{folder}: no such folder; give the checkpoint folder of `hfskin train`")
    return checkpoint_folder(folder)


def _instead(folder: Path, missing: str) -> str | None:
    """What a folder that lacks a file of a checkpoint holds in its place, and what to do."""
    if missing == WEIGHTS_FILE and (folder / SHARDS_FILE).is_file():
        return ', but parts of it, and hfskin reads one file: save it anew with max_shard_size="4GB"'
    if (folder / ONNX_FILE).is_file():
        return (
            f", and its {ONNX_FILE} is the graph alone: copy the whole checkpoint, or load a file with everything "
            "(`hfskin export CHECKPOINT -o FILE.onnx`)"
        )
    return None


@contextmanager
def hub_errors(source: str | Path, revision: str | None = None) -> Iterator[None]:
    """Inside, what huggingface_hub, transformers and safetensors raise about `source` becomes a [`HubError`].

    Args:
        source: the repository's name, or the folder that stands for it.
        revision: the one that was asked for, for the message.
    """
    try:
        yield
    except Exception as error:
        message = explain(error, str(source), revision)
        if message is None:
            raise
        raise HubError(message) from error


def explain(error: BaseException, source: str, revision: str | None = None) -> str | None:
    """One line for an exception, or for what it was raised from; None where it has nothing to do with the Hub."""
    chain = _chain(error)
    for kind, describe in _EXPLANATIONS:
        for link in chain:
            if isinstance(link, kind) and (message := describe(link, source, revision)):
                return message
    return None


def _chain(error: BaseException | None) -> list[BaseException]:
    """The exception and everything it was raised from: transformers wraps what huggingface_hub raises."""
    links: list[BaseException] = []
    while error is not None and error not in links:  # an exception that is raised again can close a ring
        links.append(error)
        error = error.__cause__ or error.__context__
    return links


def _wrong_name(error, source, revision):
    return f"{str(source)!r} is neither a folder nor a name on the Hub; names look like organisation/name"


def _gated(error, source, revision):
    return f"{source} asks for its terms to be accepted: do so at {constants.ENDPOINT}/{source}, then `hf auth login`"


def no_repository(error, source, revision=None):
    """What to say where there is nothing of that name, or nothing that this user may see."""
    return (
        f"{source}: no such folder or repository, or a private one; check the name, and for a private one log in with "
        "`hf auth login` or set HF_TOKEN"
    )


def _no_revision(error, source, revision):
    return (
        f"{source} has no revision {revision!r}; leave it out for the newest, or give a branch, tag or full commit id"
    )


def _no_token(error, source, revision):
    return f"{source}: a token is needed; log in with `hf auth login` or set HF_TOKEN"


def _status(error, source, revision):
    status = error.response.status_code
    if status == 401:
        return f"{source}: no valid token; log in with `hf auth login` or set HF_TOKEN"
    if status == 403:
        return (
            f"{source}: the token has no right to do this{_said(error)}; make one that may write there at "
            f"{constants.ENDPOINT}/settings/tokens, then `hf auth login`"
        )
    if status == 429:
        return f"{source}: the Hub has had too many requests from here; wait some minutes, then try again"
    if status >= 500:
        return f"{source}: the Hub has a fault of its own (HTTP {status}); try again later"
    return None


def _offline(error, source, revision):
    return f"{source}: HF_HUB_OFFLINE keeps the Hub from being asked, and only what is in the cache loads; unset it"


def _unreachable(error, source, revision):
    return f"{source}: {constants.ENDPOINT} cannot be reached; check the network, then try again"


def _broken_off(error, source, revision):
    return f"{source}: the connection broke off before the end; try again, nothing half-done is kept"


def _incomplete_file(error, source, revision):
    again = f"remove it with `hf cache rm model/{source}`, or load it once with force_download=True"
    remedy = "copy it again" if Path(source).is_dir() else again
    return f"{source}: a file is damaged or only half there ({error}); {remedy}"


def _no_safetensors(error, source, revision):
    """Of transformers, whose own advice is to load weights that can run code."""
    name = WEIGHTS_FILE
    return f"{source} has no {name}{CHECKPOINT_FILES[name]}" if f"file named {name}" in str(error) else None


def _refused(error, source, revision):
    """Anything else that the Hub has its own words for; a single file that is not there is for the caller."""
    if isinstance(error, errors.EntryNotFoundError):
        return None
    status = error.response.status_code
    return f"{source}: the Hub refused with HTTP {status}{_said(error)}; put that right, then try again"


def _said(error) -> str:
    """The Hub's own words, in brackets, where it gave any."""
    words = " ".join((error.server_message or "").split())
    return f" ({words[:200]})" if words else ""


def _inconsistent(error, source, revision):
    return _broken_off(error, source, revision) if "Consistency check failed" in str(error) else None


# The most telling comes first: a missing repository, say, also leaves a "not in the cache" in the chain.
_EXPLANATIONS = (
    (errors.HFValidationError, _wrong_name),
    (errors.GatedRepoError, _gated),
    (errors.RepositoryNotFoundError, no_repository),
    (errors.RevisionNotFoundError, _no_revision),
    (errors.LocalTokenNotFoundError, _no_token),
    (errors.HfHubHTTPError, _status),
    ((http.ReadError, http.WriteError, http.RemoteProtocolError), _broken_off),
    (OSError, _inconsistent),
    (errors.OfflineModeIsEnabled, _offline),
    ((http.TransportError, ConnectionError, errors.LocalEntryNotFoundError), _unreachable),
    ((SafetensorError, json.JSONDecodeError), _incomplete_file),
    (OSError, _no_safetensors),
    (errors.HfHubHTTPError, _refused),
)


def hide_loading_bars() -> None:
    """Loading bars of a second's work are noise in a terminal; the bars of downloads and uploads are not."""
    from transformers.utils.logging import disable_progress_bar

    if not are_progress_bars_disabled():
        disable_progress_bar()
        enable_progress_bars()
