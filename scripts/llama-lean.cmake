# Read by CMake right after llama.cpp's project(): leaves out its chat and argument library, which
# the Python binding does not use. The binding's own build file switches it on for good, so a
# variable that shadows the cache here is the one way to decline it; it saves a third of the build.
set(LLAMA_BUILD_COMMON OFF)
