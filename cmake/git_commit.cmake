# Writes OUTPUT with the commit of SOURCE, "-dirty" when what the program is built from differs from it; touches the
# file only when that has changed, so that a build of the same commit compiles nothing.
# Where SOURCE is no clone, the variable PRECINCT_COMMIT says the commit.
#   cmake -DSOURCE=... -DOUTPUT=... -P git_commit.cmake
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND git -C "${SOURCE}" rev-parse --short=10 HEAD
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE result)
if(result EQUAL 0)
  execute_process(COMMAND git -C "${SOURCE}" diff --quiet HEAD -- src cmake CMakeLists.txt RESULT_VARIABLE differs)
  if(NOT differs EQUAL 0)
    string(APPEND commit "-dirty")
  endif()
elseif(NOT "$ENV{PRECINCT_COMMIT}" STREQUAL "") # an image is made without .git
  set(commit "$ENV{PRECINCT_COMMIT}")
else()
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT "#define PRECINCT_GIT_COMMIT \"@commit@\"\n" @ONLY)
