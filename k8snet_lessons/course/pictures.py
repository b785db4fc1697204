"""Pictures that stand in the text of a lesson, as files beside the notebooks."""

from k8snet_lessons.datapath.path import walk
from k8snet_lessons.errors import InputError
from k8snet_lessons.figures.path import HEIGHT, WIDTH, describe, path_svg


def picture(lesson: str) -> tuple[str, str]:
    """Return the SVG text and the alternative text of a lesson's picture."""
    if lesson != "01-north-south-path":
        raise InputError("picture", lesson, "01-north-south-path")
    road = walk()
    svg = path_svg(road).replace("width='100%'", f"width='{WIDTH}' height='{HEIGHT}'", 1)
    return svg + "\n", "The road of a request. " + describe(road).replace(" → ", " to ")
