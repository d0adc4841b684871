"""gradio's server, kept to what SECURITY.md promises: it takes no file but its visitors' uploads, and keeps none."""

import atexit
import logging
import os
import signal
import threading
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block, BlockFunction
from gradio.data_classes import FileData, ImageData, ListFiles
from starlette.middleware import Middleware

from ..words import en as text
from . import FILES
from .doors import Doors
from .language import InTheVisitorsLanguage
from .receiving import limit_uploads
from .upload_folder import NotUploadedError, UploadFolder
from .uploads import MAX_FILE

MAX_TEXT = 1000  # characters of a value that is no file

logger = logging.getLogger("hfskin.demo")


class Page(gr.Blocks):
    """A page that takes no file but its own uploads, and leaves none behind.

    Attributes:
        uploads: where they lie. Every function is given only files of it, which are then held for its visit.
    """

    def __init__(self, *args, **kwargs):
        self.uploads = UploadFolder(FILES)
        self.uploads.make()  # gradio would let everybody look
        atexit.register(self.uploads.remove)
        super().__init__(*args, **kwargs)

    async def process_api(self, block_fn, inputs, *args, request=None, **kwargs):
        # Here, since whatever calls a function comes through here, before gradio looks at what was sent: it checks
        # some files only, downloads addresses for an input of any kind, and makes some inputs anew for a visit.
        function = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        inputs = self._take(function, inputs, request)
        try:
            return await super().process_api(block_fn, inputs, *args, request=request, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            logger.warning("no answer: %s: %s", type(error).__name__, error, exc_info=True)
            raise gr.Error(text.CANNOT_ANSWER, print_exception=False) from None

    def launch(self, *args, app_kwargs=None, **kwargs):
        """As gradio does it, behind `Doors`; SIGTERM, which stops a container, then ends the page as Ctrl-C does."""
        if threading.current_thread() is threading.main_thread():  # elsewhere Python sets no handler
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        limit_uploads()
        if kwargs.get("mcp_server") or os.environ.get("GRADIO_MCP_SERVER", "").lower() == "true":
            from . import agents

            agents.serve()
        self.uploads.keep_swept()
        middleware = [Middleware(Doors, uploads=self.uploads), Middleware(InTheVisitorsLanguage)]
        kwargs |= {
            "app_kwargs": (app_kwargs or {}) | {"middleware": middleware},
            "max_file_size": MAX_FILE,
            "run_history": False,  # gradio would keep every picture in the visitor's browser
            "ssr_mode": False,  # Node would answer in front of our doors
            "_frontend": False,  # by itself gradio ends where its own page takes 3 s once, as on a busy machine
        }
        return super().launch(*args, **kwargs)

    def block_thread(self) -> None:
        try:
            super().block_thread()
        finally:
            self.uploads.remove()  # not only at exit, which waits for an answer or for the import of torch

    def _take(self, function: BlockFunction, inputs: list, request: gr.Request | None) -> list:
        """What was sent, with nothing left in it but plain values and uploads of this page, which are held.

        Raises:
            gr.Error: something else is in it.
        """
        if function.batch or isinstance(request, list) or len(inputs) < len(function.inputs):
            raise gr.Error(text.CANNOT_ANSWER, print_exception=False)
        paths: list[Path] = []
        try:
            taken = [self._take_value(*pair, paths) for pair in zip(function.inputs, inputs, strict=False)]
        except NotUploadedError:
            raise gr.Error(text.NOT_TAKEN, print_exception=False) from None
        self.uploads.hold(request.session_hash if request else None, *paths)
        if not all(path.exists() for path in paths):
            raise gr.Error(text.FILE_GONE, print_exception=False)
        return taken

    def _take_value(self, block: Block, value: Any, paths: list[Path]) -> Any:
        """The same for one input; the paths of its files are added to `paths`."""
        kind = getattr(block, "data_model", None)
        if value is None or block.stateful:  # a state's value does not come from the visitor
            return None
        if kind is ListFiles and isinstance(value, dict):  # one file is a list of one
            value = [value]
        if kind is ListFiles and isinstance(value, list):
            return [self._take_file(file, paths) for file in value]
        if kind in (FileData, ImageData):
            return self._take_file(value, paths)
        if kind is ListFiles or not isinstance(value, str | int | float) or len(str(value)) > MAX_TEXT:
            raise NotUploadedError(value)
        return value

    def _take_file(self, file: Any, paths: list[Path]) -> dict:
        """gradio's way to name a file, of which nothing is believed but the path, and that only if it is our own."""
        try:
            said, path = file["meta"]["_type"], self.uploads.own(file["path"])
        except (KeyError, TypeError):
            raise NotUploadedError(file) from None
        if said != "gradio.FileData" or path.is_dir():
            raise NotUploadedError(file)
        paths.append(path)
        return {"path": str(path), "meta": {"_type": said}}
