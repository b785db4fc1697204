"""Dumps that the tests of this room share."""

import sys
from pathlib import Path

import pytest

from k8snet_lessons.datapath import parse_iptables_save

DUMPS = Path(__file__).parent / "dumps"
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def one_service_text():
    return (DUMPS / "one-service.txt").read_text()


@pytest.fixture(scope="session")
def one_service(one_service_text):
    return parse_iptables_save(one_service_text)
