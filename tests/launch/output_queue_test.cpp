// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/output_queue.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>

#include "launch/file_descriptor.h"

namespace precinct::launch {
namespace {

/// What is in the pipe now.
std::string read_now(const Pipe& pipe) {
  ::fcntl(pipe.read.number(), F_SETFL, O_NONBLOCK);
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t count = 0; (count = ::read(pipe.read.number(), buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(count));
  return text;
}

TEST(OutputQueue, NeverWaitsForAReaderAndLosesNothing) {
  const Pipe pipe = Pipe::open();
  OutputQueue queue;
  std::string pushed;
  while (!queue.is_full()) {
    pushed.append(1000, static_cast<char>('a' + pushed.size() % 26)).append("\n");
    queue.push(pipe.write.number(), pushed.substr(pushed.size() - 1001));
    queue.write_some();  // the pipe holds far less than what makes the queue full
  }
  EXPECT_EQ(queue.waiting_for(), pipe.write.number());
  std::string read;
  while (queue.waiting_for() >= 0) {
    read += read_now(pipe);
    queue.write_some();
  }
  read += read_now(pipe);
  EXPECT_EQ(read, pushed);
  EXPECT_FALSE(queue.is_full());
}

TEST(OutputQueue, AReaderThatIsGoneEndsItsFileOnly) {
  const auto handler = std::signal(SIGPIPE, SIG_IGN);
  Pipe gone = Pipe::open(), there = Pipe::open();
  gone.read.close();
  OutputQueue queue;
  queue.push(gone.write.number(), "lost\n");
  queue.push(there.write.number(), "kept\n");
  queue.write_all();
  queue.push(gone.write.number(), "lost\n");
  EXPECT_EQ(queue.waiting_for(), -1);
  EXPECT_EQ(read_now(there), "kept\n");
  std::signal(SIGPIPE, handler);
}

TEST(OutputQueue, KeepsTheOrderOverFiles) {
  const Pipe pipe = Pipe::open();
  const FileDescriptor other(::dup(pipe.write.number()));
  OutputQueue queue;
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    const std::string line = std::to_string(i).append(40, '.').append("\n");
    queue.push(i % 2 == 0 ? pipe.write.number() : other.number(), line);
    expected += line;
  }
  queue.write_all();
  EXPECT_EQ(read_now(pipe), expected);
}

}  // namespace
}  // namespace precinct::launch
