# Sourced by scripts/start and scripts/test: makes an isolated environment in .venv, from a lock file.
# Every step can be interrupted and run again; steps that are done are skipped.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*" >&2; }
stop() { say "$1"; exit 3; }

# Prints the first Python that is new enough. 3.11 comes first because simvoice is tested on it, and
# because libraries publish wheels for the newest Pythons last.
find_python() {
  local candidate seen=""
  for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3 python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s\n' "$candidate"
      return
    fi
    seen=${seen:-$("$candidate" --version 2>&1 | grep -o 'Python [0-9.]*' || true)}
  done
  stop "simvoice needs Python 3.11 or newer; found: ${seen:-no Python}. Install it (Debian, Ubuntu: apt-get install python3 python3-venv), or set PYTHON to its path."
}

# Makes .venv when it is missing, broken (an interrupted start, a Python that was removed) or made with
# an older Python; adds pip when another tool made it without pip.
make_venv() {
  if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    local python
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
      stop "$python cannot make a virtual environment. Install its venv package (Debian, Ubuntu: apt-get install python3-venv) and run this again."
    say "Making the virtual environment .venv with $("$python" --version)."
    rm -rf .venv
    "$python" -m venv .venv
  fi
  .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null ||
    stop "pip cannot be installed in .venv. Remove the folder .venv and run this again."
}

# llama-cpp-python is published as source, so it is compiled here, for this processor.
need_compiler() {
  local wanted installed
  wanted=$(sed -n 's/^llama-cpp-python==\([^ ;\\]*\).*/\1/p' "$1")
  installed=$(.venv/bin/python -c 'import importlib.metadata as m; print(m.version("llama-cpp-python"))' 2>/dev/null || true)
  if [ "$wanted" = "$installed" ]; then return; fi
  local compiler
  for compiler in ${CXX:-} c++ g++ clang++; do
    if command -v "$compiler" >/dev/null; then
      say "Compiling llama-cpp-python for this processor. This takes some minutes, and happens only once."
      return
    fi
  done
  stop "simvoice needs a C++ compiler to build llama-cpp-python. Install one (Debian, Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install) and run this again."
}

hash_of() { .venv/bin/python -c 'import hashlib, sys; print(hashlib.sha256(b"".join(open(f, "rb").read() for f in sys.argv[1:])).hexdigest())' "$@"; }

# Removes llama-cpp-python when it was compiled with other options.
compile_again_if_changed() {
  if ! .venv/bin/python -c 'import importlib.metadata as m; m.version("llama-cpp-python")' >/dev/null 2>&1; then return; fi
  if [ "$(cat .venv/llama-options.stamp 2>/dev/null || true)" = "$(hash_of scripts/llama-lean.cmake)" ]; then return; fi
  .venv/bin/python -m pip uninstall --disable-pip-version-check --quiet --yes llama-cpp-python >&2
}

# Prints the entry of llama-cpp-python in a lock file, with its hashes.
llama_entry() { sed -n '/^llama-cpp-python==/,/[^\\]$/p' "$1"; }

# install LOCK: installs the libraries of a lock file, each checked against its hash, and simvoice.
# A stamp of what was installed lets the next start skip pip.
install() {
  local lock=$1 stamp=.venv/simvoice-"${1%.lock}".stamp want
  want=$(hash_of "$lock" pyproject.toml scripts/llama-lean.cmake)
  if [ "$(cat "$stamp" 2>/dev/null || true)" = "$want" ]; then return; fi
  compile_again_if_changed
  need_compiler "$lock"
  say "Installing the libraries of $lock."
  # Of llama.cpp only the library is needed. Every core takes part in the build. pip's cache is not used:
  # it keeps a build of this version also when that build has other options or is for another processor.
  llama_entry "$lock" >.venv/llama.lock
  SKBUILD_CMAKE_DEFINE="LLAVA_BUILD=OFF;CMAKE_PROJECT_llama.cpp_INCLUDE=$PWD/scripts/llama-lean.cmake" \
    CMAKE_BUILD_PARALLEL_LEVEL="${CMAKE_BUILD_PARALLEL_LEVEL:-$(getconf _NPROCESSORS_ONLN)}" \
    .venv/bin/python -m pip install --disable-pip-version-check --no-cache-dir --no-deps --require-hashes -r .venv/llama.lock >&2
  .venv/bin/python -m pip install --disable-pip-version-check --no-deps --require-hashes -r "$lock" >&2
  case "$(.venv/bin/python -c 'import llama_cpp; print(llama_cpp.llama_print_system_info())' 2>/dev/null || true)" in
    *AMX*) stop "The installed llama-cpp-python uses AMX, which crashes. Remove the folder .venv and run this again." ;;
  esac
  hash_of scripts/llama-lean.cmake >.venv/llama-options.stamp
  # The build backend is in the lock file, so nothing more is downloaded here.
  .venv/bin/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation --quiet --editable . >&2
  printf '%s\n' "$want" >"$stamp"
}

pull_models() { .venv/bin/simvoice models pull "$@" >&2; }
