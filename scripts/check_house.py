#!/usr/bin/env python3
"""Reads the text of the sources and fails on what the house rules forbid.

Checked: include direction between rooms (an include may only go down), own header first, third-party headers that
belong to one file family, the SPDX tag, a test file for each unit with behaviour, the number of files that include
torch/torch.h (each costs 8-20 s of compile time), one target for each file of a room, file length, forbidden names,
no global rank.
Usage: scripts/check_house.py [--list]    prints one line a finding, exit 1 when there is any.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# room -> rooms that it may include; every room may include itself. Longest prefix wins.
ROOMS = {
    "base": [],
    "config": ["base"],
    "kernels": [],
    "parallel": ["base"],
    "data": ["config", "base"],
    "data/geo": ["data", "config", "base"],
    "data/graph": ["data", "data/geo", "config", "base"],
    "data/store": ["data", "config", "base"],
    "data/features": ["data", "data/graph", "data/loader/split", "config", "base"],
    "data/readers": ["data", "data/graph", "data/store", "config", "base"],
    "data/ingest": ["data", "data/geo", "data/graph", "data/store", "config", "base"],
    "data/loader": ["data", "data/features", "data/store", "kernels", "config", "base"],
    "models/forecast": ["data", "data/store", "data/features", "data/geo", "data/loader/split", "config", "base"],
    "models/baselines": ["models/forecast", "data", "data/features", "data/graph", "data/loader/split", "config", "base"],
    "models": ["models/forecast", "models/baselines", "kernels", "data", "data/features", "data/graph", "data/loader",
               "data/store", "config", "base"],
    "metrics": ["models/forecast", "models/baselines", "data", "data/store", "data/features", "data/loader/split", "config", "base"],
    "train": ["models", "models/forecast", "models/baselines", "metrics", "parallel", "data", "data/features",
              "data/graph", "data/loader", "data/store", "config", "base"],
    "report": ["metrics", "models/forecast", "data", "data/geo", "data/store", "data/loader/split", "base"],
    "launch": ["parallel", "config", "base"],
    "scaling": ["train", "models", "models/forecast", "metrics", "parallel", "data", "data/features", "data/loader",
                "data/store", "config", "base"],
    "cuda": ["kernels", "base"],
    "apps": None,  # may include everything
}
# third-party header -> path patterns that may include it
FAMILIES = {
    r"hdf5\.h|H5\w+\.h": [r"data/store/", r"models/forecast_files\.cpp$"],
    r"yaml-cpp/": [r"config/", r"data/ingest/source_profile\.cpp$"],
    r"geos_c\.h": [r"data/geo/"],
    r"proj\.h": [r"data/geo/"],
    r"libdeflate\.h": [r"data/store/"],
    r"archive(_entry)?\.h": [r"data/ingest/"],
    r"torch/csrc/distributed/|ProcessGroup": [r"parallel/c10d_"],
    r"openssl/": [r"base/checksum\.cpp$"],
    r"zlib\.h": [r"base/"],
}
TORCH_FREE = ("base", "config", "data/geo", "data/graph", "data/features", "data/store", "data/readers", "data/ingest",
              "models/forecast", "models/baselines", "metrics", "report")
MAX_TORCH_FILES = 60  # .cpp and .h files below src/ and tests/ that include torch/torch.h themselves
MAX_LINES = 500
FORBIDDEN_NAMES = re.compile(r"\b\w*(Manager|Helper|Utils|Common|Misc)\b")
NO_TEST_NEEDED = re.compile(r"(_command|commands|main|_config|panel|batch|cuda_library|command_table|torch_command_table)$")
# who a process is comes from parallel::ProcessContext alone; the others write the variables or record them
RANK_VARIABLES = re.compile(r'"((?:LOCAL_)?(?:RANK|WORLD_SIZE)|SLURM_(?:PROCID|LOCALID|NTASKS)|(?:OMPI_COMM_WORLD|PMI|PMIX)_\w+)"')
RANK_FILES = ("parallel/process_context.cpp", "launch/rank_environment.cpp", "train/run_folder.cpp")
NO_VARIABLE = {"using", "return", "friend", "class", "struct", "enum", "template", "namespace", "typedef", "const", "constexpr"}
INCLUDE = re.compile(r'^[ \t]*#\s*include\s+(["<])([^">]+)[">]', re.M)


def files(*patterns):
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns], cwd=ROOT,
                            capture_output=True, text=True, check=True)
    return [Path(line) for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def room_of(path):
    """Room of a path below src/, without suffix; the longest known prefix."""
    text = str(path)
    if text.startswith("models/forecast") and not text.startswith("models/forecast_model"):
        return "models/forecast"
    best = ""
    for room in ROOMS:
        if (text == room or text.startswith(room + "/")) and len(room) > len(best):
            best = room
    return best


def main():
    findings = []
    torch_files = []
    sources = files("src/*.h", "src/*.cpp", "src/*.cu", "src/*.cuh")
    tests = {str(p) for p in files("tests/*.cpp", "tests/*.py")}
    for path in sources:
        text = (ROOT / path).read_text()
        inner = path.relative_to("src")
        room = room_of(inner)
        allowed = ROOMS.get(room, "unknown")
        if allowed == "unknown":
            findings.append(f"{path}: no such room; expected one of {', '.join(sorted(ROOMS))}")
            continue
        if "SPDX-License-Identifier: Apache-2.0" not in text[:300]:
            findings.append(f"{path}:1: expected the two-line SPDX tag, found none")
        lines = text.count("\n")
        if lines > MAX_LINES:
            findings.append(f"{path}: expected at most {MAX_LINES} lines, found {lines}; split it")
        if (match := FORBIDDEN_NAMES.search(re.sub(r"//.*", "", text))) and "omp" not in match.group():
            findings.append(f"{path}: '{match.group()}' does not say what the thing is; name it")
        includes = [(m.group(1), m.group(2), text[: m.start()].count("\n") + 1) for m in INCLUDE.finditer(text)]
        own = str(inner.with_suffix(".h"))
        if path.suffix == ".cpp" and (ROOT / "src" / own).is_file() and includes and includes[0][1] != own:
            findings.append(f"{path}:{includes[0][2]}: expected own header '{own}' first, found '{includes[0][1]}'")
        for kind, name, line in includes:
            if name.startswith("torch/torch.h"):
                torch_files.append(path)
            if kind == "<" and room.startswith(TORCH_FREE) and re.match(r"(torch|ATen|c10)/", name):
                findings.append(f"{path}:{line}: room '{room}' is torch-free, found <{name}>")
            for pattern, places in FAMILIES.items():
                if re.match(pattern, name):
                    if not any(re.search(place, str(inner)) for place in places):
                        findings.append(f"{path}:{line}: <{name}> belongs to {' and '.join(places)}")
                    elif path.suffix == ".h" and not re.search(r"_internal\.h$|hdf5_file\.h$|yaml_reader\.h$", path.name):
                        findings.append(f"{path}:{line}: <{name}> may stand in .cpp files only")
            if kind == '"' and (ROOT / "src" / name).is_file() and allowed is not None:
                target = room_of(Path(name))
                target_unit = str(Path(name).with_suffix(""))
                if target != room and target not in allowed and target_unit not in allowed:
                    if not (target == "data/loader" and target_unit in ("data/loader/split", "data/loader/window_sampler")
                            and "data/loader/split" in allowed):
                        findings.append(f"{path}:{line}: room '{room}' may not include '{name}'; an include may only go down")
        if path.suffix == ".cpp" and not NO_TEST_NEEDED.search(path.stem):
            folder = inner.parent
            stem = path.stem
            candidates = {f"tests/{folder}/{stem}_test.cpp", f"tests/{folder}/{stem}_test.py"}
            words = stem.split("_")
            for count in range(1, len(words)):  # a unit may be tested with its family: chunk_index in chunk_test
                candidates.add(f"tests/{folder}/{'_'.join(words[:count])}_test.cpp")
            if room != "apps" and not candidates & tests and not covered_elsewhere(str(inner)):
                findings.append(f"{path}: expected a test at tests/{folder}/{stem}_test.cpp, found none")
    for path in [*sources, *files("bench/*.cpp", "examples/*.cpp")]:
        findings += global_ranks(path, (ROOT / path).read_text())
    for path in files("tests/*.cpp", "tests/*.h"):
        if "<torch/torch.h>" in (ROOT / path).read_text():
            torch_files.append(path)
    findings += targets([path for path in sources if path.suffix == ".cpp"])
    findings += unknown_tests()
    if len(torch_files) > MAX_TORCH_FILES:
        findings.append(f"{len(torch_files)} files include torch/torch.h, expected at most {MAX_TORCH_FILES}: each costs 8-20 s")
    if "--list" in sys.argv:
        print("\n".join(sorted(map(str, torch_files))))
    for line in findings:
        print(line)
    if not findings:
        print(f"house: {len(sources)} files, {len(set(torch_files))} with torch/torch.h (at most {MAX_TORCH_FILES}), no finding")
    return 1 if findings else 0


def targets(units):
    """Units that no room of src/CMakeLists.txt builds, or more than one: their symbols would be missing or stand twice."""
    rooms_of = {str(path.relative_to("src")): [] for path in units}
    text = re.sub(r"#.*", "", (ROOT / "src/CMakeLists.txt").read_text())
    for call in re.findall(r"precinct_add_room\(([^)]*)\)", text):
        name, *words = call.split()
        lists, key = {}, ""
        for word in words:
            if word.isupper():
                key = word
            else:
                lists.setdefault(key, []).append(word.replace("\\\\", "\\"))
        for unit, rooms in rooms_of.items():
            globbed = any(re.fullmatch(glob.replace(".", r"\.").replace("*", "[^/]*"), unit) for glob in lists.get("GLOB", []))
            if globbed and not any(re.fullmatch(pattern, unit) for pattern in lists.get("EXCLUDE", [])):
                rooms.append(name)
    elsewhere = re.compile(r"(apps|cuda)/|.*_cuda\.cpp$")  # the program, and libprecinct_cuda.so
    return [f"src/{unit}: expected one room of src/CMakeLists.txt that builds it, found {' and '.join(rooms) or 'none'}"
            for unit, rooms in rooms_of.items() if len(rooms) != 1 and not elsewhere.match(unit)]


def unknown_tests():
    """Names of GoogleTest suites in docs/tests.md that no test has."""
    page = ROOT / "docs/tests.md"
    if not page.is_file():
        return []
    sources = "".join((ROOT / p).read_text() for p in files("tests/*.cpp"))
    suites = set(re.findall(r"TEST(?:_F|_P)?\(\s*(\w+)", sources))
    page_tests = "".join((ROOT / p).read_text() for p in files("tests/*.py"))
    findings = []
    for number, line in enumerate(page.read_text().splitlines(), 1):
        for name in re.findall(r"`(?:\w+/)?(\w*\**)\.[\w*]+`", line):
            pattern = re.compile(name.replace("*", ".*") + "$")
            if name.strip("*") and not any(pattern.match(suite) for suite in suites) and f"class {name}" not in page_tests:
                findings.append(f"docs/tests.md:{number}: no test suite is called '{name}'")
    return findings


def global_ranks(path, text):
    """Variables that outlive all calls, may change and are called after a rank or a world; other readers of the rank variables."""
    findings = []
    for number, line in enumerate(re.sub(r"//[^\n]*", "", text).split("\n"), 1):
        if declared := re.match(r"(\s*)([\w:<>,&*\s]+?[\s&*>])([\w:]+)(?:\[\w*\])*\s*[;={]", line):
            words = set(re.findall(r"\w+", declared.group(2)))
            lasts = not declared.group(1) or words & {"static", "thread_local"}
            if lasts and not words & NO_VARIABLE and re.search("rank|world", declared.group(3), re.I):
                findings.append(f"{path}:{number}: '{declared.group(3)}' is a global rank or world; pass it in")
        if (read := RANK_VARIABLES.search(line)) and not str(path).endswith(RANK_FILES):
            findings.append(f'{path}:{number}: "{read.group(1)}" belongs to parallel/process_context.cpp; ask a ProcessContext')
    return findings


def covered_elsewhere(unit):
    """A unit counts as tested when some test includes its header."""
    header = str(Path(unit).with_suffix(".h"))
    wanted = f'#include "{header}"'
    return any(wanted in (ROOT / p).read_text() for p in files("tests/*.cpp"))


if __name__ == "__main__":
    sys.exit(main())
