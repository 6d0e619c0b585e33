// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <type_traits>

#include "base/error.h"
#include "parallel/c10d_internal.h"
#include "parallel/host_address.h"
#include "parallel/store.h"

namespace precinct::parallel {
namespace {

// fails to compile when a release of LibTorch changes what is relied on
static_assert(std::is_constructible_v<c10d::TCPStore, std::string, const c10d::TCPStoreOptions&>);
static_assert(
    std::is_constructible_v<c10d::PrefixStore, std::string, c10::intrusive_ptr<c10d::Store>>);

/// Between looks for a key that is not there yet.
constexpr std::chrono::nanoseconds kShortestPause = std::chrono::microseconds(100);
constexpr std::chrono::nanoseconds kLongestPause = std::chrono::milliseconds(20);

using Bytes = std::vector<std::uint8_t>;
Bytes bytes(const std::string& text) { return {text.begin(), text.end()}; }
std::string text(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

/// Runs `body`; what c10d throws becomes a CommError.
template <typename Body>
auto guarded(const std::string& where, const Body& body) {
  try {
    return body();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw CommError(fmt::format(
        "{}: expected an answer of the job's store, found '{}'; the process that holds it (the "
        "launcher or rank 0) is gone or cannot be reached",
        where, one_line(error.what())));
  }
}

/// What the views of one connection share. c10d waits for ever for the answer of a holder that was
/// stopped by a signal, so that its calls run in a thread that can be left behind.
struct Connection {
  Connection(StoreHolder of, bool may_wait) : holder(std::move(of)), is_patient(may_wait) {}
  const StoreHolder holder;
  const bool is_patient;  // its calls run in the caller's thread
  MakingThread thread;
};

class C10dStore final : public Store {
 public:
  C10dStore(c10::intrusive_ptr<c10d::Store> store, std::string where,
            std::shared_ptr<Connection> connection)
      : store_(std::move(store)), where_(std::move(where)), connection_(std::move(connection)) {}

  void set(const std::string& key, const std::string& value) override {
    ask(key, [key, value](c10d::Store& store) {
      store.set(key, bytes(value));
      return true;
    });
  }
  std::optional<std::string> get(const std::string& key,
                                 std::chrono::milliseconds timeout) override {
    // c10d's own wait prints two warnings whenever it ends without the key
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (std::chrono::nanoseconds pause = kShortestPause;;
         pause = std::min(2 * pause, kLongestPause)) {
      auto value = ask(key, [key](c10d::Store& store) -> std::optional<std::string> {
        if (!store.check({key})) return std::nullopt;
        return text(store.get(key));
      });
      if (value) return value;
      const std::chrono::nanoseconds left = deadline - std::chrono::steady_clock::now();
      if (left.count() <= 0) return std::nullopt;
      std::this_thread::sleep_for(std::min(pause, left));
    }
  }
  std::int64_t add(const std::string& key, std::int64_t amount) override {
    return ask(key, [key, amount](c10d::Store& store) { return store.add(key, amount); });
  }
  std::string set_once(const std::string& key, const std::string& value) override {
    return ask(key, [key, value](c10d::Store& store) {
      return text(store.compareSet(key, {}, bytes(value)));
    });
  }
  void remove(const std::string& key) override {
    ask(key, [key](c10d::Store& store) { return store.deleteKey(key); });
  }
  std::unique_ptr<Store> view(const std::string& prefix) override {
    return std::make_unique<C10dStore>(c10::make_intrusive<c10d::PrefixStore>(prefix, store_),
                                       where_ + prefix + "/", connection_);
  }
  std::unique_ptr<Store> clone() override { return cloned(false); }
  std::unique_ptr<Store> patient_clone() override { return cloned(true); }
  const std::string& name() const override { return where_; }
  const c10::intrusive_ptr<c10d::Store>& inner() const { return store_; }

 private:
  /// What `body`, which must own what it uses, is answered within the holder's time.
  template <typename Body>
  std::invoke_result_t<Body, c10d::Store&> ask(const std::string& key, const Body& body) {
    return guarded(where_ + key, [&] {
      if (connection_->is_patient) return body(*store_);
      auto answer = connection_->thread.made_within(
          connection_->holder.timeout, [store = store_, body] { return body(*store); });
      if (!answer) throw no_answer(key);
      return *std::move(answer);
    });
  }

  std::unique_ptr<Store> cloned(bool is_patient) {
    return guarded(where_, [&] {
      auto store = made_until(std::chrono::steady_clock::now() + connection_->holder.timeout,
                              [store = store_] { return store->clone(); });
      if (!store) throw no_answer("");
      return std::make_unique<C10dStore>(
          *std::move(store), where_, std::make_shared<Connection>(connection_->holder, is_patient));
    });
  }

  CommError no_answer(const std::string& key) const {
    const StoreHolder& holder = connection_->holder;
    return CommError(fmt::format(
        "{}{}: expected an answer of {}, which holds the job's store, within {} s, found none; see "
        "whether it was stopped by a signal or its host is out of reach, then start the job again",
        where_, key, holder.name, static_cast<double>(holder.timeout.count()) / 1e3));
  }

  c10::intrusive_ptr<c10d::Store> store_;
  std::string where_;
  std::shared_ptr<Connection> connection_;
};

/// A listening socket, bound here so that it answers at one address only and so that a port in use
/// is told apart from everything else.
int listening_socket(const std::string& address, std::uint16_t port, std::uint16_t& bound) {
  const bool v6 = address.find(':') != std::string::npos;
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (v6) {
    auto* to = reinterpret_cast<sockaddr_in6*>(&storage);
    to->sin6_family = AF_INET6;
    to->sin6_port = htons(port);
    ::inet_pton(AF_INET6, address.c_str(), &to->sin6_addr);
    size = sizeof *to;
  } else {
    auto* to = reinterpret_cast<sockaddr_in*>(&storage);
    to->sin_family = AF_INET;
    to->sin_port = htons(port);
    to->sin_addr.s_addr = htonl(INADDR_ANY);
    if (!address.empty()) ::inet_pton(AF_INET, address.c_str(), &to->sin_addr);
    size = sizeof *to;
  }
  auto* socket_address = reinterpret_cast<sockaddr*>(&storage);
  const int socket = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  if (socket >= 0) ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (socket < 0 || ::bind(socket, socket_address, size) != 0 || ::listen(socket, 1024) != 0) {
    const int error = errno;
    if (socket >= 0) ::close(socket);
    throw CommError(fmt::format(
        "MASTER_PORT: expected a free port at {}, found {}: {}; end the other job or set another "
        "port",
        address.empty() ? "this host" : address, port, std::strerror(error)));
  }
  ::getsockname(socket, socket_address, &size);
  bound = ntohs(v6 ? reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port
                   : reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
  return socket;
}

}  // namespace

std::string one_line(const char* what) {
  std::string line(what);
  line = line.substr(0, line.find('\n'));
  if (line.size() > 200) {
    line.resize(200);
    line += "...";
  }
  return line;
}

c10::intrusive_ptr<c10d::Store> c10d_store(Store& store) {
  return dynamic_cast<C10dStore&>(store).inner();
}

struct StoreServer::Server {
  c10::intrusive_ptr<c10d::TCPStore> store;
};

namespace {

/// Each rank keeps several connections to the store; a shell's usual limit is 1024 files.
void raise_file_limit() {
  constexpr rlim_t kEnough = 65'536;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kEnough) return;
  limit.rlim_cur = std::min(limit.rlim_max, kEnough);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

StoreServer::StoreServer(const std::string& address, std::uint16_t port)
    : server_(std::make_unique<Server>()) {
  c10d::TCPStoreOptions options;
  options.masterListenFd = listening_socket(address, port, options.port);
  options.isServer = true;
  options.waitWorkers = false;
  options.timeout = std::chrono::seconds(30);
  raise_file_limit();
  const std::string own = address.empty() ? "127.0.0.1" : address;
  guarded("store at " + own,
          [&] { server_->store = c10::make_intrusive<c10d::TCPStore>(own, options); });
}

StoreServer::~StoreServer() = default;

std::uint16_t StoreServer::port() const { return server_->store->getPort(); }

std::unique_ptr<Store> connect_store(const std::string& address, std::uint16_t port,
                                     std::chrono::milliseconds timeout, const StoreHolder& holder) {
  c10d::TCPStoreOptions options;
  options.port = port;
  options.waitWorkers = false;
  options.timeout = timeout;
  const std::string where = fmt::format("store {}:{}/", address, port);
  const auto fail = [&](const std::string& found) {
    throw CommError(fmt::format(
        "MASTER_ADDR: expected the job's store at {}:{} within {} s, found '{}'; check that rank 0 "
        "or the launcher runs there and that no firewall is between",
        address, port, static_cast<double>(timeout.count()) / 1e3, found));
  };
  // c10d's own tries print a stack each
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  if (const auto failure = wait_for_listener(address, port, deadline); !failure.empty())
    fail(failure);
  try {
    // c10d waits for ever for the greeting of whatever listens there
    const auto store = made_until(deadline, [address, options] {
      return c10::intrusive_ptr<c10d::Store>(c10::make_intrusive<c10d::TCPStore>(address, options));
    });
    if (!store) fail("a listener that does not answer");
    StoreHolder asked = holder;
    if (asked.timeout.count() == 0) asked.timeout = timeout;
    return std::make_unique<C10dStore>(*store, where, std::make_shared<Connection>(asked, false));
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    fail(one_line(error.what()));
  }
  return nullptr;
}

}  // namespace precinct::parallel
