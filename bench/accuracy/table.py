#!/usr/bin/env python3
"""Keeps bench/results/accuracy_runs.csv: every run that was ever scored on a test range.

  table.py add PROTOCOL LABEL SEED ANCHOR RUN    appends the run's row, and the baselines' rows once per protocol and commit
  table.py print PROTOCOL                        means over seeds (the last run of each) per label and network, as Markdown
"""
import csv
import datetime
import json
import statistics
import sys
from pathlib import Path

FILE = Path("bench/results/accuracy_runs.csv")
FIELDS = ["date", "commit", "protocol", "label", "forecaster", "seed", "anchor", "NLL", "CRPS", "RMSE", "PIT_coverage_90",
          "PAI@5%", "blocks_NLL", "epoch", "command"]


def rows():
    if not FILE.is_file():
        return []
    with FILE.open(newline="") as file:
        return list(csv.DictReader(file))


def append(new):
    FILE.parent.mkdir(parents=True, exist_ok=True)
    fresh = not FILE.is_file()
    with FILE.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        if fresh:
            writer.writeheader()
        writer.writerows(new)


def add(protocol, label, seed, anchor, run):
    run = Path(run)
    evaluation = json.loads((run / "evaluation.json").read_text())
    version = json.loads((run / "manifest.json").read_text())["version"]  # "0.1.0 (commit)"
    commit = version.split("(")[-1].rstrip(")")
    known = {(r["protocol"], r["forecaster"], r["commit"]) for r in rows()}
    new = []
    for f in evaluation["forecasters"]:
        if f["baseline"] and (protocol, f["name"], commit) in known:
            continue
        row = {"date": datetime.date.today().isoformat(), "commit": commit, "protocol": protocol,
               "label": "baseline" if f["baseline"] else label, "forecaster": f["name"],
               "seed": "" if f["baseline"] else seed, "anchor": "" if f["baseline"] else anchor,
               "command": (run / "command.txt").read_text().strip()}
        for figure in ("NLL", "CRPS", "RMSE", "PIT_coverage_90", "PAI@5%"):
            value = f["total"].get(figure)
            row[figure] = f"{value:.5f}" if value is not None else ""
        if "choice" in f:
            row["blocks_NLL"], row["epoch"] = f"{f['choice']['value']:.5f}", f"{f['choice']['epoch']:g}"
        new.append(row)
    append(new)


def show(protocol):
    groups = {}
    for r in rows():
        if r["protocol"] == protocol:
            groups.setdefault((r["label"], r["forecaster"], r["anchor"]), []).append(r)
    print("| run | forecaster | anchor | seeds | NLL | CRPS | RMSE | PIT 90 | PAI 5 % | NLL on the four blocks |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for (label, name, anchor), runs in groups.items():
        members = list({run["seed"]: run for run in runs}.values())  # the last of each seed: one made again is no other one
        again = f" (the last of {len(runs)} runs)" if len(runs) > len(members) else ""

        def mean(field, digits):
            values = [float(m[field]) for m in members if m[field]]
            return f"{statistics.fmean(values):.{digits}f}" if values else "-"
        print(f"| {label} | {name} | {anchor or '-'} | {f'{len(members)}{again}' if anchor else '-'} | {mean('NLL', 5)} | {mean('CRPS', 4)} | "
              f"{mean('RMSE', 4)} | {mean('PIT_coverage_90', 3)} | {mean('PAI@5%', 2)} | {mean('blocks_NLL', 5)} |")


if __name__ == "__main__":
    if len(sys.argv) == 7 and sys.argv[1] == "add":
        add(*sys.argv[2:])
    elif len(sys.argv) == 3 and sys.argv[1] == "print":
        show(sys.argv[2])
    else:
        sys.exit(__doc__)
