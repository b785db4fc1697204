"""Fits recover what went in, and the files they wrote are those the records give."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from k8snet_lessons.data import measured
from k8snet_lessons.data.costs import costs
from k8snet_lessons.data.measured import Machine, Record, Series
from k8snet_lessons.lab import calibration

ROOT = Path(__file__).resolve().parents[2]

EMPTY = Record(
    experiment="first-packet",
    question="What?",
    limits="Nothing.",
    machine=Machine("6.1", "x86_64", "a CPU", 2, 2048, True, "a Linux"),
    taken_at="2026-11-23T19:00:00+00:00",
    command="k8snet measure first-packet",
    duration_s=1.0,
    load_average=(0.0, 0.0),
    parameters={},
    series=(),
)


def noisy(true_us, generator, blocks=40):
    """Minima of blocks under noise that only adds time, as a virtual machine's does."""
    return tuple(true_us + generator.exponential(0.05 * true_us, (blocks, 25)).min(axis=1))


def lines(base_us, slopes_us, seed):
    """A first-packet record with the given cost a Service in each mode."""
    generator = np.random.default_rng(seed)
    series = [
        Series("connect", "us", {"mode": "direct", "services": 0}, noisy(9.0, generator)),
        Series("connect", "us", {"mode": "conntrack", "services": 0}, noisy(11.0, generator)),
    ]
    for mode, slope_us in slopes_us.items():
        for count in (1, 1000, 2500, 5000, 10_000, 20_000):
            where = {"mode": mode, "services": count, "target": "last"}
            samples = noisy(base_us + slope_us * count, generator)
            series.append(Series("connect", "us", where, samples))
    return replace(EMPTY, series=tuple(series))


@pytest.mark.parametrize("seed", range(3))
def test_known_slopes_and_bases_are_recovered(seed):
    slopes = {"iptables-nft": 0.012, "iptables-legacy": 0.005, "nftables": 0.0, "ebpf": 0.0}
    record = lines(12.0, slopes, seed)
    found = {each.id: each for each in calibration.fit_all({"first-packet": record})}
    assert found["translation.iptables.per_service_us"].value == pytest.approx(0.012, rel=0.02)
    assert found["translation.iptables_legacy.per_service_us"].value == pytest.approx(
        0.005, rel=0.03
    )
    assert found["translation.nftables.per_service_us"].value == pytest.approx(0, abs=1e-5)
    assert found["translation.iptables.base_us"].value == pytest.approx(3.0, abs=0.1)
    assert found["conntrack.new_entry_us"].value == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_a_known_power_is_recovered(exponent):
    generator = np.random.default_rng(3)
    by_count = {
        count: Series("full load", "s", {}, tuple(noisy(1e-4 * count**exponent, generator, 3)))
        for count in (1000.0, 2000.0, 5000.0, 10_000.0)
    }
    fit = calibration.fit_power("x", EMPTY, by_count, "a test")
    assert fit.value == pytest.approx(exponent, abs=0.02)
    assert fit.low <= fit.value <= fit.high


def test_intervals_hold_the_value_and_widen_with_noise():
    generator = np.random.default_rng(5)
    quiet = tuple(10 + generator.normal(0, 0.01, 40))
    loud = tuple(10 + generator.normal(0, 1.0, 40))
    widths = []
    for samples in (quiet, loud):
        series = Series("x", "us", {}, samples)
        fit = calibration.fit_level("x", EMPTY, series, "us", "a test")
        assert fit.low <= fit.value <= fit.high
        widths.append(fit.high - fit.low)
    assert widths[1] > 20 * widths[0]


def test_the_same_record_gives_the_same_fit():
    record = measured.load("first-packet")
    records = {"first-packet": record}
    assert calibration.fit_all(records) == calibration.fit_all(records)


def test_residuals_are_measurement_less_fit():
    fit = measured.fits()["translation.iptables.per_service_us"]
    assert len(fit.points) >= 5
    for point in fit.points:
        assert point.residual == point.measured - point.fitted
    assert fit.worst_residual_share < 0.1, "a straight line must describe the nft back end"


def test_every_fit_stands_in_the_costs_it_names():
    fits = measured.fits()
    shared = fits.keys() & costs().keys()
    assert {"translation.iptables.per_service_us", "wire.vxlan.packet_us"} <= shared
    for identifier in shared:
        cost = costs()[identifier]
        assert cost.status == "measured"
        assert (cost.value, cost.low, cost.high) == (
            fits[identifier].value,
            fits[identifier].low,
            fits[identifier].high,
        )


def test_the_fitted_files_are_those_the_records_give():
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "fit_costs.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_fits_file_names_its_maker():
    about = json.loads(measured.fits_file().read_text())["about"]
    assert "tools/fit_costs.py" in about
