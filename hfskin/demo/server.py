"""gradio's server, kept to what SECURITY.md promises: it fetches no address, and keeps nothing once it is stopped."""

import atexit
import re
import shutil
import signal
import threading

import gradio as gr
from gradio_client.utils import is_file_obj_with_meta, is_http_url_like, traverse
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from . import FILES, text

# The first fetches an address and hands on what it finds, the second keeps a recording and runs ffmpeg on it, the third
# keeps what a visitor typed. The page needs none of them.
_UNWANTED = re.compile(r"/file[=/]https?://|/gradio_api/(process_recording|deep_link)\b")


class Page(gr.Blocks):
    """A page that refuses addresses in place of files, and leaves no file behind."""

    def __init__(self, *args, **kwargs):
        FILES.mkdir(mode=0o700, parents=True, exist_ok=True)  # gradio would let everybody look
        atexit.register(_remove_files)
        super().__init__(*args, **kwargs)

    async def preprocess_data(self, block_fn, inputs, *args, **kwargs):
        # Here, since gradio would download them for an input of any kind, and makes some inputs anew for a visit.
        traverse(inputs, _refuse_address, is_file_obj_with_meta)
        return await super().preprocess_data(block_fn, inputs, *args, **kwargs)

    def launch(self, *args, **kwargs):
        """As gradio does it; SIGTERM, which stops a container, then ends the page as Ctrl-C does."""
        if threading.current_thread() is threading.main_thread():  # elsewhere Python sets no handler
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        return super().launch(*args, **kwargs)

    def block_thread(self) -> None:
        try:
            super().block_thread()
        finally:
            _remove_files()  # not only at exit, which waits for an answer or for the import of torch


class Refusals:
    """Keeps requests for gradio's unwanted routes from it."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _UNWANTED.search(scope["path"]):
            await PlainTextResponse(text.NOT_OFFERED, status_code=403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


MIDDLEWARE = [Middleware(Refusals)]


def _refuse_address(file: dict) -> dict:
    if is_http_url_like(file["path"]):
        raise gr.Error(text.ADDRESS, print_exception=False)
    return file


def _remove_files() -> None:
    shutil.rmtree(FILES, ignore_errors=True)
