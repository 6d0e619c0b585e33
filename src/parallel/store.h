// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace precinct::parallel {

struct ProcessContext;

/// Small values by name that all ranks of a job share: how they find each other, compare calls and
/// tell that they live. Held by the launcher or by rank 0. Thread-safe, but one call at a time: a
/// thread of its own takes a clone(). Throws CommError when the holder is gone, or gives no answer
/// within StoreHolder::timeout (a signal stopped it): the connection is of no more use then.
class Store {
 public:
  virtual ~Store() = default;
  virtual void set(const std::string& key, const std::string& value) = 0;
  /// The value, nothing when it is not there after `timeout`.
  virtual std::optional<std::string> get(const std::string& key,
                                         std::chrono::milliseconds timeout) = 0;
  /// Adds to a number (0 at first) and returns the sum.
  virtual std::int64_t add(const std::string& key, std::int64_t amount) = 0;
  /// Sets the value when the key is not there; returns the value that is there now.
  virtual std::string set_once(const std::string& key, const std::string& value) = 0;
  virtual void remove(const std::string& key) = 0;
  /// The same store with `prefix` before each key.
  virtual std::unique_ptr<Store> view(const std::string& prefix) = 0;
  /// Where it is, with its prefixes; alike on all ranks.
  virtual const std::string& name() const = 0;
  /// A connection of its own.
  virtual std::unique_ptr<Store> clone() = 0;
  /// The same for a thread that nobody waits for: its calls wait for an answer as long as it takes.
  virtual std::unique_ptr<Store> patient_clone() = 0;
};

/// Who holds a store, for messages, and how long one answer of it may take (0: as long as the
/// connection).
struct StoreHolder {
  std::string name = "the launcher or rank 0";
  std::chrono::milliseconds timeout{0};
};

/// Holds the store of a job; ends with the object.
class StoreServer {
 public:
  /// Listens at `address` ("127.0.0.1", "" for every interface of this host; the network must be a
  /// private one) and `port`, 0 for a free one. Throws CommError when the port is in use.
  StoreServer(const std::string& address, std::uint16_t port);
  ~StoreServer();
  StoreServer(const StoreServer&) = delete;
  StoreServer& operator=(const StoreServer&) = delete;
  std::uint16_t port() const;

 private:
  struct Server;
  std::unique_ptr<Server> server_;
};

/// A connection to the store at `address`:`port`. Throws CommError when it is not reached within
/// `timeout`.
std::unique_ptr<Store> connect_store(const std::string& address, std::uint16_t port,
                                     std::chrono::milliseconds timeout,
                                     const StoreHolder& holder = {});

/// The same, in the part that belongs to start `restart_count` of the job: one that starts again
/// may find the store of its launcher as the start before left it.
std::unique_ptr<Store> job_store(const std::string& address, std::uint16_t port,
                                 std::int64_t restart_count, std::chrono::milliseconds timeout,
                                 const StoreHolder& holder = {});

/// The store of a job, for rank 0 or its agent, seen from the job's hosts only. Throws ConfigError
/// when `context.master_address` is not this host, CommError when the port is in use.
std::unique_ptr<StoreServer> serve_store(const ProcessContext& context);

}  // namespace precinct::parallel
