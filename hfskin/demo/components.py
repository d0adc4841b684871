"""What gradio's components do not do by themselves."""

import gradio as gr


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


def scroll_to(element: str) -> str:
    """A script that shows the element with this id: on a phone, answers lie below the questions."""
    return f"""() => {{
      const element = document.getElementById("{element}"), top = element.getBoundingClientRect().top;
      if (top < 0 || top > innerHeight / 2) element.scrollIntoView();
    }}"""


def _uploaded_path(payload) -> str | None:
    return None if payload is None else payload.path
