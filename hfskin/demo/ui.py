"""The page, and of its tabs the one for a single picture: its components and what happens when they are used."""

import json
from html import escape
from threading import Thread

import gradio as gr

from . import text
from .answer import empty_html
from .api import add_endpoints
from .card import data_uri
from .checkpoints import Checkpoints
from .components import picture_file, scroll_to
from .example_lesions import FOLDER, Example, load_examples
from .look import Question, look, views
from .server import Page
from .tabs import about_tab, batch_tab, compare_tab, small_print
from .theme import CSS, theme

QUEUE = 64  # questions that may wait; the next is told to come back

_PRESS = (
    "element.addEventListener('click', event => { const button = event.target.closest('button');"
    " if (button) trigger('click', {index: Number(button.dataset.index)}); });"
)
# gradio has no way to say these in Python: the page's language, that the answer is read out when it changes, and the
# page's own address for the examples of the API.
_ON_LOAD = f"""() => {{
  document.documentElement.lang = "{text.LANGUAGE}";
  for (const id of ["answer", "batch", "comparison"]) document.getElementById(id)?.setAttribute("aria-live", "polite");
  return {json.dumps(text.API)}.replace("{{address}}", location.origin + location.pathname);
}}"""


def build_page(model: str | None = None) -> gr.Blocks:
    """The whole page, with the model loaded and warm.

    Args:
        model: as for `hfskin.load`.
    """
    checkpoints, examples = Checkpoints(model), load_examples()
    warm_up(checkpoints, examples[0])
    with Page(title=text.TITLE, analytics_enabled=False) as page:
        chosen = gr.State("")
        gr.HTML(f"<h1>{escape(text.TITLE)} <span>{escape(text.SUBTITLE)}</span></h1>", elem_id="head", js_on_load=None)
        gr.HTML(f"<p>{escape(text.NOT_A_DEVICE)}</p>", elem_id="notice", js_on_load=None)
        with gr.Tab(text.TAB_LOOK):
            question = _look_tab(checkpoints, examples, chosen)
        with gr.Tab(text.TAB_BATCH):
            batch_tab(checkpoints, chosen)
        with gr.Tab(text.TAB_COMPARE, visible=checkpoints.offer_others) as compare:
            compare_tab(checkpoints, compare, question, chosen)
        with gr.Tab(text.TAB_ABOUT) as about:
            api = about_tab(checkpoints, about, chosen)
        add_endpoints(checkpoints)

        def forget(request: gr.Request):
            page.uploads.release(request.session_hash)

        page.unload(forget)
        page.load(js=_ON_LOAD, outputs=api)
    return page.queue(max_size=QUEUE)


def launch_options() -> dict:
    """What `gr.Blocks.launch` needs for this page; host and port come from gradio's own environment variables."""
    return {
        "theme": theme(),
        "css_paths": CSS,
        "footer_links": [],
        "allowed_paths": [str(FOLDER)],  # gradio shows no file of ours that lies outside the folder it was started in
    }


def warm_up(checkpoints: Checkpoints, example: Example) -> None:
    """One answer before anybody asks: the first one is slow. Grad-CAM is made ready beside the first visitors."""
    question = Question(str(example.path), None, None, None)
    look(checkpoints, question, text.VIEW_ATTENTION, None)
    if text.VIEW_GRAD_CAM in views():
        Thread(target=_warm_up_grad_cam, args=(checkpoints, question), name="grad-cam").start()


def _warm_up_grad_cam(checkpoints: Checkpoints, question: Question) -> None:
    # Seconds of importing torch: here, since the model's thread has visitors to answer.
    import captum.attr  # noqa: F401

    from ..inference import pipeline  # noqa: F401

    look(checkpoints, question, text.VIEW_GRAD_CAM, None)


def _look_tab(checkpoints: Checkpoints, examples: list[Example], chosen: gr.State) -> list:
    """Returns the inputs for picture, age, sex and site."""
    truth = gr.State(None)  # the index of the example that was pressed
    with gr.Row():
        with gr.Column(min_width=280):
            gr.Markdown(text.NEEDS)
            picture = picture_file(
                label=text.PICTURE,
                sources=["upload", "clipboard", "webcam"],
                placeholder=text.PICTURE_HINT,
                alt_text=text.PICTURE_ALT,
                buttons=[],
                height=260,
                elem_id="picture",
            )
            with gr.Row():
                # Not gr.Number: it shows an empty value as 0, and 0 years is an age.
                age = gr.Textbox(label=text.AGE, info=text.AGE_HINT, max_lines=1, max_length=8, min_width=120)
                site = gr.Dropdown(
                    [(words, name) for name, words in text.SITES.items()],
                    value="unknown",
                    label=text.SITE,
                    info=text.SITE_HINT,
                    min_width=160,
                )
            sex = gr.Radio([(words, name) for name, words in text.SEXES.items()], value="unknown", label=text.SEX)
            button = gr.Button(text.LOOK, variant="primary")
            gr.Markdown(f"## {text.EXAMPLES}")
            gallery = gr.HTML(_examples_html(examples), js_on_load=_PRESS, elem_id="examples")
            gr.Markdown(text.EXAMPLES_NOTE, elem_classes="small-print")
            small_print()
        with gr.Column(min_width=280):
            answer = gr.HTML(empty_html(), elem_id="answer", js_on_load=None)
            view = gr.Radio(views(), value=views()[0], label=text.VIEW, visible=False)
            figure = gr.HTML(elem_id="figure", js_on_load=None)

    def ask(path, age, sex, site, view, source, index):
        question = Question(path, age, sex, site, source)
        words, drawn = look(checkpoints, question, view, None if index is None else examples[index])
        return words, drawn, gr.update(visible=bool(drawn))

    def ask_again(path, age, sex, site, view, source, index):
        if path is None:
            return empty_html(), "", gr.update(visible=False)
        return ask(path, age, sex, site, view, source, index)

    def clear(path, index):  # the picture is held from here on: who leaves at once is never answered
        # While the next answer is on its way, the last one must not stand beside another picture.
        patient = [gr.skip()] * 3 if index is None else ["", "unknown", "unknown"]  # not the example's
        return *patient, None, empty_html(), "", gr.update(visible=False)

    def choose(event: gr.EventData):
        index = event._data.get("index") if isinstance(event._data, dict) else None
        if type(index) is not int or not 0 <= index < len(examples):
            raise gr.Error(text.CANNOT_ANSWER, print_exception=False)
        example = examples[index]
        age = "" if example.age is None else f"{example.age:g}"
        patient = age, example.sex, example.localization
        return str(example.path), *patient, index, empty_html(), "", gr.update(visible=False)

    event = {
        "inputs": [picture, age, sex, site, view, chosen, truth],
        "outputs": [answer, figure, view],
        "concurrency_limit": 4,
        "concurrency_id": "look",
        "show_progress": "minimal",
        "show_progress_on": answer,
        "api_visibility": "private",
    }
    gr.on([button.click, age.submit], ask, **event).then(js=scroll_to("answer"))
    gr.on([sex.input, site.input, age.blur, view.input, chosen.change], ask_again, **event)
    patient, shown = [age, sex, site, truth], [answer, figure, view]
    at_once = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    own = picture.input(clear, [picture, truth], [*patient, *shown], **at_once)
    own.then(ask_again, **event).then(js=scroll_to("answer"))
    pressed = gallery.click(choose, outputs=[picture, *patient, *shown], **at_once)
    pressed.then(ask_again, **event).then(js=scroll_to("answer"))
    return [picture, age, sex, site]


def _examples_html(examples: list[Example]) -> str:
    buttons = "".join(
        f'<button type="button" data-index="{i}" aria-label="{escape(text.EXAMPLE_BUTTON.format(number=i + 1))}">'
        f'<img src="{data_uri(example.path.read_bytes(), example.path.name)}" alt=""></button>'
        for i, example in enumerate(examples)
    )
    return f'<div class="examples">{buttons}</div>'
