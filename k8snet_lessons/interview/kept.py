"""An interview that was broken off: kept beside the learner's record, to go on with it.

A restart of the kernel, a closed tab or Ctrl-C costs nothing that was said. One interview is
kept, the last one; none where nothing is recorded, and a file that cannot be read or written
is as good as none.
"""

import json
from contextlib import suppress
from pathlib import Path

from k8snet_lessons.course.progress import place
from k8snet_lessons.errors import InputError
from k8snet_lessons.interview.session import Interview

FILE = "interview.json"


def keep(held: Interview) -> None:
    """Keep an interview as far as it went; one that is over is kept no longer."""
    file = _file()
    if file is None:
        return
    with suppress(OSError):
        if held.state.phase == "over":
            file.unlink(missing_ok=True)
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".part")
        fresh.write_text(json.dumps(held.log()), encoding="utf-8")
        fresh.replace(file)


def unfinished() -> Interview | None:
    """Return the interview that was broken off, or None."""
    file = _file()
    if file is None:
        return None
    try:
        held = Interview.read(file.read_bytes())
    except (OSError, InputError):
        return None
    return held if len(held.events) > 1 and held.state.phase != "over" else None


def _file() -> Path | None:
    record = place()
    return None if record is None else record.with_name(FILE)
