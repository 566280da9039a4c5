#!/usr/bin/env bash
# Makes sure that what is needed to build Durward is here: a C and C++ compiler, Rust; with `python` Python with virtual
# environments, and with `postgresql` PostgreSQL's programs and pgbouncer. Installs Debian packages when it may; else says exactly what to install.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()
have() { command -v "$1" >/dev/null 2>&1; }

have cc && have c++ || packages+=(build-essential)
have cargo || have "$HOME/.cargo/bin/cargo" || packages+=(rustup)
if [[ " $* " == *" python "* ]] && ! python3 -c 'import ensurepip, venv' >/dev/null 2>&1; then
    packages+=(python3 python3-venv)
fi
if [[ " $* " == *" postgresql "* ]] && ! have initdb && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    packages+=(postgresql postgresql-client)
fi
if [[ " $* " == *" postgresql "* ]] && [[ ! -x /usr/sbin/pgbouncer ]]; then
    packages+=(pgbouncer)
fi

if ((${#packages[@]})); then
    if [[ $(id -u) == 0 ]] && have apt-get; then
        echo "installing ${packages[*]}" >&2
        apt-get update -qq
        # No cluster is wanted but those that the tests make.
        if [[ " ${packages[*]} " == *" postgresql "* ]] && [[ ! -e /etc/postgresql-common/createcluster.conf ]]; then
            mkdir -p /etc/postgresql-common
            echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
        fi
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
    else
        echo "error: something is missing; on Debian or Ubuntu, run:" >&2
        echo "    sudo apt-get install ${packages[*]}" >&2
        echo "elsewhere install a C++ compiler, Python 3 with venv, PostgreSQL, pgbouncer, and Rust by rustup (https://rustup.rs)" >&2
        exit 1
    fi
fi

# A Debian rustup comes without a toolchain; rust-toolchain.toml says which one is wanted.
if ! cargo --version >/dev/null 2>&1 && have rustup; then
    rustup toolchain install >&2
fi
