"""Which ledger pod each of checkout's gRPC channels is connected to."""

from functools import lru_cache
from random import Random

import numpy as np

from k8snet_lessons.incidents.reach import choose
from k8snet_lessons.incidents.world import World
from k8snet_lessons.sim.arrays import Ints

CHANNELS = 20
#: So often every channel of a pod with a connection age has been closed since the last rollout.
_LIVES = 60


@lru_cache(maxsize=64)
def channels(world: World) -> Ints:
    """Number of the ledger pod behind every channel.

    A channel is opened once, through the node's rules, to one of the pods that were ready then.
    Where a pod has a maximum connection age it closes the channel, and the client opens a new
    one, to any pod that is ready now. Where it has none, the channel stays.

    Returns
    -------
    (checkout pods, CHANNELS) int array
    """
    pods = world.pods_of("ledger")
    made = []
    for number, pod in enumerate(world.pods_of("checkout")):
        rng = Random(f"{world.seed}/channels/{number}")
        chosen = choose(world, pod.place, pod.address, "shop/ledger")
        ready = [pods.index(each) for each in chosen.pods]
        stuck = rng.choice(ready)  # the pod that the node remembers for this client
        lanes = []
        for _ in range(CHANNELS):
            old = [index for index in ready if index < world.ledger_pods_at_dial]
            held = rng.choice(ready if world.fresh_channels else old)
            for _ in range(_LIVES):
                if not world.ledger_age_s or held < world.ledger_ageless:
                    break
                held = rng.choice(ready)
            lanes.append(stuck if world.ledger_affinity else held)
        made.append(lanes)
    return np.array(made)
