"""The page: one picture, many pictures, and what answers. Before gradio is imported: it must not phone home."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
