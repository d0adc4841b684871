"""The running page as programs and agents ask it: by gradio_client, and by a client of MCP."""

import ast
import base64
from contextlib import asynccontextmanager

import httpx
import pytest
from demo_fixtures import LESIONS, program, run_async
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

import hfskin

pytestmark = pytest.mark.slow

DATA = f"data:image/jpeg;base64,{base64.b64encode(LESIONS[0].read_bytes()).decode()}"


@pytest.fixture(scope="module")
def pipeline(page_checkpoint):
    return hfskin.load(page_checkpoint)


@pytest.fixture(scope="module")
def client(page_url):
    return program(page_url)


def numbers(prediction) -> dict:
    return pytest.approx(prediction.probabilities, abs=1e-5)


def test_what_is_unknown_may_be_left_out(client, pipeline):
    picture = handle_file(LESIONS[0])
    assert client.predict(picture, api_name="/predict")["probabilities"] == numbers(pipeline(LESIONS[0]))
    told = client.predict(picture, age=50, api_name="/predict")
    assert told["probabilities"] == numbers(pipeline(LESIONS[0], 50))
    assert client.predict(picture, sex=None, api_name="/predict")["label"]
    (row,) = client.predict([picture], api_name="/predict_batch")
    assert row["probabilities"] == numbers(pipeline(LESIONS[0]))
    (row,) = client.predict(picture, api_name="/predict_batch")  # one file is a list of one
    assert row["image"] == LESIONS[0].name


@pytest.mark.parametrize("files", [str(LESIONS[0]), [str(LESIONS[0])]])
def test_a_plain_path_is_one_readable_line(client, temporary_files, files):
    log = temporary_files.parent / "page.log"
    before = log.stat().st_size
    for endpoint in ("/predict", "/predict_batch"):
        with pytest.raises(AppError, match="handle_file") as caught:
            client.predict(files, api_name=endpoint)
        assert len(str(caught.value).splitlines()) == 1
    assert b"Traceback" not in log.read_bytes()[before:]


@asynccontextmanager
async def agent(page_url):
    """A session of an MCP client with the page."""

    def direct(headers=None, timeout=None, auth=None):
        return httpx.AsyncClient(headers=headers, timeout=timeout, auth=auth, trust_env=False, follow_redirects=True)

    async with (
        streamablehttp_client(f"{page_url}gradio_api/mcp/", httpx_client_factory=direct) as (reader, writer, _),
        ClientSession(reader, writer) as session,
    ):
        await session.initialize()
        yield session


def call(page_url, tool: str, **arguments):
    """What a tool answers: its values, or the words of its error."""

    async def ask():
        async with agent(page_url) as session:
            answer = await session.call_tool(tool, arguments)
            said = [part.text for part in answer.content]
            return said[0] if answer.isError else [ast.literal_eval(one) for one in said]

    return run_async(ask())


def upload(page_url, path, name=None) -> str:
    files = {"files": (name or path.name, path.read_bytes())}
    (place,) = httpx.post(f"{page_url}gradio_api/upload", files=files, trust_env=False).json()
    return place


def test_the_tools_say_what_they_take(page_url):
    async def tools():
        async with agent(page_url) as session:
            return {tool.name: tool for tool in (await session.list_tools()).tools}

    found = run_async(tools())
    assert set(found) == {"predict", "predict_batch"}
    assert "Not a medical device" in found["predict"].description
    assert found["predict"].inputSchema["required"] == ["image"]
    assert found["predict_batch"].inputSchema["required"] == ["files"]
    files = found["predict_batch"].inputSchema["properties"]["files"]
    assert (files["type"], files["items"]["type"]) == ("array", "string")
    assert "$ref" not in str(found["predict_batch"].inputSchema)


def test_an_agent_gets_the_pipelines_numbers(page_url, pipeline):
    (answer,) = call(page_url, "predict", image=DATA, age=50, sex="female", localization="back")
    assert answer["probabilities"] == numbers(pipeline(LESIONS[0], 50, "female", "back"))
    unknown = numbers(pipeline(LESIONS[0]))
    (answer,) = call(page_url, "predict", image=DATA)
    assert answer["probabilities"] == unknown
    (answer,) = call(page_url, "predict", image=DATA, age=None, sex=None, localization=None)
    assert answer["probabilities"] == unknown


def test_an_agent_uploads_to_the_page_itself(page_url, pipeline):
    place = upload(page_url, LESIONS[0], "a lesion.jpg")
    for said in (f"{page_url}gradio_api/file={place}", f"{page_url}gradio_api/file={place}".replace(" ", "%20"), place):
        (answer,) = call(page_url, "predict", image=said)
        assert answer["probabilities"] == numbers(pipeline(LESIONS[0])), said
    assert "uploaded to it" in call(page_url, "predict", image="https://public.example.org/x.jpg")
    assert "uploaded to it" in call(page_url, "predict", image="/etc/passwd")


def test_an_agent_asks_about_many(page_url, pipeline):
    table = base64.b64encode(f"image_id,age\n{LESIONS[1].stem},70\n".encode()).decode()
    files = [DATA, f"{page_url}gradio_api/file={upload(page_url, LESIONS[1])}"]
    (rows,) = call(page_url, "predict_batch", files=files)
    assert [row["probabilities"] for row in rows] == [numbers(pipeline(path)) for path in LESIONS[:2]]
    (rows,) = call(page_url, "predict_batch", files=files[1:], metadata=f"data:text/csv;base64,{table}")
    assert rows[0]["probabilities"] == numbers(pipeline(LESIONS[1], 70))
