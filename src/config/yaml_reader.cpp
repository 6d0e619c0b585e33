// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "config/yaml_reader.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <cstdlib>
#include <map>
#include <sstream>

#include "base/atomic_file.h"

namespace precinct::config {
namespace {

constexpr int kMaxNodes = 100'000;
constexpr int kMaxDepth = 16;  // an alias may point at the map that holds it
constexpr std::size_t kMaxBytes = 1 << 20;

}  // namespace

std::string shown(const std::string& text) {
  constexpr std::size_t kMaxShown = 120;
  std::string out;
  for (const char c : text) {
    if (out.size() >= kMaxShown) return out + "...";
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
  }
  return out;
}

namespace {

/// Replaces ${NAME} and ${NAME:-default}.
std::string expand(const std::string& text, const std::string& where,
                   std::vector<std::string>& problems) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t open = text.find("${", at);
    const std::size_t close = open == std::string::npos ? std::string::npos : text.find('}', open);
    if (close == std::string::npos) return out + text.substr(at);
    out += text.substr(at, open - at);
    std::string name = text.substr(open + 2, close - open - 2), fallback;
    const std::size_t dash = name.find(":-");
    const bool has_fallback = dash != std::string::npos;
    if (has_fallback) {
      fallback = name.substr(dash + 2);
      name.resize(dash);
    }
    const char* value = std::getenv(name.c_str());
    if (value == nullptr && !has_fallback) {
      problems.push_back(
          fmt::format("{}: ${{{}}}: expected a set environment variable, found none; export it or "
                      "write ${{{}:-default}}",
                      where, shown(name), shown(name)));
    }
    out += value != nullptr ? value : fallback;
    at = close + 1;
  }
  return out;
}

class Flattener {
 public:
  Flattener(std::string file, std::filesystem::path folder, YamlValues& values,
            std::vector<std::string>& problems)
      : file_(std::move(file)), folder_(std::move(folder)), values_(values), problems_(problems) {}

  void flatten(const YAML::Node& node, const std::string& key, int depth = 0) {
    const std::string where = fmt::format("{}:{}", file_, node.Mark().line + 1);
    if (!count_node(where)) return;
    if (depth > kMaxDepth) {
      problems_.push_back(
          fmt::format("{}: {}: expected at most {} levels, found more; take the "
                      "inner ones out",
                      where, shown(key), kMaxDepth));
      return;
    }
    if (node.IsMap() && node.size() > 0) {
      std::map<std::string, int> lines;
      for (const auto& item : node) {
        if (nodes_ > kMaxNodes) return;
        const auto name = item.first.IsScalar() ? item.first.Scalar() : std::string("?");
        const std::string dotted = key.empty() ? name : fmt::format("{}.{}", key, name);
        const int line = item.first.Mark().line + 1;
        const auto [first, is_new] = lines.emplace(name, line);
        if (is_new) {
          flatten(item.second, dotted, depth + 1);
        } else {
          report_twice(dotted, first->second, line);
        }
      }
      return;
    }
    if (key.empty()) {
      if (!node.IsNull() && !node.IsMap())
        problems_.push_back(where +
                            ": expected a map of sections such as 'train:', found something else; "
                            "'precinct config reference' lists all keys");
      return;
    }
    const int line = node.Mark().line + 1;
    const auto [first, is_new] = lines_.emplace(key, line);
    if (!is_new) report_twice(key, first->second, line);
    values_[key] = value_of(node, key, where);
  }

 private:
  /// False, and a problem once, when there are too many.
  bool count_node(const std::string& where) {
    if (++nodes_ == kMaxNodes + 1)
      problems_.push_back(
          fmt::format("{}: expected at most {} values, found more; are there "
                      "nested aliases?",
                      where, kMaxNodes));
    return nodes_ <= kMaxNodes;
  }

  void report_twice(const std::string& key, int first, int line) {
    problems_.push_back(
        fmt::format("{}:{}: {}: expected each key once, found it in line {} too; "
                    "take one out",
                    file_, line, shown(key), first));
  }

  YamlValue value_of(const YAML::Node& node, const std::string& key, const std::string& where) {
    YamlValue value;
    value.where = where;
    value.folder = folder_;
    value.is_list = node.IsSequence();
    if (!value.is_list) {
      value.is_empty = node.IsNull() || node.IsMap();
      value.items.push_back(value.is_empty ? "" : expand(node.Scalar(), where, problems_));
      return value;
    }
    bool nested = false;
    for (const auto& item : node) {
      if (!count_node(where)) break;
      nested = nested || !item.IsScalar();
      value.items.push_back(item.IsScalar() ? expand(item.Scalar(), where, problems_) : "?");
    }
    if (nested)
      problems_.push_back(
          fmt::format("{}: {}: expected a list of plain values, found a nested one; write [1, 2]",
                      where, shown(key)));
    return value;
  }

  std::string file_;
  std::filesystem::path folder_;
  YamlValues& values_;
  std::vector<std::string>& problems_;
  std::map<std::string, int> lines_;  // where each key of this file stands
  int nodes_ = 0;
};

/// Notes where the last document begins and does nothing else.
class DocumentStarts final : public YAML::EventHandler {
 public:
  int line = 0;

  void OnDocumentStart(const YAML::Mark& mark) override { line = mark.line + 1; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

/// Line of what follows the first document, 0 when nothing does. YAML::Load drops it silently (and
/// LoadAll never ends on a stray comma).
int line_of_the_rest(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentStarts starts;
  parser.HandleNextDocument(starts);
  return parser.HandleNextDocument(starts) ? starts.line : 0;
}

}  // namespace

void read_yaml(const std::filesystem::path& path, YamlValues& values,
               std::vector<std::string>& problems) {
  const auto too_large = [&](std::uintmax_t bytes) {
    problems.push_back(
        fmt::format("{}: expected at most {} bytes, found {}; is this a configuration?",
                    path.string(), kMaxBytes, bytes));
  };
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (!error && bytes > kMaxBytes) return too_large(bytes);
  const std::string text = read_file(path);
  if (text.size() > kMaxBytes) return too_large(text.size());
  try {
    if (const int line = line_of_the_rest(text); line > 0)
      problems.push_back(
          fmt::format("{}:{}: expected one map of sections, found a second document or a stray "
                      "character; take it out",
                      path.string(), line));
    Flattener(path.string(), std::filesystem::absolute(path).parent_path(), values, problems)
        .flatten(YAML::Load(text), "");
  } catch (const YAML::Exception& problem) {
    problems.push_back(fmt::format("{}:{}: expected YAML, found: {}; mend this line", path.string(),
                                   problem.mark.line + 1, shown(problem.msg)));
  }
}

void read_assignment(const std::string& assignment, YamlValues& values,
                     std::vector<std::string>& problems) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    problems.push_back(fmt::format(
        "--set: expected key=value, found '{}'; e.g. --set train.epochs=5", assignment));
    return;
  }
  YamlValue value;
  value.where = "--set";
  value.folder = std::filesystem::current_path();
  const std::string key = assignment.substr(0, equals), text = assignment.substr(equals + 1);
  try {
    const YAML::Node node = YAML::Load(text);
    if (node.IsSequence()) {
      value.is_list = true;
      for (const auto& item : node) value.items.push_back(item.IsScalar() ? item.Scalar() : "?");
    } else {
      value.items.push_back(node.IsScalar() ? node.Scalar() : text);
    }
  } catch (const YAML::Exception&) {
    value.items.push_back(text);
  }
  for (std::string& item : value.items) item = expand(item, "--set", problems);
  values[key] = std::move(value);
}

std::string yaml_quote(const std::string& text) {
  YAML::Emitter emitter;
  emitter << YAML::DoubleQuoted << text;
  return emitter.c_str();
}

}  // namespace precinct::config
