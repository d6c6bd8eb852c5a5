# Finds every package but mvsgd: `asked` is the sorted list of those that were looked for.
macro(record method package)
  unset(${package}_FOUND)  # of an earlier call: what is found here, CMake does not look for
  if(NOT "${package}" STREQUAL "mvsgd")
    list(APPEND asked ${package})
    list(REMOVE_DUPLICATES asked)
    list(SORT asked)
    set(${package}_FOUND TRUE)
  endif()
endmacro()
cmake_language(SET_DEPENDENCY_PROVIDER record SUPPORTED_METHODS FIND_PACKAGE)
