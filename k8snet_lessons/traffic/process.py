"""The same traffic as SimPy processes: slow, and to be read from top to bottom."""

from k8snet_lessons.traffic.askers import Channels, Choosers, Connections, Pools
from k8snet_lessons.traffic.outcome import TrafficRun
from k8snet_lessons.traffic.road import road_us
from k8snet_lessons.traffic.serving import causes
from k8snet_lessons.traffic.spec import LAYER_4, LAYER_7, TrafficSpec
from k8snet_lessons.traffic.world import Steps, World, ns


def clients_of(world: World) -> Connections | Channels | Choosers | Pools:
    """Return whoever sends the requests of this spec."""
    spec = world.spec
    if spec.balancing == "client_round_robin":
        return Channels(world)
    if spec.balancing in LAYER_7 or spec.protocol == "per_request":
        return Choosers(world)
    if spec.protocol == "http1" and spec.balancing in LAYER_4:
        return Pools(world)
    return Connections(world)


def serve_by_process(spec: TrafficSpec, seed: int = 1) -> TrafficRun:
    """Run the traffic of a spec, one event after the other; the same luck as `serve`."""
    import simpy

    env = simpy.Environment(initial_time=0)
    world = World(env, spec, seed)
    asking = clients_of(world)

    def source() -> Steps:
        for number, at_s in enumerate(world.arrival_s):
            yield world.until(at_s)
            env.process(asking.request(number))

    env.process(source())
    # Nothing is sent after the end; what is in the pods by then is worked off.
    left_s = float(world.work_us.sum()) / 1e6
    env.run(until=ns(spec.duration_s + left_s + 1))
    cause = causes(spec, world.life, world.arrival_s, world.pod, world.latency_us, world.retires_s)
    return TrafficRun(
        spec, world.arrival_s, world.pod, world.latency_us + road_us(spec), world.work_us,
        cause, world.life, None, world.opened,
    )  # fmt: skip
