"""A pod's resolv.conf, composed."""

import pytest

from k8snet_lessons.dns import pod_resolv_conf
from k8snet_lessons.errors import InputError

NODE = "nameserver 10.0.0.2\nsearch us-east-2.compute.internal ap7.example.\noptions timeout:2\n"


def test_cluster_first_keeps_the_clouds_domain_and_no_option_of_the_node():
    conf = pod_resolv_conf("ClusterFirst", None, "shop", "cluster.local", NODE)
    assert conf.text == (
        "search shop.svc.cluster.local svc.cluster.local cluster.local "
        "us-east-2.compute.internal ap7.example\nnameserver 10.96.0.10\noptions ndots:5\n"
    )


def test_default_is_the_nodes_own():
    conf = pod_resolv_conf("Default", node_resolv_conf=NODE)
    assert (conf.nameservers, conf.options) == (("10.0.0.2",), ("timeout:2",))
    assert pod_resolv_conf("ClusterFirst", host_network=True, node_resolv_conf=NODE) == conf
    with_host = pod_resolv_conf("ClusterFirstWithHostNet", host_network=True)
    assert with_host.nameservers == ("10.96.0.10",)


def test_dns_config_is_merged_over_the_policy():
    own = {
        "nameservers": ["192.0.2.1"],
        "searches": ["svc.cluster.local", "corp"],
        "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
    }
    conf = pod_resolv_conf("ClusterFirst", own, "shop")
    assert conf.nameservers == ("10.96.0.10", "192.0.2.1")
    assert conf.search[-1] == "corp"
    assert len(conf.search) == 4
    assert conf.options == ("ndots:2", "edns0")
    assert pod_resolv_conf("None", own).text.startswith("search svc.cluster.local corp\n")


def test_limits_are_applied_with_a_warning():
    node = "search " + " ".join(f"d{n}.example" for n in range(40)) + "\n"
    conf = pod_resolv_conf(node_resolv_conf=node)
    assert len(conf.search) == 32
    assert "left out" in conf.warnings[0]
    long_node = "search " + " ".join(f"{'d' * 100}{n}.example" for n in range(25)) + "\n"
    assert len(" ".join(pod_resolv_conf(node_resolv_conf=long_node).search)) <= 2048


def test_without_cluster_dns_the_kubelet_falls_back():
    conf = pod_resolv_conf(cluster_dns=(), node_resolv_conf=NODE)
    assert conf.nameservers == ("10.0.0.2",)
    assert "clusterDNS" in conf.warnings[0]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"dns_policy": "First"}, "dnsPolicy"),
        ({"dns_policy": "None"}, "dnsConfig.nameservers"),
        ({"dns_config": {"nameservers": ["dns.corp"]}}, "dnsConfig.nameservers"),
        ({"dns_config": {"search": ["corp"]}}, "dnsConfig"),
        ({"dns_config": {"options": ["ndots:2"]}}, "dnsConfig.options"),
        ({"dns_config": {"searches": ["x"] * 33}}, "dnsConfig.searches"),
        ({"namespace": "Shop"}, "namespace"),
    ],
)
def test_what_the_api_server_refuses(arguments, field):
    with pytest.raises(InputError) as caught:
        pod_resolv_conf(**arguments)
    assert caught.value.field == field
