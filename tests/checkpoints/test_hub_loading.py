"""Loading from the Hub, over HTTP: by every road, and what is said where there is none."""

import io
import json
import logging
import sys

import numpy as np
import pytest
from hub_fixtures import PICTURE, local_logits, logits, message_of

pytestmark = pytest.mark.slow

pytest_plugins = ["hub_fixtures"]


def load_by_classes(name, **kwargs):
    import hfskin

    model = hfskin.HfskinForImageClassification.from_pretrained(name, **kwargs)
    return logits(model, hfskin.HfskinImageProcessor.from_pretrained(name, **kwargs))


def load_by_auto_classes(name, **kwargs):
    from transformers import AutoConfig, AutoImageProcessor, AutoModelForImageClassification

    import hfskin.auto

    config = AutoConfig.from_pretrained(name, **kwargs)
    model = AutoModelForImageClassification.from_pretrained(name, **kwargs)
    processor = AutoImageProcessor.from_pretrained(name, **kwargs)
    assert (type(config), type(model)) == (hfskin.HfskinConfig, hfskin.HfskinForImageClassification)
    assert type(processor) is hfskin.HfskinImageProcessor
    return logits(model, processor)


def load_by_hfskin(name, **kwargs):
    import hfskin

    return hfskin.load(name, **kwargs)(PICTURE, age=55, sex="male", localization="back").probabilities


def load_by_task(name):
    from transformers import pipeline

    import hfskin.auto  # noqa: F401

    return pipeline("skin-lesion-classification", model=name)(
        PICTURE, age=55, sex="male", localization="back"
    ).probabilities


def load_by_image_task(name):
    from transformers import pipeline

    import hfskin.auto  # noqa: F401

    return pipeline("image-classification", model=name, top_k=7)(PICTURE)


def asked_by_a_pipeline(task, name):
    """How much a pipeline reads from the terminal, at which a person could say yes to code of the repository."""
    from transformers import pipeline

    import hfskin.auto  # noqa: F401

    sys.stdin, terminal = io.StringIO("n\n" * 9), sys.stdin
    try:
        pipeline(task, model=name)
        return sys.stdin.tell()
    finally:
        sys.stdin = terminal


def load_twice(name):
    """What a second download says after a first one left a cut-off file in the cache."""
    from huggingface_hub import hf_hub_download

    import hfskin

    weights = hf_hub_download(name, "model.safetensors")
    with open(weights, "r+b") as file:
        file.truncate(1000)
    said = message_of(hfskin.load, name)
    return said, hfskin.load(name, force_download=True)(PICTURE).label


def failures_of_the_classes(name, **kwargs):
    """What each class says that hfskin brings."""
    import hfskin

    classes = hfskin.HfskinConfig, hfskin.HfskinImageProcessor, hfskin.HfskinForImageClassification
    return [message_of(loadable.from_pretrained, name, **kwargs) for loadable in classes]


def failure_of_the_auto_class(name):
    from transformers import AutoModelForImageClassification

    import hfskin.auto  # noqa: F401

    return message_of(AutoModelForImageClassification.from_pretrained, name)


def failure(name, **kwargs):
    import hfskin

    return message_of(hfskin.load, name, **kwargs)


def test_the_same_logits_by_every_road(client, checkpoint, pushed):
    expected = client(local_logits, checkpoint)
    np.testing.assert_allclose(client(load_by_classes, pushed), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(client(load_by_auto_classes, pushed), expected, rtol=1e-5, atol=1e-6)
    scores = {row["label"]: row["score"] for row in client(load_by_image_task, pushed)}
    softmax = np.exp(expected) / np.exp(expected).sum()
    np.testing.assert_allclose(
        list(map(scores.get, ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"))), softmax, rtol=1e-5
    )


def test_both_pipelines_with_metadata_agree_with_the_folder(client, checkpoint, pushed):
    expected = client(load_by_hfskin, checkpoint)
    assert client(load_by_hfskin, pushed) == pytest.approx(expected, abs=1e-6)
    assert client(load_by_task, pushed) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("task", ["image-classification", "skin-lesion-classification"])
def test_with_hfskin_no_pipeline_asks_for_trust(client, pushed, task):
    assert client(asked_by_a_pipeline, task, pushed) == 0


def test_a_revision_pins(hub, client, checkpoint, pushed):
    repo = hub.repo(pushed)
    first = repo.commits[-1]
    config = json.loads(first[1]["config.json"])
    repo.commit({**first[1], "config.json": json.dumps({**config, "temperature": 2.0}).encode()})
    try:
        expected = np.array(client(local_logits, checkpoint))
        np.testing.assert_allclose(client(load_by_auto_classes, pushed), expected / 2, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            client(load_by_auto_classes, pushed, revision=first[0]), expected, rtol=1e-5, atol=1e-6
        )
    finally:
        repo.commits.pop()


def test_a_repository_without_its_processor_is_refused(hub, client, pushed):
    files = {name: data for name, data in hub.repo(pushed).files.items() if name != "preprocessor_config.json"}
    hub.add("org/no-processor", files)
    assert "save the processor too" in client(failure, "org/no-processor")


def test_pickled_weights_are_refused(hub, client, pushed):
    files = {name: data for name, data in hub.repo(pushed).files.items() if name != "model.safetensors"}
    hub.add("org/pickled", {**files, "pytorch_model.bin": b"\x80\x04cos\nsystem\n(S'false'\ntR."})
    assert "has no model.safetensors" in client(failure, "org/pickled")
    assert "a pickled file can run code" in client(failure_of_the_auto_class, "org/pickled")


@pytest.mark.parametrize(
    ("name", "kwargs", "said"),
    [
        ("org/nobody", {}, "no such folder or repository, or a private one"),
        ("org/tiny", {"revision": "v9"}, "no revision 'v9'"),
        ("org/tiny", {"token": "hf_expired", "revision": "v8"}, "no valid token"),
    ],
)
def test_from_pretrained_says_what_load_says(client, pushed, name, kwargs, said):
    for message in client(failures_of_the_classes, name, **kwargs):
        assert said in message
        assert message.count("\n") == 0


@pytest.mark.parametrize(
    ("name", "kwargs", "said"),
    [
        ("org/nobody", {}, "no such folder or repository, or a private one"),
        ("./no/such/folder", {}, "neither a folder nor a name on the Hub"),
        ("org/tiny", {"revision": "v9"}, "no revision 'v9'"),
        ("org/hidden", {"token": False}, "log in with `hf auth login` or set HF_TOKEN"),
        ("org/never-seen", {"token": "hf_expired"}, "no valid token"),
        ("org/empty", {}, "has no config.json, so it is not a checkpoint"),
    ],
)
def test_what_is_said_where_there_is_nothing(hub, client, pushed, name, kwargs, said):
    hub.add("org/hidden", hub.repo(pushed).files, private=True)
    hub.add("org/empty", {})
    message = client(failure, name, **kwargs)
    assert said in message
    assert message.count("\n") == 0
    assert len(message) < 250


def test_a_private_repository_loads_with_a_token(hub, client, pushed):
    hub.add("org/hidden", hub.repo(pushed).files, private=True)
    assert client(load_by_hfskin, "org/hidden") == client(load_by_hfskin, pushed)


def test_a_download_that_breaks_off(hub, client, pushed):
    hub.add("org/cut", hub.repo(pushed).files)
    hub.cut_downloads = True
    try:
        assert "broke off" in client(failure, "org/cut")
    finally:
        hub.cut_downloads = False
    assert client(load_by_hfskin, "org/cut") == client(load_by_hfskin, pushed)


def test_a_half_written_file_in_the_cache(hub, client, pushed):
    hub.add("org/half", hub.repo(pushed).files)
    said, label = client(load_twice, "org/half")
    assert "only half there" in said
    assert "`hf cache rm model/org/half`" in said
    assert "force_download=True" in said
    assert label is not None


def test_a_dead_network(client, pushed, dead_endpoint):
    assert "cannot be reached" in client(failure, "org/never-seen", endpoint=dead_endpoint)


def begin_with_timms_weights():
    """What a training run says of them, and what huggingface_hub logs."""
    from hfskin.training.recipes import RECIPES
    from hfskin.training.start import create_model

    logged: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: logged.append(record.getMessage())
    logging.getLogger("huggingface_hub").addHandler(handler)
    try:
        create_model(RECIPES["fine-tune"], "mobilenet_v3_small", "timm", (64, 64))
    except ValueError as error:
        return str(error), logged
    return None, logged


def test_weights_to_begin_with_are_asked_for_once(cut_off):
    said, logged = cut_off(begin_with_timms_weights)
    assert "cannot be reached; check the network, then try again. Without a network: a safetensors file" in said
    assert logged == []  # such as "Retrying in 8s", for a minute


def test_the_cache_serves_where_the_network_is_dead(client, pushed, dead_endpoint):
    expected = client(load_by_hfskin, pushed)
    assert client(load_by_hfskin, pushed, endpoint=dead_endpoint) == expected


def test_an_exception_that_is_raised_again_ends(client):
    assert client(explain_a_ring) is None


def explain_a_ring():
    from hfskin.checkpoints.hub import explain

    outer, inner = KeyError("outer"), KeyError("inner")
    outer.__cause__, inner.__context__ = inner, outer
    return explain(outer, "org/name")


def chosen_on_the_page(name, picture):
    """What the page's Compare tab gets of a repository."""
    from hfskin.demo.checkpoints import Checkpoints

    checkpoints = Checkpoints()
    chosen = checkpoints.renew(name)
    probabilities = checkpoints.run(chosen.pipeline, picture).probabilities
    return chosen.name, chosen.revision, chosen.file("README.md") is not None, probabilities


def test_the_page_answers_by_a_repository_at_its_newest_commit(hub, client, checkpoint, pushed):
    name, revision, has_card, probabilities = client(chosen_on_the_page, pushed, PICTURE)
    assert (name, has_card) == (pushed, True)
    assert revision == hub.repo(pushed).commits[-1][0][:12]
    assert probabilities == pytest.approx(client(chosen_on_the_page, str(checkpoint), PICTURE)[3], abs=1e-5)
