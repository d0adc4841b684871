"""The page in the visitor's language: one address a language, chosen by the browser unless the visitor has chosen."""

from starlette.datastructures import Headers, QueryParams
from starlette.responses import RedirectResponse
from starlette.routing import get_route_path
from starlette.types import ASGIApp, Receive, Scope, Send

from ..words import LANGUAGES, best

PAGES = tuple(f"/{language}" for language in LANGUAGES if language != "en")  # English stands at /


class InTheVisitorsLanguage:
    """Sends a browser that prefers another language from / to that language's page; `?language=en` stays."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and get_route_path(scope) == "/":
            language = best(Headers(scope=scope).get("accept-language", ""))
            if language != "en" and "language" not in QueryParams(scope["query_string"]):
                answer = RedirectResponse(f"{scope.get('root_path', '')}/{language}", 307, {"Vary": "Accept-Language"})
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)
