# Where an installation has what.
#
# The command finds the stand-ins and the hook in lib/snug beside its own folder (base/installed.h),
# in an installation, a virtual environment and the build alike. In a wheel the command goes where
# the environment has its programs, and lib/ beside that.
if(SKBUILD)
    set(CMAKE_INSTALL_BINDIR ${SKBUILD_SCRIPTS_DIR})
    set(SNUG_PRIVATE_DIR ${SKBUILD_DATA_DIR}/lib/snug)
else()
    set(SNUG_PRIVATE_DIR lib/snug)
endif()
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/lib/snug)
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/python ${CMAKE_BINARY_DIR}/lib/snug/python SYMBOLIC)

if(SNUG_ENGINE)
    set(SNUG_PC_REQUIRES "jansson libjpeg libpng zlib")
    set(SNUG_PC_LIBS "-ldnnl -lgomp")
    set(SNUG_STATIC_LIBRARIES "dnnl;gomp;jansson;jpeg;png;z;")
endif()
string(APPEND SNUG_STATIC_LIBRARIES "m;pthread")
file(RELATIVE_PATH SNUG_PC_TO_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(${PROJECT_SOURCE_DIR}/cmake/snug.pc.in ${CMAKE_BINARY_DIR}/snug.pc @ONLY)

include(CMakePackageConfigHelpers)
set(SNUG_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/snug)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/snug-config.cmake.in
    ${CMAKE_BINARY_DIR}/snug-config.cmake INSTALL_DESTINATION ${SNUG_CMAKE_DIR})
# Before 1.0 a new minor version may change the interface.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/snug-config-version.cmake
    COMPATIBILITY SameMinorVersion)

# What a wheel has: the command, and each stand-in.
add_custom_target(command)

# Called once the targets are there. The component `command` is what a user of PyTorch needs, and
# what a wheel has.
function(snug_install)
    install(TARGETS snug RUNTIME COMPONENT command)
    add_dependencies(command snug)
    set(elsewhere)
    if(SKBUILD) # a wheel has the package among the environment's
        set(elsewhere PATTERN "snug" EXCLUDE)
    endif()
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/python/ DESTINATION ${SNUG_PRIVATE_DIR}/python
            COMPONENT command PATTERN "__pycache__" EXCLUDE ${elsewhere})
    install(TARGETS snug_static snug_shared COMPONENT library)
    set(engine_headers checkpoint.h train.h) # fit.h needs the types of the others
    file(GLOB headers RELATIVE ${PROJECT_SOURCE_DIR}/include/snug
         ${PROJECT_SOURCE_DIR}/include/snug/*.h)
    if(NOT SNUG_ENGINE)
        list(REMOVE_ITEM headers ${engine_headers})
    endif()
    list(TRANSFORM headers PREPEND ${PROJECT_SOURCE_DIR}/include/snug/)
    install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/snug COMPONENT library)
    install(FILES ${CMAKE_BINARY_DIR}/snug.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
            COMPONENT library)
    install(FILES ${CMAKE_BINARY_DIR}/snug-config.cmake ${CMAKE_BINARY_DIR}/snug-config-version.cmake
            DESTINATION ${SNUG_CMAKE_DIR} COMPONENT library)
endfunction()
