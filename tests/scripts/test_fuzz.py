"""The short form of scripts/fuzz, and hypothesis on what people type."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paths import ROOT

from hfskin.data.patients import read_patients
from hfskin.data.tables import MetadataTableError
from hfskin.model.image_reading import ImageError, read_image
from hfskin.model.metadata import METADATA_SIZE, MetadataError, encode_metadata
from scripts.fuzz.checkpoint_targets import Config

pytestmark = pytest.mark.slow

ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.complex_numbers(),
    st.just(10**5000), st.sampled_from(["male", "F", "back", "12"]), st.lists(st.integers(), max_size=3),
)  # fmt: skip
QUICK = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@QUICK
@given(ANYTHING, ANYTHING, ANYTHING)
def test_whatever_is_typed_is_encoded_or_named(age, sex, localization):
    try:
        vector = encode_metadata(age, sex, localization)
    except MetadataError as error:
        vector = np.zeros(METADATA_SIZE)
        message = str(error)
    else:
        message = ""
    assert len(message) < 400
    assert vector.shape == (METADATA_SIZE,)
    assert np.isfinite(vector).all()


@QUICK
@given(st.lists(st.lists(st.text(max_size=20), max_size=5), max_size=5), st.sampled_from([",", "\n", '"', ""]))
def test_whatever_table_is_sent_is_read_or_refused(tmp_path_factory, rows, tail):
    path = tmp_path_factory.getbasetemp() / "fuzzed.csv"
    text = "image_id,age,sex\n" + "\n".join(",".join(row) for row in rows) + tail
    path.write_bytes(text.encode(errors="surrogatepass"))
    try:
        read = len(read_patients(path))
    except MetadataTableError:
        read = 0
    assert read <= text.count("\n") + text.count("\r")


STARTS = [b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"RIFF    WEBP"]


@QUICK
@given(st.sampled_from(STARTS), st.binary())
def test_no_bytes_behind_a_magic_number_are_too_much(start, rest):
    with pytest.raises(ImageError, match=r"^image: "):
        read_image(start + rest)


@pytest.mark.parametrize(
    ("targets", "inputs"), [(["picture", "zip", "table", "patients"], 200), (["config", "processor", "weights"], 25)]
)
def test_a_few_inputs_of_the_long_form(targets, inputs):
    command = [sys.executable, "-m", "scripts.fuzz", "--target", *targets, "--inputs", str(inputs)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    total = f"total: {len(targets) * inputs} inputs, 0 findings, {len(targets)} targets"
    assert done.stdout.splitlines()[-1] == total


def test_a_refusal_is_no_finding(tmp_path):
    target = Config(tmp_path)
    target.run(json.dumps(json.loads(target.good) | {"gate_threshold": 10**9}).encode())
    with pytest.raises(target.documented):
        target.run(json.dumps(json.loads(target.good) | {"temperature": 0}).encode())
