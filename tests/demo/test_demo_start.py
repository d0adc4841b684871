"""The page as a process: how it starts with what it cannot use, and what it leaves when it is stopped."""

import os
import shutil
import signal
import subprocess
import sys

import httpx
import pytest
from demo_fixtures import LESIONS, ROOT, free_port, wait_for

from hfskin.demo import upload_folder
from hfskin.demo.upload_folder import UploadFolder
from hfskin.words import en as text

pytestmark = pytest.mark.slow

APP, DEMO = ["app.py"], ["-m", "hfskin.cli", "demo"]


@pytest.fixture
def environment(tmp_path):
    """A temporary folder of the test's own, and no settings of gradio's."""
    (tmp_path / "tmp").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRADIO_", "HFSKIN_"))}
    return kept | {"TMPDIR": str(tmp_path / "tmp"), "NO_PROXY": "127.0.0.1,localhost"}


@pytest.mark.parametrize(("command", "end"), [(APP, signal.SIGTERM), (DEMO, signal.SIGINT)])
def test_no_upload_outlives_the_page(command, end, environment, tmp_path, monkeypatch):
    environment["GRADIO_SERVER_PORT"] = str(port := free_port())
    log, url = tmp_path / "page.log", f"http://127.0.0.1:{port}/"
    with log.open("w") as output:
        page = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        wait_for(url, page, log)
        with (
            httpx.Client(base_url=url, trust_env=False, timeout=240) as visitor,
            visitor.stream("GET", "gradio_api/heartbeat/visit"),  # the visit goes on
        ):
            uploaded = visitor.post("gradio_api/upload", files={"files": ("mine.jpg", LESIONS[0].read_bytes())})
            assert uploaded.status_code == 200
            (file,) = (tmp_path / "tmp").rglob("mine.jpg")
            folder = file.parents[1]
            assert folder.stat().st_mode & 0o077 == 0, "other users of the machine can look"
            shutil.copytree(folder, tmp_path / "left" / folder.name)  # as by a page that is killed
            page.send_signal(end)
            assert page.wait(120) == 0, log.read_text()
    finally:
        page.kill()
    assert list((tmp_path / "tmp").rglob("*")) == []
    monkeypatch.setattr(upload_folder, "FILE_MINUTES", 0)  # as time passes
    next_page = UploadFolder(tmp_path / "left" / "hfskin-0123456789abcdef")
    next_page.make()
    next_page.sweep()
    next_page.sweep()
    next_page.remove()
    assert list((tmp_path / "left").rglob("*")) == []


@pytest.mark.parametrize(
    ("command", "model", "message"),
    [
        (APP, "no such checkpoint", "neither a folder nor a name on the Hub"),
        (DEMO, "runs/model.onnx", text.CHECKPOINT_IS_ONNX.format(source="runs/model.onnx")),
    ],
)
def test_a_model_that_the_page_cannot_use_is_one_line(command, model, message, environment):
    environment["HFSKIN_MODEL"] = model  # of app.py
    option = ["--model", model] if command == DEMO else []
    start = [sys.executable, *command, *option]
    ended = subprocess.run(start, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ended.returncode == 2
    (line,) = ended.stderr.strip().splitlines()
    assert message in line
