"""From a picture and what is known of the patient to an answer."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before ONNX Runtime is imported: it must not phone home either
