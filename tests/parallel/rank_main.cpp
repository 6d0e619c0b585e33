// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/parallel/rank_server.h"

int main(int argc, char** argv) { return precinct::test::main_with_ranks(argc, argv); }
