# CMake reads this file right after llama.cpp's project(). It leaves out the chat and argument library
# of llama.cpp, which the Python binding does not use; this saves a third of the build. The build file
# of the binding always switches that library on in the cache, so only a variable that shadows the cache
# can switch it off.
set(LLAMA_BUILD_COMMON OFF)
