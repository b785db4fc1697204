"""Those who send requests, as SimPy processes: one class for each way of holding connections."""

import numpy as np

from k8snet_lessons.traffic.choosing import evenly, maglev_table
from k8snet_lessons.traffic.ledger import first_that_listens
from k8snet_lessons.traffic.resolution import Resolver
from k8snet_lessons.traffic.ring import ring_table
from k8snet_lessons.traffic.world import Steps, World, ns


class Connections:
    """HTTP/2 connections: each has the pod that was chosen when it was opened."""

    def __init__(self, world: World) -> None:
        self.world = world
        spec = world.spec
        self.asker = evenly(world.luck.unit.uniform("asker"), spec.connections)
        self.pod_of = [-1] * spec.connections
        self.retires_s = [np.inf] * spec.connections
        for place in range(spec.connections):
            world.env.process(self.life_of(place))

    def life_of(self, place: int) -> Steps:
        """Open, live, end, and open again."""
        world, spec, life = self.world, self.world.spec, self.world.life
        node = place // spec.connections_per_client
        resolver, answer, time = Resolver(spec.min_resolution_s), 0, 0
        while True:
            now = world.now_s
            world.opened += 0 < now < spec.duration_s
            if spec.balancing == "pick_first":
                resolver.advance(now)
                if time and resolver.ask(now):
                    answer = time
                listed = world.known(resolver.resolved_s)
                pod = first_that_listens(listed, world.luck.opening(place, answer), life, now)
            else:
                uniform = world.luck.opening(place, time)
                pod = world.kernel.choose(node, world.known(), uniform, now)
            if pod >= 0 and world.listens(pod):
                world.kernel.opened(node, pod)
                aged_s = now + world.luck.age_s(place, time)
                by_age = aged_s <= life.listens_until[pod]
                self.pod_of[place] = pod
                self.retires_s[place] = aged_s if by_age else np.inf
                yield world.until(min(aged_s, life.listens_until[pod]))
                world.kernel.closed(node, pod, world.now_s)
            else:
                self.pod_of[place] = -1
                yield world.env.timeout(ns(spec.retry_s))
            time += 1

    def request(self, number: int) -> Steps:
        place = self.asker[number]
        pod = self.pod_of[place]
        if pod >= 0:
            self.world.retires_s[number] = self.retires_s[place]
            yield from self.world.work(number, pod)


class Channels:
    """gRPC channels that take turns among the pods that they are connected to."""

    def __init__(self, world: World) -> None:
        self.world = world
        spec = world.spec
        self.asker = evenly(world.luck.unit.uniform("asker"), spec.connections)
        self.listed: list[list[int]] = [[] for _ in range(spec.connections)]
        self.ready: list[set[int]] = [set() for _ in range(spec.connections)]
        self.lists = [0] * spec.connections
        self.changed_ns = [0] * spec.connections
        self.sent = [0] * spec.connections
        self.openings = [[0] * spec.all_pods for _ in range(spec.connections)]
        self.resolvers = [Resolver(spec.min_resolution_s) for _ in range(spec.connections)]
        for channel in range(spec.connections):
            self.renew(channel)

    def renew(self, channel: int) -> None:
        """Take over what DNS says."""
        fresh = self.world.known(self.resolvers[channel].resolved_s)
        new = [pod for pod in fresh if pod not in self.listed[channel]]
        kept = self.ready[channel] & set(fresh)
        self.listed[channel] = fresh
        self.become(channel, kept | {pod for pod in new if self.world.listens(pod)})
        for pod in new:
            self.world.env.process(self.connection(channel, pod))

    def become(self, channel: int, ready: set[int]) -> None:
        """Another list begins another round; several changes at one instant make one list."""
        if ready != self.ready[channel]:
            self.ready[channel] = ready
            self.lists[channel] += self.world.env.now > self.changed_ns[channel]
            self.changed_ns[channel] = int(self.world.env.now)

    def ask(self, channel: int) -> None:
        resolver = self.resolvers[channel]
        waiting = resolver.due_s < np.inf
        if resolver.ask(self.world.now_s):
            self.renew(channel)
        elif not waiting:
            self.world.env.process(self.later(channel))

    def later(self, channel: int) -> Steps:
        """A look-up that had to wait."""
        resolver = self.resolvers[channel]
        yield self.world.until(resolver.due_s)
        if resolver.advance(self.world.now_s + 1e-9):
            self.renew(channel)

    def connection(self, channel: int, pod: int) -> Steps:
        """One of a channel's connections, for as long as DNS names its pod."""
        world = self.world
        place = channel * world.spec.all_pods + pod
        while pod in self.listed[channel]:
            if world.listens(pod):
                self.become(channel, self.ready[channel] | {pod})
                age_s = world.luck.age_s(place, self.openings[channel][pod])
                self.openings[channel][pod] += 1
                yield world.until(min(world.now_s + age_s, world.life.listens_until[pod]))
            else:
                yield world.env.timeout(ns(world.spec.retry_s))
            if pod not in self.listed[channel]:
                return
            if not world.listens(pod):
                self.become(channel, self.ready[channel] - {pod})
            self.ask(channel)

    def request(self, number: int) -> Steps:
        channel = self.asker[number]
        ready = sorted(self.ready[channel])
        rank = self.sent[channel]
        self.sent[channel] += 1
        if ready:
            spec = self.world.spec
            uniform = self.world.luck.opening(channel * spec.all_pods, self.lists[channel])
            turn = min(int(uniform * len(ready)), len(ready) - 1)
            yield from self.world.work(number, ready[(rank + turn) % len(ready)])


class Choosers:
    """Proxies, or nodes when each request is a connection: all know the same pods."""

    def __init__(self, world: World) -> None:
        self.world = world
        spec = world.spec
        self.count = spec.shared_proxies or spec.clients
        self.asker = evenly(world.luck.unit.uniform("asker"), self.count)
        self.sent = [0] * self.count
        self.open_on = [[0] * spec.all_pods for _ in range(self.count)]

    def choose(self, number: int, who: int, known: list[int]) -> int:
        world, rule = self.world, self.world.spec.balancing
        choice = world.choice[number]
        rank, many = self.sent[who], len(known)
        self.sent[who] += 1
        if rule == "round_robin":
            spec = world.spec
            uniform = world.luck.opening(who % spec.connections, who // spec.connections)
            return known[(rank + min(int(uniform * many), many - 1)) % many]
        if rule == "ring_hash":
            key = evenly(choice[None], world.spec.keys)[0]
            return int(ring_table(tuple(known), world.spec.keys)[key])
        if rule == "maglev":
            table = maglev_table(tuple(known))
            return int(table[evenly(choice[None], len(table))[0]])
        if rule == "iptables":
            return known[int(evenly(choice[None], many)[0])]
        if rule == "ipvs_rr":
            return world.kernel.listed(who, known)[rank % many]
        if rule == "ipvs_lc":
            return world.kernel.choose(who, known, 0.0, world.now_s)
        one, other = (
            known[min(int(float(draw[number]) * many), many - 1)]
            for draw in (world.choice, world.second)
        )
        return other if self.open_on[who][other] < self.open_on[who][one] else one

    def request(self, number: int) -> Steps:
        who = int(self.asker[number])
        pod = self.choose(number, who, self.world.known())
        taken = self.world.listens(pod)
        if taken:
            self.open_on[who][pod] += 1
            self.world.kernel.opened(who, pod)
        yield from self.world.work(number, pod)
        if taken:
            self.open_on[who][pod] -= 1
            self.world.kernel.closed(who, pod, self.world.now_s)


class Pools:
    """HTTP/1.1: a client takes the connection that became free last, else opens one."""

    def __init__(self, world: World) -> None:
        self.world = world
        spec = world.spec
        self.asker = evenly(world.luck.unit.uniform("asker"), spec.clients)
        self.age = 0.9 + 0.2 * world.luck.unit.uniform("second choice")
        self.free: list[list[tuple[int, float]]] = [[] for _ in range(spec.clients)]
        for place in range(spec.connections):
            client = place // spec.connections_per_client
            pod = world.kernel.choose(client, world.known(), world.luck.opening(place, 0), 0.0)
            world.kernel.opened(client, pod)
            self.free[client].append((pod, world.luck.age_s(place, 0)))

    def request(self, number: int) -> Steps:
        world, client = self.world, int(self.asker[number])
        free, kernel = self.free[client], world.kernel
        pod, ends_s = -1, 0.0
        while free and pod < 0:
            pod, ends_s = free.pop()
            if world.now_s >= ends_s or not world.listens(pod):
                kernel.closed(client, pod, world.now_s)
                pod = -1
        if pod < 0:
            uniform = float(world.choice[number])
            pod = kernel.choose(client, world.known(), uniform, world.now_s)
            if world.listens(pod):
                kernel.opened(client, pod)
                ends_s = world.now_s + world.spec.max_age_s * float(self.age[number])
        taken = world.listens(pod)
        yield from world.work(number, pod)
        if taken and len(free) < world.spec.connections_per_client:
            free.append((pod, ends_s))
        elif taken:
            kernel.closed(client, pod, world.now_s)
