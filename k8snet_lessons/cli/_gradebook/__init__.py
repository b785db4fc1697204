"""The commands of ``k8snet gradebook``, a module each."""
