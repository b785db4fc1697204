import pytest

from k8snet_lessons.datapath import Packet
from k8snet_lessons.errors import InputError


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("10.0.0.2->172.30.0.41:80/tcp", Packet("10.0.0.2", "172.30.0.41", 80)),
        ("10.0.0.2->172.30.0.41:80", Packet("10.0.0.2", "172.30.0.41", 80)),
        (" 10.0.0.2:40000 -> 1.2.3.4:53 / udp ", Packet("10.0.0.2", "1.2.3.4", 53, "udp", 40000)),
        ("fd00::2->[fd00::1]:80", Packet("fd00::2", "fd00::1", 80)),
        ("[fd00::2]:9->[FD00:0::1]:80/sctp", Packet("fd00::2", "fd00::1", 80, "sctp", 9)),
        ("10.0.0.2->10.0.0.3/icmp", Packet("10.0.0.2", "10.0.0.3", protocol="icmp")),
        ("fd00::2->fd00::3/ipv6-icmp", Packet("fd00::2", "fd00::3", protocol="icmpv6")),
        ("10.0.0.2->10.0.0.3:1/17", Packet("10.0.0.2", "10.0.0.3", 1, "udp")),
    ],
)
def test_grammar(text, same):
    assert Packet.parse(text) == same
    assert Packet.parse(str(same)) == same


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "packet"),
        ("10.0.0.2", "packet"),
        ("10.0.0.2->10.0.0.3:70000", "dport"),
        ("10.0.0.2->10.0.0.3:0", "dport"),
        ("10.0.0.2->10.0.0.3:http", "port"),
        ("10.0.0.2->10.0.0.3", "dport"),
        ("10.0.0.2->10.0.0.3:80/icmp", "dport"),
        ("10.0.0.2->10.0.0.3:80/spdy", "protocol"),
        ("10.0.0.2->fd00::3/icmp", "dst"),
        ("10.0.0.256->10.0.0.3:80", "src"),
        ("fe80::1%eth0->[fe80::2]:80", "src"),
        ("x" * 5000, "packet"),
    ],
)
def test_what_is_no_packet_is_named(text, field):
    with pytest.raises(InputError) as caught:
        Packet.parse(text)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"mark": -1}, "mark"),
        ({"mark": 2**32}, "mark"),
        ({"mark": True}, "mark"),
        ({"sport": 0}, "sport"),
        ({"dport": "80"}, "dport"),
        ({"dport": True}, "dport"),
        ({"in_interface": "a name too long for Linux"}, "in_interface"),
        ({"in_interface": "a b"}, "in_interface"),
        ({"src": 1}, "src"),
        ({"protocol": None}, "protocol"),
    ],
)
def test_fields_are_checked(more, field):
    good = {"src": "10.0.0.2", "dst": "10.0.0.3", "dport": 80}
    with pytest.raises(InputError) as caught:
        Packet(**{**good, **more})
    assert caught.value.field == field
