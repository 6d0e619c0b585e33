// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace precinct::report {

/// Style sheet of the page: light and dark by the reader's setting, narrow screens, paper.
extern const char* const kPageStyle;
/// Controls, map and district; reads the global `report` (see html_page.cpp) and draws with Plotly.
extern const char* const kPageScript;
/// Charts and start; uses the names of kPageScript and stands in the same function.
extern const char* const kChartScript;

}  // namespace precinct::report
