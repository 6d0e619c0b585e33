# Installed tree: bin/precinct, lib/libprecinct*.so, include/precinct, lib/cmake/precinct, share/precinct/configs.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
get_property(_shared GLOBAL PROPERTY precinct_shared_libraries)
list(REMOVE_ITEM _shared precinct_parallel)
install(TARGETS ${_shared} EXPORT precinctTargets LIBRARY DESTINATION lib)
# Component parallel: a package of its own inside this one, which needs LibTorch and fmt alone.
#   cmake --install build/release --component parallel --prefix <where>
if(TARGET precinct_parallel)
  install(TARGETS precinct_parallel EXPORT precinctParallelTargets LIBRARY DESTINATION lib COMPONENT parallel)
  install(EXPORT precinctParallelTargets NAMESPACE precinct:: DESTINATION lib/cmake/precinct COMPONENT parallel)
  install(DIRECTORY src/parallel DESTINATION include/precinct COMPONENT parallel
    FILES_MATCHING PATTERN "*.h" PATTERN "*_internal.h" EXCLUDE)
  install(FILES src/base/error.h DESTINATION include/precinct/base COMPONENT parallel)
endif()
if(TARGET precinct)
  install(TARGETS precinct RUNTIME DESTINATION bin)
endif()
if(TARGET precinct_cuda)
  install(TARGETS precinct_cuda LIBRARY DESTINATION lib)
  # NCCL for programs that use the component alone; the library links the operators
  install(TARGETS precinct_cuda precinct_ops LIBRARY DESTINATION lib COMPONENT parallel)
endif()
install(DIRECTORY src/ DESTINATION include/precinct FILES_MATCHING PATTERN "*.h")
install(DIRECTORY configs DESTINATION share/precinct)
install(DIRECTORY scripts/slurm DESTINATION share/precinct/scripts PATTERN "site.env" EXCLUDE)  # for `precinct submit`
install(FILES "${PRECINCT_DEPS}/plotly/plotly.min.js" DESTINATION share/precinct/plotly OPTIONAL)  # for `precinct report`
install(DIRECTORY data/west_la DESTINATION share/precinct/data)  # profile lapd needs its code map
install(EXPORT precinctTargets NAMESPACE precinct:: DESTINATION lib/cmake/precinct)
configure_package_config_file(cmake/precinctConfig.cmake.in "${CMAKE_BINARY_DIR}/precinctConfig.cmake"
  INSTALL_DESTINATION lib/cmake/precinct)
write_basic_package_version_file("${CMAKE_BINARY_DIR}/precinctConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/precinctConfig.cmake" "${CMAKE_BINARY_DIR}/precinctConfigVersion.cmake"
  cmake/FindTorchWheel.cmake DESTINATION lib/cmake/precinct COMPONENT parallel)
