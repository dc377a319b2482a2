// SPDX-License-Identifier: MIT
//
// torch's threads. Its loops are templates that run on one thread, silently, in code that is compiled without OpenMP.
#pragma once

#ifndef _OPENMP
#error "compile with OpenMP (-fopenmp): at::parallel_for would use one thread only"
#endif

#include <ATen/Parallel.h>
