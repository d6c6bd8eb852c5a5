# How this project's targets are made. Each kind has one function, so that its flags stand in one
# place.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Flags of every target of the project. Contraction is off everywhere: if only one compiler or
# processor used fused multiply-adds, digests would differ between machines. Fast arithmetic is off,
# whatever CXXFLAGS ask for: sums would have another order, and a NaN would not be found.
# Warnings are errors only in the presets, which are for developers: a future compiler must not stop
# a user. With a sanitizer, each program has what it asks of the sanitizer's runtime.
function(mvsgd_flags target)
  # Names in unnamed namespaces are a file's own.
  set_target_properties(${target} PROPERTIES UNITY_BUILD OFF)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX>:-fno-fast-math>
    $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>
    "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:--fmad=false --extended-lambda -Xcompiler=-fno-fast-math,-ffp-contract=off>")
  if(PROJECT_IS_TOP_LEVEL)
    # The code that nvcc hands to the C++ compiler is not pedantic.
    target_compile_options(${target} PRIVATE
      $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wconversion -Wshadow>
      $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wconversion,-Wshadow>)
  endif()
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE" AND CMAKE_CXX_FLAGS MATCHES "-fsanitize=")
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests/sanitizer_options.cpp)
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
      install(FILES ${file} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/mvsgd/${folder}/${sub}
              COMPONENT development)
    endif()
  endforeach()
  set_property(GLOBAL APPEND PROPERTY MVSGD_LIBRARIES mvsgd_${name})
endfunction()

# mvsgd_instructions("-mavx2;-mfma" loops_avx2.cpp ...): sources of this folder that are compiled for an
# instruction set of their own. An inline function that is left in one of them may be linked in place
# of everybody's (lint/instruction_sets). So they are optimized in every configuration, and before
# the linker chooses: its own optimization leaves all functions to it.
function(mvsgd_instructions flags)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS
    "${flags};-fno-lto;$<$<NOT:$<CONFIG:Release>>:-O2>")
endfunction()

# mvsgd_find_package(data OpenSSL COMPONENTS Crypto): a package that mvsgd::data and its users need.
# find_package(mvsgd COMPONENTS data) looks for it again, with the same arguments.
macro(mvsgd_find_package library package)
  find_package(${package} ${ARGN} REQUIRED)
  string(JOIN " " mvsgd_arguments ${package} ${ARGN})
  set_property(GLOBAL APPEND PROPERTY MVSGD_PACKAGES_OF_${library} "${mvsgd_arguments}")
endmacro()

# mvsgd_optional_library(nn_cuda cuda MVSGD_WITH_CUDA): the folder cuda makes the library nn_cuda if
# the option is on. If it is off, find_package(mvsgd) can say why there is none.
function(mvsgd_optional_library library folder option)
  if(${option})
    add_subdirectory(${folder})
  else()
    set_property(GLOBAL APPEND PROPERTY MVSGD_LEFT_OUT ${library})
    set_property(GLOBAL PROPERTY MVSGD_OPTION_OF_${library} ${option})
  endif()
endfunction()

# Sets `result` to the libraries that mvsgd_`library` links, each behind all that it links itself.
function(mvsgd_below result library)
  set(all)
  get_target_property(linked mvsgd_${library} INTERFACE_LINK_LIBRARIES)
  foreach(one IN LISTS linked)
    if(one MATCHES "mvsgd::([a-z0-9_]+)")  # bare, or in a $<LINK_ONLY:...>
      set(name ${CMAKE_MATCH_1})
      mvsgd_below(more ${name})
      list(APPEND all ${more} ${name})
    endif()
  endforeach()
  list(REMOVE_DUPLICATES all)
  set(${result} ${all} PARENT_SCOPE)
endfunction()

# Installs and exports the libraries of mvsgd_library(), for find_package(mvsgd): one export for each,
# so that a library comes with those below it and no others. The program is the component `program` of
# cmake --install, everything else `development`.
function(mvsgd_install)
  get_property(targets GLOBAL PROPERTY MVSGD_LIBRARIES)
  get_property(left_out GLOBAL PROPERTY MVSGD_LEFT_OUT)
  list(TRANSFORM targets REPLACE "^mvsgd_" "" OUTPUT_VARIABLE libraries)
  list(SORT libraries)
  set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/mvsgd)
  # For the template: what of each library the project's own CMakeLists.txt say.
  set(MVSGD_COMPONENTS "set(mvsgd_libraries ${libraries})\n")
  foreach(library IN LISTS libraries)
    mvsgd_below(below ${library})
    get_property(packages GLOBAL PROPERTY MVSGD_PACKAGES_OF_${library})
    list(TRANSFORM packages REPLACE "(.+)" "\"\\1\"")
    list(JOIN packages " " packages)
    list(JOIN below " " below)
    string(APPEND MVSGD_COMPONENTS "set(mvsgd_${library}_below ${below})\n"
                                   "set(mvsgd_${library}_packages ${packages})\n")
    install(TARGETS mvsgd_${library} EXPORT mvsgd-${library}
            ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
    install(EXPORT mvsgd-${library} NAMESPACE mvsgd:: DESTINATION ${package_dir}
            COMPONENT development)
  endforeach()
  foreach(library IN LISTS left_out)
    get_property(option GLOBAL PROPERTY MVSGD_OPTION_OF_${library})
    string(APPEND MVSGD_COMPONENTS "set(mvsgd_${library}_option ${option})\n")
  endforeach()
  install(TARGETS mvsgd RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/mvsgd-config.cmake.in
    ${PROJECT_BINARY_DIR}/mvsgd-config.cmake INSTALL_DESTINATION ${package_dir})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/mvsgd-config-version.cmake
    COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/mvsgd-config.cmake
    ${PROJECT_BINARY_DIR}/mvsgd-config-version.cmake DESTINATION ${package_dir}
    COMPONENT development)
  if(MVSGD_WITH_CUDA)
    install(FILES ${PROJECT_SOURCE_DIR}/nn/cuda/FindCUDNN.cmake DESTINATION ${package_dir}
            COMPONENT development)
  endif()
endfunction()

# Makes a test part of the target cuda_tests, which ./dev cuda builds.
function(mvsgd_cuda_test target)
  if(NOT TARGET cuda_tests)
    add_custom_target(cuda_tests)
  endif()
  add_dependencies(cuda_tests ${target})
endfunction()

# mvsgd_time_limit(VARIABLE SECONDS): the seconds after which a test counts as hung. They are many
# times what it takes, for machines that are slow or do much else; a sanitizer makes all slow.
function(mvsgd_time_limit variable seconds)
  if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=")
    math(EXPR seconds "5 * ${seconds}")
  endif()
  set(${variable} ${seconds} PARENT_SCOPE)
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
    set(arg_TIMEOUT 300)
  endif()
  mvsgd_time_limit(limit ${arg_TIMEOUT})
  # Files of a test that is killed stay in the build tree. Names in testing::TempDir() are fixed,
  # and two trees may be tested at once.
  set(temporary ${PROJECT_BINARY_DIR}/tests/tmp)
  file(MAKE_DIRECTORY ${temporary})
  # Otherwise a parameter's bytes would follow the name that the test has given it.
  gtest_discover_tests(${target} TEST_PREFIX "${folder}/" DISCOVERY_MODE PRE_TEST NO_PRETTY_VALUES
    DISCOVERY_TIMEOUT 120
    PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${limit}
               ENVIRONMENT "${arg_ENVIRONMENT}"
               ENVIRONMENT_MODIFICATION "TMPDIR=set:${temporary};TEST_TMPDIR=set:${temporary}")
endfunction()
