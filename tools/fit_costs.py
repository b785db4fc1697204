#!/usr/bin/env python
"""Fit the cost constants from the shipped records.

python tools/fit_costs.py            write k8snet_lessons/data/fits.json and bring the
                                     entries of the same id in costs.json up to date
python tools/fit_costs.py --check    change nothing; exit 1 if either file is out of date
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from k8snet_lessons.data import measured  # noqa: E402
from k8snet_lessons.lab.calibration import fit_all  # noqa: E402

COSTS = ROOT / "k8snet_lessons" / "data" / "costs.json"


def fits_text(fitted: list[measured.Fit]) -> str:
    """The fits as JSON, points one to a line."""
    plain = []
    for each in fitted:
        entry = asdict(each)
        entry["points"] = list(entry["points"])
        plain.append(entry)
    about = "Fitted by tools/fit_costs.py from the records in data/measured; do not edit."
    return json.dumps({"about": about, "fits": plain}, indent=1) + "\n"


def costs_text(text: str, fitted: list[measured.Fit]) -> str:
    """``costs.json`` with every entry that has a fit brought up to date, others untouched."""
    costs = json.loads(text)
    by_id = {each.id: each for each in fitted}
    for entry in costs["costs"]:
        fit = by_id.get(entry["id"])
        if fit is None:
            continue
        entry["value"] = fit.value
        entry["low"], entry["high"] = fit.low, fit.high
        entry["status"] = "measured"
        machine = measured.load(fit.record).machine
        entry["source"] = (
            f"record {fit.record} (Linux {machine.kernel.split('-')[0]}, {machine.cpus} CPUs): "
            f"{fit.method}"
        )
    return json.dumps(costs, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, only compare")
    check = parser.parse_args().check
    fitted = fit_all({name: measured.load(name) for name in measured.names()})
    wanted = {measured.fits_file(): fits_text(fitted)}
    if COSTS.exists():
        wanted[COSTS] = costs_text(COSTS.read_text(encoding="utf-8"), fitted)
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        print(f"{'out of date' if check else 'written'}: {path.relative_to(ROOT)}")
        if not check:
            path.write_text(wanted[path], encoding="utf-8")
    for fit in fitted:
        worst = f"  worst residual {fit.worst_residual_share:.1%}" if fit.points else ""
        print(f"{fit.id:48} {fit.value:>10} [{fit.low}, {fit.high}] {fit.unit}{worst}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
