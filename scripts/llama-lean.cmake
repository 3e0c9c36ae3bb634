# CMake reads this file right after llama.cpp's project().

# It leaves out the chat and argument library of llama.cpp, which the Python binding does not use; this
# saves a third of the build. The build file of the binding always switches that library on in the cache,
# so only a variable that shadows the cache can switch it off.
set(LLAMA_BUILD_COMMON OFF)

# It leaves out the code for AMX, the matrix unit of Intel server processors, which crashes when GCC 12
# compiles it: `_tile_loadconfig` of that compiler says that it reads 8 bytes of a configuration of 64, so
# the optimiser leaves the others unset and the processor refuses them.
if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  add_compile_options(-U__AMX_INT8__)
endif()
