"""The Space: the page of hfskin with the embedded checkpoint, or with the one that HFSKIN_MODEL names.

Host and port: GRADIO_SERVER_NAME and GRADIO_SERVER_PORT. As an MCP server too: GRADIO_MCP_SERVER=true.
"""

import os

from hfskin.cli.console import one_line_errors
from hfskin.demo.ui import build_page, launch_options

with one_line_errors():
    page = build_page(os.environ.get("HFSKIN_MODEL") or None)

if __name__ == "__main__":
    page.launch(**launch_options())
