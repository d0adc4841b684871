"""A checkpoint as a file that ONNX Runtime answers from: in float32, or in 8 bits."""
