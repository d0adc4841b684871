"""Where the tests' own data lie."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data"  # 28 real lesions, four a class (ATTRIBUTION.md there)
MASKS = ROOT / "tests" / "masks"
