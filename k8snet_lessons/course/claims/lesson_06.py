"""What lesson 6 claims: wires."""

from k8snet_lessons.course.claims.claim import (
    Claim,
    chosen,
    computed,
    documented,
    published,
    recorded,
)
from k8snet_lessons.course.claims.sources import CNI_2020, CNI_2024, IP_SYSCTL
from k8snet_lessons.datapath.cni import encapsulation

_PORTS = "RFC 7348 (4789), Linux' VXLAN driver (8472), RFC 8926 (6081), RFC 2003 (protocol 4)"


CLAIMS = (
    chosen("a link of 10 Gbit/s"),
    computed(
        "VXLAN takes 50 bytes out of each 1500: some 3 %", "50 / 1500", lambda: 100 * 50 / 1500
    ),
    computed(
        "IP 20 + UDP 8 + VXLAN 8 + inner Ethernet 14 = 50",
        "the headers of RFC 791, 768, 7348 and of Ethernet",
        lambda: 20 + 8 + 8 + 14,
    ),
    documented("up to 64 KiB at once", "Linux: GSO_MAX_SIZE, 65,536, the default of a device"),
    chosen("the pods believe in 1500 bytes, VXLAN runs on a network of 1500"),
    computed("where one of 1,460 bytes does not", "1460 + 8 + 20 is above 1450", lambda: 1460),
    documented(
        "TCP gives up after about 15 minutes",
        "ip-sysctl: tcp_retries2 = 15, 924.6 s at the least",
        IP_SYSCTL,
    ),
    recorded("100 bytes came back at once and 20,000 bytes not at all", "mtu"),
    published(
        "tunnels and routes lie within 3 % of one another", "benchmark-k8s-cni-2024-01", CNI_2024
    ),
    published("it says 18, they measured 26", "benchmark-k8s-cni-2024-01", CNI_2024),
    published(
        "In a benchmark of 2020 by the same authors (10 Gbit/s), Calico went from 8.9 to 9.8 "
        "Gbit/s with one change: its MTU from 1440 to 8940",
        "benchmark-k8s-cni-2020-08",
        CNI_2020,
    ),
    documented("UDP 4789 or 8472 (VXLAN), 6081 (Geneve), protocol 4 (IP in IP)", _PORTS),
    Claim(
        '"VXLAN adds 50 bytes."',
        "model",
        "datapath.cni.encapsulation",
        value=lambda: float(encapsulation("vxlan").overhead_bytes()),
    ),
    Claim(
        "it is 70, and Geneve's options come on top",
        "model",
        "datapath.cni.encapsulation, outer IPv6",
        value=lambda: float(encapsulation("vxlan").overhead_bytes(outer_family=6)),
    ),
    Claim(
        '"Below 10 µs."',
        "published",
        "quoted to be refuted: a figure that circulates without packet size, rate or machine",
    ),
    computed("50 for VXLAN over", "20 + 8 + 8 + 14", lambda: 50),
)
