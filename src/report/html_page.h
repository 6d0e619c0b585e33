// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "report/report_data.h"

namespace precinct::report {

/// Escapes text for HTML.
std::string html_escape(std::string_view text);

/// JSON that may stand inside a script element: no "<" survives.
std::string script_json(const nlohmann::json& json);

/// The whole page, self-contained: `plotly_script` is inlined; a content security policy forbids
/// every load.
std::string html_page(const ReportData& data, const std::string& plotly_script);

/// Plotly's minified script from the dependencies folder; throws IoError that says how to get it.
std::string load_plotly(const std::filesystem::path& dependencies);

}  // namespace precinct::report
