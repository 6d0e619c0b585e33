// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace precinct::train {

/// Writes scalars as a TensorBoard event file, events.out.tfevents.SECONDS.HOST.PID.N. Record: u64
/// length, u32 masked CRC-32C of the length, data, u32 masked CRC-32C of the data; data is a
/// protobuf Event.
class EventsWriter {
 public:
  /// A new file in `folder`, with its first record "brain.Event:2". Throws IoError.
  explicit EventsWriter(const std::filesystem::path& folder);
  /// One scalar; `wall_time` in seconds since 1970. Flushed by flush() or the destructor.
  void add(const std::string& tag, std::int64_t step, double value, double wall_time);
  void flush();
  const std::filesystem::path& path() const { return path_; }

 private:
  void write_record(const std::string& data);
  std::filesystem::path path_;
  std::ofstream file_;
};

/// One scalar of an event file.
struct ScalarEvent {
  std::string tag;
  std::int64_t step;
  double value;
};
/// Reads the scalars back; throws DataError with the byte offset of a record whose checksum
/// differs.
std::vector<ScalarEvent> read_events(const std::filesystem::path& path);

}  // namespace precinct::train
