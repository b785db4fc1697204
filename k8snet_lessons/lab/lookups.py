"""How many queries a lookup costs, asked of this machine's real resolvers."""

from k8snet_lessons.data.measured import Series
from k8snet_lessons.lab import resolvers
from k8snet_lessons.lab.aftermath import scratch
from k8snet_lessons.lab.experiment import Experiment, Result, Run
from k8snet_lessons.lab.needs import Need
from k8snet_lessons.lab.resolvers import NAMESERVERS, Case

SEARCH = "production.svc.cluster.local svc.cluster.local cluster.local"
_HEAD = f"nameserver {NAMESERVERS[0]}\nsearch {SEARCH}"
RESOLV_CONFS = {
    "pod, ndots:5": f"{_HEAD}\noptions ndots:5\n",
    "pod with a cloud's domain, ndots:5": f"{_HEAD} us-east-2.compute.internal\noptions ndots:5\n",
    "pod, ndots:2": f"{_HEAD}\noptions ndots:2\n",
    "pod, ndots:1": f"{_HEAD}\noptions ndots:1\n",
}
NAMES = (
    "api.stripe.com",
    "api.stripe.com.",
    "payment",
    "payment.production",
    "payment.production.svc",
    "payment.production.svc.cluster.local",
)
ANSWERS: dict[tuple[str, str], str | list[str]] = {
    ("api.stripe.com", "A"): ["192.0.2.1"],
    ("api.stripe.com", "AAAA"): ["2001:db8::1"],
    ("payment.production.svc.cluster.local", "A"): ["10.96.0.77"],
    ("payment.production.svc.cluster.local", "AAAA"): "NODATA",
}


def _body(run: Run) -> Result:
    drawn = 30 if run.quick else 300
    with scratch() as folder:
        clients = resolvers.build_clients(folder, with_go=not run.quick)
        named = {
            (setting, name): Case(name, text, ANSWERS)
            for setting, text in RESOLV_CONFS.items()
            for name in NAMES
        }
        run.progress(0.1, "names a pod looks up")
        orders = [(resolver, case) for case in named.values() for resolver in clients.commands]
        recordings = list(resolvers.record(orders, clients))
        settings = [key for key in named for _ in clients.commands]
        run.progress(0.3, f"{drawn} lookups drawn at random, each held to the model")
        cases = list(resolvers.draw_cases(drawn, run.seed))
        wanted = [(resolver, case) for case in cases for resolver in clients.commands]
        differing: dict[str, int] = dict.fromkeys(clients.commands, 0)
        for recording in [*resolvers.record(wanted, clients), *recordings]:
            differing[recording.resolver] += bool(resolvers.disagreement(recording))
    return Result(
        parameters={
            "drawn": drawn,
            "resolv_conf": RESOLV_CONFS,
            "exists": sorted({name for name, _ in ANSWERS}),
        },
        series=tuple(
            Series(
                "queries",
                "queries",
                {"resolver": recording.resolver, "resolv_conf": setting, "name": name},
                (len(recording.queries),),
            )
            for (setting, name), recording in zip(settings, recordings, strict=True)
        ),
        findings={
            "lookups_a_resolver": drawn + len(named),
            "unlike_the_model": differing,
            "not_found": sorted(
                f"{recording.resolver}: {name} ({setting})"
                for (setting, name), recording in zip(settings, recordings, strict=True)
                if recording.error
            ),
            "absent": clients.absent,
        },
    )


LOOKUPS = Experiment(
    name="lookups",
    question="How many queries does one lookup cost, by resolver and by resolv.conf?",
    limits=(
        "The servers are the lab's own and answer at once, so nothing is lost or late here; "
        "resolvers that are not installed are left out and named in the record."
    ),
    needs=(Need("a user namespace", resolvers.cannot_record),),
    tools=("musl-gcc", "go"),
    bound_s=(180.0, 120.0),
    body=_body,
)
