"""The page's tabs for many pictures, for another checkpoint, and about the checkpoint that answers."""

from types import ModuleType

import gradio as gr

from ..checkpoints.hub import HubError
from ..data.tables import MetadataTableError
from ..model.image_reading import SUFFIXES
from ..model.metadata import understood
from .answer import failure_html
from .batch import SORT, look_at_all, rows_html
from .card import plots_html, render_card
from .checkpoints import Checkpoints
from .compare import compare
from .components import scroll_to
from .look import Question
from .upload_folder import FILE_MINUTES
from .uploads import MAX_FILE, MAX_PICTURES


def batch_tab(checkpoints: Checkpoints, chosen: gr.State, text: ModuleType) -> None:
    gr.Markdown(text.BATCH_INTRO.format(pictures=MAX_PICTURES))
    with gr.Row():
        pictures = gr.File(
            file_count="multiple", label=text.BATCH_FILES, height=160, elem_id="batch-files", min_width=240
        )
        metadata = gr.File(label=text.BATCH_METADATA, height=160, elem_id="batch-metadata", min_width=240)
    button = gr.Button(text.BATCH_RUN, variant="primary")
    table = gr.HTML(elem_id="batch", js_on_load=SORT)
    small_print(text)

    def hold(paths, table_path):
        """Nothing more: the page holds what it is told of, even if nobody asks about it."""

    def run(paths, table_path, source, progress=gr.Progress()):  # noqa: B008
        def advance(done, total):
            progress((done, total), desc=text.BATCH_PROGRESS.format(done=done, total=total))

        try:
            looked = look_at_all(checkpoints, source, paths, table_path, advance, thumbnails=True)
            checkpoint = checkpoints.get(source)
            footer = text.BATCH_BY.format(checkpoint=checkpoint.name)
            return rows_html(looked, checkpoint.pipeline.config, footer, text)
        except (MetadataTableError, HubError) as error:
            return failure_html(str(error), text.FAILED)

    gr.on(
        [pictures.upload, metadata.upload],
        hold,
        [pictures, metadata],
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    button.click(
        run, [pictures, metadata, chosen], table, concurrency_limit=2, concurrency_id="batch", api_visibility="private"
    ).then(js=scroll_to("batch"))


def compare_tab(checkpoints: Checkpoints, tab: gr.Tab, question: list, chosen: gr.State, text: ModuleType) -> None:
    """
    Args:
        question: the inputs for picture, age, sex and site.
        chosen: the source of the visit's checkpoint; changed here.
    """
    gr.Markdown(text.COMPARE_INTRO_LISTED if checkpoints.only_listed else text.COMPARE_INTRO)
    with gr.Row(equal_height=True):
        source = gr.Dropdown(
            [(text.CHECKPOINT_START, ""), *checkpoints.listed],
            value="",
            allow_custom_value=not checkpoints.only_listed,
            label=text.CHECKPOINT_CHOICE,
            elem_id="checkpoint-choice",
            scale=3,
            min_width=240,
        )
        button = gr.Button(text.CHECKPOINT_USE, variant="primary", scale=1, min_width=120)
    comparison = gr.HTML(elem_id="comparison", js_on_load=None)

    def side_by_side(path, age, sex, site, source):
        return compare(checkpoints, Question(path, understood(age, sex, site)[0], source), text)

    def use(path, age, sex, site, source, current):
        source = str(source or "").strip()
        try:
            checkpoints.renew(source)
        except HubError as error:
            return current, failure_html(str(error), text.CHECKPOINT_FAILED)
        return source, side_by_side(path, age, sex, site, source)

    event = {"concurrency_limit": 1, "api_visibility": "private"}
    tab.select(side_by_side, [*question, chosen], comparison, **event)
    button.click(use, [*question, source, chosen], [chosen, comparison], **event)


def about_tab(checkpoints: Checkpoints, tab: gr.Tab, chosen: gr.State, text: ModuleType) -> gr.Markdown:
    """Returns the place for `text.API`, which the browser fills, since it knows the page's address.

    The card and its plots are sent when the tab is opened: they are half the page's weight, and few people look.
    """
    gr.Markdown(text.ABOUT, elem_id="about")
    gr.Markdown(f"## {text.CHECKPOINT}")
    description = gr.Markdown(elem_id="checkpoint")
    with gr.Accordion(text.CARD, open=False, elem_id="whole-card"):
        plots = gr.HTML(elem_id="plots", js_on_load=None)
        card = gr.Markdown(elem_id="card")
    with gr.Accordion(text.API_TITLE, open=False, elem_id="for-programs"):
        api = gr.Markdown(elem_id="api")

    def show(source):
        try:
            checkpoint = checkpoints.get(source)
        except HubError as error:
            return f"{text.CHECKPOINT_FAILED}: {error}", "", ""
        return checkpoint.describe(text), plots_html(checkpoint.file, text), render_card(checkpoint.file, text)

    tab.select(show, chosen, [description, plots, card], api_visibility="private")
    return api


def small_print(text: ModuleType) -> None:
    """What may be uploaded, and what becomes of it."""
    kinds = ["JPEG", "PNG", "TIFF", "BMP", "WebP"]
    kinds += [kind for kind, suffix in (("HEIC", ".heic"), ("DICOM", ".dcm")) if suffix in SUFFIXES]
    limits = text.LIMITS.format(kinds=f"{', '.join(kinds[:-1])} {text.OR} {kinds[-1]}", megabytes=MAX_FILE // 10**6)
    gr.Markdown(f"{limits} {text.PRIVACY.format(minutes=FILE_MINUTES)}", elem_classes="small-print")
