"""For the tests of the page: a checkpoint that refuses, the running page, a browser. conftest.py makes them known."""

import asyncio
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import torch
from paths import ROOT
from PIL import Image, ImageDraw

import hfskin
from hfskin.calibration.gate import fit_gate, fit_gate_threshold
from hfskin.calibration.negatives import synthetic_pictures
from hfskin.checkpoints.layout import EMBEDDED_CHECKPOINT

LESIONS = sorted((ROOT / "tests" / "data" / "images").glob("*.jpg"))
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]  # fmt: skip
DESK, PHONE = {"width": 1366, "height": 768}, {"width": 360, "height": 740}
SLOW = 400  # ms on the way to the server
AXE = ROOT / "tests" / "a11y" / "node_modules" / "axe-core" / "axe.min.js"
SECONDS = 120_000  # ms; a busy machine is slow
START_SECONDS = 240  # on a busy machine torch and gradio take long to import


def run_async(coroutine):
    """As `asyncio.run`, in a thread of its own: the browser's tests leave a loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


@pytest.fixture(scope="session")
def page_checkpoint() -> Path:
    """What the page answers with: the embedded checkpoint."""
    return EMBEDDED_CHECKPOINT


@pytest.fixture(scope="session")
def another_checkpoint(tmp_path_factory) -> Path:
    """Random weights, every kind of calibration, and a gate that lets real lesions through."""
    folder = tmp_path_factory.mktemp("another")
    torch.manual_seed(0)
    config = hfskin.HfskinConfig(
        backbone="mobilenet_v3_small", image_size=(96, 128), pooling="avg", metadata_hidden=16, gate=True,
        malignant_threshold=0.3, malignant_sensitivity=0.95, conformal_threshold=0.12, conformal_coverage=0.9,
    )  # fmt: skip
    model = hfskin.HfskinForImageClassification(config).eval()
    processor = hfskin.HfskinImageProcessor(size={"height": 96, "width": 128})
    with torch.no_grad():
        lesions, others = (
            model(processor(pictures, return_tensors="pt")["pixel_values"]).features.numpy()
            for pictures in (LESIONS, synthetic_pictures("text"))
        )
        fit_gate(model, lesions, others)
        config.gate_threshold = fit_gate_threshold(model.gate(torch.from_numpy(lesions)).numpy())
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def text_page(tmp_path_factory) -> Path:
    """A picture of a printed page: clearly no lesion."""
    page = Image.new("RGB", (600, 450), "white")
    pen = ImageDraw.Draw(page)
    for line in range(28):
        pen.text(
            (20, 10 + 15 * line),
            "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod " * 2,
            "black",
        )
    path = tmp_path_factory.mktemp("pages") / "page.png"
    page.save(path)
    return path


@pytest.fixture(scope="session")
def temporary_files(tmp_path_factory) -> Path:
    """Where the page keeps what is uploaded."""
    return tmp_path_factory.mktemp("gradio")


@pytest.fixture(scope="session")
def page_url(page_checkpoint, temporary_files):
    """The address of app.py, started as a Space starts it, as an MCP server too."""
    port = free_port()
    environment = {
        **os.environ,
        "HFSKIN_MODEL": str(page_checkpoint),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(temporary_files),
        "GRADIO_MCP_SERVER": "true",
        "HFSKIN_CHECKPOINTS": "somebody/another",
        "NO_PROXY": "127.0.0.1,localhost",
    }
    log = temporary_files.parent / "page.log"
    with log.open("w") as output:
        server = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}/"
    try:
        wait_for(url, server, log)
        yield url
    finally:
        server.terminate()
        server.wait(120)  # a busy machine is slow
    assert list(temporary_files.iterdir()) == [], "the folder that is named stays, and nothing in it"


def free_port() -> int:
    """One that no connection of anybody is given by chance until the server that it is for, slow to start, has it."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


@contextmanager
def going_on(attack: Callable[[], None]) -> Iterator[None]:
    """Inside, the attack is made again and again by another thread."""
    done = threading.Event()

    def attacks() -> None:
        while not done.is_set():
            attack()

    attacker = threading.Thread(target=attacks)
    attacker.start()
    try:
        yield
    finally:
        done.set()
        attacker.join()


def wait_until(true: Callable[[], bool], pause: Callable[[float], None] = time.sleep) -> None:
    """Until it is true; `pause` takes seconds."""
    until = time.monotonic() + SECONDS / 1000
    while not true():
        assert time.monotonic() < until, "it never came to that"
        pause(0.1)


def program(url: str):
    """gradio's client, which by itself gives up after 5 seconds: on a busy machine the page takes longer."""
    from gradio_client import Client  # slow to import

    return Client(url, verbose=False, httpx_kwargs={"timeout": SECONDS / 1000})


def wait_for(url: str, server: subprocess.Popen, log: Path) -> None:
    """Until the page answers.

    Raises:
        RuntimeError: it ended or took too long; with what it printed.
    """
    until = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=60):
                return
        except OSError:
            time.sleep(0.3)
    raise RuntimeError(f"app.py did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def browser():
    """Chromium; without it these tests are skipped, and say so."""
    if not CHROMIUM.exists():
        pytest.skip(f"BROWSER TESTS SKIPPED: no {CHROMIUM}; apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, page_url):
    """Opens the page; ends the visit after the test. No request may leave this machine, no script may fail."""
    contexts, strangers, failures = [], [], []

    def open_page(viewport=DESK, scheme="light", locale="en", path=""):
        phone = viewport == PHONE
        context = browser.new_context(
            viewport=viewport, color_scheme=scheme, locale=locale, has_touch=phone, is_mobile=phone
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SECONDS)
        page.on(
            "request", lambda r: None if r.url.startswith((page_url, "data:", "blob:")) else strangers.append(r.url)
        )
        page.on("pageerror", lambda error: failures.append(error.message))
        # The browser's own errors too, such as those of our Content-Security-Policy.
        page.on("console", lambda said: failures.append(said.text) if said.type == "error" else None)
        page.goto(page_url + path)
        page.wait_for_selector(".examples button")
        page.wait_for_selector("#answer[aria-live]")  # the script that runs at the start has run
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert strangers == []
    assert failures == []


def wait_in(page, true: Callable[[], bool]) -> None:
    """As `wait_until`, while the browser goes on."""
    wait_until(true, lambda seconds: page.wait_for_timeout(1000 * seconds))


def upload(page, path: Path) -> None:
    page.set_input_files("#picture input[type=file]", path)


def wait_answer(page, words: str | re.Pattern = re.compile(".")) -> str:
    """The answer's text, once it holds `words`."""
    page.locator("#answer .answer:has(.footer), #answer .answer.refused", has_text=words).wait_for()
    return page.inner_text("#answer")


def slow_down(page) -> None:
    """As on a train: `SLOW` on the way, by the browser's own means."""
    slow = {"offline": False, "latency": SLOW, "downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)


def press(page, element, key: str = "Enter") -> None:
    """By the keyboard, which must be able to get there."""
    element.focus()
    reached = "element => element.getRootNode().activeElement === element && element.tabIndex >= 0"
    assert element.evaluate(reached), "out of the keyboard's reach"
    page.keyboard.press(key)


@pytest.fixture
def keep(tmp_path):
    """Takes a picture of the page, small enough for the repository."""
    folder = Path(os.environ.get("HFSKIN_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)

    def shoot(page, name, element=None):
        page.wait_for_timeout(700)  # transitions
        path = folder / f"{name}.jpg"
        (page.locator(element) if element else page).screenshot(path=path, type="jpeg", quality=55)
        assert path.stat().st_size < 110_000

    return shoot


def check_accessibility(page) -> None:
    """axe-core finds nothing serious of our own making."""
    if not AXE.is_file():
        pytest.skip("ACCESSIBILITY TEST SKIPPED: npm install --prefix tests/a11y")
    page.evaluate(AXE.read_text())
    page.wait_for_timeout(700)
    found = [
        (violation["id"], node["html"][:200])
        for violation in page.evaluate("axe.run()")["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
        # gradio's own: its small upload button holds the file input
        if not (violation["id"] == "nested-interactive" and "common.upload" in node["html"])
    ]
    assert found == []
