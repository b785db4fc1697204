"""The JavaScript of the widgets, as it is joined."""

import pytest

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
