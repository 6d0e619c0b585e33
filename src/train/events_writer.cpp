// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/events_writer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <span>

#include "base/atomic_file.h"
#include "base/checksum.h"
#include "base/error.h"

namespace precinct::train {
namespace {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

template <typename T>
void put_fixed(std::string& out, T value) {
  std::array<char, sizeof(T)> bytes{};
  std::memcpy(bytes.data(), &value, sizeof(T));  // little-endian hosts only, as LibTorch
  out.append(bytes.data(), bytes.size());
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 128; value >>= 7) out.push_back(static_cast<char>(value | 128));
  out.push_back(static_cast<char>(value));
}

void put_bytes(std::string& out, int field, const std::string& bytes) {
  put_varint(out, static_cast<std::uint64_t>(field) << 3 | 2);
  put_varint(out, bytes.size());
  out += bytes;
}

std::string event(double wall_time, std::int64_t step) {
  std::string out;
  out.push_back(1 << 3 | 1);  // wall_time
  put_fixed(out, wall_time);
  out.push_back(2 << 3 | 0);  // step
  put_varint(out, static_cast<std::uint64_t>(step));
  return out;
}

std::uint32_t masked_crc(const std::string& bytes) {
  return masked_crc32c(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

/// Protobuf fields of one message, read in order.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool next() {
    if (at_ >= bytes_.size()) return false;
    const std::uint64_t key = varint();
    field = static_cast<int>(key >> 3);
    switch (key & 7) {
      case 0:
        number = varint();
        break;
      case 1:
        payload = take(8);
        break;
      case 5:
        payload = take(4);
        break;
      default:
        payload = take(varint());
    }
    return true;
  }
  int field = 0;
  std::uint64_t number = 0;
  std::string_view payload;

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; at_ < bytes_.size() && shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      value |= std::uint64_t{byte & 127U} << shift;
      if (byte < 128) break;
    }
    return value;
  }
  std::string_view take(std::uint64_t count) {
    const auto part = bytes_.substr(at_, count);
    at_ += part.size();
    return part;
  }
  std::string_view bytes_;
  std::size_t at_ = 0;
};

void parse_summary(std::string_view bytes, std::int64_t step, std::vector<ScalarEvent>& events) {
  for (Reader summary(bytes); summary.next();) {
    if (summary.field != 1) continue;
    ScalarEvent scalar{"", step, 0};
    for (Reader value(summary.payload); value.next();) {
      if (value.field == 1) scalar.tag = value.payload;
      float number = 0;
      if (value.field == 2 && value.payload.size() == sizeof(number)) {
        std::memcpy(&number, value.payload.data(), sizeof(number));
        scalar.value = number;
      }
    }
    events.push_back(scalar);
  }
}

void parse_event(std::string_view bytes, std::vector<ScalarEvent>& events) {
  std::int64_t step = 0;
  for (Reader event(bytes); event.next();) {
    if (event.field == 2) step = static_cast<std::int64_t>(event.number);
    if (event.field == 5) parse_summary(event.payload, step, events);
  }
}

}  // namespace

EventsWriter::EventsWriter(const std::filesystem::path& folder) {
  static std::atomic<int> counter{0};
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  path_ = folder / fmt::format("events.out.tfevents.{}.{}.{}.{}",
                               static_cast<std::int64_t>(now_seconds()), host.data(), ::getpid(),
                               counter++);
  file_.open(path_, std::ios::binary | std::ios::trunc);
  PRECINCT_CHECK(file_, IoError,
                 "{}: expected a file that can be written, found none; check the folder",
                 path_.string());
  std::string first = event(now_seconds(), 0);
  put_bytes(first, 3, "brain.Event:2");
  write_record(first);
}

void EventsWriter::add(const std::string& tag, std::int64_t step, double value, double wall_time) {
  std::string scalar, summary, data = event(wall_time, step);
  put_bytes(scalar, 1, tag);
  scalar.push_back(2 << 3 | 5);  // simple_value
  put_fixed(scalar, static_cast<float>(value));
  put_bytes(summary, 1, scalar);
  put_bytes(data, 5, summary);
  write_record(data);
}

void EventsWriter::write_record(const std::string& data) {
  std::string record;
  put_fixed<std::uint64_t>(record, data.size());
  put_fixed(record, masked_crc(record));
  record += data;
  put_fixed(record, masked_crc(data));
  file_.write(record.data(), static_cast<std::streamsize>(record.size()));
}

void EventsWriter::flush() {
  file_.flush();
  PRECINCT_CHECK(file_, IoError, "{}: expected room for event records, found none; make room",
                 path_.string());
}

std::vector<ScalarEvent> read_events(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  std::vector<ScalarEvent> events;
  std::size_t at = 0;
  const auto fixed = [&](std::size_t where, auto value) {
    std::memcpy(&value, bytes.data() + where, sizeof(value));
    return value;
  };
  while (at < bytes.size()) {
    const std::size_t left = bytes.size() - at;
    const std::uint64_t length = left >= 12 ? fixed(at, std::uint64_t{0}) : 0;
    PRECINCT_CHECK(left >= 16 && length <= left - 16, DataError,
                   "{}: byte {}: expected a whole record, found the file's end; the file is cut",
                   path.string(), at);
    const bool good =
        fixed(at + 8, std::uint32_t{0}) == masked_crc(bytes.substr(at, 8)) &&
        fixed(at + 12 + length, std::uint32_t{0}) == masked_crc(bytes.substr(at + 12, length));
    PRECINCT_CHECK(good, DataError,
                   "{}: byte {}: expected a record with its checksum, found another checksum; the "
                   "file is damaged",
                   path.string(), at);
    parse_event(std::string_view(bytes).substr(at + 12, length), events);
    at += 16 + length;
  }
  return events;
}

}  // namespace precinct::train
