# Seeded faults. A test that passes although a barrier, a memset or a rule is missing shows nothing.
# A mutant is a source in which one text replaces another; the named test must fail when it is
# linked with the mutant.

# mvsgd_mutant(NAME SOURCE TEST OLD NEW): mutates FOLDER/SOURCE for tests/FOLDER/TEST_test.cpp, in
# the CMakeLists.txt of tests/FOLDER.
function(mvsgd_mutant name source test old new)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR}/tests ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE "/" "_" prefix "${folder}")
  set(original ${PROJECT_SOURCE_DIR}/${folder}/${source})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${original})
  file(READ ${original} text)
  string(FIND "${text}" "${old}" found)
  if(found EQUAL -1)
    message(FATAL_ERROR "mutant ${name}: ${source} has no longer:\n${old}")
  endif()
  string(REPLACE "${old}" "${new}" text "${text}")
  cmake_path(GET source EXTENSION extension)
  set(mutated ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name}${extension})
  file(CONFIGURE OUTPUT ${mutated} CONTENT "${text}" @ONLY)
  if(extension STREQUAL ".cu")
    mvsgd_emulated_source(${mutated})
  endif()
  set(target ${prefix}_mutant_${name})
  # The mutated object comes before the library, so the library's own object is not taken.
  add_executable(${target} ${mutated} $<TARGET_OBJECTS:${prefix}_${test}_test>)
  target_link_libraries(${target} PRIVATE
    mvsgd_cuda_emulated mvsgd_cuda_kernel_language GTest::gmock_main)
  target_compile_options(${target} PRIVATE -ffp-contract=off -w)
  mvsgd_cuda_test(${target})
  # A crash counts as a found fault, too, which WILL_FAIL would not allow.
  add_test(NAME ${folder}/mutant/${name}
           COMMAND sh -c "! \"$0\" --gtest_brief=1" $<TARGET_FILE:${target}>)
  mvsgd_time_limit(limit 600)
  set_tests_properties(${folder}/mutant/${name} PROPERTIES LABELS cuda_emulated TIMEOUT ${limit})
endfunction()
