# The libraries snug stands on; the README says why each is here, tools/bootstrap installs them.
# snug_libraries is what libsnug links: where the engine is left out, libc alone.
find_package(Threads REQUIRED)
add_library(snug_libraries INTERFACE)
target_link_libraries(snug_libraries INTERFACE Threads::Threads m)
if(NOT SNUG_ENGINE)
    return()
endif()
find_package(PkgConfig REQUIRED)
find_package(ZLIB REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.10)

if(SNUG_ONEDNN_ROOT)
    set(hints HINTS ${SNUG_ONEDNN_ROOT} NO_DEFAULT_PATH PATH_SUFFIXES include lib)
endif()
find_path(ONEDNN_INCLUDE_DIR oneapi/dnnl/dnnl.h ${hints} REQUIRED)
find_library(ONEDNN_LIBRARY dnnl ${hints} REQUIRED)
target_include_directories(snug_libraries SYSTEM INTERFACE ${ONEDNN_INCLUDE_DIR})
target_link_libraries(snug_libraries INTERFACE ${ONEDNN_LIBRARY} PkgConfig::JANSSON ZLIB::ZLIB
    JPEG::JPEG PNG::PNG)
