"""The JavaScript of the widgets, as it is joined."""

import re

import pytest

from k8snet_lessons.explorers._code import style
from k8snet_lessons.explorers._widget import browser_code
from k8snet_lessons.explorers.chains import ChainWalk
from k8snet_lessons.explorers.course_map import CourseMap
from k8snet_lessons.explorers.incident import IncidentRoom
from k8snet_lessons.explorers.interview import InterviewPage
from k8snet_lessons.explorers.path import PathWalk
from k8snet_lessons.explorers.quiz import Quiz

WIDGETS = (PathWalk, ChainWalk, IncidentRoom, InterviewPage, Quiz, CourseMap)


@pytest.mark.parametrize("widget", WIDGETS)
def test_each_page_builds_its_nodes_with_the_same_function(widget):
    source = str(widget._esm)
    assert source.count("function element(") == 1
    assert source.count("export default") == 1


def test_so_does_the_explorer():
    assert browser_code().count("function element(") == 1


def test_no_page_styles_what_another_one_names():
    # All style sheets apply to all notebooks that are open in JupyterLab.
    own = {}
    for sheet in ("path", "chains", "incident", "interview", "quiz", "map"):
        named = set(re.findall(r"^\.(k8s-[a-z-]+)", style(sheet).removeprefix(style()), re.M))
        for name in named - {"k8s-explorer"}:
            assert own.setdefault(name, sheet) == sheet, name
