"""``python -m k8snet_lessons``: the same as ``k8snet``."""

from k8snet_lessons.cli import main

main(prog_name="k8snet")
