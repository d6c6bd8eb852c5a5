# Two Debian packages by CPack (./dev package): mvsgd is the program with its manual page and its
# completions for bash, libmvsgd-dev the static libraries, headers and CMake files. cpack calls
# package_files.cmake for what only a package has.
set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL program development)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each description begins with its own
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/package_files.cmake)

# Who makes a package is its maintainer, named as Debian's own tools have it.
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "mvsgd contributors <mvsgd@mvsgd.invalid>")
if(DEFINED ENV{DEBFULLNAME} AND DEFINED ENV{DEBEMAIL})
  set(CPACK_DEBIAN_PACKAGE_MAINTAINER "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
endif()
set(CPACK_PACKAGE_CONTACT ${CPACK_DEBIAN_PACKAGE_MAINTAINER})

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME mvsgd)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PROGRAM_DESCRIPTION
"distributed sparse SGD with majority voting
The reference implementation of the paper of this name: trains ResNet-18
with each scheme of its Table 1, encodes and counts every bit that workers
and server exchange, and holds it against the paper's equations.")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
# `report` and `reproduce` draw with gnuplot; `data fetch` checks a server by the certificates.
set(CPACK_DEBIAN_PROGRAM_PACKAGE_RECOMMENDS "gnuplot-nox | gnuplot, ca-certificates")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SUGGESTS "bash-completion")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libmvsgd-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION
"libraries of mvsgd: wire, compression, network and training
Static libraries, headers and CMake files of mvsgd. A project that uses
mvsgd::comm or mvsgd::compress alone needs nothing else; the packages that
mvsgd::data, mvsgd::nn_onednn and mvsgd::sim need are recommended.")
# comm and compress need no package, so none is a dependency: data needs the first three,
# nn_onednn the next two (Debian's CMake files of dnnl ask for OpenCL, which libdnnl-dev does not
# depend on), sim all of them and the last three.
string(JOIN ", " CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS
  "libcurl4-openssl-dev | libcurl4-gnutls-dev" libarchive-dev libssl-dev
  libdnnl-dev ocl-icd-opencl-dev
  libfmt-dev nlohmann-json3-dev libtomlplusplus-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "cmake, mvsgd")
include(CPack)

install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/mvsgd RENAME copyright COMPONENT program)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libmvsgd-dev RENAME copyright
        COMPONENT development)
