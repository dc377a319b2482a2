# SPDX-License-Identifier: MIT
# A compiler without a shared C++ runtime puts a second one into every library; beside torch's the two mix, and the first
# number that is formatted crashes. Refused here, where there is still something to be done about it.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  return()
endif()
set(_source "${CMAKE_CURRENT_BINARY_DIR}/shared_runtime.cpp")
file(WRITE "${_source}" "#include <iostream>\nvoid write() { std::cout << 1; }\n")
separate_arguments(_flags UNIX_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_SHARED_LINKER_FLAGS}")
execute_process(COMMAND "${CMAKE_CXX_COMPILER}" -shared -fPIC ${_flags} -Wl,--trace "${_source}" -o "${_source}.so"
                OUTPUT_VARIABLE _linked ERROR_VARIABLE _linked)
if(_linked MATCHES "libstdc\\+\\+\\.a")
  message(FATAL_ERROR "${CMAKE_CXX_COMPILER} links the C++ runtime statically (libstdc++.a), which crashes beside torch's; "
    "choose a compiler with a shared one (CXX=/usr/bin/g++), or take -static-libstdc++ out of CXXFLAGS and LDFLAGS")
endif()
