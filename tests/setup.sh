# shellcheck shell=bash
# Installs what a fresh machine lacks; sourced by example/run and tests/run. Needs: Rust, Python 3.11.
# Each step first looks whether there is anything to do, so that a second call is quick and changes nothing.

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# apt_install PACKAGE…: Debian packages, as root or through sudo.
apt_install() {
  command -v apt-get > /dev/null || die "please install: $* (this machine has no apt-get)"
  local root=""
  [ "$(id -u)" = 0 ] || root="sudo"
  say "installing $*"
  $root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
  $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

need_rust() {
  command -v cargo > /dev/null || die "no cargo in PATH: install Rust 1.95 or newer first (https://rustup.rs)"
  command -v cc > /dev/null || apt_install gcc libc6-dev
}

# The plugins are compiled for WebAssembly: rustup's target where it can be downloaded, else Debian's packages,
# which build the standard library from source.
need_guest_toolchain() {
  local sysroot
  sysroot=$(rustc --print sysroot)
  [ "${FORENSIC_GUEST_TOOLCHAIN:-}" != debian ] && [ -d "$sysroot/lib/rustlib/wasm32-unknown-unknown/lib" ] && return
  if [ "${FORENSIC_GUEST_TOOLCHAIN:-}" != debian ] && command -v rustup > /dev/null; then
    say "adding the WebAssembly target to Rust"
    rustup target add wasm32-unknown-unknown >&2 && return
    say "rustup can't download it: taking Debian's packages instead"
  fi
  [ -d /usr/lib/rustlib/src/rust/library ] && [ -x /usr/bin/rustc ] && [ -x /usr/bin/cargo ] && return
  apt_install rustc-web cargo-web rust-web-src
}

# need_venv FOLDER REQUIREMENTS: a virtual environment with exactly these packages.
need_venv() {
  local folder=$1 requirements=$2 stamp
  stamp=$(sha256sum < "$requirements")
  [ "$(cat "$folder/.stamp" 2> /dev/null)" = "$stamp" ] && return
  command -v python3 > /dev/null || apt_install python3
  say "installing the packages of $requirements into $folder"
  rm -rf "$folder"
  python3 -m venv "$folder" 2> /dev/null || { apt_install python3-venv; rm -rf "$folder"; python3 -m venv "$folder"; }
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements" >&2
  printf '%s' "$stamp" > "$folder/.stamp"
}

# need_node_folder FOLDER SOURCE: a copy of the folder SOURCE with exactly the packages of its lock file.
need_node_folder() {
  local folder=$1 source=$2 stamp
  local files=("$source"/*.json)
  compgen -G "$source/*.mjs" > /dev/null && files+=("$source"/*.mjs)
  stamp=$(cat "${files[@]}" | sha256sum)
  [ "$(cat "$folder/.stamp" 2> /dev/null)" = "$stamp" ] && return
  command -v node > /dev/null && command -v npm > /dev/null || apt_install nodejs npm
  say "installing the packages of $source into $folder"
  rm -rf "$folder"
  mkdir -p "$folder"
  cp "${files[@]}" "$folder"
  (cd "$folder" && npm ci --silent --no-audit --no-fund >&2)
  printf '%s' "$stamp" > "$folder/.stamp"
}

# What plugins in C are built with.
need_wasm_clang() {
  command -v clang > /dev/null && command -v wasm-ld > /dev/null \
    && [ -f "$(clang --target=wasm32-wasi -print-file-name=libc.a)" ] \
    && [ -f "$(clang --target=wasm32-wasi --rtlib=compiler-rt -print-libgcc-file-name)" ] && return
  apt_install clang lld wasi-libc libclang-rt-dev-wasm32
}

# What plugins in Python, JavaScript and C are built with; sets PLUGIN_TOOLS to the folders that go into PATH.
need_plugin_tools() {
  need_wasm_clang
  need_venv target/venv/plugins guest-sdk/templates/python/requirements.txt
  need_node_folder target/plugin-js guest-sdk/templates/js
  export PLUGIN_TOOLS="$PWD/target/plugin-js/node_modules/.bin:$PWD/target/venv/plugins/bin"
}

# What the dashboard is tried in: a browser, letters for it to draw, and what steers it; sets BROWSER_FOLDER.
need_browser() {
  command -v "${CHROMIUM:-chromium}" > /dev/null || apt_install chromium fonts-dejavu-core
  need_node_folder target/browser tests/browser/packages
  export BROWSER_FOLDER="$PWD/target/browser"
}

# A real Ray and what gives its cluster a network of its own; sets RAY_PYTHON_BIN. Where that can't be had (no package for this
# machine, no right to make namespaces), its tests are skipped, and it is said loudly; in CI it is an error.
need_ray() {
  local status
  # A subshell, so that whatever fails in it ends only it; not inside a condition, which would switch `-e` off in it.
  set +e
  (
    set -e
    command -v ip > /dev/null || apt_install iproute2
    command -v unshare > /dev/null && command -v nsenter > /dev/null || apt_install util-linux
    unshare --net --mount --pid --fork true || unshare --user --map-root-user --net --mount true
    need_venv target/venv/ray tests/ray/requirements.txt
  )
  status=$?
  set -e
  if [ "$status" = 0 ]; then
    export RAY_PYTHON_BIN="$PWD/target/venv/ray/bin"
  elif [ "${CI:-}" = true ]; then
    die "Ray's tests can't run here (see above), and with CI=true they must"
  else
    say "RAY'S TESTS ARE SKIPPED: what they need can't be installed here (see above)"
  fi
}
