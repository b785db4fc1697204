"""The small grammars of the Kubernetes API: names, labels, addresses, ports.

Each ``check_*`` reports what is wrong through the callback it is given and returns whether
all was well. The limits are those of apimachinery's ``validation`` packages.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, TypeAlias

from k8snet_lessons.cluster.problems import Path

Report: TypeAlias = Callable[[Path, Any, str], None]

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\Z")
_PORT_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")

LABEL_WORDS = (
    "a DNS label: lower-case letters, digits and '-', at most 63, "
    "starting and ending with a letter or digit"
)
SUBDOMAIN_WORDS = "lower-case letters, digits, '-' and '.', at most 253, no part empty"
PORT_NAME_WORDS = (
    "at most 15 lower-case letters, digits and single '-', at least one of them a letter"
)
PROTOCOLS = ("TCP", "UDP", "SCTP")


def is_label(text: str) -> bool:
    """Whether the text is a DNS-1123 label."""
    return bool(_LABEL.match(text))


def is_subdomain(text: str) -> bool:
    """Whether the text is a DNS-1123 subdomain."""
    return len(text) <= 253 and bool(_SUBDOMAIN.match(text))


def is_port_name(text: str) -> bool:
    """Whether the text is an IANA service name."""
    return (
        len(text) <= 15
        and bool(_PORT_NAME.match(text))
        and any(character.isalpha() for character in text)
    )


@lru_cache(maxsize=2**18)
def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an IP address; None if it is not one (leading zeros and zones are not allowed)."""
    if "%" in text:
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None


def parse_network(text: str) -> IPv4Network | IPv6Network | None:
    """Read a CIDR block; host bits may be set, as the API server allows."""
    address, slash, length = text.partition("/")
    if not slash or "%" in text or not (length.isascii() and length.isdecimal()):
        return None
    try:
        return ip_network((address, int(length)), strict=False)
    except ValueError:
        return None


def check_one_of(report: Report, path: Path, value: Any, allowed: tuple[str, ...]) -> bool:
    """Report a value that is none of the words allowed; None passes."""
    if value is None or value in allowed:
        return True
    close = next((word for word in allowed if word.lower() == str(value).lower()), None)
    meant = f"; did you mean {close!r}?" if close else ""
    report(path, value, " or ".join(allowed) + meant)
    return False


def check_port(report: Report, path: Path, value: int | None) -> bool:
    """Report a port number outside 1 to 65535; None passes."""
    if value is None or 1 <= value <= 65535:
        return True
    report(path, value, "a whole number from 1 to 65535")
    return False


def check_port_or_name(report: Report, path: Path, value: int | str | None) -> bool:
    """Report a port that is neither a number nor the name of a container port."""
    if value is None:
        return True
    if isinstance(value, int):
        return check_port(report, path, value)
    if is_port_name(value):
        return True
    if value.isdecimal():
        report(path, value, "a number without quotes, or a name with a letter in it")
    else:
        report(path, value, f"a whole number from 1 to 65535, or a name: {PORT_NAME_WORDS}")
    return False


def check_address(report: Report, path: Path, value: str) -> bool:
    """Report a text that is no IP address."""
    if parse_address(value) is not None:
        return True
    report(path, value, "an IP address such as 10.0.0.1 or fd00::1")
    return False


def check_network(report: Report, path: Path, value: str) -> bool:
    """Report a text that is no CIDR block."""
    if parse_network(value) is not None:
        return True
    report(path, value, "a CIDR block such as 10.0.0.0/8 or fd00::/64")
    return False


def check_key(report: Report, path: Path, key: str) -> bool:
    """Report a label or annotation key that is not ``[prefix/]name``."""
    prefix, slash, name = key.rpartition("/")
    good = (
        len(name) <= 63
        and bool(_QUALIFIED.match(name))
        and (not slash or (bool(prefix) and is_subdomain(prefix)))
    )
    if not good:
        report(
            path,
            key,
            "[prefix/]name: the prefix a DNS name, the name at most 63 letters, digits, "
            "'-', '_' and '.', starting and ending with a letter or digit",
        )
    return good


def check_label_value(report: Report, path: Path, value: str) -> bool:
    """Report a label value with characters that labels may not have."""
    if value == "" or (len(value) <= 63 and _QUALIFIED.match(value)):
        return True
    report(
        path,
        value,
        "at most 63 letters, digits, '-', '_' and '.', "
        "starting and ending with a letter or digit, or nothing",
    )
    return False


def check_labels(report: Report, path: Path, labels: Mapping[str, str] | None) -> None:
    """Report keys and values that are no labels."""
    for key, value in (labels or {}).items():
        check_key(report, (*path, key), key)
        check_label_value(report, (*path, key), value)


def check_selector(report: Report, path: Path, selector: Any) -> None:
    """Report what is wrong with a LabelSelector."""
    if selector is None:
        return
    check_labels(report, (*path, "matchLabels"), selector.matchLabels)
    for index, requirement in enumerate(selector.matchExpressions or []):
        here = (*path, "matchExpressions", index)
        check_key(report, (*here, "key"), requirement.key)
        if not check_one_of(report, (*here, "operator"), requirement.operator, _OPERATORS):
            continue
        values = requirement.values or []
        if requirement.operator in ("In", "NotIn"):
            if not values:
                report((*here, "values"), values, f"at least one, as {requirement.operator} needs")
        elif values:
            report((*here, "values"), values, f"nothing, as {requirement.operator} takes none")
        for at, value in enumerate(values):
            check_label_value(report, (*here, "values", at), value)
