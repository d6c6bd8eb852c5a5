# What MVSGD_WITH_CUDA needs of the whole build: nvcc, which compiles for an A100 and an H100. For
# later devices the driver's compiler does.
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  message(FATAL_ERROR "MVSGD_WITH_CUDA: no CUDA compiler: nvcc is not on the PATH and "
                      "CMAKE_CUDA_COMPILER does not name it")
endif()
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 90-virtual)
endif()
# CMake 3.25 knows no later standard for nvcc.
set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_EXTENSIONS OFF)
enable_language(CUDA)
