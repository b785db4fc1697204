"""Who is asked what, how often, and with which chance it is cached: rates before queues."""

from dataclasses import dataclass

from k8snet_lessons.dns._plan import Round
from k8snet_lessons.dns._server_spec import (
    KUBERNETES_TTL_S,
    PREFETCH_WINDOW_S,
    DnsSpec,
    node_cap_s,
)
from k8snet_lessons.dns.caching import clamped_s, hit_ratio, kept_s


@dataclass(frozen=True)
class Question:
    """One question of one round, with its chances.

    Attributes
    ----------
    qname, qtype : str
    in_cluster, exists : bool
    per_s : float
        How often the whole cluster asks it.
    node_hit : float
        Chance that the cache on the node knows; 0 without one.
    upstream : float
        Chance that, past the node's cache, the resolver outside has to be asked.
    """

    qname: str
    qtype: str
    in_cluster: bool
    exists: bool
    per_s: float
    node_hit: float
    upstream: float


@dataclass(frozen=True)
class Traffic:
    """Rates that follow from a spec.

    Attributes
    ----------
    questions : dict
        By (qname, qtype).
    per_s : float
        Questions that the resolvers send.
    coredns_per_s : float
        Questions that reach CoreDNS.
    coredns_work_per_s : float
        Lookups in its tables that they cost it: more than one each with autopath.
    upstream_per_s : float
    node_hit_ratio, cache_hit_ratio : float
        Of all questions at the node caches; of those for names outside at CoreDNS (or, with
        node caches, at them).
    """

    questions: dict[tuple[str, str], Question]
    per_s: float
    coredns_per_s: float
    coredns_work_per_s: float
    upstream_per_s: float
    node_hit_ratio: float
    cache_hit_ratio: float


def rounds_sent(spec: DnsSpec, rounds: tuple[Round, ...]) -> tuple[Round, ...]:
    """The rounds that go over the network: with autopath the first is answered for all.

    autopath finds a pod's search list by the address that asks. Behind a cache on the node
    that is the node's, and autopath does nothing.
    """
    shortened = spec.autopath and not spec.node_cache and len(rounds) > 1 and rounds[0].in_cluster
    return rounds[:1] if shortened else rounds


def traffic(spec: DnsSpec) -> Traffic:
    """Add up what is asked."""
    asked: dict[tuple[str, str], float] = {}
    facts: dict[tuple[str, str], tuple[bool, bool]] = {}
    sent = 0.0
    for name in spec.plan:
        rate = spec.lookups_per_s * name.share
        for one in rounds_sent(spec, name.rounds):
            sent += rate * len(one.qtypes)
        for one in name.rounds:
            for qtype, exists in zip(one.qtypes, one.exists, strict=True):
                key = (one.qname, qtype)
                asked[key] = asked.get(key, 0.0) + rate
                facts[key] = (one.in_cluster, exists)
    questions = {}
    coredns = upstream = node_hits = outside = outside_hits = 0.0
    for (qname, qtype), per_s in asked.items():
        in_cluster, exists = facts[qname, qtype]
        question = _question(spec, qname, qtype, in_cluster, exists, per_s)
        questions[qname, qtype] = question
        past_node = per_s * (1 - question.node_hit)
        node_hits += per_s * question.node_hit
        if in_cluster or not spec.node_cache:
            coredns += past_node
        if not in_cluster:
            misses = past_node * question.upstream
            upstream += misses
            outside += per_s
            outside_hits += per_s - misses
    # With autopath one question makes CoreDNS look up the candidates one after another.
    coredns_work = coredns
    if not spec.node_cache:
        coredns = sent
    return Traffic(
        questions=questions,
        per_s=sent,
        coredns_per_s=coredns,
        coredns_work_per_s=coredns_work,
        upstream_per_s=upstream,
        node_hit_ratio=node_hits / max(sum(asked.values()), 1e-300) if spec.node_cache else 0.0,
        cache_hit_ratio=outside_hits / outside if outside else 0.0,
    )


def _question(
    spec: DnsSpec, qname: str, qtype: str, in_cluster: bool, exists: bool, per_s: float
) -> Question:
    ttl_s = spec.ttl_s if exists else spec.negative_ttl_s
    node_hit = 0.0
    upstream = 0.0
    if spec.node_cache:
        said_s = KUBERNETES_TTL_S if in_cluster else ttl_s
        keep_s = clamped_s(said_s, node_cap_s(in_cluster=in_cluster, exists=exists))
        node_hit = hit_ratio(per_s / spec.nodes, keep_s)
        upstream = 0.0 if in_cluster else 1.0
    elif not in_cluster:
        cap_s = spec.cache_success_s if exists else spec.cache_denial_s
        rate = per_s / spec.replicas
        popular = spec.prefetch > 0 and rate * PREFETCH_WINDOW_S >= spec.prefetch
        keep_s = clamped_s(ttl_s, cap_s)
        if keep_s > 0:
            keep_s = kept_s(rate, keep_s, prefetch=popular, serve_stale_s=spec.serve_stale_s)
        upstream = 1 - hit_ratio(rate, keep_s)
    return Question(qname, qtype, in_cluster, exists, per_s, node_hit, upstream)
