"""Registration with transformers' Auto classes and its pipelines, here and nowhere else. Importing this does it."""

from .inference.machine import collecting_no_garbage

with collecting_no_garbage():
    from .model.torchvision_import import import_torchvision

    import_torchvision()

    from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoModelForImageClassification
    from transformers.models.auto.video_processing_auto import VIDEO_PROCESSOR_MAPPING
    from transformers.pipelines import PIPELINE_REGISTRY

    from .checkpoints.hub import hub_errors
    from .inference.pipeline import TASK, SkinLesionPipeline
    from .model.configuration_hfskin import HfskinConfig
    from .model.image_processing_hfskin import HfskinImageProcessor
    from .model.modeling_hfskin import HfskinForImageClassification, HfskinModel, HfskinOutput
    from .model.surroundings import surroundings

__all__ = [
    "HfskinConfig",
    "HfskinForImageClassification",
    "HfskinImageProcessor",
    "HfskinModel",
    "HfskinOutput",
    "SkinLesionPipeline",
]

AutoConfig.register("hfskin", HfskinConfig)
AutoModel.register(HfskinConfig, HfskinModel)
AutoModelForImageClassification.register(HfskinConfig, HfskinForImageClassification)
AutoImageProcessor.register(
    HfskinConfig, image_processor_classes={"pil": HfskinImageProcessor, "torchvision": HfskinImageProcessor}
)
# transformers.pipeline also tries for a video processor. Where none is registered, it takes the image processor's code
# in the repository for one, and asks at the terminal whether that may run.
VIDEO_PROCESSOR_MAPPING.register(HfskinConfig, {})
PIPELINE_REGISTRY.register_pipeline(TASK, SkinLesionPipeline, pt_model=AutoModelForImageClassification, type="image")


def _push_model(model: HfskinForImageClassification, repo_id: str, **kwargs) -> str:
    from .hub.push_model import push_model  # not needed to look at a picture

    return push_model(model, repo_id, **kwargs)


surroundings.hub_errors = hub_errors
surroundings.push_model = _push_model
