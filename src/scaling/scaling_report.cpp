// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "scaling/scaling_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "parallel/call_record.h"
#include "scaling/speedup.h"

namespace precinct::scaling {
namespace {

using Cells = std::vector<std::string>;

const char* const kColumns =
    "Micro-batch: windows of one forward pass. Step: milliseconds, the slowest rank of each step, "
    "median [quartiles] over the timed steps. Speed-up: over the fastest run in one process on the "
    "same cores, median of the rounds. Efficiency: speed-up over one thread by the cores in use. "
    "Data, compute, exposed: mean over the ranks of a step's time for gathering the batch; for "
    "forward, backward and update; in calls of communication, starting them and waiting, for other "
    "ranks too. Sent: per step, by the rank that sends most. Same loss: compared steps, largest "
    "relative difference of a loss (allowed: 1e-5 in the first 20 steps, 1e-3 later; gradient "
    "norms 1e-3 in the first 20).";

std::string first_value(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key))
      if (const auto colon = line.find(':'); colon != std::string::npos)
        return line.substr(std::min(line.find_first_not_of(" \t", colon + 1), line.size()));
  return {};
}

std::string milliseconds(double seconds) {
  return fmt::format("{:.{}f}", 1e3 * seconds, seconds < 0.1 ? 1 : 0);
}

bool measures_waiting(const Measurement& m) { return m.device == "cpu"; }

Cells header(const Measurement& m) {
  Cells cells = {"run", "ranks x threads", "micro-batch", "step ms", "windows/s", "speed-up"};
  if (rows_of(m).front().threads > 1) cells.emplace_back("vs one thread");
  for (const char* name : {"efficiency", "data", "compute", "exposed", "sent", "same loss"})
    cells.emplace_back(name);
  return cells;
}

Cells cells_of(const Measurement& m, const Row& row, std::size_t num_columns) {
  Cells cells = {row.name};
  if (row.is_offered()) {
    cells.push_back(fmt::format("{} x {}", row.num_ranks, row.threads));
    cells.push_back(std::to_string(row.micro_batch));
    cells.push_back(fmt::format("{} [{}, {}]", milliseconds(row.step.median),
                                milliseconds(row.step.low), milliseconds(row.step.high)));
  }
  if (row.is_valid()) {
    cells.push_back(fmt::format("{:.0f}", row.windows_per_second));
    cells.push_back(fmt::format("{:.2f}", row.speedup->median));
    if (num_columns == 13) cells.push_back(fmt::format("{:.2f}", row.over_one_thread->median));
    cells.push_back(fmt::format("{:.0f} %", 100 * *row.efficiency));
    const bool is_split = measures_waiting(m) || row.num_ranks == 1;
    cells.push_back(milliseconds(row.parts.data));
    cells.push_back(is_split ? milliseconds(row.parts.compute) : "-");
    cells.push_back(is_split ? milliseconds(row.parts.waiting) : "-");
    cells.push_back(row.num_ranks == 1
                        ? "-"
                        : parallel::bytes_text(static_cast<std::int64_t>(row.bytes_per_step)));
    cells.push_back(row.name == "serial" ? "the reference"
                                         : fmt::format("{} steps, {:.0e}", row.check.num_steps,
                                                       row.check.largest_difference));
  }
  cells.resize(num_columns, "-");
  if (!row.is_offered()) cells.back() = "not offered";
  if (row.check.disagreement)
    cells.back() = fmt::format("INVALID from step {}", row.check.disagreement->step);
  return cells;
}

std::vector<Cells> table_of(const Measurement& m) {
  std::vector<Cells> table = {header(m)};
  for (const Row& row : rows_of(m)) table.push_back(cells_of(m, row, table.front().size()));
  return table;
}

std::string title(const Measurement& m) {
  return fmt::format(
      "{} ({}, {} parameters, N={}, T={}, H={}, global batch {}): {} ranks, {} cores, {} over {}, "
      "{} rounds of {} steps",
      m.name, m.network, m.num_parameters, m.num_nodes, m.lookback, m.horizon, m.global_batch_size,
      m.num_ranks, m.cores, m.device, m.backend, m.rounds, m.steps_per_round);
}

std::string trials_text(const Measurement& m) {
  std::string text;
  for (const ThreadTrial& trial : m.trials)
    text += fmt::format("{}{} thread{} {} ms", text.empty() ? "" : ", ", trial.threads,
                        trial.threads == 1 ? "" : "s", milliseconds(trial.seconds));
  return "Threads tried for serial: " + text + ".";
}

Cells origin_lines(const Origin& o) {
  return {fmt::format("{}; {}, {} cores, {}", o.date, o.processor, o.cores, o.system),
          fmt::format("precinct {}, LibTorch {}", o.precinct, o.libtorch),
          fmt::format("command: {}", o.command)};
}

nlohmann::json json_of(const Quartiles& q) {
  return {{"low", q.low}, {"median", q.median}, {"high", q.high}};
}

nlohmann::json json_of(const Row& row) {
  nlohmann::json json = {{"name", row.name},        {"offered", row.is_offered()},
                         {"valid", row.is_valid()}, {"num_ranks", row.num_ranks},
                         {"threads", row.threads},  {"micro_batch", row.micro_batch}};
  if (!row.is_offered()) {
    json["refused"] = row.refused;
    return json;
  }
  json["step_seconds"] = json_of(row.step);
  json["compared_steps"] = row.check.num_steps;
  json["largest_loss_difference"] = row.check.largest_difference;
  if (const auto& d = row.check.disagreement) {
    json["disagreement"] = {{"what", d->what},
                            {"rank", d->rank},
                            {"step", d->step},
                            {"expected", d->expected},
                            {"found", d->found}};
    return json;
  }
  json["windows_per_second"] = row.windows_per_second;
  json["speedup"] = json_of(*row.speedup);
  json["over_one_thread"] = json_of(*row.over_one_thread);
  json["efficiency"] = *row.efficiency;
  json["parts_seconds"] = {{"data", row.parts.data},
                           {"compute", row.parts.compute},
                           {"exposed_communication", row.parts.waiting},
                           {"imbalance", row.parts.imbalance}};
  json["calls_per_step"] = row.calls_per_step;
  json["bytes_per_step"] = row.bytes_per_step;
  json["stragglers"] = nlohmann::json::array();
  for (const Straggler& s : row.stragglers)
    json["stragglers"].push_back({{"rank", s.rank},
                                  {"host", s.host},
                                  {"phase", s.phase},
                                  {"factor", s.factor},
                                  {"seconds", s.seconds}});
  return json;
}

}  // namespace

Origin origin_here() {
  Origin origin;
  utsname names{};
  ::uname(&names);
  origin.host = names.nodename;
  origin.processor = first_value("/proc/cpuinfo", "model name");
  if (origin.processor.empty()) origin.processor = names.machine;
  origin.system = fmt::format("{} {}", names.sysname, names.release);
  origin.cores = std::max(1U, std::thread::hardware_concurrency());
  origin.libtorch = TORCH_VERSION;
  return origin;
}

std::string to_text(const Measurement& m) {
  const auto table = table_of(m);
  std::vector<std::size_t> widths(table.front().size(), 0);
  for (const Cells& line : table)
    for (std::size_t c = 0; c < line.size(); ++c) widths[c] = std::max(widths[c], line[c].size());
  std::string text = title(m) + "\n";
  for (const Cells& line : table) {
    std::string one;
    for (std::size_t c = 0; c < line.size(); ++c)
      one += c == 0 ? fmt::format("{:<{}}", line[c], widths[c])
                    : fmt::format("  {:>{}}", line[c], widths[c]);
    text += one + "\n";
  }
  text += trials_text(m) + "\n";
  for (const std::string& sentence : sentences(m)) text += sentence + "\n";
  return text;
}

std::string to_markdown(const Measurement& m) {
  std::string text = "## " + title(m) + "\n\n";
  const auto table = table_of(m);
  for (std::size_t i = 0; i < table.size(); ++i) {
    text += fmt::format("| {} |\n", fmt::join(table[i], " | "));
    if (i > 0) continue;
    for (std::size_t c = 0; c < table[i].size(); ++c) text += c == 0 ? "|---" : "|---:";
    text += "|\n";
  }
  text += "\n" + trials_text(m) + "\n\n";
  for (const std::string& sentence : sentences(m)) text += "- " + sentence + "\n";
  return text;
}

std::string text_report(const Origin& origin, const std::vector<Measurement>& measurements) {
  std::string text;
  for (const std::string& line : origin_lines(origin)) text += line + "\n";
  for (const Measurement& m : measurements) text += "\n" + to_text(m);
  return text + "\n" + kColumns + "\n";
}

std::string markdown_report(const Origin& origin, const std::vector<Measurement>& measurements) {
  std::string text = "# Parallel against serial training\n\n";
  for (const std::string& line : origin_lines(origin)) text += "- " + line + "\n";
  for (const Measurement& m : measurements) text += "\n" + to_markdown(m);
  return text + "\n" + kColumns + "\n";
}

nlohmann::json json_report(const Origin& o, const std::vector<Measurement>& measurements) {
  nlohmann::json networks = nlohmann::json::array();
  for (const Measurement& m : measurements) {
    nlohmann::json network = m;
    network["rows"] = nlohmann::json::array();
    for (const Row& row : rows_of(m)) network["rows"].push_back(json_of(row));
    network["sentences"] = sentences(m);
    networks.push_back(std::move(network));
  }
  return {{"origin",
           {{"host", o.host},
            {"processor", o.processor},
            {"system", o.system},
            {"cores", o.cores},
            {"precinct", o.precinct},
            {"libtorch", o.libtorch},
            {"command", o.command},
            {"date", o.date}}},
          {"networks", networks}};
}

}  // namespace precinct::scaling
