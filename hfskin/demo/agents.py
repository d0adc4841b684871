"""The page's tools for agents (MCP): what gradio's server makes of files, so that every tool it lists can be called."""

from typing import Any
from urllib.parse import unquote

from gradio import mcp
from gradio_client import handle_file

from ..words import en as text
from .doors import FILE_ADDRESS
from .upload_folder import NotUploadedError

_FILE = "a data: address, or the address of a file that was uploaded to this page"


class Tools(mcp.GradioMCPServer):
    """gradio's server, whose own schemas of lists of files point nowhere, and which fetches uploads of this page as it
    would a stranger's address."""

    def get_input_schema(self, tool_name: str, parameters: dict[str, str] | None = None) -> tuple[dict, list]:
        schema, places = super().get_input_schema(tool_name, parameters)
        return _without_references(schema), places

    def convert_strings_to_filedata(self, value: dict[str, Any], filedata_positions: list) -> dict[str, Any]:
        """The arguments of a call, with files for what names them.

        Raises:
            ValueError: a file that is none of this page's uploads.
        """
        taken = dict(value)
        for name in {place[0] for place in filedata_positions} & value.keys():
            given = value[name]
            taken[name] = [self._file(one) for one in given] if isinstance(given, list) else self._file(given)
        return taken

    def _file(self, said: Any) -> Any:
        if not isinstance(said, str):
            return said
        if said.startswith("data:"):
            return super().convert_strings_to_filedata({"file": said}, [["file"]])["file"]
        # gradio's client would read any path that it is given, and this one runs on the server.
        try:
            own = self.blocks.uploads.own(unquote(said.rpartition(FILE_ADDRESS)[2]))
        except NotUploadedError:
            raise ValueError(text.NOT_TAKEN) from None
        if not own.is_file():
            raise ValueError(text.FILE_GONE)
        return handle_file(own)


def serve() -> None:
    """Have gradio serve agents by the class above."""
    mcp.GradioMCPServer = Tools


def _without_references(node: Any) -> Any:
    """A schema without gradio's definitions of a file: its strings for files do not need them, and they stand too deep
    to be found."""
    if isinstance(node, list):
        return [_without_references(one) for one in node]
    if not isinstance(node, dict):
        return node
    kept = {name: _without_references(inner) for name, inner in node.items() if name not in ("$ref", "$defs")}
    return kept | {"format": _FILE} if str(kept.get("format", "")).startswith("Gradio File Input") else kept
