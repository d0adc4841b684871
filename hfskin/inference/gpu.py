"""Whether there is a GPU, asked without importing torch."""

import ctypes
import sys


def has_cuda() -> bool:
    """Whether NVIDIA's driver is there and knows a GPU."""
    count = ctypes.c_int()
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    except (OSError, AttributeError):
        return False
