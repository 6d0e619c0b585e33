#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The precinct authors
# SPDX-License-Identifier: Apache-2.0
"""The networks again in PyTorch: loads the weights that precinct wrote and compares the outputs.

    pytorch_networks.py PROGRAM     PROGRAM = crosscheck_networks of the build

Needs torch 2.x, safetensors and numpy; without them it says so and exits 77 (not run).
PRECINCT_CROSSCHECK_PYTHON names the interpreter that has them, when it is another one.
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

NAME = "Crosscheck.PyTorchGivesTheSameOutputs"
TOLERANCE = 1e-5

other = os.environ.get("PRECINCT_CROSSCHECK_PYTHON")
if other and os.environ.get("PRECINCT_CROSSCHECK_STARTED") != "1":
    os.environ["PRECINCT_CROSSCHECK_STARTED"] = "1"
    os.execv(other, [other, *sys.argv])
try:
    import torch
    from safetensors.torch import load_file
    from torch import nn
    import torch.nn.functional as F
except ImportError as error:
    print(f"[  SKIPPED ] {NAME} (not run: {error}; pip install torch==2.11.0 safetensors numpy, or set "
          "PRECINCT_CROSSCHECK_PYTHON)")
    sys.exit(77)


def plain(out_in_weight, bias=False):
    """A Linear of the given weight's size."""
    out, into = out_in_weight.shape
    return nn.Linear(into, out, bias=bias)


def masked_counts(batch):
    counts = batch["counts"]
    if "observed" in batch:
        counts = counts * batch["observed"].unsqueeze(-1)
    return counts


class Encoder(nn.Module):
    """x = W_c counts + W_m observed + W_g calendar + W_s static + embeddings + bias, [B, T, N, D]."""

    def __init__(self, w):
        super().__init__()
        for name in ("counts", "observed", "calendar", "statics", "node", "hour", "weekday"):
            if f"input.{name}.weight" in w:
                setattr(self, name, plain(w[f"input.{name}.weight"], bias=name == "counts"))
        for name in ("node", "hour", "weekday"):
            table = w.get(f"input.{name}_embedding.weight")
            if table is not None:
                setattr(self, f"{name}_embedding", nn.Embedding(*table.shape))
        self.register_buffer("static_features", torch.empty_like(w["input.static_features"]))

    def forward(self, batch):
        bins = batch["counts"].shape[1]
        x = self.counts(masked_counts(batch))
        if hasattr(self, "observed"):
            x = x + self.observed(batch["observed"].unsqueeze(-1))
        x = x + self.calendar(batch["calendar"][:, :bins]).unsqueeze(2)
        x = x + self.statics(self.static_features) + self.node(self.node_embedding.weight)
        if hasattr(self, "hour"):
            x = x + self.hour(self.hour_embedding(batch["day_slot"][:, :bins])).unsqueeze(2)
        return x + self.weekday(self.weekday_embedding(batch["weekday"][:, :bins])).unsqueeze(2)


class LogMean(nn.Module):
    def __init__(self, w, prefix):
        super().__init__()
        self.direct = plain(w[f"{prefix}.direct.weight"], bias=True)
        self.calendar = plain(w[f"{prefix}.calendar.weight"])
        self.deep = plain(w[f"{prefix}.deep.weight"])

    def forward(self, start, direct, calendar, hidden):
        return start + self.direct(direct).unsqueeze(1) + self.calendar(calendar).unsqueeze(2) + self.deep(hidden)


class Head(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.node_embedding = nn.Embedding(*w["head.node_embedding.weight"].shape)
        self.calendar = plain(w["head.calendar.weight"])
        self.origin = plain(w["head.origin.weight"])
        self.hidden = plain(w["head.hidden.weight"], bias=True)
        self.log_mean = LogMean(w, "head.log_mean")
        self.point = LogMean(w, "head.point")
        self.dispersion = plain(w["head.dispersion.weight"], bias=True)
        for name in ("log_mean0", "log_alpha0", "sources", "targets", "edge_share"):
            self.register_buffer(name, torch.empty_like(w[f"head.{name}"]))

    def forward(self, state, batch):
        bins, nodes = batch["counts"].shape[1:3]
        recent = masked_counts(batch)[:, -min(7, bins):]  # [B, r, N, C]
        weight = torch.zeros(nodes, nodes)  # [i, j]
        for (j, i), value in zip(batch["edge_index"].t().tolist(), batch["edge_weight"]):
            weight[i, j] += value
        share = weight / weight.sum(1, keepdim=True).clamp_min(1e-30)
        neighbours = torch.einsum("ij,bjc->bic", share, recent.mean(1))
        direct = torch.cat([batch["x_origin"], recent.permute(0, 2, 1, 3).flatten(2), neighbours], -1)
        calendar = batch["calendar"][:, bins:]
        head_in = state + self.node_embedding.weight + self.origin(batch["x_origin"]).unsqueeze(1)
        hidden = torch.relu(self.hidden(head_in + self.calendar(calendar).unsqueeze(2)))
        start = batch.get("log_anchor", self.log_mean0)
        return {
            "log_mean": self.log_mean(start, direct, calendar, hidden),
            "log_dispersion": self.dispersion(hidden) + self.log_alpha0,
            "point": self.point(start, direct, calendar, hidden).exp(),
        }


class Network(nn.Module):
    def __init__(self, w, case):
        super().__init__()
        self.case = case
        self.input = Encoder(w)
        self.output = plain(w["output.weight"], bias=True)
        self.head = Head(w)
        self.build(w)

    def forward(self, batch):
        return self.head(self.state(self.input(batch), batch), batch)


class Dnn(Network):
    def build(self, w):
        count = sum(f"layers.{i}.weight" in w for i in range(64))
        self.layers = nn.ModuleList(plain(w[f"layers.{i}.weight"], bias=True) for i in range(count))

    def state(self, x, batch):
        x = x.transpose(1, 2).flatten(2)  # [B, N, T D]
        for layer in self.layers:
            x = torch.relu(layer(x))
        return self.output(x).unflatten(-1, (self.case["horizon"], -1)).transpose(1, 2)


class CrimeNet(Network):
    def build(self, w):
        count = sum(f"lstm.weight_ih_l{i}" in w for i in range(64))
        self.lstm = nn.LSTM(w["lstm.weight_ih_l0"].shape[1], w["lstm.weight_hh_l0"].shape[1], count)

    def state(self, x, batch):
        rows = x.transpose(0, 1).flatten(1, 2)  # [T, B N, D]
        return self.output(self.lstm(rows)[0][-1]).unflatten(0, (x.shape[0], 1, x.shape[2]))


class Attention(nn.Module):
    def __init__(self, w, prefix, case):
        super().__init__()
        self.heads, self.is_v2 = case["num_heads"], case["attention"] == "gatv2"
        if self.is_v2:
            self.lin_src, self.lin_dst = plain(w[f"{prefix}.lin_src.weight"]), plain(w[f"{prefix}.lin_dst.weight"])
        else:
            self.lin = plain(w[f"{prefix}.lin.weight"])
        for name in ("att", "att_src", "att_dst", "att_edge"):
            if f"{prefix}.{name}" in w:
                setattr(self, name, nn.Parameter(torch.empty_like(w[f"{prefix}.{name}"])))
        for name in ("sources", "targets", "first_edge", "log_weight"):
            if f"{prefix}.{name}" in w:
                self.register_buffer(name, torch.empty_like(w[f"{prefix}.{name}"]))

    def forward(self, x, batch):
        nodes = x.shape[2]
        allowed = torch.eye(nodes, dtype=torch.bool)  # [i, j]
        log_weight = torch.zeros(nodes, nodes)
        for (j, i), value in zip(batch["edge_index"].t().tolist(), batch["edge_weight"]):
            allowed[i, j] = True
            log_weight[i, j] = value.log()
        edge = log_weight.unsqueeze(-1) * self.att_edge if hasattr(self, "att_edge") else 0
        by_head = lambda linear: linear(x).unflatten(-1, (self.heads, -1))  # [B, T, N, K, W]
        h = by_head(self.lin_src if self.is_v2 else self.lin)
        if self.is_v2:
            both = by_head(self.lin_dst).unsqueeze(3) + h.unsqueeze(2)
            score = (F.leaky_relu(both, 0.2) * self.att).sum(-1) + edge
        else:
            target, source = (h * self.att_dst).sum(-1), (h * self.att_src).sum(-1)
            score = F.leaky_relu(target.unsqueeze(3) + source.unsqueeze(2) + edge, 0.2)
        alpha = score.masked_fill(~allowed.unsqueeze(-1), -torch.inf).softmax(3)  # [B, T, i, j, K]
        return torch.einsum("btijk,btjkw->btikw", alpha, h).flatten(3)


class Block(nn.Module):
    def __init__(self, w, prefix, dilation):
        super().__init__()
        out, into, kernel = w[f"{prefix}.filter.weight"].shape
        self.filter = nn.Conv1d(into, out, kernel, dilation=dilation)
        self.gate = nn.Conv1d(into, out, kernel, dilation=dilation)
        if f"{prefix}.residual.weight" in w:
            self.residual = plain(w[f"{prefix}.residual.weight"], bias=True)
        self.skip = plain(w[f"{prefix}.skip.weight"], bias=True)
        self.padding = ((kernel - 1) * dilation, 0)

    def forward(self, x):  # [R, T, D]
        padded = F.pad(x.transpose(1, 2), self.padding)
        z = (torch.tanh(self.filter(padded)) * torch.sigmoid(self.gate(padded))).transpose(1, 2)
        return (x + self.residual(z) if hasattr(self, "residual") else x), self.skip(z)


class GatTcn(Network):
    def build(self, w):
        layers = sum(f"gat.{i}.targets" in w for i in range(64))
        blocks = sum(f"tcn.{i}.skip.weight" in w for i in range(64))
        self.gat = nn.ModuleList(Attention(w, f"gat.{i}", self.case) for i in range(layers))
        self.tcn = nn.ModuleList(Block(w, f"tcn.{i}", 2**i) for i in range(blocks))

    def state(self, x, batch):
        for layer in self.gat:
            x = x + F.elu(layer(x, batch))
        shape = x.shape
        row, skips = x.transpose(1, 2).flatten(0, 1), 0  # [B N, T, D]
        for block in self.tcn:
            row, skip = block(row)
            skips = skips + skip
        return self.output(torch.relu(skips[:, -1])).unflatten(0, (shape[0], 1, shape[2]))


def loss_of(out, batch):
    """Mean over observed cells of NB2's NLL and half the squared error."""
    y, mean = batch["target"], out["log_mean"].exp()
    alpha = out["log_dispersion"].clamp(torch.log(torch.tensor(1e-6)), torch.log(torch.tensor(1e3))).exp()
    nb = torch.distributions.NegativeBinomial(1 / alpha.double(), probs=(alpha * mean / (1 + alpha * mean)).double())
    cell = -nb.log_prob(y.double()) + 0.5 * (out["point"] - y).double() ** 2
    seen = batch.get("target_observed", torch.ones_like(y[..., 0])).unsqueeze(-1).expand_as(y)
    return (cell * seen).sum() / seen.sum()


def check(folder, case):
    weights, batch, expected = (load_file(folder / f"{case['name']}.{kind}.safetensors")
                                for kind in ("weights", "inputs", "outputs"))
    network = {"dnn": Dnn, "crimenet": CrimeNet, "gat_tcn": GatTcn}[case["network"]](weights, case)
    network.load_state_dict(weights, strict=True)  # the names are PyTorch's
    network.eval()
    with torch.no_grad():
        out = network(batch)
        out["loss"] = loss_of(out, batch).float()
    worst = 0.0
    for name, value in expected.items():
        assert out[name].shape == value.shape, (case["name"], name, out[name].shape, value.shape)
        worst = max(worst, ((out[name] - value).abs() / (1 + value.abs())).max().item())
    print(f"{case['name']}: {len(weights)} tensors, largest relative difference {worst:.2e}")
    return worst <= TOLERANCE


def main():
    torch.set_num_threads(1)
    print(f"[ RUN      ] {NAME}")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[1], folder], check=True)
        cases = json.loads((Path(folder) / "cases.json").read_text())
        passed = all([check(Path(folder), case) for case in cases])
    print(f"[{'       OK' if passed else '  FAILED '} ] {NAME}")
    return 0 if passed and cases else 1


if __name__ == "__main__":
    sys.exit(main())
