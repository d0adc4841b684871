"""What was made to do harm: bombs, climbing paths, pickles. Each is refused in one line, quickly, in little memory."""

import json
import pickle
import pickletools
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import httpx
import pytest
import safehttpx
from paths import ROOT

import hfskin
from hfskin.checkpoints.hub import HubError
from hfskin.demo import text
from hfskin.demo.ui import build_page, launch_options

LESIONS = sorted((ROOT / "tests" / "data" / "images").glob("*.jpg"))


# Checkpoints


@pytest.fixture
def checkpoint(tiny_checkpoint, tmp_path) -> Path:
    for path in tiny_checkpoint.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def change(path: Path, **values) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("metadata_hidden", 10**9), ("image_size", [10**6, 10**6]), ("attention_maps", -1), ("temperature", 0),
        ("temperature", True), ("backbone", "../x"), ("backbone_kwargs", {"checkpoint_path": "x.pth"}),
        ("gate_threshold", "low"), ("malignant_threshold", 2), ("model_type", "vit"), ("pooling", None),
        ("partners", [{"backbone": "../x"}]), ("partners", [{"partners": [{}]}]), ("partners", [{}]),
        ("partners", [{"backbone": "mobilenet_v1"}] * 17),
    ],
)  # fmt: skip
def test_an_impossible_setting_is_named(checkpoint, name, value):
    change(checkpoint / "config.json", **{name: value})
    with pytest.raises(HubError, match=rf"\A[^\n]*({name}|of a 'vit'|\"vit\"|backbone arguments)[^\n]*\Z"):
        hfskin.load(checkpoint, backend="torch")


@pytest.mark.parametrize(
    ("name", "value"),
    [("size", {"height": 10**6, "width": 10**6}), ("size", None), ("image_std", [0, 0, 0]), ("resample", 99)],
)
def test_impossible_preprocessing_is_named(checkpoint, name, value):
    change(checkpoint / "preprocessor_config.json", **{name: value})
    with pytest.raises(HubError, match=f"{name} in its preprocessor_config.json is "):
        hfskin.load(checkpoint, backend="torch")


def test_settings_that_are_not_ours_do_nothing(checkpoint):
    change(
        checkpoint / "config.json",
        quantization_config={"quant_method": "x"},
        auto_map={"AutoConfig": "evil.Config"},
        transformers_weights="../../evil.bin",
        dtype="evil",
        sub_configs=1,
    )
    assert hfskin.load(checkpoint, backend="torch")(LESIONS[0]).probabilities


def test_weights_must_fit_to_the_last_and_be_numbers(checkpoint):
    from safetensors.torch import load_file, save_file

    path = checkpoint / "model.safetensors"
    good = load_file(path)
    without = {name: value for name, value in good.items() if name != "classifier.bias"}
    for bad, message in (
        (without, "1 weights differ, such as 'classifier.bias'"),
        ({**good, "more": good["classifier.bias"].clone()}, "1 weights differ, such as 'more'"),
        ({**good, "classifier.bias": good["classifier.bias"][:3].clone()}, "1 weights differ"),
        ({**good, "classifier.bias": good["classifier.bias"].int()}, "1 weights differ"),
        (
            {**good, "classifier.bias": good["classifier.bias"] * float("nan")},
            "classifier.bias in model.safetensors holds",
        ),
    ):
        save_file(bad, path)
        with pytest.raises(HubError, match=message):
            hfskin.load(checkpoint, backend="torch")
    huge = {name: value * 1e30 if value.is_floating_point() else value for name, value in good.items()}
    save_file(huge, path)
    with pytest.raises(ValueError, match="not a number"):
        hfskin.load(checkpoint, backend="torch")(LESIONS[0])


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("kept", [True, False])
def test_no_pickle_is_loaded(checkpoint, kept):
    sprung = checkpoint / "sprung"
    trap = pickle.dumps(Trap(sprung))
    for name in ("pytorch_model.bin", "model.bin", "model.pt", "training_args.bin", "adapter_model.bin", "model.pkl"):
        (checkpoint / name).write_bytes(trap)
    if kept:
        assert hfskin.load(checkpoint, backend="torch")(LESIONS[0]).probabilities
        (checkpoint / "model.safetensors").write_bytes(trap)
        message = "damaged or only half there"
    else:
        (checkpoint / "model.safetensors").unlink()
        message = "has no model.safetensors; hfskin reads no other weights"
    with pytest.raises(HubError, match=message):
        hfskin.load(checkpoint, backend="torch")
    assert not sprung.exists()
    assert "REDUCE" in {opcode.name for opcode, _, _ in pickletools.genops(trap)}, "the trap holds no call"


def test_no_source_loads_pickles():
    forbidden = re.compile(
        r"pickle\b|\b(?:dill|joblib|shelve|marshal)\b|(?:torch|np)\.load\("
        r"|weights_only=False|trust_remote_code=True|\beval\(|\bexec\("
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in [ROOT / "app.py", *(ROOT / "hfskin").rglob("*.py")]
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if forbidden.search(re.sub(r"\.eval\(", "", line.split("#")[0]))
    ]
    assert found == []


# The running page


@pytest.fixture(scope="module")
def secret(tmp_path_factory) -> Path:
    """A picture on the server that nobody uploaded."""
    path = tmp_path_factory.mktemp("secret") / "secret.jpg"
    path.write_bytes(LESIONS[0].read_bytes())
    return path


def call(page_url: str, endpoint: str, data: list) -> str:
    """The whole answer of an endpoint, as a program without gradio's client would get it."""
    with httpx.Client(base_url=page_url, trust_env=False, timeout=60) as client:
        asked = client.post(f"gradio_api/call/{endpoint}", json={"data": data})
        if asked.status_code != 200:
            return f"error: {asked.status_code} {asked.text}"
        return client.get(f"gradio_api/call/{endpoint}/{asked.json()['event_id']}").text


def file_data(path: str, **more) -> dict:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def test_a_path_of_the_server_is_no_answer(page_url, secret):
    for path in (secret, ROOT / "app.py", Path("/etc/passwd")):
        for data in (file_data(str(path)), file_data(str(path), url=f"file://{path}"), str(path)):
            for endpoint, arguments in (
                ("predict", [data, None, None, None]),
                ("predict_batch", [[data], None]),
                ("predict_batch", [[], data]),
            ):
                answer = call(page_url, endpoint, arguments)
                assert "error" in answer, answer
                assert "probabilities" not in answer
                assert "root:" not in answer


ROUTES = (
    "file={}", "gradio_api/file={}", "gradio_api/file={}%00.jpg", "gradio_api/file=../../../..{}", "file/{}", "..{}",
    "static/../{}", "assets/..%2f..{}", "gradio_api/stream/x/1/{}", "gradio_api/proxy=file://{}",
)  # fmt: skip


def test_no_address_serves_a_file_of_the_server(page_url, secret):
    checkpoint = ROOT / "hfskin" / "checkpoints" / "default" / "config.json"
    for path in (secret, ROOT / "app.py", checkpoint, Path("/etc/passwd")):
        for route in ROUTES:
            answer = httpx.get(page_url + route.format(path), trust_env=False)
            assert answer.status_code >= 400 or secret_free(answer.content, path), (route, path)


def secret_free(answer: bytes, path: Path) -> bool:
    return path.read_bytes()[:200] not in answer


def test_the_server_fetches_no_address_that_a_visitor_names(page_url):
    """A server beside the page would see the request."""
    code = textwrap.dedent("""
        import http.server, sys
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                print("asked", flush=True)
                self.send_error(404)
            def log_message(self, *args): pass
        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        print(server.server_port, flush=True)
        server.serve_forever()
    """)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as inner:
        try:
            url = f"http://127.0.0.1:{inner.stdout.readline().strip()}/private.jpg"
            for data in (file_data(url), file_data(url, url=url), url):
                assert "probabilities" not in call(page_url, "predict", [data, None, None, None])
        finally:
            inner.kill()
        assert "asked" not in inner.stdout.read()


@pytest.fixture
def fetches(monkeypatch) -> list[str]:
    """The addresses and hosts that gradio asked for; none is reached."""
    asked: list[str] = []

    async def fetch(address, *args, **kwargs):
        asked.append(str(address))
        raise OSError("no network here")

    for name in ("get", "async_validate_url"):
        monkeypatch.setattr(safehttpx, name, fetch)
    return asked


@pytest.fixture
def page_here(tiny_checkpoint, fetches, monkeypatch):
    """A page in this process, where a fetch is seen."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    before = signal.getsignal(signal.SIGTERM)
    page = build_page(str(tiny_checkpoint))
    options = launch_options() | {"server_name": "127.0.0.1", "quiet": True, "prevent_thread_lock": True}
    page.launch(**options)
    yield page
    page.close(verbose=False)
    signal.signal(signal.SIGTERM, before)


def test_the_server_fetches_no_public_address_either(page_here, fetches):
    address = "http://public.example.org/lesion.jpg"
    url = page_here.local_url
    for data in (file_data(address), file_data(f"https{address[4:]}"), file_data(address, url=address, is_stream=True)):
        for endpoint, arguments in (
            ("predict", [data, None, None, None]),
            ("predict", [None, data, None, None]),  # an age; gradio looks for files in anything
            ("predict_batch", [[data], None]),
            ("predict_batch", [[], data]),
        ):
            assert text.ADDRESS in call(url, endpoint, arguments)
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        for index, function in page_here.fns.items():
            if function.inputs:
                asked = {"fn_index": index, "data": [file_data(address)] * len(function.inputs), "session_hash": "a"}
                assert client.post("gradio_api/queue/join", json=asked).status_code == 200
        answers = client.get("gradio_api/queue/data", params={"session_hash": "a"}).text
        assert answers.count(text.ADDRESS) == sum(bool(function.inputs) for function in page_here.fns.values())
    assert fetches == []


@pytest.mark.parametrize("route", ["file=http://{}", "file=https%3A%2F%2F{}", "file/http://{}"])
def test_the_page_hands_on_no_other_address(page_here, fetches, route):
    answer = httpx.get(f"{page_here.local_url}gradio_api/{route.format('public.example.org/x')}", trust_env=False)
    assert (answer.status_code, answer.text) == (403, text.NOT_OFFERED)
    assert fetches == []


def test_gradios_recorder_takes_nothing(page_url):
    """It would leave the recording in a folder that nothing empties."""
    recording = {"video": ("screen.mp4", b"not a video")}
    assert httpx.post(f"{page_url}gradio_api/process_recording", files=recording, trust_env=False).status_code == 403
    assert httpx.get(f"{page_url}gradio_api/deep_link?session_hash=a", trust_env=False).status_code == 403
