#!/usr/bin/env python3
"""scripts/check_house.py in a tree made here: a sound one has no finding, and each planted fault is named with its place.

Usage: house_test.py SOURCE_FOLDER
"""
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(sys.argv[1]).absolute()
TAG = "// SPDX-FileCopyrightText: 2026 The precinct authors\n// SPDX-License-Identifier: Apache-2.0\n"
SOUND = {
    "src/base/error.h": TAG + "#pragma once\n",
    "src/parallel/unit.h": TAG + "#pragma once\n\nstruct Place {\n  int rank = 0, world_size = 1;\n};\n",
    "src/parallel/unit.cpp": TAG + '''#include "parallel/unit.h"

#include <vector>

#include "base/error.h"

namespace precinct::parallel {
namespace {
constexpr int kMaxRanks = 64;
const std::vector<int> kRanks = {0, 1};
}  // namespace

// static int rank = 0; and getenv("RANK") would be wrong here
int rank_of(const Place& place) {
  const int rank = place.rank;
  static const int worlds = 1;
  static int calls = 0;
  return rank + worlds + ++calls;
}
static std::vector<int> ranks_of(int world_size) { return std::vector<int>(world_size); }
}  // namespace precinct::parallel
''',
    "src/parallel/process_context.cpp": TAG + 'const char* const kName = "RANK";\n',
    "src/launch/rank_environment.cpp": TAG + 'const char* const kName = "LOCAL_RANK";\n',
    "src/CMakeLists.txt": "precinct_add_room(parallel TORCH GLOB parallel/*.cpp EXCLUDE parallel/.*_cuda\\\\.cpp DEPENDS base)\n"
                          "precinct_add_room(launch GLOB launch/*.cpp DEPENDS parallel)  # a remark\n",
    "tests/parallel/unit_test.cpp": "TEST(Unit, Works) {}\n",
    "tests/parallel/process_context_test.cpp": "TEST(ProcessContext, Works) {}\n",
    "tests/launch/rank_environment_test.cpp": "TEST(RankEnvironment, Works) {}\n",
    "docs/tests.md": "| a unit | `Unit.*` |\n"}


def check(changes):
    """Exit code and lines of check_house in the sound tree with files added or, as [old, new], changed."""
    with tempfile.TemporaryDirectory(prefix="precinct-house-") as folder:
        tree = dict(SOUND)
        for name, change in changes.items():
            if isinstance(change, list):
                assert tree[name].count(change[0]) == 1, change[0]
                change = tree[name].replace(*change)
            tree[name] = change
        for name, text in tree.items():
            (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / name).write_text(text)
        (Path(folder) / "scripts").mkdir()
        shutil.copy(SOURCE / "scripts/check_house.py", Path(folder) / "scripts")
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
        done = subprocess.run([sys.executable, "scripts/check_house.py"], cwd=folder, capture_output=True, text=True)
        assert done.stderr == "", done.stderr
        return done.returncode, done.stdout.splitlines()


class House(unittest.TestCase):
    UNIT = "src/parallel/unit.cpp"

    def expect_finding(self, changes, *findings):
        code, lines = check(changes)
        self.assertEqual((code, lines), (1, list(findings)))

    def test_a_sound_tree_has_no_finding(self):
        code, lines = check({})
        self.assertEqual(code, 0, lines)
        self.assertRegex("\n".join(lines), r"^house: 5 files, .* no finding$")

    def test_a_global_rank_is_found(self):
        for declaration, name in (("int rank = 0;", "rank"), ("static int my_rank = 0;", "my_rank"),
                                  ("thread_local std::int64_t g_world_size{1};", "g_world_size"),
                                  ("inline int world;", "world"), ("std::vector<int> ranks;", "ranks"),
                                  ("extern std::atomic<int> LocalRank;", "LocalRank"),
                                  ("const char* world_name = nullptr;", None), ("int rank(int world);", None)):
            expected = [f"{self.UNIT}:11: '{name}' is a global rank or world; pass it in"] if name else []
            with self.subTest(declaration):
                code, lines = check({self.UNIT: ["constexpr int kMaxRanks = 64;\n", declaration + "\n"]})
                self.assertEqual(lines if expected else code, expected or 0, lines)

    def test_a_rank_that_lasts_in_a_function_is_found(self):
        for storage in ("static", "thread_local", "static thread_local"):
            with self.subTest(storage):
                self.expect_finding({self.UNIT: ["static int calls = 0;", f"{storage} int last_rank = 0, calls = 0;"]},
                                    f"{self.UNIT}:19: 'last_rank' is a global rank or world; pass it in")

    def test_another_reader_of_the_rank_variables_is_found(self):
        for variable in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK"):
            with self.subTest(variable):
                self.expect_finding({self.UNIT: ["place.rank;", f'std::atoi(std::getenv("{variable}"));']},
                                    f'{self.UNIT}:17: "{variable}" belongs to parallel/process_context.cpp; ask a ProcessContext')
        self.expect_finding({"examples/one.cpp": 'int main() { return std::getenv("RANK") != nullptr; }\n'},
                            'examples/one.cpp:1: "RANK" belongs to parallel/process_context.cpp; ask a ProcessContext')

    def test_a_unit_that_no_room_or_two_rooms_build_is_found(self):
        self.expect_finding({"src/CMakeLists.txt": ["GLOB launch/*.cpp", "GLOB launch/[a-q]*.cpp"]},
                            "src/launch/rank_environment.cpp: expected one room of src/CMakeLists.txt that builds it, found none")
        self.expect_finding({"src/CMakeLists.txt": ["GLOB launch/*.cpp", "GLOB launch/*.cpp parallel/unit.cpp"]},
                            f"{self.UNIT}: expected one room of src/CMakeLists.txt that builds it, found parallel and launch")

    def test_an_include_that_goes_up_is_found(self):
        self.expect_finding({"src/base/error.h": TAG + '#pragma once\n#include "parallel/unit.h"\n'},
                            "src/base/error.h:4: room 'base' may not include 'parallel/unit.h'; an include may only go down")

    def test_c10d_outside_its_family_is_found(self):
        header = "torch/csrc/distributed/c10d/Store.hpp"
        self.expect_finding({self.UNIT: ["#include <vector>", f"#include <{header}>"]},
                            f"{self.UNIT}:5: <{header}> belongs to parallel/c10d_")

    def test_a_unit_without_a_test_and_a_page_with_an_unknown_one_are_found(self):
        self.expect_finding({"src/parallel/lone.cpp": TAG, "docs/tests.md": "| `Lone.*` |\n"},
                            "src/parallel/lone.cpp: expected a test at tests/parallel/lone_test.cpp, found none",
                            "docs/tests.md:1: no test suite is called 'Lone'")

    def test_a_file_without_a_tag_or_with_another_header_first_is_found(self):
        self.expect_finding({self.UNIT: [TAG + '#include "parallel/unit.h"\n\n#include <vector>\n',
                                         '#include <vector>\n\n#include "parallel/unit.h"\n']},
                            f"{self.UNIT}:1: expected the two-line SPDX tag, found none",
                            f"{self.UNIT}:1: expected own header 'parallel/unit.h' first, found 'vector'")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
