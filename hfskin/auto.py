"""Registration with transformers' Auto classes and its pipelines, here and nowhere else. Importing this does it."""

import functools
import gc

from .model.torchvision_import import import_torchvision

# torch, timm and transformers make a million objects that all stay; looking through them for garbage while they are
# imported costs a quarter of the time.
_collecting = gc.isenabled()
gc.disable()

import_torchvision()

from transformers import AutoConfig, AutoImageProcessor, AutoModelForImageClassification  # noqa: E402
from transformers.models.auto.video_processing_auto import VIDEO_PROCESSOR_MAPPING  # noqa: E402
from transformers.pipelines import PIPELINE_REGISTRY  # noqa: E402

from .checkpoints.hub import hub_errors  # noqa: E402
from .inference.pipeline import TASK, SkinLesionPipeline, load  # noqa: E402
from .model.configuration_hfskin import HfskinConfig  # noqa: E402
from .model.image_processing_hfskin import HfskinImageProcessor  # noqa: E402
from .model.modeling_hfskin import HfskinForImageClassification, HfskinOutput  # noqa: E402

__all__ = [
    "HfskinConfig",
    "HfskinForImageClassification",
    "HfskinImageProcessor",
    "HfskinOutput",
    "SkinLesionPipeline",
    "load",
]

AutoConfig.register("hfskin", HfskinConfig)
AutoModelForImageClassification.register(HfskinConfig, HfskinForImageClassification)
AutoImageProcessor.register(
    HfskinConfig, image_processor_classes={"pil": HfskinImageProcessor, "torchvision": HfskinImageProcessor}
)
# transformers.pipeline also tries for a video processor. Where none is registered, it takes the image processor's code
# in the repository for one, and asks at the terminal whether that may run.
VIDEO_PROCESSOR_MAPPING.register(HfskinConfig, {})
PIPELINE_REGISTRY.register_pipeline(TASK, SkinLesionPipeline, pt_model=AutoModelForImageClassification, type="image")

# save_pretrained and push_to_hub then copy the code of hfskin/model beside the weights, for trust_remote_code.
HfskinConfig.register_for_auto_class()
HfskinForImageClassification.register_for_auto_class("AutoModelForImageClassification")
HfskinImageProcessor.register_for_auto_class()


def _push_to_hub(self, repo_id: str, **kwargs) -> str:
    """See `hfskin.hub.push_model.push_model`: processor, metrics and card go along with the model."""
    from .hub.push_model import push_model  # not needed to look at a picture

    return push_model(self, repo_id, **kwargs)


HfskinForImageClassification.push_to_hub = _push_to_hub


def _explain_failures(loadable: type) -> None:
    """Let `from_pretrained` of a class fail as `load` does; the classes' own files travel without it."""
    from_pretrained = loadable.from_pretrained.__func__  # type: ignore[attr-defined]

    @functools.wraps(from_pretrained)
    def explained(cls, pretrained_model_name_or_path, *args, **kwargs):
        with hub_errors(pretrained_model_name_or_path, kwargs.get("revision")):
            return from_pretrained(cls, pretrained_model_name_or_path, *args, **kwargs)

    loadable.from_pretrained = classmethod(explained)  # type: ignore[attr-defined]


for _loadable in (HfskinConfig, HfskinForImageClassification, HfskinImageProcessor):
    _explain_failures(_loadable)

if _collecting:
    gc.enable()
