"""How uploads are received: by gradio's parser, which by itself leaves behind what was broken off."""

import errno
import os
from contextlib import suppress
from pathlib import PurePath

from fastapi import HTTPException
from gradio import route_utils
from starlette.formparsers import MultiPartException

from ..words import en as text

MAX_FILES = 400  # of one request; each is open until the last has come
MAX_REQUEST = 500 * 10**6  # bytes, of all files of one request

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE)  # of the disk, or for open files


class _Parser(route_utils.GradioMultiPartParser):
    """What cannot be received whole is deleted at once, whatever broke it off."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs | {"max_files": MAX_FILES})

    async def parse(self):
        try:
            form = await super().parse()
            files = form.getlist("files")
            if len(files) != len(self._files_to_close_on_error) or len(files) != len(form.multi_items()):
                raise MultiPartException(text.NOT_A_FILE)  # something else, under another name, or without an end
            for file in files:
                if PurePath(file.filename).name in ("", ".."):
                    file.filename = ""  # gradio then makes one up
            return form
        except BaseException as error:
            for file in self._files_to_close_on_error:
                file.close()
                with suppress(OSError):
                    os.unlink(file.name)
            if isinstance(error, OSError) and error.errno in _NO_ROOM:
                raise HTTPException(507, text.NO_ROOM) from None
            raise


def limit_uploads() -> None:
    """Have gradio receive uploads by the parser above."""
    route_utils.GradioMultiPartParser = _Parser
