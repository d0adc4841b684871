"""Checkpoints and Spaces on their way to the Hub: staged in a folder, shown, then sent in one commit."""

import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from huggingface_hub import HfApi, SpaceCardData
from huggingface_hub.utils import filter_repo_objects

from ..checkpoints.hub import HubError, check_name, hub_errors, local_checkpoint
from ..checkpoints.layout import (
    BOOKKEEPING,
    CONFIG_FILE,
    EMBEDDED,
    METRICS_FILE,
    ONNX_FILE,
    PROCESSOR_FILE,
    SPLIT_FILE,
    TRAINING_FILE,
    WEIGHTS_FILE,
    read_settings,
)
from ..checkpoints.load import load_checkpoint
from ..checkpoints.save import write_json
from ..model.configuration_hfskin import HfskinConfig
from ..model.image_processing_hfskin import HfskinImageProcessor
from ..model.modeling_hfskin import HfskinForImageClassification
from .card import LICENSE, read_metrics, render_card

# Of a checkpoint, besides what loads it.
RECORDS = (METRICS_FILE, TRAINING_FILE, ONNX_FILE, SPLIT_FILE, "*.png", "plots/*.png")
PACKAGE = Path(__file__).parents[1]
SPACE_FILES = ("app.py", "requirements.txt")
MODEL_VARIABLE = "HFSKIN_MODEL"  # read by app.py
NOT_IN_SPACE = ("__pycache__", "*.pyc", *EMBEDDED)

SPACE_CARD = """---
{yaml}
---

A machine's second look at dermatoscopic pictures, with the checkpoint [{model}](https://huggingface.co/{model}). Not a
medical device: it must not decide about a person. The model's card says what it can and cannot do.
"""

# A file of these kinds that a push no longer brings is gone from the new revision; others, a user's own, stay.
REPLACED = [*RECORDS, "*.py", "*.safetensors", "*.parquet"]
HIDDEN = [".*", "*/.*"]  # locks, and what systems leave in folders: never sent


def push_checkpoint(
    checkpoint: str | Path,
    repo_id: str,
    private: bool = False,
    without_metrics: bool = False,
    token: str | bool | None = None,
    echo: Callable[[str], None] = print,
) -> str:
    """Send a checkpoint folder to the model repository `repo_id`, which is created if need be; one commit.

    What is sent: config, weights and processor as they load here, the code of `hfskin/model` for `trust_remote_code`,
    `RECORDS`, and the card.

    Args:
        without_metrics: push a checkpoint that was never evaluated; its card says so.
        token: instead of the one of `hf auth login`.
        echo: told what will be sent before anything is.

    Returns:
        The commit's address.

    Raises:
        HubError: the folder is not a complete checkpoint, it has no metrics, or the Hub did not take it.
    """
    checkpoint = Path(checkpoint)
    with tempfile.TemporaryDirectory() as folder:
        stage_checkpoint(checkpoint, Path(folder), repo_id, without_metrics)
        return push_folder(folder, repo_id, "model", private=private, token=token, echo=echo)


def push_space(
    repo_id: str,
    model_id: str,
    private: bool = False,
    token: str | bool | None = None,
    echo: Callable[[str], None] = print,
) -> str:
    """Create or update the Gradio Space `repo_id` that runs the checkpoint `model_id`; one commit.

    Raises:
        HubError: this hfskin does not lie in its repository, or the Hub did not take it.
    """
    with tempfile.TemporaryDirectory() as folder:
        stage_space(Path(folder), model_id)
        variables = {MODEL_VARIABLE: model_id}
        return push_folder(folder, repo_id, "space", private=private, token=token, echo=echo, variables=variables)


def stage_checkpoint(checkpoint: Path, folder: Path, repo_id: str, without_metrics: bool = False) -> None:
    """Write what `push_checkpoint` sends to `folder`. The checkpoint is loaded on the way: a broken one stops here."""
    local_checkpoint(checkpoint)
    metrics = None
    if (checkpoint / METRICS_FILE).is_file():
        metrics = read_metrics(checkpoint)
    elif not without_metrics:
        raise HubError(
            f"{checkpoint} has no {METRICS_FILE}; run `hfskin evaluate` with it first, or push with --without-metrics"
        )
    with hub_errors(checkpoint):
        load_checkpoint(checkpoint, str(checkpoint))  # strict: what nobody could load is not sent
        HfskinImageProcessor.from_pretrained(checkpoint).save_pretrained(folder)
        HfskinForImageClassification.from_pretrained(checkpoint, dtype="auto").save_pretrained(folder)
    for name in (CONFIG_FILE, PROCESSOR_FILE):
        _keep_settings(checkpoint / name, folder / name)
    # The weights themselves go as they are: saved again, fp16 would widen to the configuration's dtype.
    shutil.copyfile(checkpoint / WEIGHTS_FILE, folder / WEIGHTS_FILE)
    for file in (file for pattern in RECORDS for file in checkpoint.glob(pattern)):
        target = folder / file.relative_to(checkpoint)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(file, target)
    add_card(folder, repo_id, metrics)


def _keep_settings(given: Path, saved: Path) -> None:
    """Take back what saving anew added or dropped, or the graph and the metrics would seem to be another checkpoint's;
    where the code lies and the like stays."""
    new = {name: value for name, value in read_settings(saved).items() if name in BOOKKEEPING}
    write_json(saved, read_settings(given) | new)


def add_card(folder: Path, repo_id: str, metrics: dict | None = None) -> None:
    """Write README.md from the config.json of `folder` and what was measured of it."""
    config = HfskinConfig.from_pretrained(folder).to_dict()
    (folder / "README.md").write_text(render_card(metrics or {}, config, repo_id), encoding="utf-8")


def stage_space(folder: Path, model_id: str) -> None:
    """Write what `push_space` sends to `folder`: app.py, requirements.txt, README.md and the package itself.

    hfskin is not on PyPI, and a Space installs requirements.txt before it sees any other file, so "." cannot stand in
    it: the package's folder lies beside app.py, where Python finds it, and requirements.txt names its dependencies.
    The embedded checkpoint stays behind, since the Space runs the pushed one.
    """
    root = PACKAGE.parent
    for name in SPACE_FILES:
        if not (root / name).is_file():
            raise HubError(f"{root} has no {name}; a Space is pushed from a clone of the repository")
        shutil.copyfile(root / name, folder / name)
    shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns(*NOT_IN_SPACE), dirs_exist_ok=True)
    data = SpaceCardData(
        title="hfskin",
        emoji="🔎",
        colorFrom="gray",
        colorTo="blue",
        sdk="gradio",
        sdk_version=version("gradio"),
        python_version="3.12",
        app_file="app.py",
        license=LICENSE,
        models=[model_id],
        short_description="Skin-lesion classifier, not a medical device",
    )
    text = SPACE_CARD.format(yaml=data.to_yaml(), model=model_id)
    (folder / "README.md").write_text(text, encoding="utf-8")


def push_folder(
    folder: str | Path,
    repo_id: str,
    kind: str,
    private: bool = False,
    token: str | bool | None = None,
    echo: Callable[[str], None] = print,
    variables: dict[str, str] | None = None,
    only: list[str] | None = None,
    **commit,
) -> str:
    """Send a folder to a repository, which is created if need be, in one commit.

    Until that commit the repository's newest revision stays as it was, so a push that breaks off can be repeated.

    Args:
        kind: "model", "dataset" or "space".
        variables: of a Space.
        only: the names of the files to send; default all.
        commit: commit_message, create_pr and others of `HfApi.upload_folder`.

    Returns:
        The commit's address.

    Raises:
        HubError: the name is not organisation/name, or the Hub did not take it.
    """
    check_name(repo_id)
    api = HfApi(token=token)
    echo(f"{kind} {repo_id} ({'private' if private else 'public where it is new'}):")
    files = sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())
    for name in filter_repo_objects(files, allow_patterns=only, ignore_patterns=HIDDEN):
        echo(f"  {name:44} {_size(Path(folder, name).stat().st_size):>9}")
    with hub_errors(repo_id):
        api.create_repo(
            repo_id,
            repo_type=kind,
            private=private or None,
            exist_ok=True,
            space_sdk="gradio" if kind == "space" else None,
        )
        if private and not api.repo_info(repo_id, repo_type=kind).private:
            raise HubError(
                f"{repo_id} exists and is public; make it private in its settings, or push without --private"
            )
        for key, value in (variables or {}).items():
            api.add_space_variable(repo_id, key, value)
        pushed = api.upload_folder(
            repo_id=repo_id,
            repo_type=kind,
            folder_path=folder,
            delete_patterns=REPLACED,
            allow_patterns=only,
            ignore_patterns=HIDDEN,
            **{"commit_message": "Push with hfskin", **commit},
        )
    return pushed.commit_url


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
