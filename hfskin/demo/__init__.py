"""The page: one picture, many pictures, and what answers. Before gradio is imported: what it reads only then."""

import os
import secrets
import tempfile
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # it must not phone home
# What is uploaded lies in a folder of this process's own, and goes with it; gradio's own is shared and stays.
FILES = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()).resolve() / f"hfskin-{secrets.token_hex(8)}"
os.environ["GRADIO_TEMP_DIR"] = str(FILES)
