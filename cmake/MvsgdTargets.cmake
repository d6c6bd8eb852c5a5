# How this project's targets are made. Each kind has one function, so that its flags stand in one
# place.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Flags of every target of the project. Contraction is off everywhere: if only one compiler or
# processor used fused multiply-adds, digests would differ between machines. Warnings are errors
# only in the presets, which are for developers: a future compiler must not stop a user.
function(mvsgd_flags target)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>
    "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:--fmad=false --extended-lambda -Xcompiler=-ffp-contract=off>")
  if(PROJECT_IS_TOP_LEVEL)
    # The code that nvcc hands to the C++ compiler is not pedantic.
    target_compile_options(${target} PRIVATE
      $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wconversion -Wshadow>
      $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wconversion,-Wshadow>)
  endif()
endfunction()

# mvsgd_library(nn_onednn a.cpp b.hpp ...): target mvsgd_nn_onednn, alias and export mvsgd::nn_onednn.
function(mvsgd_library name)
  add_library(mvsgd_${name} STATIC)
  add_library(mvsgd::${name} ALIAS mvsgd_${name})
  set_target_properties(mvsgd_${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_compile_features(mvsgd_${name} PUBLIC cxx_std_20)
  target_include_directories(mvsgd_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/mvsgd>)
  mvsgd_flags(mvsgd_${name})
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  foreach(file IN LISTS ARGN)
    target_sources(mvsgd_${name} PRIVATE ${file})
    if(file MATCHES "\\.hpp$")
      cmake_path(GET file PARENT_PATH sub)
      install(FILES ${file} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/mvsgd/${folder}/${sub})
    endif()
  endforeach()
  set_property(GLOBAL APPEND PROPERTY MVSGD_LIBRARIES mvsgd_${name})
endfunction()

# Installs and exports the libraries of mvsgd_library(), for find_package(mvsgd).
function(mvsgd_install)
  get_property(libraries GLOBAL PROPERTY MVSGD_LIBRARIES)
  # For the template.
  get_property(MVSGD_OPENMP GLOBAL PROPERTY MVSGD_OPENMP)
  list(TRANSFORM libraries REPLACE "^mvsgd_" "" OUTPUT_VARIABLE MVSGD_COMPONENTS)
  set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/mvsgd)
  install(TARGETS ${libraries} EXPORT mvsgd-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(TARGETS mvsgd RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(EXPORT mvsgd-targets NAMESPACE mvsgd:: DESTINATION ${package_dir})
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/mvsgd-config.cmake.in
    ${PROJECT_BINARY_DIR}/mvsgd-config.cmake INSTALL_DESTINATION ${package_dir})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/mvsgd-config-version.cmake
    COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/mvsgd-config.cmake
    ${PROJECT_BINARY_DIR}/mvsgd-config-version.cmake DESTINATION ${package_dir})
  if(MVSGD_WITH_CUDA)
    install(FILES ${PROJECT_SOURCE_DIR}/nn/cuda/FindCUDNN.cmake DESTINATION ${package_dir})
  endif()
endfunction()

# Makes a test part of the target cuda_tests, which ./dev cuda builds.
function(mvsgd_cuda_test target)
  if(NOT TARGET cuda_tests)
    add_custom_target(cuda_tests)
  endif()
  add_dependencies(cuda_tests ${target})
endfunction()

# mvsgd_test(top_k_test.cpp LIBRARIES mvsgd::compress [LABELS slow] [TIMEOUT 60]
#            [ENVIRONMENT NAME=value]): one executable, its GoogleTest cases found when ctest starts.
function(mvsgd_test source)
  cmake_parse_arguments(arg "" "TIMEOUT;ENVIRONMENT" "LIBRARIES;LABELS" ${ARGN})
  cmake_path(GET source STEM name)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR}/tests ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE "/" "_" prefix "${folder}")
  set(target ${prefix}_${name})
  add_executable(${target} ${source})
  target_link_libraries(${target} PRIVATE ${arg_LIBRARIES} GTest::gmock_main)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_definitions(${target} PRIVATE MVSGD_TESTS_DIR="${PROJECT_SOURCE_DIR}/tests")
  mvsgd_flags(${target})
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  if(arg_LABELS MATCHES "^cuda_")
    mvsgd_cuda_test(${target})
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  # Files of a test that is killed stay in the build tree. Names in testing::TempDir() are fixed,
  # and two trees may be tested at once.
  set(temporary ${PROJECT_BINARY_DIR}/tests/tmp)
  file(MAKE_DIRECTORY ${temporary})
  # Otherwise a parameter's bytes would follow the name that the test has given it.
  gtest_discover_tests(${target} TEST_PREFIX "${folder}/" DISCOVERY_MODE PRE_TEST NO_PRETTY_VALUES
    PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT}
               ENVIRONMENT "${arg_ENVIRONMENT}"
               ENVIRONMENT_MODIFICATION "TMPDIR=set:${temporary};TEST_TMPDIR=set:${temporary}")
endfunction()
