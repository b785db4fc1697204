"""The README promises only what is there."""

import re
from pathlib import Path

from k8snet_lessons.course.curriculum import LESSONS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_every_link_into_the_repository_leads_somewhere():
    targets = re.findall(r"\]\((?!http)([^)#\s]+)", README)
    assert len(targets) > 5
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_ready_lesson_is_listed():
    assert [one.path for one in LESSONS if one.ready and f"({one.path})" not in README] == []


def test_the_binder_link_opens_the_start_notebook():
    (opened,) = re.findall(r"urlpath=lab/tree/([^)\s]+)", README)
    assert (ROOT / opened).is_file()


def test_every_command_shown_is_one_that_there_is():
    from k8snet_lessons.cli import main

    shown = set(re.findall(r"\$ k8snet ([a-z-]+)", README))
    assert shown
    assert shown <= set(main.list_commands(None))
