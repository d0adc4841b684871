"""Ways to train: as the paper did, as one would today, and on from there."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Recipe:
    """Everything of a training run that is not data, backbone or machine."""

    epochs: int
    learning_rate: float
    batch_size: int = 32  # what a step of the optimiser sees, however many processes and parts share it
    accumulation: int = 1  # parts in which a batch is computed, one after the other; BatchNorm sees one part
    native_size: bool = False  # pictures of the backbone's own input size, where the run names none
    optimizer: str = "adamw"  # or "keras_adam", see keras_adam.py
    adam_epsilon: float = 1e-8
    weight_decay: float = 0.0  # decoupled (AdamW); at 0 AdamW is Adam
    schedule: str = "cosine"  # a transformers schedule; "reduce_lr_on_plateau" is the paper's
    warmup: float = 0.0  # share of all steps
    gradient_clip: float = 1.0  # largest norm of the gradient, 0 turns it off
    precision: str = "bf16"  # on a GPU; "fp16" for older ones, "fp32" computes in full precision everywhere
    drop_last: bool = True  # leave out the last batch of an epoch where it is not full
    weight_power: float = 1.0  # of the class weights, see losses.class_weights
    weight_mean: float = 1.0  # of the class weights over the pictures; 7 makes the paper's formula the plain N / N_c
    melanoma_weight: float = 1.0  # melanoma's class weight times this, after `weight_mean`
    sampling_power: float = 0.0  # above 0, rare classes come more often and weigh less, see sampling.class_quotas
    label_smoothing: float = 0.0
    augment: float = 0.0  # strength of the augmentation, see data/transforms.py; 0 leaves the pictures as they are
    start_scale: float = 1.0  # progressive resizing: the first epochs see pictures this much smaller
    metadata_dropout: float = 0.0  # where pictures are augmented: how often they come without metadata
    ema_decay: float = 0.0  # exponential moving average of the weights, 0 turns it off
    early_stopping: int = 0  # epochs without a better validation metric, 0 turns it off
    metric: str = "bma"  # of the validation part, chooses the checkpoint
    backbone_cut: str = "full"
    pooling: str = "avg"
    attention_maps: int = 16  # 0 leaves Soft-Attention out
    attention_gamma: float = 1.0
    metadata_hidden: int = 4096
    dropout: float = 0.5
    drop_path_rate: float = 0.0
    freeze_early: bool = False  # the layers up to the map of stride 8 keep their weights, which saves time
    freeze_backbone: bool = False  # the head and Soft-Attention alone learn; BatchNorm's statistics go on


# Sections 2.2 to 2.5. Batch size and the plateau's patience are not in the text; 32 and 5 follow the authors'
# notebooks. What else its text leaves open, and how it was decided, stands in docs/paper_tables.md.
PAPER = Recipe(
    epochs=150,
    learning_rate=1e-3,
    native_size=True,
    optimizer="keras_adam",
    adam_epsilon=0.1,
    schedule="reduce_lr_on_plateau",
    gradient_clip=0.0,
    precision="fp32",
    drop_last=False,
    early_stopping=25,
    metric="accuracy",
    backbone_cut="paper",
    pooling="flatten",
    attention_gamma=0.01,
)

MODERN = Recipe(
    epochs=20,
    learning_rate=6e-4,
    weight_decay=0.05,
    warmup=0.06,
    weight_power=0.75,  # towards melanoma's sensitivity; 1 would cost calibration
    sampling_power=0.5,  # docs/experiments.md
    label_smoothing=0.05,
    augment=1.0,
    start_scale=2 / 3,
    metadata_dropout=0.3,
    ema_decay=0.998,
    metadata_hidden=128,
    drop_path_rate=0.1,
)

# To go on from a checkpoint (`hfskin train --from`), once or several times to average the results: a missed melanoma
# costs more, and the early layers stay as they are. More epochs, or sampling rare classes more often here too, changed
# little (docs/cross_validation.md).
CONTINUE = replace(MODERN, epochs=10, learning_rate=3e-4, melanoma_weight=2.0, sampling_power=0.0, freeze_early=True)

# To go on from a checkpoint with `--masks`: its Soft-Attention learns where the lesion is, and little else changes.
ATTENTION_SUPERVISION = replace(
    CONTINUE, epochs=3, learning_rate=1e-3, start_scale=1.0, freeze_early=False, freeze_backbone=True
)

# To go on from a checkpoint too: the last epochs, on pictures nearly as they are. What the strong augmentation costs on
# them (docs/experiments.md) comes back, and what it gave on changed ones mostly stays.
FINE_TUNE = replace(CONTINUE, epochs=3, augment=0.2, start_scale=1.0)

# A small network, to be an ensemble member beside a larger one (`hfskin ensemble`): few epochs of mild augmentation.
MEMBER = replace(MODERN, epochs=4, augment=0.3, start_scale=1.0, melanoma_weight=1.5)

RECIPES = {
    "paper": PAPER, "modern": MODERN, "continue": CONTINUE, "attention-supervision": ATTENTION_SUPERVISION,
    "fine-tune": FINE_TUNE, "member": MEMBER,
}  # fmt: skip

# What the paper compares, as changes to a recipe: metadata with its weighted loss; augmented pictures without either
# (its Tables 4, 6 and 7); metadata with two other weightings of the loss; and a model without one of its two branches.
# Its formula N / (C N_c) is the plain inverse share N / N_c divided by the number of classes.
CONDITIONS: dict[str, dict] = {
    "metadata": {},
    "augmented": {"augment": 1.0, "weight_power": 0.0, "metadata_hidden": 0, "metadata_dropout": 0.0},
    "unweighted": {"weight_power": 0.0},
    "inverse_share": {"weight_power": 1.0, "weight_mean": 7.0},
    "no_metadata": {"metadata_hidden": 0, "metadata_dropout": 0.0},
    "no_attention": {"attention_maps": 0},
}
