"""What the recordings do not hold: files in disrepair, waiting times, errors, names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_lessons.dns import RESOLVERS, Setting, breaks, lookup, parse_resolv_conf, queries
from k8snet_lessons.errors import InputError

SERVER = "nameserver 10.96.0.10\n"
POD = SERVER + "search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"


def notes(text, resolver):
    return " | ".join(str(note) for note in parse_resolv_conf(text, resolver).notes)


@pytest.mark.parametrize(
    ("text", "glibc", "musl", "go"),
    [
        ("options ndots:99", 15, 15, 15),
        ("options ndots:-1", 15, 1, 0),
        ("options ndots:abc", 0, 1, 0),
        ("options ndots:5x", 5, 5, 5),
        ("options ndots: 3", 3, 1, 0),
        ("options ndots:4294967297", 1, 15, 15),
        ("options ndots:9999999999999999999999", 15, 15, 15),
        ("  options ndots:3", 1, 1, 3),
        ("optionsndots:3", 1, 1, 1),
        ("options xndots:3", 1, 3, 1),
        ("options ndots:3\noptions ndots:2", 2, 2, 2),
    ],
)
def test_ndots_as_each_resolver_reads_it(text, glibc, musl, go):
    read = {name: parse_resolv_conf(SERVER + text + "\n", name).ndots for name in RESOLVERS}
    assert read == {"glibc": glibc, "musl": musl, "go": go}


def test_a_carriage_return_spoils_the_file_for_glibc_alone():
    text = POD.replace("\n", "\r\n")
    assert parse_resolv_conf(text, "musl").nameservers == ("10.96.0.10",)
    assert parse_resolv_conf(text, "go").nameservers == ("10.96.0.10",)
    spoiled = parse_resolv_conf(text, "glibc")
    assert spoiled.nameservers == ("127.0.0.1",)
    assert spoiled.search[-1] == "cluster.local\r"
    assert "no usable nameserver" in notes(text, "glibc")


def test_only_three_nameservers_count():
    text = "".join(f"nameserver 10.0.0.{n}\n" for n in range(1, 6))
    for name in RESOLVERS:
        conf = parse_resolv_conf(text, name)
        assert conf.nameservers == ("10.0.0.1", "10.0.0.2", "10.0.0.3")
        assert [note.line for note in conf.notes] == [4, 5]


def test_old_glibc_cuts_the_search_list_and_musl_the_long_line():
    suffixes = [f"s{n}.corp" for n in range(8)]
    text = SERVER + "search " + " ".join(suffixes) + "\n"
    assert len(parse_resolv_conf(text, "glibc").search) == 8
    assert len(parse_resolv_conf(text, "glibc-2.25").search) == 6
    long_line = SERVER + "search " + " ".join(f"suffix-{n:03}.example" for n in range(20)) + "\n"
    assert len(parse_resolv_conf(long_line, "glibc").search) == 20
    assert parse_resolv_conf(long_line, "musl").search == ()
    assert "skips the whole line" in notes(long_line, "musl")


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("10.0.0.1", {"glibc": 0, "musl": 0, "go": 0}),
        ("10.0.0", {"glibc": 0, "musl": 0, "go": 0}),
        ("0x7f.1", {"glibc": 0, "musl": 0, "go": 2}),
        ("a..b", {"glibc": 0, "musl": 0, "go": 0}),
        ("x" * 64, {"glibc": 0, "musl": 0, "go": 0}),
        (".".join(["y" * 49] * 5) + ".abcd", {"glibc": 0, "musl": 0, "go": 0}),
        ("bücher", {"glibc": 0, "musl": 2, "go": 0}),
        ("-x", {"glibc": 0, "musl": 2, "go": 0}),
        ("localhost", {"glibc": 0, "musl": 0, "go": 0}),
        ("LOCALHOST", {"glibc": 0, "musl": 2, "go": 0}),
        ("localhost.", {"glibc": 2, "musl": 2, "go": 2}),
        ("shop.onion", {"glibc": 2, "musl": 2, "go": 0}),
        (".", {"glibc": 2, "musl": 0, "go": 2}),
        ("", {"glibc": 0, "musl": 0, "go": 0}),
    ],
)
def test_names_that_are_special_to_somebody(name, asked):
    assert {each: len(queries(name, SERVER, each)) for each in RESOLVERS} == asked


def test_one_timeout_on_the_first_suffix_looks_permanent_with_glibc():
    answers = {("db.shop.svc.cluster.local", family): "TIMEOUT" for family in ("A", "AAAA")}
    found = lookup("db", POD, "glibc", answers)
    assert found.error_in_words == "Name or service not known"
    assert found.waited_s == 10.0
    assert found.names_tried == ("db.shop.svc.cluster.local", "db")
    assert lookup("db", POD, "musl", answers).error == "EAI_AGAIN"


@pytest.mark.parametrize(("resolver", "waited_s"), [("glibc", 15.0), ("musl", 5.0), ("go", 10.0)])
def test_an_aaaa_that_is_never_answered(resolver, waited_s):
    answers = {("api.corp", "A"): ["192.0.2.1"], ("api.corp", "AAAA"): "TIMEOUT"}
    found = lookup("api.corp.", POD, resolver, answers)
    assert found.waited_s == waited_s
    assert found.found is (resolver != "musl")


@pytest.mark.parametrize(
    ("answers", "asked", "error"),
    [
        # Recorded: the first candidate is an alias that leads nowhere, the second is there.
        (("CNAME", "CNAME"), {"glibc": 2, "musl": 2, "go": 4}, "EAI_NONAME"),
        (("NODATA", "CNAME"), {"glibc": 2, "musl": 2, "go": 4}, "EAI_NONAME"),
        (("NXDOMAIN", "CNAME"), {"glibc": 2, "musl": 4, "go": 4}, "EAI_NONAME"),
        ((["192.0.2.9"], "CNAME"), {"glibc": 2, "musl": 2, "go": 2}, ""),
    ],
)
def test_an_alias_that_leads_nowhere_stops_glibc_where_go_goes_on(answers, asked, error):
    said = {("db.one", "A"): answers[0], ("db.one", "AAAA"): answers[1]}
    said |= {("db.two", "A"): ["192.0.2.1"], ("db.two", "AAAA"): ["2001:db8::1"]}
    conf = SERVER + "search one two\n"
    found = {each: lookup("db", conf, each, said) for each in RESOLVERS}
    assert {each: len(seen.queries) for each, seen in found.items()} == asked
    assert found["glibc"].error == error
    assert found["go"].found


def test_musl_throws_a_good_address_away_when_the_other_family_does_not_exist():
    answers = {("db.shop.svc.cluster.local", "A"): ["10.0.0.7"]}
    assert lookup("db", POD, "glibc", answers).addresses == ("10.0.0.7",)
    assert lookup("db", POD, "go", answers).addresses == ("10.0.0.7",)
    assert lookup("db", POD, "musl", answers).error == "EAI_NONAME"


def test_a_dead_first_nameserver_costs_glibc_nothing_and_musl_nothing():
    text = "nameserver 127.0.0.53\n" + POD
    for name in RESOLVERS:
        found = lookup("db.", text, name, {("db", "A"): ["10.0.0.7"], ("db", "AAAA"): "NODATA"})
        assert found.addresses == ("10.0.0.7",)
        assert found.waited_s == 0
        assert "127.0.0.53" in found.unreachable


def test_attempts_zero_kills_a_musl_process():
    found = lookup("db", POD + "options attempts:0\n", "musl")
    assert (found.error, found.queries) == ("SIGFPE", ())


def test_musl_before_1_2_4_has_no_tcp():
    answers = {("big.corp", "A"): "NOERROR+TC", ("big.corp", "AAAA"): "NODATA"}
    assert lookup("big.corp.", POD, "musl", answers).found
    assert not lookup("big.corp.", POD, "musl-1.2.3", answers).found


def test_lowering_ndots_to_one_breaks_alpine_only():
    zone = {"db.data.svc.cluster.local": ["10.0.0.7"], "web.shop.svc.cluster.local": ["10.0.0.8"]}
    one = POD.replace("ndots:5", "ndots:1")
    for resolver, effects in (("glibc", ["same", "same"]), ("musl", ["same", "breaks"])):
        changes = breaks(["web", "db.data"], Setting(POD, resolver), Setting(one, resolver), zone)
        assert [change.effect for change in changes] == effects
    # With glibc it works still, and costs a question to the world first.
    worse = breaks(["db.data"], POD, one, zone)[0]
    assert worse.saved_queries == -2


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: queries("a", POD, "bind"), "resolver"),
        (lambda: queries("a", POD, "musl-new"), "resolver"),
        (lambda: queries("a\0b", POD), "name"),
        (lambda: queries("a", None), "resolv_conf"),
        (lambda: queries("a", POD, answers={("a", "A"): "MAYBE"}), "answers[a A]"),
        (lambda: queries("a", POD, answers={("a", "A"): 7}), "answers[a A]"),
        (lambda: queries("a", POD, answers={"a": "NXDOMAIN"}), "answers"),
    ],
)
def test_unusable_input_names_the_field(call, field):
    with pytest.raises(InputError) as caught:
        call()
    assert caught.value.field == field


@given(st.text(), st.text(max_size=80), st.sampled_from(RESOLVERS))
def test_no_text_is_too_broken_to_be_read(text, name, resolver):
    found = lookup(name.replace("\0", ""), text.replace("\0", ""), resolver)
    assert len(found.queries) < 1000
    assert not found.found or found.source == "literal"


words = st.sampled_from(["a", "b", "svc", "corp"])


@given(st.lists(words, min_size=1, max_size=5), st.lists(words, max_size=4), st.integers(0, 15))
def test_glibc_and_go_try_the_same_candidates(labels, suffixes, ndots):
    search = f"search {' '.join(suffixes)}\n" if suffixes else ""
    text = f"{SERVER}{search}options ndots:{ndots}\n"
    name = ".".join(labels)
    assert queries(name, text, "glibc") == queries(name, text, "go")
    assert queries(name + ".", text, "glibc") == [(name, "A"), (name, "AAAA")]


def test_a_file_without_a_nameserver_asks_the_pods_own_loopback():
    text = "search shop.svc.cluster.local\noptions ndots:5\n"
    for name in RESOLVERS:
        assert queries("db", text, name) == []
        alone = lookup("db", text, name)
        assert alone.unreachable[0] == "127.0.0.1"
        assert any("no usable nameserver" in str(note) for note in alone.notes)
        served = lookup("db", text, name, listening=lambda server: True)
        assert served.names_tried == ("db.shop.svc.cluster.local", "db")
