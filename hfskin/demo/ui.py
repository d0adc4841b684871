"""The page, and of its tabs the one for a single picture: its components and what happens when they are used."""

import json
from html import escape
from threading import Thread
from types import ModuleType

import gradio as gr

from ..inference.answer.card import STYLE
from ..inference.explain import has_grad_cam
from ..model.metadata import UNKNOWN_PATIENT, understood
from ..words import LANGUAGES, en
from .answer import empty_html, field_error_html
from .api import add_endpoints
from .card import data_uri
from .checkpoints import Checkpoints
from .components import CAMERA, NEW_PICTURE, SETTLED, STALE, camera_html, picture_file
from .example_lesions import FOLDER, Example, load_examples
from .look import ATTENTION, GRAD_CAM, Question, look, views
from .over_time import KEEP, kept_line, time_tab
from .report import SCRIPT as REPORT
from .report import report_html
from .server import Page
from .tabs import about_tab, batch_tab, compare_tab, small_print
from .theme import CSS, theme
from .upload_folder import FILE_MINUTES

QUEUE = 64  # questions that may wait; the next is told to come back

_PRESS = (
    "element.addEventListener('click', event => { const button = event.target.closest('button');"
    " if (button) trigger('click', {index: Number(button.dataset.index)}); });"
)


def _on_load(text: ModuleType) -> str:
    # gradio has no way to say these in Python: the page's language, that the answer is read out when it changes,
    # whether it is in sight, and the page's own address for the examples of the API.
    return f"""() => {{
  document.documentElement.lang = "{text.LANGUAGE}";
  for (const id of ["answer", "batch", "comparison", "age-error"])
    document.getElementById(id)?.setAttribute("aria-live", "polite");
  const answer = document.getElementById("answer");
  const see = ([entry]) => answer.toggleAttribute("data-hidden", !entry.isIntersecting);
  new IntersectionObserver(see, {{rootMargin: "0px 0px -80px"}}).observe(answer);
  return {json.dumps(en.API)}.replace("{{address}}", new URL(".", location.href).href);
}}"""


def build_page(model: str | None = None) -> gr.Blocks:
    """The whole page, in every language, with the model loaded and warm.

    Args:
        model: as for `hfskin.load`.
    """
    checkpoints, examples = Checkpoints(model), load_examples()
    warm_up(checkpoints, examples[0])
    with Page(title=en.TITLE, analytics_enabled=False) as page:
        _layout(page, checkpoints, examples, en)
        add_endpoints(checkpoints)
    for language, text in LANGUAGES.items():
        if text is not en:
            with page.route(text.LANGUAGE_NAME, f"/{language}", show_in_navbar=False):
                _layout(page, checkpoints, examples, text)
    return page.queue(max_size=QUEUE)


def _layout(page: Page, checkpoints: Checkpoints, examples: list[Example], text: ModuleType) -> None:
    """The page in one language."""
    chosen = gr.State("")
    gr.HTML(head_html(text), elem_id="head", js_on_load=None)
    gr.HTML(f"<p>{escape(text.NOT_A_DEVICE)}</p>", elem_id="notice", js_on_load=None)
    with gr.Tab(text.TAB_LOOK):
        question = _look_tab(checkpoints, examples, chosen, text)
    with gr.Tab(text.TAB_TIME):
        time_tab(text)
    with gr.Tab(text.TAB_BATCH):
        batch_tab(checkpoints, chosen, text)
    with gr.Tab(text.TAB_COMPARE, visible=checkpoints.offer_others) as compare:
        compare_tab(checkpoints, compare, question, chosen, text)
    with gr.Tab(text.TAB_ABOUT) as about:
        api = about_tab(checkpoints, about, chosen, text)
    page.load(js=_on_load(text), outputs=api)


def launch_options() -> dict:
    """What `gr.Blocks.launch` needs for this page; host and port come from gradio's own environment variables."""
    return {
        "theme": theme(),
        "css_paths": [STYLE, CSS],
        "footer_links": [],
        "allowed_paths": [str(FOLDER)],  # gradio shows no file of ours that lies outside the folder it was started in
    }


def warm_up(checkpoints: Checkpoints, example: Example) -> None:
    """One answer before anybody asks: the first one is slow. Grad-CAM is made ready beside the first visitors."""
    question = Question(str(example.path), UNKNOWN_PATIENT)
    look(checkpoints, question, ATTENTION, None, en)
    if has_grad_cam():
        Thread(target=_warm_up_grad_cam, args=(checkpoints, question), name="grad-cam").start()


def _warm_up_grad_cam(checkpoints: Checkpoints, question: Question) -> None:
    # Seconds of importing torch: here, since the model's thread has visitors to answer.
    import captum.attr  # noqa: F401

    from ..inference import pipeline  # noqa: F401

    look(checkpoints, question, GRAD_CAM, None, en)


def _look_tab(checkpoints: Checkpoints, examples: list[Example], chosen: gr.State, text: ModuleType) -> list:
    """Returns the inputs for picture, age, sex and site."""
    truth = gr.State(None)  # the index of the example that was pressed
    turn = gr.State(0)  # how many pictures there were
    with gr.Row():
        with gr.Column(min_width=280):
            gr.Markdown(text.NEEDS)
            gr.Markdown(text.PRIVACY_LINE.format(minutes=FILE_MINUTES), elem_classes="small-print")
            picture = picture_file(
                label=text.PICTURE,
                sources=["upload", "clipboard", "webcam"],
                placeholder=text.PICTURE_HINT,
                alt_text=text.PICTURE_ALT,
                buttons=[],
                height=260,
                elem_id="picture",
            )
            gr.HTML(camera_html(text.CAMERA), js_on_load=CAMERA, elem_id="camera")
            with gr.Row():
                # Not gr.Number: it shows an empty value as 0, and 0 years is an age.
                age = gr.Textbox(
                    label=text.AGE, info=text.AGE_HINT, max_lines=1, max_length=8, min_width=120, elem_id="age"
                )
                site = gr.Dropdown(
                    [(words, name) for name, words in text.SITES.items()],
                    value="unknown",
                    label=text.SITE,
                    info=text.SITE_HINT,
                    min_width=160,
                )
            age_error = gr.HTML(elem_id="age-error", js_on_load=None)
            sex = gr.Radio([(words, name) for name, words in text.SEXES.items()], value="unknown", label=text.SEX)
            gr.Markdown(f"## {text.EXAMPLES}")
            gallery = gr.HTML(_examples_html(examples, text), js_on_load=_PRESS, elem_id="examples")
            gr.Markdown(text.EXAMPLES_NOTE, elem_classes="small-print")
            small_print(text)
        with gr.Column(min_width=280):
            answer = gr.HTML(empty_html(text), elem_id="answer", js_on_load=None)
            kept_line(text)  # not below: what is invisible has no script yet, and the tab of what is kept needs it
            with gr.Column(visible=False) as more:
                with gr.Row():
                    save = gr.Button(text.REPORT_SAVE, size="sm", min_width=120, elem_id="save-report")
                    keep = gr.Button(text.KEEP, size="sm", min_width=120)
                report = gr.HTML(elem_id="report", js_on_load=REPORT)
                view = gr.Radio(views(text), value=ATTENTION, label=text.VIEW)
            figure = gr.HTML(elem_id="figure", js_on_load=None)

    def ask(path, age, sex, site, view, source, index):
        if path is None:
            return empty_html(text), "", gr.update(visible=False), "", ""
        patient, wrong = understood(age, sex, site)
        question = Question(path, patient, source)
        words, drawn = look(checkpoints, question, view, None if index is None else examples[index], text)
        message = text.AGE_WRONG.format(value=age) if "age" in wrong else ""
        return words, drawn, gr.update(visible=bool(drawn)), "", field_error_html(message)

    def make_report(path, age, sex, site, source):
        return report_html(checkpoints, Question(path, understood(age, sex, site)[0], source), text)

    def take(path, index, turn):  # the picture is held from here on: who leaves at once is never answered
        # While the next answer is on its way, the last one must not stand beside another picture.
        patient = [gr.skip()] * 3 if index is None else ["", "unknown", "unknown"]  # not the example's
        return *patient, None, turn + 1, empty_html(text), "", gr.update(visible=False), ""

    def choose(turn, event: gr.EventData):
        index = event._data.get("index") if isinstance(event._data, dict) else None
        if type(index) is not int or not 0 <= index < len(examples):
            raise gr.Error(text.CANNOT_ANSWER, print_exception=False)
        example = examples[index]
        age = "" if example.age is None else f"{example.age:g}"
        patient = age, example.sex, example.localization
        return str(example.path), *patient, index, turn + 1, empty_html(text), "", gr.update(visible=False), ""

    patient, shown = [age, sex, site, truth, turn], [answer, figure, more, report]
    at_once = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    # By the queue, since gradio's browser side notices a changed state only there.
    soon = at_once | {"queue": True, "concurrency_limit": None}
    picture.input(take, [picture, truth, turn], [*patient, *shown], **soon)
    gallery.click(choose, turn, [picture, *patient, *shown], **soon)
    gr.on([picture.input, gallery.click], js=NEW_PICTURE, **at_once)
    changed = [age.input, sex.input, site.input, view.input, chosen.change]
    gr.on(changed, js=STALE, **at_once)
    # One event for all of them, so that no two answers overtake each other; what changes meanwhile is asked afterwards.
    gr.on(
        [*changed, age.blur, turn.change],  # blur: what is pasted or filled in by the browser is no input to gradio
        ask,
        [picture, age, sex, site, view, chosen, truth],
        [*shown, age_error],
        trigger_mode="always_last",
        concurrency_limit=4,
        concurrency_id="look",
        show_progress="minimal",
        show_progress_on=answer,
        api_visibility="private",
    ).then(js=SETTLED)
    save.click(make_report, [picture, age, sex, site, chosen], report, concurrency_limit=2, api_visibility="private")
    keep.click(js=KEEP, **at_once)
    return [picture, age, sex, site]


def _examples_html(examples: list[Example], text: ModuleType) -> str:
    buttons = "".join(
        f'<button type="button" data-index="{i}" aria-label="{escape(text.EXAMPLE_BUTTON.format(number=i + 1))}">'
        f'<img src="{data_uri(example.path.read_bytes(), example.path.name)}" alt=""></button>'
        for i, example in enumerate(examples)
    )
    return f'<div class="examples">{buttons}</div>'


def head_html(text: ModuleType) -> str:
    """Title, and the page in its other languages."""
    links = ""
    for language, other in LANGUAGES.items():
        place = f"./{'' if other is en else language}?language={language}"  # the page then stays in that language
        current = ' aria-current="true"' if other is text else ""
        links += f'<a href="{place}" lang="{language}" hreflang="{language}"{current}>{other.LANGUAGE_NAME}</a>'
    nav = f'<nav aria-label="{escape(text.LANGUAGE_CHOICE)}">{links}</nav>'
    return f"<h1>{escape(text.TITLE)} <span>{escape(text.SUBTITLE)}</span></h1>{nav}"
