"""Which requests reach gradio, how much they may send and how long, and what browsers may do with the answers."""

import asyncio
import base64
import hashlib
import json
import logging
import os
import re
import time
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.routing import get_route_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..words import en as text
from .checkpoints import ENV_SPACE
from .figure import HANDLERS
from .language import PAGES
from .receiving import MAX_REQUEST
from .upload_folder import NotUploadedError, UploadFolder
from .uploads import MAX_FILE

# What the page, gradio_client and MCP ask for. Whatever else gradio offers, or will, is not offered here.
_API, FILE_ADDRESS = "/gradio_api/", "/gradio_api/file="
_OFFERED = {
    ("GET", "HEAD"): re.compile(
        rf"/|{'|'.join(PAGES)}|/config|/theme\.css|/favicon\.ico|/manifest\.json|/robots\.txt|/(assets|static)/.+"
        rf"|{_API}(info|app_id|startup-events|queue/data|upload_progress|heartbeat/[\w-]+|call/\w+/[\w-]+|file=.+)"
        rf"|{_API}mcp(/|/schema|/sse)?"
    ),
    ("POST",): re.compile(rf"{_API}(upload|queue/join|run/predict|call/\w+|cancel|reset|mcp/?|mcp/messages/)"),
    ("DELETE",): re.compile(rf"{_API}mcp/?"),
}
_UPLOAD = f"{_API}upload"
_HEARTBEAT = re.compile(rf"{_API}heartbeat/([\w-]+)")
_LIMITS = {"upload": MAX_REQUEST + 10**6, "mcp": MAX_FILE * 3 // 2}  # bytes; MCP sends pictures as Base64
_LIMIT = 2 * 10**6  # bytes of any other request
IDLE_SECONDS = 30  # that a request may send nothing, before it is whole
SENDING_SECONDS = 300  # that it may take to send it all

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), display-capture=(), usb=(), payment=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HUB = "https://huggingface.co"
_INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)

logger = logging.getLogger("hfskin.demo")


class _RefusedError(Exception):
    """A request that is too large or too slow; the status and the words of the answer."""


class Doors:
    """Keeps every request from gradio that the page does not need, and another origin's from all of it; and deletes a
    visit's uploads when it ends."""

    def __init__(self, app: ASGIApp, uploads: UploadFolder):
        self._app = app
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        path = get_route_path(scope)
        exchange = _Exchange(receive, send, _limit(path))
        try:
            if not self._offered(scope["method"], path):
                raise _RefusedError(404, text.NOT_OFFERED)
            if _foreign(Headers(scope=scope), path):
                raise _RefusedError(403, text.FOREIGN)
            await self._pass(scope, exchange)
        except _RefusedError as refusal:
            await exchange.refuse(scope, *refusal.args)
        except Exception as error:
            logger.warning("a request to %s failed: %s: %s", path.split("=")[0], type(error).__name__, error)
            await exchange.refuse(scope, 400, text.CANNOT_ANSWER)

    async def _pass(self, scope: Scope, exchange: "_Exchange") -> None:
        """A heartbeat lasts as long as its visit. gradio does not notice every end: here, nothing else can come."""
        path, send = get_route_path(scope), exchange.send
        if path == _UPLOAD and "origin" in Headers(scope=scope):  # a browser's; a program may send many before it asks
            send = partial(self._note_arrival, send)
        try:
            await self._app(scope, exchange.receive, send)
        finally:
            if scope["method"] == "GET" and (heartbeat := _HEARTBEAT.fullmatch(path)):
                self._uploads.release(heartbeat[1])

    async def _note_arrival(self, send: Send, message: Message) -> None:
        with suppress(ValueError, TypeError):  # it was not taken, which the answer says in words
            self._uploads.arrived(*json.loads(message.get("body", b"")))
        await send(message)

    def _offered(self, method: str, path: str) -> bool:
        if not any(method in methods and paths.fullmatch(path) for methods, paths in _OFFERED.items()):
            return False
        if path.startswith(FILE_ADDRESS):
            try:
                return self._uploads.own(path.removeprefix(FILE_ADDRESS)).is_file()
            except NotUploadedError:
                return False
        return True


def content_security_policy(scripts: list[bytes] | None = None) -> str:
    """The policy of an HTML page with these inline scripts; without them, of whatever else is sent."""
    framing = f"frame-ancestors 'self'{f' {_HUB}' if os.environ.get(ENV_SPACE) else ''}"
    if scripts is None:
        return f"default-src 'none'; sandbox; {framing}"
    hashes = " ".join(_source(script) for script in [*scripts, *(handler.encode() for handler in HANDLERS)])
    # gradio makes functions of the scripts that its components come with, and writes styles into the page.
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'unsafe-eval' 'unsafe-hashes' {hashes}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "connect-src 'self' data: blob:",
            "font-src 'self'",
            "manifest-src 'self'",
            "base-uri 'self'",
            "form-action 'none'",
            framing,
        )
    )


def _source(script: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"


def _foreign(headers: Headers, path: str) -> bool:
    """Whether another origin's page asks for more than to show this one."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if path in ("/", *PAGES) and origin is None:  # a link, or the Hub's frame
        return False
    if site is not None:
        return site not in ("same-origin", "none")
    # Not every browser says so, and none does where there is no TLS.
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


def _limit(path: str) -> int:
    return next((limit for route, limit in _LIMITS.items() if path.startswith(_API + route)), _LIMIT)


class _Exchange:
    """A request within its limits of size and time, and its answer with our headers."""

    def __init__(self, receive: Receive, send: Send, limit: int):
        self._receive, self._send = receive, send
        self._left, self._until = limit, time.monotonic() + SENDING_SECONDS
        self._whole = False  # whether all has come
        self._refusal: _RefusedError | None = None
        self._begun = False  # whether anything was answered
        self._page: Message | None = None  # the beginning of an HTML page, which waits for its end
        self._body = b""

    async def receive(self) -> Message:
        if self._whole:  # what else comes is that the client went away, whenever that is
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), min(IDLE_SECONDS, self._until - time.monotonic()))
        except TimeoutError:
            raise self._refused(408, text.TOO_SLOW) from None
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise self._refused(413, text.TOO_MUCH)
        self._whole = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if self._refusal is not None and not self._begun:
            raise self._refusal  # which FastAPI took for a fault in the body
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(_HEADERS)
            headers["Content-Security-Policy"] = content_security_policy()
            if headers.get("content-type", "").startswith("text/html"):
                self._page = message
                return
        elif self._page is not None:
            self._body += message.get("body", b"")
            if message.get("more_body", False):
                return
            scripts = _INLINE_SCRIPT.findall(self._body)
            MutableHeaders(scope=self._page)["Content-Security-Policy"] = content_security_policy(scripts)
            await self._send(self._page)
            message = {**message, "body": self._body}
            self._page = None
        self._begun = True
        await self._send(message)

    async def refuse(self, scope: Scope, status: int, words: str) -> None:
        """Answer in one line, unless another answer has begun."""
        self._refusal = self._page = None
        if not self._begun:
            answer = PlainTextResponse(words, status_code=status, headers={"Connection": "close"})
            await answer(scope, self._receive, self.send)

    def _refused(self, status: int, words: str) -> _RefusedError:
        self._refusal = _RefusedError(status, words)
        return self._refusal
