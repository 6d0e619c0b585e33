#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The precinct authors
# SPDX-License-Identifier: Apache-2.0
"""Windows per second of what Python programs use in place of window_gather, for the cases of window_gather_bench.cpp.

    python_peers.py [SECONDS [BLOCKS]]        seconds a block (1), blocks (7)

  dataloader-N         torch.utils.data.DataLoader with N worker processes over a dataset that slices a scaled f32 series
                       held in memory (the least work it can be given, in four times the memory); collated by default
  dataloader-counts-N  the same over the counts, each window transformed as it is taken: window_gather's input and output
  h5py                 each window of counts read from an HDF5 file (shuffle + deflate 1 + Fletcher32, chunks of 1 MiB),
                       page cache warm; neither transformed nor batched
  h5py-batches         a batch of such windows, transformed and stacked: window_gather's output

Prints one JSON line a measurement, as the C++ benches do. Needs torch 2.x, h5py and numpy; torch uses one thread. Run
bench_window_gather in the same sitting for the other side.
"""
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import torch

# name, type, bins, nodes, categories, lookback, windows a batch
CASES = [("wla", np.uint8, 504, 69, 3, 28, 64), ("metr", np.uint16, 2016, 207, 3, 12, 64),
         ("la21-h168", np.uint8, 2160, 21, 16, 168, 64), ("rd1135-h24", np.uint8, 2160, 1135, 16, 24, 16)]


class Windows(torch.utils.data.Dataset):
    def __init__(self, series, lookback, transform=None):
        self.series, self.lookback, self.transform = series, lookback, transform

    def __len__(self):
        return len(self.series) - self.lookback

    def __getitem__(self, i):
        window = self.series[i:i + self.lookback]
        return window if self.transform is None else self.transform(window)


def log1p_of(window):
    return torch.log1p(window.float())


def batches_for_ever(dataset, windows, workers):
    loader = torch.utils.data.DataLoader(dataset, batch_size=windows, shuffle=True, drop_last=True,
                                         num_workers=workers, persistent_workers=workers > 0)
    while True:
        yield from loader


def rates(deliver, windows, seconds, blocks):
    """Windows per second of each block; one block before them is not counted."""
    found = []
    for _ in range(blocks + 1):
        count, begin = 0, time.perf_counter()
        while (now := time.perf_counter()) - begin < seconds:
            deliver()
            count += windows
        found.append(count / (now - begin))
    return found[1:]


def show(case, form, found, commit):
    lower, middle, upper = statistics.quantiles(found, n=4)
    print(json.dumps({"case": case, "model": "none", "form": form, "device": "cpu", "threads": 1, "ranks": 1,
                      "metric": "throughput/windows_per_sec", "value": round(middle, 1), "unit": "windows/s",
                      "iqr": [round(lower, 1), round(upper, 1)], "repeats": len(found), "commit": commit}), flush=True)


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1
    blocks = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    torch.set_num_threads(1)
    commit = subprocess.run(["git", "-C", Path(__file__).parent, "rev-parse", "--short=10", "HEAD"], capture_output=True,
                            text=True).stdout.strip()
    draw = np.random.default_rng(11)
    for name, kind, bins, nodes, categories, lookback, windows in CASES:
        shape = (bins, nodes, categories)
        counts = (draw.integers(0, 700, shape) if kind is np.uint16
                  else draw.choice(4, shape, p=[.85, .11, .03, .01])).astype(kind)
        series = torch.from_numpy(np.log1p(counts.astype(np.float32)))
        for form, dataset in (("dataloader", Windows(series, lookback)),
                              ("dataloader-counts", Windows(torch.from_numpy(counts), lookback, log1p_of))):
            for workers in 0, 2:
                endless = batches_for_ever(dataset, windows, workers)
                show(name, f"{form}-{workers}", rates(lambda: next(endless), windows, seconds, blocks), commit)
                del endless
        with tempfile.TemporaryDirectory(prefix="precinct-peers-") as folder:
            with h5py.File(Path(folder) / "counts.h5", "w") as file:
                row = nodes * categories * counts.itemsize
                file.create_dataset("counts", data=counts, chunks=(min(bins, max(1, (1 << 20) // row)), nodes, categories),
                                    compression="gzip", compression_opts=1, shuffle=True, fletcher32=True)
            with h5py.File(Path(folder) / "counts.h5") as file:
                stored = file["counts"]

                def read_one():
                    at = int(draw.integers(0, bins - lookback))
                    return stored[at:at + lookback]

                def read_batch():
                    return torch.stack([log1p_of(torch.from_numpy(read_one())) for _ in range(windows)])

                show(name, "h5py", rates(read_one, 1, seconds, blocks), commit)
                show(name, "h5py-batches", rates(read_batch, windows, seconds, blocks), commit)


if __name__ == "__main__":
    main()
