// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace precinct::parallel {

/// What carries the messages. kAuto: NCCL when its library was registered and a GPU is used, else
/// Gloo.
enum class Backend { kAuto, kGloo, kNccl };

/// How ranks find each other and how long they wait.
struct ConnectOptions {
  Backend backend = Backend::kAuto;
  /// Longest wait for one operation; what is late then is an error, not a hang.
  std::chrono::milliseconds timeout = std::chrono::seconds(60);
  /// Between signs of life of a rank, at most; 0 for none. Below `timeout`, else a rank that hangs
  /// is noticed only then.
  std::chrono::milliseconds heartbeat = std::chrono::seconds(10);
  /// Longest wait until the store is reached and all ranks are there.
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(60);
  /// Network interface of this host, e.g. "ib0". Empty: loopback when all ranks are on one host,
  /// else the one that leads to rank 0. GLOO_SOCKET_IFNAME says the same.
  std::string interface {};
  /// Compares every call over the ranks before it is made (a debugging aid: each call waits for
  /// all).
  bool check = false;
  /// The first calls of each group are compared even without `check`.
  std::uint64_t checked_calls = 20;
  /// GPU of this rank for NCCL, which becomes the current one of the calling thread; -1 for none.
  int device_index = -1;
  /// What tells that GPU from others of this host, whatever its index (its PCI address); with it,
  /// ranks that share one are refused unless the backend is Gloo, since NCCL cannot share a GPU.
  std::string device_id{};
  /// Longest wait until the GPUs of a group are connected, which NCCL takes its time for.
  std::chrono::milliseconds device_connect_timeout = std::chrono::seconds(300);
  /// A world of one needs no network and sends nothing. With this it is connected like any other,
  /// so that a backend can be tried on one rank.
  bool connect_alone = false;
};

/// Sizes of the axes of a DeviceMesh. One of them may be -1: what is left of the world.
struct MeshSizes {
  std::int64_t dp = 1;  ///< data parallel: other windows, same weights
  std::int64_t pp = 1;  ///< pipeline parallel: other layers
  std::int64_t tp = 1;  ///< tensor parallel: slices of each layer
  std::int64_t gp = 1;  ///< graph parallel: other districts
};

/// What a parameter without a gradient means.
enum class Unused {
  kRefuse,  ///< an error that names it: most often a mistake
  kFind,  ///< zero from ranks that did not use it; no gradient where no rank did, as in one process
};

/// Type of the numbers on the wire.
enum class Compression { kNone, kBfloat16 };

struct ReducerOptions {
  /// Gradients are sent in buckets of about this size; a small one starts early, a large one
  /// wastes less time per message.
  std::int64_t bucket_bytes = 1 << 20;
  Unused unused = Unused::kRefuse;
  /// bfloat16 halves the traffic of float32 gradients and rounds them to 8 bits.
  Compression compression = Compression::kNone;
};

struct DataParallelOptions {
  std::int64_t bucket_bytes = 1 << 20;
  Unused unused = Unused::kRefuse;
  Compression compression = Compression::kNone;
  /// Buffers (running means and the like) are taken from rank 0 before each step.
  bool broadcast_buffers = true;
  /// Every so many steps the parameters' bytes are compared over the ranks; 0 = never.
  std::int64_t verify_every = 0;
};

}  // namespace precinct::parallel
