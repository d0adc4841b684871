"""The paper's stack: MobileNetV3-Large with Soft-Attention and metadata in Keras, as a process that answers batches.

    PYTHON keras_peer.py THREADS

Nothing of hfskin is imported: PYTHON needs TensorFlow alone. It says its versions in a line of JSON; then each line of
its input is a batch size, which it answers with a line when the prediction is done. The end of the input ends it, with
a last line: the peak of its memory in MB.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

SIDE, METADATA_SIZE, CLASSES = 224, 19, 7


class SoftAttention(layers.Layer):
    """gamma * t * sum_k softmax(W_k * t), as `hfskin.model.soft_attention` (paper, section 2.2.2), channels last."""

    def __init__(self, maps: int = 16, gamma: float = 0.01):
        super().__init__()
        self.conv = layers.Conv2D(maps, 3, padding="same", use_bias=False)
        self.maps, self.start = maps, gamma

    def build(self, shape):
        self.conv.build(shape)
        self.gamma = self.add_weight(shape=(1,), initializer=keras.initializers.Constant(self.start))

    def call(self, t):
        _, height, width, _ = t.shape
        maps = ops.softmax(ops.reshape(self.conv(t), (-1, height * width, self.maps)), axis=1)
        return self.gamma * ops.reshape(ops.sum(maps, axis=-1), (-1, height, width, 1)) * t


def build_model() -> keras.Model:
    """The paper's Figure 7: pictures (B, 224, 224, 3) and metadata (B, 19) -> probabilities (B, 7)."""
    backbone = keras.applications.MobileNetV3Large(
        input_shape=(SIDE, SIDE, 3), include_top=False, weights=None, include_preprocessing=False
    )
    t = backbone.output
    pool = layers.MaxPooling2D(2, padding="same")
    x = layers.ReLU()(layers.Concatenate()([pool(t), pool(SoftAttention()(t))]))
    x = layers.Flatten()(layers.Dropout(0.5)(x))
    metadata = layers.Input((METADATA_SIZE,))
    x = layers.Concatenate()([x, layers.Dense(4096, activation="relu")(metadata)])
    return keras.Model([backbone.input, metadata], layers.Dense(CLASSES, activation="softmax")(x))


def main() -> None:
    threads = int(sys.argv[1])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    model = build_model()
    versions = {"tensorflow": tf.__version__, "keras": keras.__version__}
    print(json.dumps({"versions": versions, "parameters": model.count_params()}), flush=True)
    random, inputs = np.random.default_rng(0), {}
    for line in sys.stdin:
        batch = int(line)
        if batch not in inputs:
            shapes = (batch, SIDE, SIDE, 3), (batch, METADATA_SIZE)
            inputs[batch] = [random.random(shape, dtype=np.float32) for shape in shapes]
        model.predict_on_batch(inputs[batch])
        print("done", flush=True)
    status = Path("/proc/self/status").read_text().splitlines()
    print(int(next(line.split()[1] for line in status if line.startswith("VmHWM:"))) * 1024 / 10**6)


if __name__ == "__main__":
    main()
