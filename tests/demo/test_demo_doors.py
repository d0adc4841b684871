"""The running page against visitors who mean harm: what they name, send, ask for and break off."""

import asyncio
import base64
import json
import re
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import safehttpx
from demo_fixtures import LESIONS, going_on, run_async, wait_until
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from paths import ROOT

from hfskin.demo import doors, receiving, upload_folder
from hfskin.demo.doors import content_security_policy
from hfskin.demo.example_lesions import FOLDER
from hfskin.demo.language import PAGES
from hfskin.demo.ui import build_page, launch_options
from hfskin.demo.upload_folder import NotUploadedError, UploadFolder
from hfskin.words import en as text

pytestmark = pytest.mark.slow

LESION = LESIONS[0].read_bytes()
META = {"_type": "gradio.FileData"}


# The folder of uploads


@pytest.fixture
def folder(tmp_path) -> UploadFolder:
    made = UploadFolder(tmp_path / "hfskin-0123456789abcdef")
    made.make()
    return made


@pytest.fixture
def outside(tmp_path) -> Path:
    """A picture that nobody uploaded."""
    path = tmp_path / "outside" / "secret.jpg"
    path.parent.mkdir()
    path.write_bytes(LESION)
    return path


def test_only_what_lies_in_the_folder_is_its_own(folder, outside):
    own = folder.path / "a" / "own.jpg"
    own.parent.mkdir()
    own.touch()
    (folder.path / "link.jpg").symlink_to(outside)
    (folder.path / "linked").symlink_to(outside.parent)
    (folder.path / "circle.jpg").symlink_to(folder.path / "circle.jpg")
    (folder.path / "alias.jpg").symlink_to(own)
    assert folder.own(own) == folder.own(f"{own.parent}/../a/own.jpg") == folder.own(folder.path / "alias.jpg") == own
    beside = folder.path.with_name(folder.path.name + "0") / "x.jpg"
    for path in (
        outside, "", ".", "own.jpg", "/", folder.path, f"{own}/../../../outside/secret.jpg", folder.path / "link.jpg",
        folder.path / "linked" / "secret.jpg", folder.path / "circle.jpg", f"{own}\0.jpg", "x" * 5000, beside,
        f"file://{own}", "http://example.org/x.jpg", "data:image/png;base64,xx", "\ud800",
    ):  # fmt: skip
        with pytest.raises(NotUploadedError):
            folder.own(path)
        with pytest.raises(NotUploadedError):
            folder.hold("visit", own, path)
    folder.release("visit")
    assert own.exists(), "nothing is held where a part is not the page's"


def test_nothing_outside_is_deleted_even_if_a_link_took_the_place_of_an_upload(folder, outside):
    upload, gone = folder.path / "upload.jpg", folder.path / "gone.jpg"
    upload.touch()
    folder.hold("visit", upload, gone)
    upload.unlink()
    upload.symlink_to(outside)
    folder.release("visit")
    assert outside.exists()


def test_the_sweep_takes_what_is_old_here_and_what_a_killed_page_left(folder, outside, monkeypatch):
    killed = UploadFolder(folder.path.with_name("hfskin-00000000deadbeef"))
    killed.make()
    public = folder.path.with_name("hfskin-00000000cafecafe")  # anybody could put links into it
    public.mkdir(mode=0o755)
    others = folder.path.with_name("others")
    others.mkdir(mode=0o700)
    for path in (folder.path, killed.path, public, others):
        (path / "upload").mkdir()
        (path / "upload" / "mine.jpg").touch()
        (path / "tmpbroken").touch()
        (path / "link.jpg").symlink_to(outside)
        (path / "linked").symlink_to(outside.parent)
    folder.hold("visit", folder.path / "upload" / "mine.jpg")
    before = sorted(folder.path.parent.rglob("*"))
    folder.sweep()
    assert sorted(folder.path.parent.rglob("*")) == before, "nothing is old yet"
    monkeypatch.setattr(upload_folder, "FILE_MINUTES", 0)
    monkeypatch.setattr(upload_folder, "SWEEP_SECONDS", 1)
    folder.sweep()
    folder.sweep()  # a folder was changed by the first one
    assert list(folder.path.iterdir()) == []
    assert not killed.path.exists()
    assert folder._held == {}
    assert outside.exists()
    assert all((path / "upload" / "mine.jpg").exists() and (path / "tmpbroken").exists() for path in (public, others))


def test_a_visit_ends_with_its_heartbeat_whatever_gradio_notices(folder):
    async def broken_off(scope, receive, send):  # as where a connection breaks while gradio sends
        raise asyncio.CancelledError

    def ask(method: str, path: str) -> None:
        scope = {"type": "http", "method": method, "path": path, "headers": [], "root_path": ""}
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(doors.Doors(broken_off, folder)(scope, None, None))

    own, others = folder.path / "own.jpg", folder.path / "others.jpg"
    own.touch(), others.touch()
    folder.hold("visit", own)
    folder.hold("another", others)
    ask("HEAD", "/gradio_api/heartbeat/visit")
    ask("GET", "/gradio_api/upload_progress")
    assert own.exists()
    ask("GET", "/gradio_api/heartbeat/visit")
    assert [path.name for path in folder.path.iterdir()] == ["others.jpg"]


def test_what_a_visit_uses_after_its_end_goes_once_it_is_silent(folder, monkeypatch):
    late, shared = folder.path / "late.jpg", folder.path / "shared.jpg"
    late.touch(), shared.touch()
    folder.release("visit")
    folder.hold("visit", late, shared)
    folder.hold("another", shared)
    folder.sweep()
    assert late.exists(), "its connection may only have broken"
    monkeypatch.setattr(upload_folder, "ENDED_SECONDS", 0)
    folder.sweep()
    assert not late.exists()
    assert shared.exists(), "another visit uses it"
    assert folder._ended == {}
    late.touch()
    folder.hold("visit", late)
    folder.sweep()
    assert late.exists(), "it came back"


def test_what_a_page_sent_and_then_said_nothing_of_goes_soon(folder, monkeypatch):
    taken, left, outside = folder.path / "taken.jpg", folder.path / "left.jpg", folder.path.parent / "outside.jpg"
    for path in (taken, left, outside):
        path.touch()
    folder.arrived(taken, left)
    with pytest.raises(NotUploadedError):
        folder.arrived(outside)
    folder.hold("visit", taken)
    folder.sweep()
    assert left.exists(), "its page may be about to tell"
    monkeypatch.setattr(upload_folder, "ENDED_SECONDS", 0)
    folder.arrived(taken)  # once more, by another page
    folder.sweep()
    assert sorted(path.name for path in folder.path.parent.rglob("*.jpg")) == ["outside.jpg", "taken.jpg"]
    assert folder._arrived == {}
    folder.arrived(taken)
    folder.release("visit")
    assert taken.exists(), "the page that sent it anew is about to tell"
    folder.sweep()
    assert not taken.exists()


# The running page


@pytest.fixture(scope="module")
def secret(tmp_path_factory) -> Path:
    """A picture on the server that nobody uploaded."""
    path = tmp_path_factory.mktemp("secret") / "secret.jpg"
    path.write_bytes(LESION)
    return path


@pytest.fixture(scope="module")
def web(page_url) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=page_url, trust_env=False, timeout=240) as client:
        yield client


@pytest.fixture
def log(temporary_files, page_url):
    """Says what the page wrote since the test began."""
    path = temporary_files.parent / "page.log"
    before = path.stat().st_size
    return lambda: path.read_bytes()[before:].decode()


def upload(web: httpx.Client, name: str = "mine.jpg", data: bytes = LESION) -> Path:
    answer = web.post("gradio_api/upload", files={"files": (name, data)})
    assert answer.status_code == 200, answer.text
    return Path(answer.json()[0])


def file_data(path, **more) -> dict:
    return {"path": str(path), "meta": META, **more}


def call(web: httpx.Client, endpoint: str, data: list) -> str:
    """The whole answer of an endpoint, as a program without gradio's client would get it."""
    asked = web.post(f"gradio_api/call/{endpoint}", json={"data": data})
    if asked.status_code != 200:
        return f"error: {asked.status_code} {asked.text}"
    return web.get(f"gradio_api/call/{endpoint}/{asked.json()['event_id']}").text


def hostile_files(secret: Path, own: Path, link: Path) -> list:
    """What a visitor may send in place of his upload; `link` lies among the uploads and leads to `secret`."""
    return [
        {"path": str(secret)}, {"path": str(secret), "meta": {}}, {"path": str(secret), "meta": {"_type": "x"}},
        {"path": str(secret), "meta": None}, {"path": str(secret), "meta": [META]}, {"path": str(own)},
        {"path": str(own), "meta": {}}, file_data(secret), file_data(secret, url=f"file://{secret}"),
        file_data(secret, is_stream=True), file_data(f"file://{secret}"), file_data(link), [file_data(secret)],
        [[file_data(own)]], {"root": [file_data(secret)]}, {"value": file_data(secret)}, str(secret), [str(own)],
        file_data(f"{own}/../../../../../../../../..{secret}"), file_data("/etc/passwd"), file_data(ROOT / "app.py"),
        file_data(own.parent), file_data(own.parent.parent), file_data(""), file_data("\0"), file_data("x" * 3000),
        {"path": {"path": str(own), "meta": META}, "meta": META}, {"path": [str(own)], "meta": META},
        {"path": None, "url": str(secret), "meta": META}, {"url": "data:image/png;base64,xx", "meta": META},
        file_data("data:image/png;base64,xx"), file_data("http://public.example.org/x.jpg"),
        file_data("https://public.example.org/x.jpg", url="https://public.example.org/x.jpg"),
        {"path": "http://127.0.0.1:9/x.jpg"}, 5, True, {},
    ]  # fmt: skip


def ask_queue(web: httpx.Client, session: str, questions: list[dict]) -> list[dict]:
    """What the page's queue says to each question of a visit."""
    for question in questions:
        asked = web.post("gradio_api/queue/join", json={"session_hash": session, **question})
        assert asked.status_code == 200, asked.text
    messages = []
    with web.stream("GET", "gradio_api/queue/data", params={"session_hash": session}) as lines:
        for line in lines.iter_lines():
            message = json.loads(line.removeprefix("data: ")) if line else {}
            if message.get("msg") == "process_completed":
                messages.append(message["output"])
            if message.get("msg") == "close_stream" or len(messages) == len(questions):
                return messages
    raise AssertionError(f"{len(messages)} of {len(questions)} answers")


def functions(web: httpx.Client) -> dict[int, list[str]]:
    """The page's functions that take files, and the kinds of their inputs."""
    config = web.get("config").json()
    kinds = {component["id"]: component["type"] for component in config["components"]}
    inputs = {d["id"]: [kinds[i] for i in d["inputs"]] for d in config["dependencies"]}
    return {index: found for index, found in inputs.items() if {"image", "file"} & set(found)}


def test_no_function_takes_holds_or_deletes_anything_but_an_upload(web, secret, log):
    own = upload(web)
    link = own.parent.parent / "link.jpg"
    link.symlink_to(secret)
    tried = functions(web)
    assert len(tried) >= 9
    questions = [
        {"fn_index": index, "data": [payload if kind in ("image", "file") else None for kind in kinds]}
        for payload in hostile_files(secret, own, link)
        for index, kinds in tried.items()
    ]
    with web.stream("GET", "gradio_api/heartbeat/hostile"):
        for question in questions:
            answer = web.post("gradio_api/run/predict", json=question | {"session_hash": "hostile"}).json()
            assert answer.get("error") == text.NOT_TAKEN, (question, answer)
        queued = ask_queue(web, "hostile", questions[::8])  # not all, since it takes its time
        assert [answer.get("error") for answer in queued] == [text.NOT_TAKEN] * len(queued)
        (answer,) = ask_queue(web, "hostile", [{"fn_index": with_picture(tried), "data": good(tried, own)}])
        assert "error" not in answer, answer
    wait_until(lambda: not own.exists())  # the visit's own upload goes with it
    assert secret.exists()
    assert link.is_symlink()
    link.unlink()
    assert "Traceback" not in log()


def with_picture(tried: dict[int, list[str]]) -> int:
    return next(index for index, kinds in tried.items() if "image" in kinds)


def good(tried: dict[int, list[str]], own: Path) -> list:
    return [file_data(own) if kind == "image" else None for kind in tried[with_picture(tried)]]


def test_no_endpoint_answers_to_anything_but_an_upload(web, secret):
    own = upload(web)
    hostile = [p for p in hostile_files(secret, own, secret) if p not in (5, True)]
    for i, payload in enumerate(hostile):  # by turns, since the test above tries each with every function
        endpoint, data = ("predict_batch", [[payload], None]) if i % 2 else ("predict", [payload, None, None, None])
        answer = call(web, endpoint, data)
        assert text.NOT_TAKEN in answer, (endpoint, payload, answer)
    for endpoint, data in (
        ("predict", [None, file_data(secret), None, None]),
        ("predict", [file_data(own), None, {"a": [file_data(secret)]}, None]),
        ("predict", [file_data(own), None, "x" * 2000, None]),
        ("predict_batch", [[], file_data(secret)]),
        ("predict_batch", [[file_data(own), file_data(secret)], None]),
        ("predict_batch", [file_data(secret), None]),
    ):
        assert text.NOT_TAKEN in call(web, endpoint, data), data
    assert '"probabilities"' in call(web, "predict", [file_data(own), None, None, None])
    assert '"probabilities"' in call(web, "predict_batch", [[file_data(own)], None])
    own.unlink()
    assert text.FILE_GONE in call(web, "predict", [file_data(own), None, None, None])


def clicks(web: httpx.Client) -> list[int]:
    """The functions that a click alone asks, which tells where it was."""
    config = web.get("config").json()
    states = {component["id"] for component in config["components"] if component["type"] == "state"}
    events = (event for event in config["dependencies"] if event["targets"][0][1] == "click" and event["backend_fn"])
    return [event["id"] for event in events if states.issuperset(event["inputs"])]


def test_what_is_no_question_gets_one_line(web, log):
    tried = functions(web)
    questions: list = [
        {"data": []}, {"data": [], "fn_index": 0}, {"data": None, "fn_index": 0}, {"data": [None] * 9, "fn_index": 999},
        {"data": [None] * 9, "fn_index": -1}, {"data": {}, "fn_index": 0}, {"data": [None] * 9, "fn_index": "x"},
        {"data": [None] * 9, "fn_index": with_picture(tried), "batched": True}, [], 5, None, {},
        {"data": [], "fn_index": with_picture(tried), "trigger_id": 10**9},
    ]  # fmt: skip
    for data in (None, [], "x", {}, {"index": None}, {"index": -1}, {"index": 10**9}, {"index": [0]}, {"index": 1.5}):
        questions += [{"data": [], "fn_index": index, "event_data": data} for index in clicks(web)]
    for question in questions:
        if isinstance(question, dict):
            question = {"session_hash": "nonsense", **question}
        for route in ("queue/join", "run/predict", "call/predict", "call/nothing"):
            answer = web.post(f"gradio_api/{route}", json=question)
            understood = answer.status_code < 500 or answer.json().get("error") == text.CANNOT_ANSWER
            assert understood, (route, question, answer.text)
    for body in (b"", b"{", b"[" * 100_000, b"\xff\xfe", b'{"data": ' + b"[" * 900 + b"]" * 900 + b"}"):
        answer = web.post("gradio_api/queue/join", content=body, headers={"content-type": "application/json"})
        assert 400 <= answer.status_code < 500, body[:20]
    assert web.get("gradio_api/heartbeat/..").status_code == 404
    assert "Traceback" not in log()


def test_mcp_takes_no_file_of_the_server_either(page_url, web, secret):
    own, picture = upload(web), f"data:image/jpeg;base64,{base64.b64encode(LESION).decode()}"
    images = [p for p in hostile_files(secret, own, secret) if p is not True] + [None, f"file://{secret}", "data:x"]
    questions = [("predict", {"image": image, "age": 50}) for image in images]
    questions += [("predict", {"image": picture, "age": file_data(secret)})]
    questions += [("predict", {"image": picture, "age": 50, "sex": file_data(secret)})]
    questions += [("predict", {"image": picture, "age": 50, "more": file_data(secret)})]
    questions += [("predict_batch", {"files": [file_data(secret)], "metadata": "data:text/csv;base64,YQ=="})]
    questions += [("predict_batch", {"files": [], "metadata": file_data(secret)})]

    def direct(headers=None, timeout=None, auth=None):
        return httpx.AsyncClient(headers=headers, timeout=timeout, auth=auth, trust_env=False, follow_redirects=True)

    async def ask():
        address = f"{page_url}gradio_api/mcp/"
        async with (
            streamablehttp_client(address, httpx_client_factory=direct) as (reader, writer, _),
            ClientSession(reader, writer) as session,
        ):
            await session.initialize()
            for tool, arguments in questions:
                answer = await session.call_tool(tool, arguments)
                said = answer.content[0].text
                assert answer.isError, (arguments, said)
                assert "probabilities" not in said
            answer = await session.call_tool("predict", {"image": picture, "age": 50})
            assert "probabilities" in answer.content[0].text

    run_async(ask())
    assert secret.exists()


ROUTES = (
    "file={}", "gradio_api/file={}", "gradio_api/file={}%00.jpg", "gradio_api/file=../../../..{}", "file/{}", "..{}",
    "static/../{}", "assets/..%2f..{}", "gradio_api/stream/x/1/{}", "gradio_api/proxy=file://{}", "gradio_api/file/{}",
)  # fmt: skip


def test_no_address_serves_a_file_of_the_server(web, secret):
    link = upload(web).parent / "link.jpg"
    link.symlink_to(secret)
    for path in (secret, ROOT / "app.py", ROOT / "pyproject.toml", Path("/etc/passwd"), link):
        for route in ROUTES:
            answer = web.get(route.format(path))
            assert answer.status_code >= 400 or path.read_bytes()[:200] not in answer.content, (route, path)
    assert web.get(f"gradio_api/file={link}").status_code == 404
    link.unlink()


def test_an_uploaded_document_is_never_shown_as_one(web):
    for suffix in ("html", "htm", "xhtml", "svg", "svgz", "xml", "xsl", "mht", "js", "css", "pdf", "swf", ""):
        path = upload(web, f"page.{suffix}", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
        for headers in ({}, {"Range": "bytes=0-100"}):
            answer = web.get(f"gradio_api/file={path}", headers=headers)
            assert answer.headers["content-type"] == "application/octet-stream", suffix
            assert answer.headers["content-disposition"].startswith("attachment"), suffix
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "sandbox" in answer.headers["content-security-policy"]


def test_every_answer_tells_the_browser_what_it_may_not_do(web):
    own = upload(web)
    script = {}
    for path in ("", "config", "theme.css", "nothing", f"gradio_api/file={own}", "gradio_api/info", "monitoring"):
        answer = web.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "camera=(self)" in answer.headers["permissions-policy"]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        policy = answer.headers["content-security-policy"].split("; ")
        rules = dict(rule.split(" ", 1) for rule in policy if " " in rule)
        assert rules["default-src"] == "'none'"
        assert rules["frame-ancestors"] == "'self'"
        script[path] = rules.get("script-src", "")
    assert "'unsafe-inline'" not in script[""]
    assert "http" not in script[""]
    assert not any(script[path] for path in script if path)


def test_on_a_space_the_hub_may_frame_the_page(monkeypatch):
    assert content_security_policy([]).endswith("frame-ancestors 'self'")
    monkeypatch.setenv("SPACE_ID", "somebody/hfskin")
    assert content_security_policy([]).endswith("frame-ancestors 'self' https://huggingface.co")


def test_another_sites_page_cannot_use_this_one(web, page_url):
    own, host = upload(web), urlsplit(page_url).netloc
    question = {"data": [file_data(own), None, None, None]}
    foreign = (
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": f"http://{host}.evil.example"},
        {"Origin": "http://127.0.0.1:1"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example"},
        {"Origin": f"http://{host}", "Sec-Fetch-Site": "cross-site"},
    )  # fmt: skip
    for headers in foreign:
        for answer in (
            web.post("gradio_api/call/predict", json=question, headers=headers),
            web.post("gradio_api/upload", files={"files": ("a.jpg", LESION)}, headers=headers),
            web.get(f"gradio_api/file={own}", headers=headers),
            web.get("config", headers=headers),
            web.get("gradio_api/heartbeat/visit", headers=headers),
            web.post("gradio_api/mcp/", json={}, headers=headers),
        ):
            assert (answer.status_code, answer.text) == (403, text.FOREIGN), headers
    assert web.get("", headers={"Origin": "https://evil.example"}).status_code == 403
    for headers in ({"Origin": f"http://{host}"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {}):
        assert web.post("gradio_api/call/predict", json=question, headers=headers).status_code == 200, headers
    for headers in ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, {"Sec-Fetch-Dest": "iframe"}):
        assert web.get("", headers=headers).status_code == 200, "a link, a frame"


NAMELESS = b'--b\r\nContent-Disposition: form-data; name="files"; filename=""\r\n\r\nxx\r\n--b--\r\n'


def test_an_odd_upload_gets_a_place_or_one_line(web, log, temporary_files):
    kind = {"content-type": "multipart/form-data; boundary=b"}
    names = [".", "..", "../../up.jpg", "a/b.jpg", "/etc/x", "a\0b.jpg", "C:\\x.jpg", "é<b>.jpg", " ", "%2e%2e"]
    for name in names:
        path = upload(web, name)
        assert path.resolve().is_relative_to(temporary_files)
        assert len(path.relative_to(temporary_files).parts) == 3, "the page's folder, the digest's, the name"
    before = set(temporary_files.rglob("*"))
    assert web.post("gradio_api/upload", content=NAMELESS, headers=kind).status_code == 200
    path = web.post("gradio_api/upload", content=NAMELESS, headers=kind).json()[0]
    assert Path(path).is_file()
    before = set(temporary_files.rglob("*"))
    refused = (
        web.post("gradio_api/upload", files={"files": (None, "x")}),
        web.post("gradio_api/upload", files={"files": (None, "x")}, params={"upload_id": "x"}),
        web.post("gradio_api/upload", files={"others": ("a.jpg", LESION)}),
        web.post("gradio_api/upload", files={"files": ("x" * 9000, LESION)}),
        web.post("gradio_api/upload", files=[("files", (f"{i}.jpg", b"x")) for i in range(receiving.MAX_FILES + 1)]),
        web.post("gradio_api/upload", content=NAMELESS[:-9], headers=kind),
        web.post("gradio_api/upload", content=b"nonsense", headers=kind),
        web.post("gradio_api/upload", content=NAMELESS, headers={"content-type": "multipart/form-data"}),
        web.post("gradio_api/upload", content=NAMELESS, headers={"content-type": "text/plain"}),
        web.post("gradio_api/upload"),
    )
    for answer in refused:
        assert answer.status_code in (200, 400, 413), answer.text
        assert answer.status_code != 200 or answer.json() == [], answer.text
        assert len(answer.text.splitlines()) == 1
    assert set(temporary_files.rglob("*")) <= before, "a refused upload left something"
    assert "Traceback" not in log()


def begin_upload(url: str, data: bytes = b"x" * 100_000) -> socket.socket:
    """Most of an upload; the rest never comes."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port))
    head = (
        f"POST /gradio_api/upload HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: 1000000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="files"; filename="slow.jpg"\r\n\r\n'
    )
    connection.sendall(head.encode() + data)
    return connection


def read_all(connection: socket.socket) -> str:
    return b"".join(iter(lambda: connection.recv(10_000), b"")).decode()


def send_more(connections: list[socket.socket]) -> None:
    """A byte on each, and a pause that is not too long for the page."""
    for connection in connections:
        connection.send(b"x")
    time.sleep(1)


def test_many_slow_uploads_stop_nobody_and_leave_nothing(web, page_url, temporary_files):
    own, before = upload(web), set(temporary_files.rglob("*"))

    def begun() -> int:
        return len(set(temporary_files.rglob("*")) - before)

    with ExitStack() as slow:
        connections = [slow.enter_context(begin_upload(page_url)) for _ in range(100)]  # more than gradio has threads
        with going_on(lambda: send_more(connections)):
            wait_until(lambda: begun() == 100)
            assert '"probabilities"' in call(web, "predict", [file_data(own), None, None, None])
            assert begun() == 100, "the answer came while they went on"
    wait_until(lambda: begun() == 0)


# A page in this process, whose limits can be changed and whose fetches are seen


@pytest.fixture(scope="module")
def fetches() -> Iterator[list[str]]:
    """The addresses and hosts that gradio asked for; none is reached."""
    asked: list[str] = []

    async def fetch(address, *args, **kwargs):
        asked.append(str(address))
        raise OSError("no network here")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("get", "async_validate_url"):
            patch.setattr(safehttpx, name, fetch)
        yield asked


@pytest.fixture(scope="module")
def page_here(tiny_checkpoint, fetches):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        before = signal.getsignal(signal.SIGTERM)
        page = build_page(str(tiny_checkpoint))
        options = launch_options() | {"server_name": "127.0.0.1", "quiet": True, "prevent_thread_lock": True}
        page.launch(**options)
        yield page
        page.close(verbose=False)
        signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def web_here(page_here) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=page_here.local_url, trust_env=False, timeout=240) as client:
        yield client


def test_the_server_fetches_no_address(page_here, web_here, fetches):
    address = "http://public.example.org/lesion.jpg"
    for data in (file_data(address), file_data(f"https{address[4:]}"), file_data(address, url=address, is_stream=True)):
        for endpoint, arguments in (
            ("predict", [data, None, None, None]),
            ("predict", [None, data, None, None]),  # an age; gradio looks for files in anything
            ("predict_batch", [[data], None]),
            ("predict_batch", [[], data]),
        ):
            assert text.NOT_TAKEN in call(web_here, endpoint, arguments)
    asking = {index: len(function.inputs) for index, function in page_here.fns.items()}
    asking = {index: inputs for index, inputs in asking.items() if index in functions(web_here)}
    asked = [{"fn_index": index, "data": [file_data(address)] * inputs} for index, inputs in asking.items()]
    assert {answer["error"] for answer in ask_queue(web_here, "a", asked)} == {text.NOT_TAKEN}
    for route in ("file=http://{}", "file=https%3A%2F%2F{}", "file/http://{}", "proxy=https://{}"):
        answer = web_here.get(f"gradio_api/{route.format('public.example.org/x')}")
        assert (answer.status_code, answer.text) == (404, text.NOT_OFFERED)
    assert fetches == []


OFFERED = {
    "/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt", "/static/{path:path}",
    "/assets/{path:path}", "/gradio_api/info", "/gradio_api/app_id", "/gradio_api/startup-events",
    "/gradio_api/queue/data", "/gradio_api/upload_progress", "/gradio_api/heartbeat/{session_hash}",
    "/gradio_api/call/{api_name}/{event_id}", "/gradio_api/file={path_or_url:path}", "/gradio_api/upload",
    "/gradio_api/queue/join", "/gradio_api/run/{api_name}", "/gradio_api/call/{api_name}", "/gradio_api/cancel",
    "/gradio_api/reset", *PAGES,
}  # fmt: skip


def test_of_gradios_routes_only_those_that_somebody_needs_are_open(page_here, web_here):
    closed = 0
    routers = [getattr(route, "original_router", None) for route in page_here.app.routes]
    for route in [*page_here.app.routes, *(route for router in routers if router for route in router.routes)]:
        if not hasattr(route, "path"):
            continue
        path = re.sub(r"\{[^}]*\}", "predict", route.path)
        for method in getattr(route, "methods", None) or {"GET", "POST"}:
            answer = None if route.path in OFFERED else web_here.request(method, path)
            if answer is not None:
                assert answer.status_code == 404, (method, path)
                assert method == "HEAD" or answer.text == text.NOT_OFFERED, (method, path)
                closed += 1
    assert closed > 50
    paths = ["gradio_api/dev/reload", "monitoring/summary", "gradio_api/run/x", "docs", "gradio_api/file=", "Config"]
    for path in paths:
        assert web_here.get(path).text == text.NOT_OFFERED
    assert web_here.request("DELETE", "gradio_api/upload").text == text.NOT_OFFERED
    assert web_here.options("gradio_api/upload").text == text.NOT_OFFERED


def test_too_much_and_too_slow_end_in_one_line(page_here, web_here, monkeypatch):
    def endless():
        for _ in range(100):
            yield b" " * 10**6

    answer = web_here.post("gradio_api/queue/join", content=endless(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.text) == (413, text.TOO_MUCH)
    monkeypatch.setattr(doors, "IDLE_SECONDS", 0.5)
    before = set(page_here.uploads.path.rglob("*"))
    with begin_upload(page_here.local_url) as connection:
        assert text.TOO_SLOW in read_all(connection)
    monkeypatch.setattr(doors, "SENDING_SECONDS", 1)
    monkeypatch.setattr(doors, "IDLE_SECONDS", 600)
    with begin_upload(page_here.local_url) as connection:
        connection.settimeout(120)
        assert text.TOO_SLOW in read_all(connection)
    wait_until(lambda: set(page_here.uploads.path.rglob("*")) <= before)


def test_an_example_is_shown_wherever_the_page_was_started(web_here, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    click = clicks(web_here)[0]  # English stands first
    shown = web_here.post("gradio_api/run/predict", json={"data": [0], "fn_index": click, "event_data": {"index": 4}})
    assert text.CANNOT_ANSWER not in shown.text
    picture = shown.json()["data"][0]
    assert web_here.get(f"gradio_api/file={picture['path']}").headers["content-type"] == "image/jpeg"
    assert '"probabilities"' in call(web_here, "predict", [picture, None, None, None])
    assert web_here.get(f"gradio_api/file={FOLDER / Path(picture['path']).name}").status_code == 404, (
        "ours is no upload"
    )


def test_a_full_disk_is_said_and_freed_at_once(page_here, web_here):
    before, limits = set(page_here.uploads.path.rglob("*")), resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, limits[1]))  # no more is written, as on a full disk
        files = [("files", ("a.jpg", LESION)), ("files", ("b.jpg", bytes(3 * 10**6)))]
        answer = web_here.post("gradio_api/upload", files=files)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert answer.status_code == 507
    assert text.NO_ROOM in answer.text
    assert set(page_here.uploads.path.rglob("*")) <= before
    assert upload(web_here).is_file()


def test_an_upload_is_gone_when_its_time_is_up(page_here, web_here, monkeypatch):
    path = upload(web_here)
    page_here.uploads.sweep()
    assert path.exists()
    monkeypatch.setattr(upload_folder, "FILE_MINUTES", 0)
    page_here.uploads.sweep()
    assert not path.exists()
    assert upload(web_here) == path, "the page goes on"


def test_an_upload_of_a_page_that_was_closed_at_once_goes_soon(page_here, web_here, monkeypatch):
    origin = {"Origin": page_here.local_url.rstrip("/")}
    of_a_program = upload(web_here, data=LESION + b"1")
    files = [("files", (name, LESION + b"2")) for name in ("a.jpg", "b.jpg")]
    first, second = map(Path, web_here.post("gradio_api/upload", files=files, headers=origin).json())
    assert web_here.post("gradio_api/upload", headers=origin).status_code == 400, "still one line"
    assert first.exists()
    assert '"probabilities"' in call(web_here, "predict", [file_data(first), None, None, None])
    monkeypatch.setattr(upload_folder, "ENDED_SECONDS", 0)
    page_here.uploads.sweep()
    assert not second.exists(), "nobody told of it"
    assert first.exists()
    assert of_a_program.exists(), "it may send more before it asks"
