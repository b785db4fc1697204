"""Two datagrams at once from one socket: the race that once cost a name lookup five seconds.

A resolver sends its A and its AAAA query from the same socket, close together. On a node with
two CPUs both can find no conntrack entry, make one each, and clash when the second is inserted.
Old kernels dropped that datagram; ``clash_resolve`` counts those that newer ones let pass.
"""

import mmap
import os
import socket

from k8snet_lessons.data.measured import Series
from k8snet_lessons.lab.experiment import Experiment, Result, Run
from k8snet_lessons.lab.flows import SERVER_IP, statistics, tracking_node, udp_echo_server
from k8snet_lessons.lab.hosts import Topology, die_with_parent
from k8snet_lessons.lab.needs import NAMESPACES, program
from k8snet_lessons.lab.traffic import serve_datagrams

VIP = "10.96.0.10"
PORT = 53
WAIT_S = 5.0
_RULES = f"""
table ip dns {{
  chain pre {{
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr {VIP} udp dport {PORT} dnat to numgen random mod 2 map {{
      0 : {SERVER_IP}, 1 : 10.244.2.3
    }}
  }}
}}
"""


def pairs_answered(address: str, port: int, pairs: int, timeout_s: float) -> tuple[int, int]:
    """Send pairs of datagrams from two processes at once; how many pairs had 2 and 1 answers.

    Each pair has a socket, and so a source port, of its own, which both processes hold. They
    meet by spinning on a shared word: any system call that waits would let one run ahead.
    Only who has spun for long, for want of a second CPU, gives up the one there is.
    """
    clients = []
    for _ in range(pairs):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect((address, port))
        client.settimeout(timeout_s)
        clients.append(client)
    with mmap.mmap(-1, 8) as shared:
        turn = memoryview(shared).cast("q")
        turn[0] = -1
        parent = os.getpid()
        second = os.fork()
        if second == 0:
            die_with_parent(parent)
            try:
                for i, client in enumerate(clients):
                    spins = 0
                    while turn[0] < i:
                        spins += 1
                        if spins % 100_000 == 0:
                            os.sched_yield()
                    client.send(b"AAAA")
            finally:
                os._exit(0)
        answered = []
        for i, client in enumerate(clients):
            turn[0] = i
            client.send(b"A")
            answered.append(_answers(client))
        os.waitpid(second, 0)
        turn.release()
    for client in clients:
        client.close()
    return answered.count(2), answered.count(1)


def _answers(client: socket.socket) -> int:
    answers: set[bytes] = set()
    try:
        while len(answers) < 2:
            answers.add(client.recv(16))
    except TimeoutError:
        pass
    return len(answers)


def _second_address() -> None:
    from pyroute2 import IPRoute

    with IPRoute() as netlink:
        index = netlink.link_lookup(ifname="eth0")[0]
        netlink.addr("add", index=index, address="10.244.2.3", prefixlen=24)


def _body(run: Run) -> Result:
    pairs = 300 if run.quick else 2000
    with Topology() as topology:
        client, node, server = tracking_node(topology, "dns")
        server.call(_second_address)
        for address in (SERVER_IP, "10.244.2.3"):
            serve_datagrams(server, udp_echo_server, address, PORT)
        node.run(["nft", "-f", "-"], _RULES)
        client.call(pairs_answered, VIP, PORT, 5, WAIT_S)
        run.progress(0.2, f"{pairs} pairs of queries")
        before = statistics(node)
        both, one = client.call(pairs_answered, VIP, PORT, pairs, WAIT_S, timeout_s=110)
        after = statistics(node)
    counted = {name: after[name] - before[name] for name in after}
    return Result(
        parameters={"pairs": pairs, "servers": 2, "cpus_needed": 2},
        series=(Series("pairs answered in full", "pairs", {"pairs": pairs}, (both,)),),
        findings={
            "both_answered": both,
            "one_answered": one,
            "clash_resolve": counted.get("clash_resolve", 0),
            "insert_failed": counted["insert_failed"],
            "drop": counted["drop"],
        },
    )


DNS_RACE = Experiment(
    name="dns-race",
    question="Does the race between an A and an AAAA query still lose a datagram?",
    limits=(
        "The two senders are made to meet as closely as two processes can, far more often than a "
        "resolver's queries do; on a machine with one CPU, or a busy one, they meet less often."
    ),
    needs=(NAMESPACES, program("nft", "conntrack")),
    tools=("nft", "conntrack"),
    bound_s=(120.0, 120.0),
    body=_body,
)
