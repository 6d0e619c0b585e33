// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/parallel/rank_server.h"

#include <ATen/Parallel.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/error.h"

namespace precinct::test {
namespace {

constexpr int kAlive = 100;  // of a rank

int server = -1;  // the socket to it

/// A request: the strings of a start with its two files, or the number of a process to wait for.
struct Request {
  std::string text;
  std::vector<int> files;
};

void send(int socket, const Request& request) {
  iovec part{const_cast<char*>(request.text.data()), request.text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> control{};
  if (!request.files.empty()) {
    const std::size_t size = request.files.size() * sizeof(int);
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(header), request.files.data(), size);
  }
  PRECINCT_CHECK(::sendmsg(socket, &message, MSG_NOSIGNAL) >= 0, IoError, "rank server: {}",
                 std::strerror(errno));
}

/// Nothing once the other end is closed.
std::optional<Request> received(int socket) {
  Request request;
  request.text.resize(std::size_t{1} << 20);
  iovec part{request.text.data(), request.text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t size = 0;
  do {
    size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size <= 0) return std::nullopt;
  request.text.resize(static_cast<std::size_t>(size));
  if (const cmsghdr* header = CMSG_FIRSTHDR(&message)) {
    request.files.resize((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(request.files.data(), CMSG_DATA(header), request.files.size() * sizeof(int));
  }
  return request;
}

template <typename T>
T answer_of_server() {
  T answer{};
  const auto request = received(server);
  PRECINCT_CHECK(request && request->text.size() == sizeof(T), IoError, "rank server: it is gone");
  std::memcpy(&answer, request->text.data(), sizeof(T));
  return answer;
}

template <typename T>
std::string bytes_of(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

/// In the fork: what exec would have made of it. Does not return.
[[noreturn]] void be_rank(const Request& request, void (*prepare)()) {
  ::dup2(request.files[0], STDOUT_FILENO);
  ::dup2(request.files[0], STDERR_FILENO);
  ::dup2(request.files[1], kAlive);
  for (const int file : request.files) ::close(file);
  static std::string strings;
  strings = request.text;
  ::clearenv();
  std::vector<char*> arguments;
  bool is_environment = false;
  for (std::size_t at = 0; at < strings.size(); at += std::strlen(&strings[at]) + 1) {
    if (strings[at] == '\0') {
      is_environment = true;
    } else if (is_environment) {
      ::putenv(&strings[at]);
    } else {
      arguments.push_back(&strings[at]);
    }
  }
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  at::set_num_threads(1);  // OMP_NUM_THREADS was read when the library was loaded
  if (prepare != nullptr) prepare();
  testing::InitGoogleTest(&count, arguments.data());
  std::exit(RUN_ALL_TESTS());
}

[[noreturn]] void serve(int socket, void (*prepare)()) {
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);  // who reads the tests' output must
  for (const int file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nothing, file);
  while (const auto request = received(socket)) {  // not wait for the end of this process
    if (request->files.empty()) {
      pid_t pid = 0;
      std::memcpy(&pid, request->text.data(), sizeof(pid));
      int status = 0;
      ::waitpid(pid, &status, 0);
      send(socket, {bytes_of(status), {}});
      continue;
    }
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::close(socket);
      ::close(nothing);
      be_rank(*request, prepare);
    }
    for (const int file : request->files) ::close(file);
    send(socket, {bytes_of(pid), {}});
  }
  ::_exit(0);
}

}  // namespace

pid_t fork_rank(const RankStart& start) {
  Request request{"", {start.output, start.alive}};
  for (const auto& one : start.arguments) request.text += one + '\0';
  request.text += '\0';
  for (const auto& one : start.environment) request.text += one + '\0';
  send(server, request);
  return answer_of_server<pid_t>();
}

int status_of_rank(pid_t pid) {
  send(server, {bytes_of(pid), {}});
  return answer_of_server<int>();
}

int main_with_ranks(int argc, char** argv, void (*prepare)()) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return 6;
  const pid_t pid = ::fork();  // before anything starts a thread
  if (pid < 0) return 8;
  if (pid == 0) {
    ::close(ends[0]);
    serve(ends[1], prepare);
  }
  ::close(ends[1]);
  server = ends[0];
  if (prepare != nullptr) prepare();
  testing::InitGoogleTest(&argc, argv);
  const int code = RUN_ALL_TESTS();
  ::close(ends[0]);
  ::waitpid(pid, nullptr, 0);  // its processor time is this program's
  return code;
}

}  // namespace precinct::test
