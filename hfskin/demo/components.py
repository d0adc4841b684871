"""What gradio's components do not do by themselves."""

from html import escape

import gradio as gr
from gradio.components import Component

from ..model.image_reading import OTHER_SUFFIXES, SUFFIXES


def picture_file(**kwargs) -> gr.Image:
    """An image input that hands over the uploaded file as it is.

    By itself gr.Image opens the file with Pillow first, and a damaged one ends in a message that helps nobody. The
    method is replaced on the instance because gradio writes a .pyi file next to the source of every subclass.
    Its camera is a phone's rear one where there is a choice, and the picture is not mirrored.
    """
    camera = gr.WebcamOptions(mirror=False, constraints={"video": {"facingMode": {"ideal": "environment"}}})
    image = gr.Image(type="filepath", image_mode=None, webcam_options=camera, **kwargs)
    image.preprocess = _uploaded_path
    return image


def optional(component: Component) -> Component:
    """The same input, which programs and agents may leave empty: its schema takes null too."""
    given = component.api_info()
    definitions = {name: given[name] for name in ("$defs",) if name in given}  # gradio finds them at the root alone
    schema = {"anyOf": [given, {"type": "null"}], **definitions}
    component.api_info = lambda: schema
    return component


def camera_html(label: str) -> str:
    """A button that opens a phone's own rear camera, which focuses better than a frame of video; for `CAMERA`."""
    return (
        f'<label class="camera"><span>{escape(label)}</span>'
        '<input type="file" accept="image/*" capture="environment"></label>'
    )


# Hands what the camera took to the picture's own input; and has HEIC and DICOM files, which browsers take for no
# pictures, offered by the system's dialog and let through by gradio. What is none at all, the page says itself.
CAMERA = """
const own = '#picture input[type=file]';
const picture = file => file.type.startsWith('image/') ? file : new File([file], file.name, {type: 'image/x-unknown'});
const put = (input, files) => {
  const taken = new DataTransfer();
  for (const file of files) taken.items.add(picture(file));
  input.files = taken.files;
};
const hand = file => {
  const input = document.querySelector(own);
  if (!input || !file) return;
  put(input, [file]);
  input.dispatchEvent(new Event('change', {bubbles: true}));
};
element.addEventListener('change', ({target}) => {
  hand(target.files[0]);
  target.value = '';
});
const before = (kind, act) => document.addEventListener(kind, act, {capture: true});
before('click', ({target}) => { if (target.matches(own)) target.accept = 'image/*,SUFFIXES'; });
before('change', ({target}) => { if (target.matches(own)) put(target, [...target.files]); });
before('drop', event => {
  const [file] = event.dataTransfer.files;
  if (!file || picture(file) === file || !event.target.closest('#picture')) return;
  event.preventDefault();
  event.stopPropagation();
  event.target.dispatchEvent(new DragEvent('dragleave', {bubbles: true}));
  hand(file);
});
""".replace("SUFFIXES", ",".join((*SUFFIXES, *OTHER_SUFFIXES)))

# While an answer is on its way, the one that stands there belongs to another question, and says so.
STALE = "() => { document.querySelector('#answer .answer')?.classList.add('stale'); }"
NEW_PICTURE = "() => { document.getElementById('answer').dataset.scroll = 'yes'; }"
# On a phone an answer lies below the question: a new picture's is scrolled to, a changed field's is not.
SETTLED = """() => {
  const place = document.getElementById('answer'), answer = place.querySelector('.answer');
  answer?.classList.remove('stale');
  document.querySelector('#kept p')?.replaceChildren();
  const shown = document.querySelector('#picture img'), small = answer?.querySelector('img');
  if (small && shown?.complete && !shown.naturalWidth) shown.src = small.src;  // a TIFF, HEIC or DICOM file
  const wrong = document.querySelector('#age-error p') !== null;
  document.querySelector('#age :is(input, textarea)')?.setAttribute('aria-invalid', wrong);
  if (!place.dataset.scroll || !answer || answer.classList.contains('empty')) return;
  delete place.dataset.scroll;
  const top = place.getBoundingClientRect().top;
  if (top < 0 || top > innerHeight / 2) place.scrollIntoView();
}"""


def scroll_to(element: str) -> str:
    """A script that shows the element with this id: on a phone, answers lie below the questions."""
    return f"""() => {{
      const element = document.getElementById("{element}"), top = element.getBoundingClientRect().top;
      if (top < 0 || top > innerHeight / 2) element.scrollIntoView();
    }}"""


def _uploaded_path(payload) -> str | None:
    return None if payload is None else payload.path
