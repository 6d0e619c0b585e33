// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace precinct::report {

/// Style sheet and script of the page. The script reads the global `report` (see html_page.cpp) and
/// draws with Plotly.
extern const char* const kPageStyle;
extern const char* const kPageScript;

}  // namespace precinct::report
