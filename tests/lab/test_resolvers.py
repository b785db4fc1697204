"""The real resolvers of this machine against the model, on a few lookups drawn afresh."""

import pytest

from k8snet_lessons.lab import resolvers


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    reason = resolvers.cannot_record()
    if reason:
        pytest.skip(reason)
    return resolvers.build_clients(tmp_path_factory.mktemp("clients"))


@pytest.mark.parametrize("family", ["glibc", "musl", "go"])
def test_this_machines_resolver_asks_what_the_model_says(clients, family):
    resolver = next((each for each in clients.commands if each.startswith(family)), None)
    if resolver is None:
        pytest.skip(clients.absent[family])
    # One nameserver: with several, datagrams and streams of musl's race one another here.
    # No root in the search list: musl before 1.2.4 then waits five seconds.
    cases = [
        case
        for case in resolvers.draw_cases(40, seed=20261124)
        if case.resolv_conf.count("nameserver") == 1 and " ." not in case.resolv_conf
    ]
    recordings = list(resolvers.record([(resolver, case) for case in cases], clients))
    assert [text for text in map(resolvers.disagreement, recordings) if text] == []
    assert sum(len(recording.queries) for recording in recordings) > len(cases)
