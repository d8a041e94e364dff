# The libraries snug stands on; the README says why each is here, tools/bootstrap installs them.
find_package(PkgConfig REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.10)

if(SNUG_ONEDNN_ROOT)
    set(hints HINTS ${SNUG_ONEDNN_ROOT} NO_DEFAULT_PATH PATH_SUFFIXES include lib)
endif()
find_path(ONEDNN_INCLUDE_DIR oneapi/dnnl/dnnl.h ${hints} REQUIRED)
find_library(ONEDNN_LIBRARY dnnl ${hints} REQUIRED)
add_library(snug_onednn INTERFACE)
target_include_directories(snug_onednn SYSTEM INTERFACE ${ONEDNN_INCLUDE_DIR})
target_link_libraries(snug_onednn INTERFACE ${ONEDNN_LIBRARY})
