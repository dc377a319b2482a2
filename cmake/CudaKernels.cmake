# SPDX-License-Identifier: MIT
# The kernels of the folder cuda as a static library mlip_cuda, where there is a CUDA compiler. Compiled for sm_80 (A100)
# and sm_90 (H100, H200); other devices from sm_80 on compile the PTX when the library is first used. The CUDA runtime
# is linked statically: the same libraries load with any build of torch, also on machines without a GPU.
find_program(MLIP_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin)
option(MLIP_BUILD_CUDA "Build the CUDA kernels, where nvcc is found" ON)
if(NOT MLIP_BUILD_CUDA)
  message(STATUS "CUDA kernels: switched off (MLIP_BUILD_CUDA)")
  return()
endif()
if(MLIP_NVCC AND NOT DEFINED ENV{CUDACXX})
  set(ENV{CUDACXX} "${MLIP_NVCC}") # check_language tries it; a compiler that does not work is no error either
endif()
set(CMAKE_CUDA_ARCHITECTURES OFF) # given below
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  message(STATUS "CUDA kernels: not built, no working CUDA compiler was found (nvcc in the PATH, CUDACXX, CUDA_HOME)")
  return()
endif()
enable_language(CUDA)
message(STATUS "CUDA kernels: ${CMAKE_CUDA_COMPILER} ${CMAKE_CUDA_COMPILER_VERSION}, sm_80, sm_90 and PTX")

file(GLOB MLIP_CUDA_SOURCES CONFIGURE_DEPENDS cuda/*.cu)
add_library(mlip_cuda STATIC ${MLIP_CUDA_SOURCES})
target_include_directories(mlip_cuda PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}" PRIVATE csrc)
target_compile_definitions(mlip_cuda INTERFACE MLIP_WITH_CUDA)
target_compile_options(mlip_cuda PRIVATE -O3 "SHELL:-gencode arch=compute_80,code=[sm_80,sm_90,compute_80]")
set_target_properties(mlip_cuda PROPERTIES CUDA_STANDARD 20 CUDA_STANDARD_REQUIRED ON CUDA_VISIBILITY_PRESET hidden
                      CUDA_RUNTIME_LIBRARY Static)
