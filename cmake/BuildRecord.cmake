# SPDX-License-Identifier: MIT
# Writes build.json beside the libraries: which versions they were compiled for. mlip-doctor compares it with what is
# installed, also when a library cannot be loaded any more. null: not built.
set(_lammps null)
if(MLIP_BUILD_LAMMPS_PLUGIN)
  set(_lammps "\"${MLIP_LAMMPS_VERSION}\"")
endif()
set(_openmm null)
if(MLIP_BUILD_OPENMM_PLUGIN)
  set(_openmm "\"${MLIP_OPENMM_VERSION}\"")
endif()
file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/build.json" "{
  \"mlipkit\": \"${PROJECT_VERSION}\",
  \"compiler\": \"${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}\",
  \"torch\": \"${MLIP_TORCH_VERSION}\",
  \"lammps\": ${_lammps},
  \"openmm\": ${_openmm}
}
")
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/build.json" DESTINATION ${MLIP_LIB_DIR} COMPONENT python)
