// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/host_address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "base/error.h"

namespace precinct::parallel {
namespace {

std::string address_text(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address->sa_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text.data(),
                text.size());
  } else if (address->sa_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text.data(),
                text.size());
  }
  return text.data();
}

std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (host.empty() || ::getaddrinfo(host.c_str(), "1", &hints, &found) != 0) found = nullptr;
  return {found, &::freeaddrinfo};
}

using Clock = std::chrono::steady_clock;

/// errno of connecting until `deadline`; 0 when it worked.
int connecting_error(const addrinfo& entry, std::uint16_t port, Clock::time_point deadline) {
  sockaddr_storage address{};
  std::memcpy(&address, entry.ai_addr, entry.ai_addrlen);
  if (entry.ai_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&address)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(&address)->sin_port = htons(port);
  }
  const int socket = ::socket(entry.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return errno;
  int error = 0;
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), entry.ai_addrlen) != 0)
    error = errno;
  while (error == EINPROGRESS) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd ready{socket, POLLOUT, 0};
    const int count = left <= 0 ? 0 : ::poll(&ready, 1, static_cast<int>(left));
    if (count == 0) error = ETIMEDOUT;
    if (count <= 0) continue;  // interrupted
    socklen_t size = sizeof error;
    ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  // where nobody listens a socket may meet itself, when the system gives it that very port
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  if (error == 0 && ::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size) == 0 &&
      std::memcmp(&own, &address, entry.ai_addrlen) == 0)
    error = ECONNREFUSED;
  ::close(socket);
  return error;
}

struct InterfaceAddress {
  std::string interface, address;
};

std::vector<InterfaceAddress> interface_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  std::vector<InterfaceAddress> addresses;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    const std::string text = address_text(entry->ifa_addr);
    if (!text.empty()) addresses.push_back({entry->ifa_name, text});
  }
  ::freeifaddrs(list);
  return addresses;
}

}  // namespace

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}

bool host_resolves(const std::string& host) { return resolve(host) != nullptr; }

bool is_this_host(const std::string& host) {
  const auto own = interface_addresses();
  const auto found = resolve(host);
  for (const addrinfo* entry = found.get(); entry != nullptr; entry = entry->ai_next) {
    const std::string text = address_text(entry->ai_addr);
    if (text.starts_with("127.")) return true;  // all of 127/8 is this machine
    for (const auto& one : own)
      if (one.address == text) return true;
  }
  return false;
}

std::string address_towards(const std::string& host) {
  const auto found = resolve(host);
  for (const addrinfo* entry = found.get(); entry != nullptr; entry = entry->ai_next) {
    // connecting a datagram socket asks the routing table and sends nothing
    const int socket = ::socket(entry->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) continue;
    sockaddr_storage local{};
    socklen_t size = sizeof local;
    const bool known = ::connect(socket, entry->ai_addr, entry->ai_addrlen) == 0 &&
                       ::getsockname(socket, reinterpret_cast<sockaddr*>(&local), &size) == 0;
    ::close(socket);
    if (known) return address_text(reinterpret_cast<const sockaddr*>(&local));
  }
  return {};
}

std::string outward_address() {
  // of the block for documentation: only the default route leads there
  std::string address = address_towards("198.51.100.1");
  for (const auto& one : interface_addresses())
    if (address.empty() && !is_loopback(one.address)) address = one.address;
  return address;
}

std::string interface_address(const std::string& interface) {
  std::string known;
  for (const auto& one : interface_addresses()) {
    if (one.interface == interface) return one.address;
    if (known.find(one.interface) == std::string::npos)
      known += (known.empty() ? "" : ", ") + one.interface;
  }
  throw ConfigError(fmt::format(
      "network interface '{}': expected one of this host that has an address ({}), found none of "
      "that name; set GLOO_SOCKET_IFNAME or the option to one of them",
      interface, known));
}

std::string interface_of(const std::string& address) {
  for (const auto& one : interface_addresses())
    if (one.address == address) return one.interface;
  return {};
}

std::string wait_for_listener(const std::string& host, std::uint16_t port,
                              Clock::time_point deadline) {
  constexpr std::chrono::milliseconds kPause(50);
  constexpr std::chrono::seconds kLongestTry(5);  // then the next address, and the name again
  while (true) {
    std::string failure = "no address for this name";
    const auto found = resolve(host);
    for (const addrinfo* entry = found.get(); entry != nullptr; entry = entry->ai_next) {
      const auto end = std::min(deadline, Clock::now() + kLongestTry);
      const int error = connecting_error(*entry, port, end);
      if (error == 0) return {};
      failure = std::strerror(error);
    }
    if (Clock::now() + kPause >= deadline) return failure;
    std::this_thread::sleep_for(kPause);
  }
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "?";
}

}  // namespace precinct::parallel
