"""Manifests that the lessons read: real YAML, shipped with the course."""

from importlib.resources import files

from k8snet_lessons.errors import InputError


def manifest(name: str) -> str:
    """Return the text of a manifest by its name without ending: ``ingress-service``."""
    folder = files("k8snet_lessons.course.manifests")
    names = sorted(
        one.name.removesuffix(".yaml") for one in folder.iterdir() if one.name.endswith(".yaml")
    )
    if name not in names:
        raise InputError("manifest", name, "one of " + ", ".join(names))
    return (folder / f"{name}.yaml").read_text(encoding="utf-8")
