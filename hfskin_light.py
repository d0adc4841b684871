"""hfskin without torch: answers by ONNX Runtime, imported in a fraction of the time.

```python
import hfskin_light

pipeline = hfskin_light.load()  # or a checkpoint folder or Hub id with a model.onnx, or a file of `hfskin export`
prediction = pipeline("lesion.jpg", age=55, sex="male", localization="back")
```

For programs that answer, such as the page and `hfskin predict`. Where this is imported first, `import hfskin` does not
register its classes with transformers; programs that use transformers' Auto classes import hfskin alone.
"""

from hfskin.inference.backend import load
from hfskin.inference.onnx import OnnxError, OnnxPipeline
from hfskin.inference.prediction import Prediction
from hfskin.model.image_reading import ImageError
from hfskin.model.metadata import MetadataError

__all__ = ["ImageError", "MetadataError", "OnnxError", "OnnxPipeline", "Prediction", "load"]


def main() -> None:
    """The command `hfskin`."""
    from hfskin.cli import app

    app()
