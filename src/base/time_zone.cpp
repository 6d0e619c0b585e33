// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/time_zone.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "base/error.h"

namespace precinct {
namespace {

/// Big-endian integers of a TZif file (RFC 8536).
class Reader {
 public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {}
  std::int64_t integer(int size) {
    if (at_ + static_cast<std::size_t>(size) > bytes_.size())
      throw std::out_of_range("end of file");
    std::uint64_t value = 0;
    for (int i = 0; i < size; ++i) value = (value << 8) | static_cast<unsigned char>(bytes_[at_++]);
    if (size == 4) return static_cast<std::int32_t>(value);
    return static_cast<std::int64_t>(value);
  }
  int byte() { return static_cast<int>(integer(1)); }
  void skip(std::size_t count) { at_ += count; }
  std::size_t position() const { return at_; }

 private:
  const std::string& bytes_;
  std::size_t at_ = 0;
};

struct Counts {
  std::int64_t utc, standard, leap, time, type, letters;
};

Counts read_header(Reader& reader) {
  reader.skip(20);  // magic, version, reserved
  Counts c{};
  c.utc = reader.integer(4);
  c.standard = reader.integer(4);
  c.leap = reader.integer(4);
  c.time = reader.integer(4);
  c.type = reader.integer(4);
  c.letters = reader.integer(4);
  return c;
}

/// Day of the n-th (5 = last) weekday (0 = Sunday) of a month, as a POSIX rule "Mm.n.d" says.
std::int64_t rule_day(int year, int month, int week, int weekday_sunday0) {
  const std::int64_t first = days_from_civil(year, month, 1);
  const int first_weekday = (weekday(first) + 1) % 7;  // Sunday 0
  std::int64_t day = first + (weekday_sunday0 - first_weekday + 7) % 7 + (week - 1) * 7;
  while (civil_from_days(day).month != month) day -= 7;
  return day;
}

/// Transitions of a POSIX TZ footer such as "PST8PDT,M3.2.0,M11.1.0" for the years after the table.
void add_footer_rules(const std::string& footer, int first_year, std::vector<std::int64_t>& times,
                      std::vector<int>& offsets) {
  const std::size_t comma = footer.find(',');
  if (comma == std::string::npos) return;
  const auto skip_name = [&](std::size_t at) {
    if (at < footer.size() && footer[at] == '<') return footer.find('>', at) + 1;
    while (at < footer.size() && std::isalpha(static_cast<unsigned char>(footer[at]))) ++at;
    return at;
  };
  const auto clock = [&](std::size_t& at) {  // [+-]hh[:mm[:ss]] in seconds
    const int sign = at < footer.size() && footer[at] == '-' ? -1 : 1;
    if (at < footer.size() && (footer[at] == '-' || footer[at] == '+')) ++at;
    int part[3] = {0, 0, 0};
    for (int i = 0; i < 3; ++i) {
      while (at < footer.size() && std::isdigit(static_cast<unsigned char>(footer[at])))
        part[i] = part[i] * 10 + footer[at++] - '0';
      if (at >= footer.size() || footer[at] != ':') break;
      ++at;
    }
    return sign * (part[0] * 3600 + part[1] * 60 + part[2]);
  };
  std::size_t at = skip_name(0);
  const int standard = -clock(at);
  at = skip_name(at);
  const int daylight = at < comma ? -clock(at) : standard + 3600;
  struct Rule {
    int month, week, day, seconds;
  } rules[2];
  at = comma;
  for (auto& rule : rules) {
    rule.seconds = 7200;
    int used = 0;
    if (std::sscanf(footer.c_str() + at, ",M%d.%d.%d%n", &rule.month, &rule.week, &rule.day,
                    &used) < 3)
      return;
    at += static_cast<std::size_t>(used);
    if (at < footer.size() && footer[at] == '/') rule.seconds = clock(++at);
  }
  for (int year = first_year; year <= 2100; ++year) {
    const std::int64_t start = rule_day(year, rules[0].month, rules[0].week, rules[0].day) * 86400 +
                               rules[0].seconds - standard;
    const std::int64_t end = rule_day(year, rules[1].month, rules[1].week, rules[1].day) * 86400 +
                             rules[1].seconds - daylight;
    std::pair<std::int64_t, int> changes[2] = {{start, daylight}, {end, standard}};
    if (end < start) std::swap(changes[0], changes[1]);
    for (const auto& [time, offset] : changes) {
      if (!times.empty() && time <= times.back()) continue;
      times.push_back(time);
      offsets.push_back(offset);
    }
  }
}

}  // namespace

TimeZone TimeZone::load(const std::string& name) {
  const char* folder = std::getenv("TZDIR");
  const std::string path =
      std::string(folder != nullptr ? folder : "/usr/share/zoneinfo") + "/" + name;
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const bool plain = !name.empty() && name.find("..") == std::string::npos && name.front() != '/';
  PRECINCT_CHECK(
      plain && file && bytes.size() > 44 && bytes.starts_with("TZif") && bytes[4] >= '2',
      ConfigError,
      "time zone: expected a name of the tz database such as America/Los_Angeles, found '{}'; "
      "install tzdata or mend the name",
      name);
  TimeZone zone;
  zone.name_ = name;
  try {
    Reader reader(bytes);
    const Counts old = read_header(reader);  // 32-bit block, skipped
    reader.skip(static_cast<std::size_t>(old.time * 5 + old.type * 6 + old.letters + old.leap * 8 +
                                         old.standard + old.utc));
    const Counts counts = read_header(reader);
    std::vector<int> index, offset_of_type;
    for (std::int64_t i = 0; i < counts.time; ++i)
      zone.transition_utc_.push_back(reader.integer(8));
    for (std::int64_t i = 0; i < counts.time; ++i) index.push_back(reader.byte());
    for (std::int64_t i = 0; i < counts.type; ++i) {
      offset_of_type.push_back(static_cast<int>(reader.integer(4)));
      reader.skip(2);
    }
    for (const int i : index)
      zone.offset_after_.push_back(offset_of_type.at(static_cast<std::size_t>(i)));
    zone.first_offset_ = offset_of_type.at(0);
    reader.skip(
        static_cast<std::size_t>(counts.letters + counts.leap * 12 + counts.standard + counts.utc));
    const std::size_t footer = reader.position() + 1;
    if (footer < bytes.size()) {
      const int year = zone.transition_utc_.empty()
                           ? 1970
                           : civil_from_days(zone.transition_utc_.back() / 86400).year;
      add_footer_rules(bytes.substr(footer, bytes.find('\n', footer) - footer), year,
                       zone.transition_utc_, zone.offset_after_);
    }
  } catch (const std::out_of_range&) {
    throw ConfigError(fmt::format(
        "time zone: {}: expected a whole TZif file, found its end; reinstall tzdata", path));
  }
  return zone;
}

int TimeZone::offset_seconds(const CivilTime& local) const {
  // The first period whose local end lies after the local time: in a doubled hour that is the
  // earlier one.
  const std::int64_t seconds = local.day * 86400 + local.minute * 60;
  int offset = first_offset_;
  for (auto it =
           std::upper_bound(transition_utc_.begin(), transition_utc_.end(), seconds - 86400 * 2);
       it != transition_utc_.end(); ++it) {
    const auto i = static_cast<std::size_t>(it - transition_utc_.begin());
    offset = i == 0 ? first_offset_ : offset_after_[i - 1];
    // a skipped time is what the clock would show that nobody has put forward
    if (seconds - offset < *it || seconds - offset_after_[i] < *it) return offset;
    offset = offset_after_[i];
  }
  if (!transition_utc_.empty() && seconds - 86400 * 2 >= transition_utc_.back())
    offset = offset_after_.back();
  return offset;
}

bool TimeZone::is_skipped(const CivilTime& local) const {
  const std::int64_t seconds = local.day * 86400 + local.minute * 60;
  for (std::size_t i = 0; i < transition_utc_.size(); ++i) {
    const int before = i == 0 ? first_offset_ : offset_after_[i - 1];
    if (offset_after_[i] > before && seconds >= transition_utc_[i] + before &&
        seconds < transition_utc_[i] + offset_after_[i]) {
      return true;
    }
  }
  return false;
}

std::string TimeZone::format(const CivilTime& local) const {
  const int offset = offset_seconds(local);
  const int minutes = std::abs(offset) / 60;
  return fmt::format("{}{}{:02}:{:02}", format_civil(local), offset < 0 ? '-' : '+', minutes / 60,
                     minutes % 60);
}

}  // namespace precinct
