"""Names and addresses, read the way each resolver reads them.

A name on the way to the wire is a tuple of labels, each of them bytes. Text that a
resolver cannot turn into labels never becomes a query, so these functions return
``None`` for it and leave the consequence to the resolver's own model.

Sources: glibc ``resolv/ns_name_pton.c``, ``resolv/res-name-checking.c`` and
``resolv/inet_addr.c``; musl ``src/network/res_mkquery.c`` and ``inet_aton.c``; Go
``src/net/dnsclient.go`` and the ``dnsmessage`` package.
"""

import ipaddress
import re

#: What the kubelet writes to a pod's ``/etc/hosts`` when ``hostNetwork`` is false
#: (``pkg/kubelet/kubelet_pods.go``, ``managedHostsFileContent``), without the pod's own line.
POD_HOSTS = """\
# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
fe00::\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""

Labels = tuple[bytes, ...]

MAX_LABEL_OCTETS = 63
MAX_NAME_OCTETS = 255  # RFC 1035, with a length octet for each label and one for the root


def octets(text: str) -> bytes:
    """The bytes that a C program would hold for `text`."""
    return text.encode("utf-8", "surrogateescape")


def present(labels: Labels) -> str:
    r"""Labels as a zone file writes them: without the final dot, ``\DDD`` for odd octets."""
    if not labels:
        return "."
    return ".".join("".join(_present_octet(octet) for octet in label) for label in labels)


def _present_octet(octet: int) -> str:
    char = chr(octet)
    if not 0x21 <= octet <= 0x7E:
        return f"\\{octet:03d}"
    return "\\" + char if char in '."();@$\\' else char


def _within_limits(labels: Labels) -> bool:
    if any(not 0 < len(label) <= MAX_LABEL_OCTETS for label in labels):
        return False
    return sum(len(label) + 1 for label in labels) + 1 <= MAX_NAME_OCTETS


def escaped_labels(name: bytes) -> Labels | None:
    """Labels of a name in zone-file notation, as glibc's ``ns_name_pton`` reads it.

    A final dot is allowed, and the empty string is the root.
    """
    labels: list[bytes] = []
    label = bytearray()
    at = 0
    while at < len(name):
        octet = name[at]
        if octet == ord("\\"):
            number = re.match(rb"\\([0-9]{3})", name[at:])
            if number is not None:
                value = int(number[1])
                if value > 255:
                    return None
                label.append(value)
                at += 4
                continue
            if at + 1 == len(name) or name[at + 1 : at + 2].isdigit():
                return None
            label.append(name[at + 1])
            at += 2
            continue
        at += 1
        if octet != ord("."):
            label.append(octet)
            continue
        if not label:
            return () if name == b"." else None
        labels.append(bytes(label))
        label.clear()
    if label:
        labels.append(bytes(label))
    return tuple(labels) if _within_limits(tuple(labels)) else None


def plain_labels(name: bytes) -> Labels | None:
    """Labels of a name split at its dots and nowhere else, as musl and Go do it.

    One final dot is allowed. musl stops at 253 octets of text, which is the same bound.
    """
    if name.endswith(b"."):
        name = name[:-1]
    if not name:
        return ()
    labels = tuple(name.split(b"."))
    return labels if _within_limits(labels) else None


def is_glibc_host_name(name: bytes) -> bool:
    """Whether glibc's ``res_hnok`` lets the name out: letters, digits, ``-`` and ``_``."""
    if not all(0x21 <= octet <= 0x7E for octet in name):
        return False
    labels = escaped_labels(name)
    if labels is None:
        return False
    if labels and labels[0].startswith(b"-"):
        return False
    return all(re.fullmatch(rb"[0-9A-Za-z_-]+", label) for label in labels)


def is_go_domain_name(name: bytes) -> bool:
    """Go's ``isDomainName``: no empty label, no hyphen at a label's edge, not all digits."""
    if name == b".":
        return True
    if not name or len(name) > 254 or (len(name) == 254 and not name.endswith(b".")):
        return False
    labels = name.removesuffix(b".").split(b".")
    if not all(re.fullmatch(rb"[0-9A-Za-z_-]{1,63}", label) for label in labels):
        return False
    if any(label.startswith(b"-") or label.endswith(b"-") for label in labels):
        return False
    return re.search(rb"[A-Za-z_-]", name) is not None


def classic_ipv4(text: str) -> str | None:
    """Dotted form of what C's ``inet_aton`` takes for an IPv4 address, else ``None``.

    One to four parts, each decimal, octal (leading 0) or hexadecimal (leading 0x); the
    last part fills what is left, so ``10.0.0`` is ``10.0.0.0`` and ``10.1`` is ``10.0.0.1``.
    """
    parts = text.split(".")
    if not 1 <= len(parts) <= 4:
        return None
    values: list[int] = []
    for part in parts:
        if re.fullmatch(r"0[xX][0-9a-fA-F]+", part):
            values.append(int(part, 16))
        elif re.fullmatch(r"0[0-7]*", part):
            values.append(int(part, 8))
        elif re.fullmatch(r"[1-9][0-9]*", part):
            values.append(int(part))
        else:
            return None
    *heads, tail = values
    if any(value > 255 for value in heads) or tail >= 256 ** (5 - len(values)):
        return None
    packed = tail
    for place, value in enumerate(heads):
        packed |= value << (24 - 8 * place)
    return str(ipaddress.IPv4Address(packed))


def ipv6(text: str) -> str | None:
    """Canonical form of an IPv6 address, with its zone if it has one, else ``None``.

    An IPv4 address in IPv6 dress (``::ffff:10.96.0.10``) is still IPv4 on the wire.
    """
    address, percent, zone = text.partition("%")
    if percent and not zone:
        return None
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return None
    return str(parsed.ipv4_mapped or parsed) + percent + zone


def zone_is_known(literal: str, *, interfaces: tuple[str, ...] = ("lo", "eth0")) -> bool:
    """Whether the C libraries accept the zone of an IPv6 literal.

    A number always; an interface's name only for a link-local address. A pod has ``lo`` and
    ``eth0``.
    """
    address, percent, zone = literal.partition("%")
    if not percent or zone.isdigit():
        return True
    parsed = ipaddress.IPv6Address(address)
    link_local = parsed.is_link_local or address.startswith("ff02")
    return link_local and zone in interfaces


def address_literal(text: str, *, strict_ipv4: bool) -> str | None:
    """The address that `text` is, or ``None`` if a resolver would take it for a name.

    Parameters
    ----------
    strict_ipv4 : bool
        True for Go, which wants four decimal parts without leading zeros; False for the
        C libraries, which take every form that ``inet_aton`` does.
    """
    if strict_ipv4:
        try:
            return str(ipaddress.IPv4Address(text))
        except ValueError:
            return ipv6(text)
    return classic_ipv4(text) or ipv6(text)


def hosts_addresses(hosts: str, name: str, *, resolver: str) -> tuple[str, ...]:
    """Addresses that ``/etc/hosts`` text gives `name`.

    glibc ignores case and takes ``name.`` for another name than ``name``; musl compares
    octet by octet; Go ignores case and lets ``a.b`` and ``a.b.`` meet.
    """

    def key(text: str) -> str:
        if resolver == "musl":
            return text
        text = text.lower()
        if resolver == "go" and "." in text and not text.endswith("."):
            text += "."
        return text

    wanted = key(name)
    found = []
    for line in hosts.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if wanted in map(key, names):
            literal = address_literal(address, strict_ipv4=resolver == "go")
            if literal is not None:
                found.append(literal)
    return tuple(found)
