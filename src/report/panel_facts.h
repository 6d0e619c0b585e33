// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "data/loader/split.h"
#include "data/panel.h"
#include "report/report_data.h"

namespace precinct::report {

/// "day", "7 days", "6 hours", "month".
std::string bin_word(const data::Panel& panel, std::int64_t num_bins);

/// "Sun 2021-08-01", with the hour for bins of hours.
std::string bin_label(const data::Panel& panel, std::int64_t bin);

/// First and last day of a range, "2021-08-01 to 2021-08-07"; one date when they agree.
std::string range_label(const data::Panel& panel, const data::BinRange& range);

/// 12954 -> "12,954".
std::string grouped(std::uint64_t number);

/// What the panel holds: bins, districts, counts, empty cells, unobserved cells, borders.
Facts panel_facts(const data::Panel& panel);

}  // namespace precinct::report
