"""Experiments on a real Linux kernel, in network namespaces that the lab makes and removes.

Nothing here is imported by the models: the lab writes records, and the models read those that
ship in ``k8snet_lessons.data.measured``. ``k8snet lab-check`` says what this machine can run.
"""
