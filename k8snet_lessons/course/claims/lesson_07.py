"""What lesson 7 claims: NetworkPolicy."""

from k8snet_lessons.course.claims.claim import chosen, documented, recorded

CLAIMS = (
    documented("allow UDP and TCP 53", "RFC 1035 and RFC 7766: DNS over UDP and TCP, port 53"),
    chosen("Preset 10,000 peers, a rule for each"),
    chosen("then 10,000 peers, one set"),
    recorded("an error (504, 502 or 503, by proxy)", "proxy_statuses.json"),
)
