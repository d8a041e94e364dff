# Compiler settings shared by every target of the project: snug_warnings is what the stand-ins take,
# which load into programs that are not ours; snug_options adds OpenMP and the sanitizers.
add_library(snug_warnings INTERFACE)
target_compile_options(snug_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
    -Wcast-qual -Wwrite-strings -Wvla -fno-math-errno)
target_compile_definitions(snug_warnings INTERFACE _GNU_SOURCE)
if(SNUG_WERROR)
    target_compile_options(snug_warnings INTERFACE -Werror)
endif()
add_library(snug_options INTERFACE)
target_compile_definitions(snug_options INTERFACE $<$<CONFIG:Debug>:SNUG_DEBUG=1>)
target_link_libraries(snug_options INTERFACE snug_warnings)
if(NOT SNUG_ENGINE)
    # Only the engine has loops for several threads.
elseif(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    # oneDNN's threads are libgomp's; our own loops share them. clang would bring a second runtime,
    # so there our loops run on one thread.
    target_compile_options(snug_options INTERFACE -fopenmp)
    target_link_options(snug_options INTERFACE -fopenmp)
else()
    # A loop that clang does not vectorise as asked is no defect.
    target_compile_options(snug_options INTERFACE -fopenmp-simd -Wno-unknown-pragmas -Wno-pass-failed)
    # For omp_set_num_threads, which oneDNN heeds.
    target_link_libraries(snug_options INTERFACE gomp)
endif()
if(SNUG_SANITIZE)
    target_compile_options(snug_options INTERFACE
        -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(snug_options INTERFACE -fsanitize=address,undefined)
    target_compile_definitions(snug_options INTERFACE SNUG_SANITIZE=1)
endif()
# libgomp's barriers are not seen by ThreadSanitizer, which takes what they order for races: with clang
# our own loops have no OpenMP, and what is seen are the threads that snug starts itself. oneDNN's
# are libgomp's, but neither is instrumented.
if(SNUG_THREAD_SANITIZER)
    target_compile_options(snug_options INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
    target_link_options(snug_options INTERFACE -fsanitize=thread)
endif()
if(SNUG_FUZZ)
    target_compile_options(snug_options INTERFACE -fsanitize=fuzzer-no-link)
    target_link_options(snug_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
