"""The paper's Tables 4 to 9, as printed; `complexity.py` holds its Table 3.

Nguyen, Bui, Do: Skin Lesion Classification on Imbalanced Data Using Deep Learning with Soft Attention. Sensors 2022,
22, 7530, in its manuscript form ("Diagnostic Support of Skin Lesion Classification Using CNN and Soft Attention").
"""

TABLE4 = {"inception_resnet_v2": 0.93, "densenet201": 0.91, "resnet50": 0.92, "vgg16": 0.88}
TABLE5 = {
    "inception_resnet_v2": 0.89, "densenet201": 0.89, "resnet50": 0.70, "resnet152": 0.57, "mobilenet_v2": 0.81,
    "mobilenet_v3_large": 0.84, "mobilenet_v3_small": 0.78, "nasnet_large": 0.86, "nasnet_mobile": 0.86,
}  # fmt: skip

# (backbone, condition): the classes in the order of CLASSES, then the mean that the paper prints.
TABLE6 = {
    ("densenet201", "augmented"): (0.67, 0.78, 0.64, 0.67, 0.61, 0.96, 0.91, 0.74),
    ("inception_resnet_v2", "augmented"): (0.69, 0.88, 0.77, 0.29, 0.66, 0.98, 1.00, 0.75),
    ("resnet50", "augmented"): (0.53, 0.86, 0.68, 0.67, 0.57, 0.97, 0.95, 0.74),
    ("vgg16", "augmented"): (0.65, 0.70, 0.52, 0.40, 0.53, 0.95, 0.95, 0.67),
    ("densenet201", "metadata"): (0.84, 0.77, 0.81, 0.83, 0.69, 0.94, 0.97, 0.83),
    ("inception_resnet_v2", "metadata"): (0.77, 0.83, 0.83, 0.64, 0.75, 0.94, 0.70, 0.81),
    ("resnet50", "metadata"): (0.49, 0.59, 0.55, 0.36, 0.45, 0.83, 0.80, 0.58),
    ("resnet152", "metadata"): (0.42, 0.38, 0.41, 0.15, 0.40, 0.75, 0.75, 0.46),
    ("nasnet_large", "metadata"): (0.79, 0.79, 0.80, 0.74, 0.65, 0.92, 0.92, 0.80),
    ("mobilenet_v2", "metadata"): (0.68, 0.79, 0.66, 0.78, 0.54, 0.90, 0.90, 0.75),
    ("mobilenet_v3_large", "metadata"): (0.72, 0.76, 0.75, 0.92, 0.58, 0.92, 0.92, 0.79),
    ("mobilenet_v3_small", "metadata"): (0.60, 0.72, 0.61, 0.75, 0.47, 0.89, 0.89, 0.70),
    ("nasnet_mobile", "metadata"): (0.76, 0.74, 0.78, 0.73, 0.63, 0.93, 0.93, 0.78),
}
TABLE7 = {
    ("densenet201", "augmented"): (0.52, 0.77, 0.58, 0.50, 0.71, 0.97, 1.00, 0.72),
    ("inception_resnet_v2", "augmented"): (0.52, 0.88, 0.83, 0.17, 0.65, 0.98, 1.00, 0.71),
    ("resnet50", "augmented"): (0.43, 0.85, 0.70, 0.50, 0.47, 0.98, 0.90, 0.69),
    ("vgg16", "augmented"): (0.61, 0.81, 0.44, 0.44, 0.68, 0.95, 0.90, 0.69),
    ("densenet201", "metadata"): (0.85, 0.75, 0.78, 0.83, 0.63, 0.96, 1.00, 0.82),
    ("inception_resnet_v2", "metadata"): (0.82, 0.84, 0.81, 0.67, 0.70, 0.95, 0.93, 0.81),
    ("resnet50", "metadata"): (0.67, 0.63, 0.54, 0.83, 0.63, 0.74, 0.86, 0.70),
    ("resnet152", "metadata"): (0.51, 0.49, 0.35, 0.76, 0.47, 0.63, 0.48, 0.52),
    ("nasnet_large", "metadata"): (0.73, 0.71, 0.83, 0.92, 0.59, 0.90, 0.93, 0.81),
    ("mobilenet_v2", "metadata"): (0.70, 0.86, 0.72, 0.75, 0.58, 0.86, 1.00, 0.78),
    ("mobilenet_v3_large", "metadata"): (0.72, 0.76, 0.75, 0.92, 0.58, 0.92, 0.92, 0.80),
    ("mobilenet_v3_small", "metadata"): (0.76, 0.84, 0.68, 1.00, 0.52, 0.82, 0.93, 0.79),
    ("nasnet_mobile", "metadata"): (0.82, 0.73, 0.83, 0.92, 0.53, 0.93, 0.93, 0.81),
}

# Table 8's rows, each with where ours stands in the metrics of one run; all but the first are means over the classes.
TABLE8_METRICS = {
    "accuracy": ("accuracy",),
    "balanced accuracy": ("macro", "class_balanced_accuracy"),
    "precision": ("macro", "precision"),
    "F1": ("macro", "f1"),
    "sensitivity": ("macro", "sensitivity"),
    "specificity": ("macro", "specificity"),
    "ROC AUC": ("auc_macro",),
}
TABLE8 = {
    "mobilenet_v2": (0.81, 0.86, 0.71, 0.75, 0.78, 0.95, 0.96),
    "mobilenet_v3_small": (0.78, 0.87, 0.63, 0.70, 0.79, 0.95, 0.95),
    "mobilenet_v3_large": (0.86, 0.87, 0.75, 0.79, 0.80, 0.95, 0.96),
    "nasnet_mobile": (0.86, 0.88, 0.73, 0.78, 0.81, 0.96, 0.97),
}

# Accuracy and the time of a prediction in seconds ("s/epochs"); Table 9's parameters and depth are Table 3's.
TABLE9 = {"mobilenet_v3_large": (0.86, 116), "densenet201": (0.89, 1000), "inception_resnet_v2": (0.90, 3500)}
