"""Fetch transformers' own common tests, of the version that is installed, for tests/model/test_transformers_common.py.

They are in its sdist alone, which is 10 MB. `python scripts/transformers_tests.py [SDIST]` unpacks them, from a file
that is there already or from the package index, to build/transformers_tests.
"""

import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

TARGET = Path(__file__).parents[1] / "build" / "transformers_tests"
# What the common tests import and the sdist lacks; of none of it is anything used for a model that reads pictures.
ABSENT = {
    "exporters/__init__.py": "",
    "exporters/test_export.py": "class ExportTesterMixin:\n    pass\n",
    "generation/__init__.py": "",
    "generation/test_utils.py": "class GenerationTesterMixin:\n    pass\n",
    "fetch_hub_objects_for_ci.py": "def url_to_local_path(url):\n    return url\n",
}


def main() -> None:
    if len(sys.argv) > 1:
        unpack(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        wanted = ["--no-binary", ":all:", "--no-deps", f"transformers=={version('transformers')}"]
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", *wanted, "-d", folder], check=True)
        unpack(next(Path(folder).glob("transformers-*.tar.gz")))


def unpack(sdist: Path) -> None:
    """Write the common tests as a package of their own, whose name does not clash with a `tests`."""
    TARGET.mkdir(parents=True, exist_ok=True)
    (TARGET / "__init__.py").touch()
    with tarfile.open(sdist) as archive:
        for member in archive.getmembers():
            parts = Path(member.name).parts
            if len(parts) == 3 and parts[1] == "tests" and member.isfile():
                (TARGET / parts[2]).write_bytes(archive.extractfile(member).read())
    for name, text in ABSENT.items():
        path = TARGET / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (TARGET / "VERSION").write_text(sdist.name.removeprefix("transformers-").removesuffix(".tar.gz"))


if __name__ == "__main__":
    main()
