"""Importing the library must stay cheap, and heavy packages wait until they are used."""

import subprocess
import sys

import pytest

HEAVY = (
    "numpy",
    "plotly",
    "simpy",
    "ipywidgets",
    "anywidget",
    "jupyterlab",
    "papermill",
    "IPython",
)


def loaded_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_library_loads_nothing_heavy():
    loaded = loaded_after("import k8snet_lessons")
    assert "k8snet_lessons" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_simulating_loads_neither_plots_nor_widgets():
    loaded = loaded_after("from k8snet_lessons import Scenario, simulate")
    assert "numpy" in loaded
    assert loaded.isdisjoint({"plotly", "ipywidgets", "anywidget", "jupyterlab", "papermill"})


def test_an_unknown_name_is_an_attribute_error():
    import k8snet_lessons

    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = k8snet_lessons.no_such_thing
