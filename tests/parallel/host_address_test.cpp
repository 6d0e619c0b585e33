// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/host_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <thread>

namespace precinct::parallel {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// A port of this host, held as long as this lives.
class Port {
 public:
  Port() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    if (::bind(socket_, generic, size) != 0 || ::getsockname(socket_, generic, &size) != 0)
      throw std::runtime_error("no port");
    number = ntohs(address.sin_port);
  }
  ~Port() { ::close(socket_); }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  void listen() const { ASSERT_EQ(::listen(socket_, 1), 0); }

  std::uint16_t number = 0;

 private:
  int socket_;
};

TEST(OutwardAddress, IsOneOfThisHostThatOthersCanUse) {
  const std::string address = outward_address();
  if (address.empty()) {  // a host without a network
    EXPECT_EQ(address_towards("198.51.100.1"), "");
  } else {
    EXPECT_FALSE(is_loopback(address)) << address;
    EXPECT_NE(interface_of(address), "") << address;
    EXPECT_TRUE(is_this_host(address)) << address;
  }
}

TEST(WaitForListener, EndsAtOnceWhenSomebodyListens) {
  const Port port;
  port.listen();
  EXPECT_EQ(wait_for_listener("127.0.0.1", port.number, Clock::now() + 10s), "");
  EXPECT_EQ(wait_for_listener("localhost", port.number, Clock::now() + 10s), "");
}

TEST(WaitForListener, SaysAtTheDeadlineWhatStandsInTheWay) {
  const Port port;
  const auto start = Clock::now();
  EXPECT_EQ(wait_for_listener("127.0.0.1", port.number, start + 200ms), "Connection refused");
  EXPECT_LT(Clock::now() - start, 10s);
  // as long as the resolver takes: one that is out of reach may need tens of seconds
  EXPECT_EQ(wait_for_listener("nowhere.invalid", port.number, Clock::now() + 10ms),
            "no address for this name");
}

TEST(WaitForListener, FindsOneThatComesLater) {
  const Port port;
  std::thread later([&] {
    // what it found so far is that nobody listens
    EXPECT_EQ(wait_for_listener("127.0.0.1", port.number, Clock::now() + 100ms),
              "Connection refused");
    port.listen();
  });
  EXPECT_EQ(wait_for_listener("127.0.0.1", port.number, Clock::now() + 10s), "");
  later.join();
}

}  // namespace
}  // namespace precinct::parallel
