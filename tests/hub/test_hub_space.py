"""The Space: what is pushed starts in a clean folder and answers with the pushed checkpoint."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo_fixtures import free_port, program, wait_for
from gradio_client import handle_file
from hub_fixtures import PICTURE
from hub_server import WRITER
from paths import ROOT

pytestmark = pytest.mark.slow

pytest_plugins = ["hub_fixtures"]


def push(name, model):
    from hfskin.hub.push import push_space

    return push_space(name, model, echo=lambda line: None)


def expected_answer(name):
    import hfskin

    return hfskin.load(name)(PICTURE, age=55, sex="male", localization="back").probabilities


@pytest.fixture(scope="module")
def space(hub, client, pushed):
    client(push, pushed, pushed)
    return hub.repo(pushed, "space")


@pytest.fixture(scope="module")
def folder(space, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("space")
    for name, data in space.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def running(hub, space, folder, tmp_path) -> Iterator[str]:
    """The address of the Space, started as the Hub does: app.py in its folder, with the Space's variables."""
    settings = {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": WRITER,
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port := free_port()),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "OMP_NUM_THREADS": "1",
        "NO_PROXY": "127.0.0.1",
    }
    url, log = f"http://127.0.0.1:{port}", (tmp_path / "log").open("w")
    app = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=folder,
        env={**os.environ, **settings, **space.variables},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for(url, app, tmp_path / "log")
        yield url
    finally:
        app.terminate()
        app.wait(120)
        log.close()


def test_one_commit_brings_app_requirements_card_and_package(space, pushed):
    assert len(space.commits) == 2
    package = {"hfskin/__init__.py", "hfskin/checkpoints/load.py"}
    assert {"app.py", "requirements.txt", "README.md", *package} <= set(space.files)
    assert not [name for name in space.files if "checkpoints/default/" in name or name.endswith(".pyc")]
    assert space.sdk == "gradio"
    assert space.variables == {"HFSKIN_MODEL": pushed}


def test_the_front_matter_is_what_a_space_needs(folder):
    from huggingface_hub import SpaceCard

    data = SpaceCard.load(folder / "README.md").data
    assert (data.sdk, data.app_file, data.models) == ("gradio", "app.py", ["org/tiny"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", data.sdk_version)
    assert len(data.short_description) <= 60  # the Hub's limit


def test_requirements_are_those_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = project["dependencies"] + project["optional-dependencies"]["explain"]
    wanted = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert set(wanted) <= set(declared)


def test_the_pushed_folder_answers(client, pushed, folder, running):
    found = [sys.executable, "-c", "from importlib.util import find_spec; print(find_spec('hfskin').origin)"]
    assert Path(subprocess.check_output(found, cwd=folder, text=True).strip()).is_relative_to(folder)
    answer = program(running).predict(handle_file(PICTURE), 55, "male", "back", api_name="/predict")
    assert answer["probabilities"] == pytest.approx(client(expected_answer, pushed), abs=1e-6)
