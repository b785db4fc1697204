import json
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

from k8snet_lessons.cli import main

DUMPS = Path(__file__).parent / "dumps"
ONE = str(DUMPS / "one-service.txt")
VIP = "10.244.0.9->172.30.0.41:80/tcp"
EMPTY = "10.244.0.9->172.30.0.99:80/tcp"


def run(*arguments, **more):
    return CliRunner().invoke(main, ["trace", *arguments], **more)


def test_text():
    result = run(ONE, VIP, "--local", "192.168.0.2")
    assert result.exit_code == 0
    assert result.output.startswith(
        f"{VIP}, from a pod, through iptables: 3 outcomes\n\n1/3  accept"
    )
    assert result.output.count("DNAT") >= 3


def test_json_is_one_object_a_packet():
    result = run(ONE, VIP, EMPTY, "--local", "192.168.0.2", "--json")
    first, second = map(json.loads, result.output.splitlines())
    assert first["packet"] == VIP
    assert [o["destination"] for o in first["outcomes"]] == [
        "10.244.0.5:8080",
        "10.244.1.6:8080",
        "10.244.2.7:8080",
    ]
    assert sum(Fraction(o["probability"]) for o in first["outcomes"]) == 1
    assert second["outcomes"][0]["verdict"] == "reject"
    step = second["outcomes"][0]["steps"][-1]
    assert (step["table"], step["chain"], step["line"]) == ("filter", "KUBE-SERVICES", 14)


def test_stdin_origin_and_sample():
    text = Path(ONE).read_text()
    result = run("-", "192.168.0.2->172.30.0.41:80", "--origin", "host", "--sample", "1",
                 "--json", input=text)  # fmt: skip
    (outcome,) = json.loads(result.output)["outcomes"]
    assert outcome["masqueraded"]
    assert outcome["probability"] == "1/3"


def test_sets_routes_and_interface():
    arguments = [str(DUMPS / "calico.txt"), "10.1.0.5->10.1.0.6:6379", "--local", "192.168.0.2",
                 "--in", "cali1234567890a", "--route", "10.1.0.6/32=cali1234567890b"]  # fmt: skip
    result = run(*arguments, "--json")
    assert result.exit_code == 3
    assert any(
        "match-set" in u for o in json.loads(result.output)["outcomes"] for u in o["unknowns"]
    )
    assert "note: match rpfilter" in run(*arguments).stderr
    named = run(*arguments, "--set", "cali40s:fKoyC6Gk2mR3rwGqVvpU9Qy=10.1.0.0/24 10.2.0.0/24",
                "--json")  # fmt: skip
    assert json.loads(named.output)["outcomes"][0]["verdict"] == "accept"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((ONE, VIP), 0, "1/3"),
        ((ONE, EMPTY), 1, "reject"),
        ((ONE, VIP, EMPTY), 1, "reject"),
        ((ONE, "nonsense"), 2, "such as 10.0.0.2->172.30.0.41:80/tcp"),
        ((ONE, "10.0.0.1->10.0.0.2:70000"), 2, "dport is 70000"),
        ((ONE, "fd00::1->[fd00::2]:80"), 2, "IPv4 addresses"),
        ((ONE,), 2, "PACKET"),
        (("no-such-file", VIP), 2, "no-such-file"),
        ((__file__, VIP), 2, "line 1"),
        ((ONE, VIP, "--origin", "moon"), 2, "moon"),
        ((ONE, VIP, "--route", "eth0"), 2, "--route"),
        ((ONE, VIP, "--route", "eth0=eth0"), 2, "routes"),
        ((ONE, VIP, "--local", "eth0"), 2, "eth0"),
    ],
)
def test_exit_status(arguments, code, says):
    result = run(*arguments)
    assert result.exit_code == code
    assert says in result.output
    assert "Traceback" not in result.output


def test_help_has_an_example_and_the_exit_codes():
    result = run("--help")
    assert "iptables-save | k8snet trace -" in result.output
    assert "3  the answer rests on" in result.output
