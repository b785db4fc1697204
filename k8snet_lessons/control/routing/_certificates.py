"""Which certificate a TLS client is shown, by the server name it asks for (SNI)."""

from dataclasses import dataclass

from k8snet_lessons.cluster import Cluster
from k8snet_lessons.control.routing._backend_refs import granted
from k8snet_lessons.control.routing._ingress import ingresses_of
from k8snet_lessons.control.routing._request import one_label_matches, suffix_matches


@dataclass(frozen=True, slots=True)
class Certificate:
    """The Secret that holds the certificate, and who names it."""

    namespace: str
    secret: str
    named_by: str
    host: str


def certificate_for(
    cluster: Cluster, server_name: str, ingress_class: str | None = None
) -> Certificate | None:
    """Find the certificate for a server name among Ingresses and Gateways.

    A name of its own comes before a wildcard, and that before an entry without hosts; an
    Ingress before a Gateway. None means that the proxy shows a certificate of its own making,
    or refuses. A Gateway may name a Secret of another namespace only by a ReferenceGrant.

    Parameters
    ----------
    cluster : Cluster
    server_name : str
        From the client's TLS hello; known before any HTTP is read.
    ingress_class : str, optional

    Returns
    -------
    Certificate or None
    """
    asked = server_name.lower().rstrip(".")
    found: list[tuple[bool, int, Certificate]] = []
    for name, ingress in ingresses_of(cluster, ingress_class):
        namespace = ingress.metadata.namespace or "default"
        for entry in ingress.spec.tls or []:
            # An entry without hosts stands for every host (networking/v1, IngressTLS).
            for host in entry.hosts or [""]:
                if entry.secretName and (not host or one_label_matches(host, asked)):
                    one = Certificate(namespace, entry.secretName, f"Ingress {name}", host)
                    found.append((not host or host.startswith("*"), -len(host), one))
    if found:
        return min(found, key=lambda item: item[:2])[2]
    for name, gateway in sorted(cluster.gateways.items()):
        for listener in gateway.spec.listeners or []:
            host = listener.hostname or ""
            if listener.tls is None or (host and not suffix_matches(host, asked)):
                continue
            home = gateway.metadata.namespace or "default"
            for ref in listener.tls.certificateRefs or []:
                namespace = ref.namespace or home
                target = (ref.group or "", ref.kind or "Secret", ref.name)
                if not granted(cluster, ("Gateway", home), namespace, target):
                    continue
                one = Certificate(namespace, ref.name, f"Gateway {name}/{listener.name}", host)
                found.append((not host or host.startswith("*"), -len(host), one))
    return min(found, key=lambda item: item[:2])[2] if found else None
