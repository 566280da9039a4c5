# Makes a PostgreSQL cluster in a folder, and removes both when the process it was made for has ended.
# $1 the folder, $2 PostgreSQL's programs, $3 that process, $4 whom to run it as (empty: whoever runs this),
# $5 the folder of the primary it is a standby of (empty: it is none), $6 more options of the server
set -eu
folder=$1 bin=$2 parent=$3 owner=$4 primary=$5 options=$6
trap '' HUP INT TERM
trap 'touch "$folder/failed"' EXIT
as_owner() {
    if [ -n "$owner" ]; then runuser -u "$owner" -- "$@"; else "$@"; fi
}
if [ -n "$owner" ]; then chown "$owner" "$folder"; fi
cd "$folder"
if [ -n "$primary" ]; then
    as_owner "$bin/pg_basebackup" --pgdata data --write-recovery-conf --checkpoint fast --no-sync \
        --dbname "host=$primary user=postgres" >log 2>&1
else
    as_owner "$bin/initdb" --pgdata data --username postgres --auth trust --encoding UTF8 --locale C --no-sync >log 2>&1
fi
as_owner "$bin/pg_ctl" --pgdata data --log "$folder/data/log" --wait --options "-c listen_addresses='' \
    -c unix_socket_directories='$folder' -c fsync=off -c full_page_writes=off -c max_connections=400 \
    -c max_wal_size=4GB -c autovacuum=off $options" start >>log 2>&1
# Nobody is above row security but whoever asks behind a server's back.
if [ -z "$primary" ]; then as_owner "$bin/createuser" --host "$folder" --username postgres durward >>log 2>&1; fi
touch ready
while kill -0 "$parent" 2>/dev/null; do sleep 0.2; done
# A test may have killed it already.
as_owner "$bin/pg_ctl" --pgdata data --mode immediate stop >>log 2>&1 || true
trap - EXIT
cd /
rm -rf "$folder"
