"""Plotly.js as the installed plotly package carries it: no CDN, once a page."""

import gzip
from functools import cache
from importlib.resources import files


@cache
def plotly_js() -> tuple[str, bytes]:
    """The version of the plotly package and its plotly.js, compressed.

    It travels in a message of its own when a page has none yet, so it is never part of a
    saved notebook.
    """
    from importlib.metadata import version

    source = files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()
    return version("plotly"), gzip.compress(source, compresslevel=6, mtime=0)
