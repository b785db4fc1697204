"""Other people's figures keep their source, and the course's own records keep to their shape."""

import pytest

from k8snet_lessons.data import measured
from k8snet_lessons.data.published import STATUSES, studies


@pytest.mark.parametrize("study", studies().values(), ids=studies())
def test_every_figure_has_a_source_that_can_be_looked_up(study):
    assert study.status in STATUSES
    assert study.url.startswith("https://")
    assert study.source
    assert study.hardware
    assert study.points
    for point in study.points:
        assert point.unit
        assert point.value > 0


def test_the_blog_and_the_lab_agree_on_what_grows():
    blog = studies()["kubernetes-nftables-blog"]

    def median(mode, services):
        (point,) = blog.find(mode=mode, services=services, percentile=50)
        return point.value

    record = measured.load("first-packet")

    def minimum(mode, services):
        return record.one("connect", mode=mode, services=services, target="last").minimum

    assert median("nftables", 30_000) == median("nftables", 5000)
    assert minimum("nftables", 20_000) == pytest.approx(minimum("nftables", 5000), rel=0.1)
    assert median("iptables", 30_000) > 3 * median("iptables", 5000)
    assert minimum("iptables-nft", 20_000) > 3 * minimum("iptables-nft", 5000)
