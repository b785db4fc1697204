"""How it queues: one itinerary per request, walked by two engines that must agree.

An :class:`~k8snet_lessons.sim.itinerary.Itinerary` says, for every request, what it will
ask of each hop. :mod:`~k8snet_lessons.sim.processes` walks it as SimPy processes, to be
read from top to bottom; :mod:`~k8snet_lessons.sim.vector` computes the same passage with
whole arrays, fast enough for a slider.
"""
