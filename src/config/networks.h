// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The networks by name, each with the fields of `model:` that it uses. A line here and a file
/// src/models/<name>.cpp that defines make_<name> add one (docs/adding_a_network.md).
// clang-format off
#define PRECINCT_NETWORKS(network)                                                                 \
  network(dnn, "num_layers", "hidden", "dropout", "head_width")                                    \
  network(crimenet, "num_layers", "hidden", "dropout", "head_width")                               \
  network(gat_tcn, "hidden", "dropout", "head_width", "num_gat_layers", "num_heads", "attention",  \
          "num_blocks", "kernel_size")
// clang-format on
