"""The explorer of lesson 4: its numbers are the resolver's and the servers'."""

import pytest

from k8snet_lessons.dns import lookup, zone_answers
from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers.names import name_ladder, read_names, resolv_conf, view, world
from k8snet_lessons.figures.name_tables import breaks_table, failure_table, recorded_table


def shown(requests=20_000, **changes):
    explorer = name_ladder()
    explorer.set(**changes)
    return view(explorer.settings, requests=requests)


@pytest.mark.parametrize(
    ("changes", "queries"),
    [({}, 8), ({"cloud": True}, 10), ({"ndots": 2}, 2), ({"names": "api.stripe.com."}, 2)],
)
def test_the_ladder_counts_what_is_taught(changes, queries):
    seen = shown(**changes)
    assert seen.number("queries for the first name") == queries
    assert len(seen.panels[0].figure["data"][0]["y"]) == queries


def test_ndots_one_loses_a_neighbor_service_on_alpine_alone():
    assert shown(ndots=1, resolver="glibc").number("names that do not resolve") == 0
    seen = shown(ndots=1, resolver="musl")
    assert seen.number("names that do not resolve") == 2
    assert "ledger.payments" in seen.headline


@pytest.mark.parametrize("preset", list(name_ladder().presets))
def test_every_preset_shows_a_sentence_and_rows(preset):
    explorer = name_ladder()
    explorer.load(preset)
    seen = view(explorer.settings, requests=20_000)
    assert seen.headline
    assert {"qname", "qtype", "reply"} <= set(next(iter(seen.csv())))


def test_too_many_lookups_are_said_to_be_too_many():
    assert "cannot keep up" in shown(lookups_per_s=100_000.0).headline
    assert "cannot keep up" not in shown(lookups_per_s=100_000.0, cache="node").headline


def test_every_name_is_taken_to_exist_under_the_usual_settings():
    names = ("cart", "a.b", "a.b.svc", "stripe.com", "api.example.org", "x.y.svc.cluster.local")
    answers = zone_answers(world(names))
    for name in names:
        assert lookup(name, resolv_conf(5, False), "glibc", answers).found


@pytest.mark.parametrize("text", ["", " , ", " ".join(f"n{i}" for i in range(9))])
def test_no_name_or_too_many_are_refused(text):
    with pytest.raises(InputError, match="names"):
        read_names(text)


def test_the_record_agrees_with_the_table_of_what_breaks():
    assert "not found" in str(breaks_table("musl"))
    assert "not found" not in str(breaks_table("glibc"))
    assert "musl" in str(recorded_table()).splitlines()[-3]


def test_a_passing_time_out_reads_like_a_wrong_name_in_glibc():
    last = failure_table().rows[-1]
    assert last[0] == "TIMEOUT"
    assert last[1] == "Name or service not known, 10 s"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("10.0.0.1", "10.0.0.1 is an address already: nobody is asked."),
        ("localhost", "localhost stands in the pod's /etc/hosts: nobody is asked."),
        ("x" * 64, f"Nobody is asked for {'x' * 39}…: to glibc it is no host name"),
    ],
)
def test_a_name_that_costs_nothing_says_why(names, words):
    seen = shown(names=names)
    assert seen.headline.startswith(words)
    assert seen.panels[0].summary == "No query is sent."


def test_a_knob_in_motion_shows_nearly_what_stands_when_it_rests():
    for cache in ("none", "node", "autopath"):
        moving, resting = (
            shown(cache=cache, requests=requests).number("p99 lookup")
            for requests in (10_000, 100_000)
        )
        assert moving == pytest.approx(resting, rel=0.03)


def test_a_long_name_leaves_room_for_its_reply():
    seen = shown(names="a-gateway-with-quite-a-name.of-another-team.example.com")
    texts = seen.panels[0].figure["data"][0]["text"]
    assert texts[0] == "A    a-gateway-with….production.svc.cluster.local <b>NXDOMAIN</b>"
    assert all(len(text) <= len("AAAA ") + 44 + len(" <b>NXDOMAIN</b>") for text in texts)
