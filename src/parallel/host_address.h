// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace precinct::parallel {

/// Whether `host` (name or address) is this machine; rank 0 asks before it listens there.
bool is_this_host(const std::string& host);

/// Whether an address leads to the machine itself, on each machine.
bool is_loopback(const std::string& address);

/// Whether `host` has an IPv4 or IPv6 address.
bool host_resolves(const std::string& host);

/// This host's address on the way to `host`, e.g. "10.1.0.7"; empty when there is no way. Nothing
/// is sent.
std::string address_towards(const std::string& host);

/// This host's address on its default route, else the first one that is not loopback; empty when it
/// has neither. Nothing is sent.
std::string outward_address();

/// The address of a network interface of this host, e.g. "eth0". Throws ConfigError with the list
/// of those that have one.
std::string interface_address(const std::string& interface);

/// The network interface of this host that has `address`; empty when none has.
std::string interface_of(const std::string& address);

/// Connects to `host` at `port` and hangs up, again and again until that works. Empty then; at
/// `deadline` what stands in the way, e.g. "Connection refused".
std::string wait_for_listener(const std::string& host, std::uint16_t port,
                              std::chrono::steady_clock::time_point deadline);

/// This host's name, "?" when the system does not say.
std::string host_name();

}  // namespace precinct::parallel
