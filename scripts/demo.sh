#!/usr/bin/env bash
# The whole story in front of your eyes: a simulated HubSpot account, a sluice server, and every call to its REST API
# as a curl command that you could have typed.
#
#   scripts/demo.sh BUILD_DIR
#
# DEMO_CONTACTS sets the size (20000). On a terminal the server runs on until Ctrl-C; elsewhere, or with DEMO_ONCE=1,
# it ends with the report. Everything is kept below demo/.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:?build directory}")
contacts=${DEMO_CONTACTS:-20000}
sluice=$build/src/sluice
hubsim=$build/sim/hubsim
db=demo/data/data/hubspot.db
token=demo-token
terminal=false
if [ -t 1 ]; then
    terminal=true
fi
unset "${!SLUICE_@}" # what is set elsewhere must not steer the demo

# ---- printing

say() {
    if $terminal; then
        printf '\n\033[1m%s\033[0m\n' "$*"
    else
        printf '\n%s\n' "$*"
    fi
}

die() {
    printf 'demo: %s\n' "$1" >&2
    tail -n 20 demo/hubsim.log demo/sluice.log >&2 2>/dev/null || true
    exit 1
}

# An answer, prettified, its first lines.
show() {
    local lines=$1
    [ -n "$answer" ] || return 0
    jq . <<<"$answer" | awk -v most="$lines" 'NR <= most { print "    " $0 } END { if (NR > most) print "    ... (" NR - most " more lines)" }'
}

# call METHOD PATH [BODY]: prints the call as a curl command, makes it, leaves status and body in $status and $answer.
call() {
    local method=$1 path=$2 body=${3-}
    local words=(-sS -X "$method" -H "x-api-key: $key" -w '\n%{http_code}' --noproxy '*')
    printf '\n  $ curl'
    [ "$method" = GET ] || printf ' -X %s' "$method"
    printf ' -H "x-api-key: $KEY" "$SLUICE%s"' "$path"
    if [ -n "$body" ]; then
        printf " \\\\\n      -H 'Content-Type: application/json' -d '%s'" "$body"
        words+=(-H 'Content-Type: application/json' -d "$body")
    fi
    printf '\n'
    ask "${words[@]}" "$server$path"
    printf '    HTTP %s\n' "$status"
}

ask() {
    answer=$(curl "$@") || die "no answer: curl $*"
    status=${answer##*$'\n'}
    answer=${answer%"$status"}
    answer=${answer%$'\n'}
}

# need STATUS...: the call before must have been answered so.
need() {
    local wanted
    for wanted in "$@"; do
        [ "$status" != "$wanted" ] || return 0
    done
    die "HTTP $status instead of $*: $answer"
}

# ---- programs

pids=()
cleanup() {
    trap - EXIT INT TERM
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in "${pids[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# address LOG PID: waits for the address that a program prints.
address() {
    local url
    for _ in $(seq 600); do
        url=$(grep -o -m 1 'http://127\.0\.0\.1:[0-9]*' "$1" || true)
        if [ -n "$url" ]; then
            printf '%s\n' "$url"
            return
        fi
        kill -0 "$2" 2>/dev/null || return 1
        sleep 0.05
    done
    return 1
}

rm -rf demo/data demo/*.log demo/cookies
mkdir -p demo

"$hubsim" --listen 127.0.0.1:0 --seed 7 --contacts "$contacts" --companies $((contacts / 5)) \
    --deals $((contacts * 2 / 5)) --tickets 0 --engagements 0 --token "$token" \
    --limit off --search-limit off >demo/hubsim.log 2>&1 &
pids+=($!)
hubspot=$(address demo/hubsim.log $!) || die "hubsim did not start"

say "1. A HubSpot account with $contacts contacts, and a sluice server"
echo "  hubsim, the simulator that comes with sluice: $hubspot"
echo "  (5a1c0de0-... is its OAuth app; no HubSpot account is needed)"
echo
echo "  \$ sluice serve --listen 127.0.0.1:0 --data-dir demo/data --hubspot-client-id 5a1c0de0-... \\"
echo "        --hubspot-base-url $hubspot --hubspot-app-url $hubspot"
SLUICE_HUBSPOT_CLIENT_SECRET=5ec4e700-0000-4000-8000-000000000001 "$sluice" serve --listen 127.0.0.1:0 \
    --data-dir demo/data --hubspot-client-id 5a1c0de0-0000-4000-8000-000000000001 \
    --hubspot-base-url "$hubspot" --hubspot-app-url "$hubspot" >demo/sluice.out 2>demo/sluice.log &
pids+=($!)
server=$(address demo/sluice.out $!) || die "sluice serve did not start"
key=$(sed -n 's/^API key: \([^ ]*\).*/\1/p' demo/sluice.out)
[ -n "$key" ] || die "the first start printed no API key"
: >demo/sluice.out # the key was shown once
echo "    API key: ${key:0:12}_... (shown once)"
echo "    sluice: listening on $server"
echo
echo "  \$ SLUICE=$server KEY=${key:0:12}_..."
call GET /integrations
need 200
show 20

# ---- a connection

say "2. Somebody's HubSpot account is to be connected: a connection bridge"
call POST /connection_bridges \
    '{"integration_id": "hubspot-v2", "label": "demo", "redirect_uri": "https://app.example.com/connected", "state": "user-42"}'
need 201
show 8
authorize=$(jq -r .authorize_url <<<"$answer")

say "3. The person opens authorize_url, goes to HubSpot, and consents (here curl is the browser)"
browser=(-sS --noproxy '*' -b demo/cookies -c demo/cookies)
# field NAME: the value of a hidden field of the form that leads to `$1`.
form() {
    tr -d '\n' <<<"$page" | grep -o "<form[^>]*action=\"$1\".*" | sed 's/<\/form>.*//' | grep -o "<input[^>]*type=\"hidden\"[^>]*>"
}
fields() {
    local input name value
    data=()
    while read -r input; do
        name=$(sed -n 's/.* name="\([^"]*\)".*/\1/p' <<<"$input")
        value=$(sed -n 's/.* value="\([^"]*\)".*/\1/p' <<<"$input" | sed 's/&amp;/\&/g; s/&quot;/"/g; s/&#39;/'"'"'/g')
        data+=(--data-urlencode "$name=$value")
    done < <(form "$1")
}
page=$(curl "${browser[@]}" "$authorize")
fields /authorize/start
[ ${#data[@]} -gt 0 ] || die "the authorize page has no form: $page"
consent=$(curl "${browser[@]}" -o demo/page -w '%{redirect_url}' -H "Origin: $server" "${data[@]}" "$server/authorize/start")
[ -n "$consent" ] || die "the authorize page leads nowhere: $(cat demo/page)"
echo "    -> ${consent:0:100}..."
page=$(curl "${browser[@]}" "$consent")
target=$(tr -d '\n' <<<"$page" | sed -n 's/.*<form[^>]* action="\([^"]*\)".*/\1/p')
fields "$target"
while read -r input; do # optional scopes come as ticked boxes
    data+=(--data-urlencode "$(sed -n 's/.* name="\([^"]*\)".*/\1/p' <<<"$input")=$(sed -n 's/.* value="\([^"]*\)".*/\1/p' <<<"$input")")
done < <(grep -o '<input[^>]*type="checkbox"[^>]*>' <<<"$page" || true)
back=$(curl "${browser[@]}" -o demo/page -w '%{redirect_url}' "${data[@]}" --data-urlencode decision=approve "$hubspot$target")
[ -n "$back" ] || die "HubSpot's consent page leads nowhere: $(cat demo/page)"
echo "    -> ${back:0:60}... (with HubSpot's code)"
done_url=$(curl "${browser[@]}" -o demo/page -w '%{redirect_url}' "$back")
[ -n "$done_url" ] || die "the way back leads nowhere: $(cat demo/page)"
echo "    -> $done_url"
rm -f demo/cookies demo/page
connection=$(sed -n 's/.*[?&]connection_id=\([^&]*\).*/\1/p' <<<"$done_url")
[ -n "$connection" ] || die "the browser was sent back without a connection: $done_url"
call GET "/connections"
need 200
show 14

# ---- a sync

say "4. A sync: every six hours, into the schema hubspot"
call POST /elt_syncs \
    "{\"connection_id\": \"$connection\", \"destination_schema_name\": \"hubspot\", \"sync_interval\": \"0 */6 * * *\"}"
need 201
show 16
sync=$(jq -r .id <<<"$answer")
call GET "/elt_syncs/$sync/available_source_streams"
need 200
answer=$(jq -c '[.data[].name]' <<<"$answer")
printf '    %s\n' "$(jq -r 'join(" ")' <<<"$answer")"
call POST "/elt_syncs/$sync/source_streams" \
    '{"source_streams": [{"name": "contacts"}, {"name": "companies"}, {"name": "deals"}]}'
need 201
show 8
declare -A streams
while read -r name id; do
    streams[$name]=$id
done < <(jq -r '.source_streams[] | "\(.name) \(.id)"' <<<"$answer")
call POST "/elt_syncs/$sync/enable"
need 204

# run STREAM: asks for a run, without a word when there is one already.
run() {
    call POST "/elt_streams/${streams[$1]}/request_run"
    need 200 409
    show 4
}

# Polls the status until nothing is under way; on a terminal with a line that moves.
wait_for_runs() {
    local active line previous=
    printf '\n  $ curl -H "x-api-key: $KEY" "$SLUICE/elt_syncs/%s/status"   # until complete\n' "$sync"
    for _ in $(seq 3000); do
        ask -sS --noproxy '*' -H "x-api-key: $key" -w '\n%{http_code}' "$server/elt_syncs/$sync/status"
        need 200
        line=$(jq -r '[.source_streams[] | (.active_sync // .latest_sync) as $run | select($run) |
            "\(.name) \($run.status | ascii_downcase) \($run.records_synced)" +
            (if $run.estimated_total_count then "/\($run.estimated_total_count)" else "" end)] | join("   ")' <<<"$answer")
        active=$(jq '[.source_streams[] | select(.active_sync)] | length' <<<"$answer")
        if $terminal; then
            printf '\r\033[K    %s' "$line"
        elif [ "$line" != "$previous" ] && [ "$active" = 0 ]; then
            printf '    %s' "$line"
        fi
        previous=$line
        [ "$active" != 0 ] || break
        sleep 0.2
    done
    printf '\n'
    [ "$active" = 0 ] || die "the runs did not end: $answer"
    jq -e '[.source_streams[] | select(.latest_sync and .latest_sync.status != "COMPLETED")] | length == 0' \
        <<<"$answer" >demo/check || die "a run failed: $answer"
    rm -f demo/check
}

latest() {
    answer=$(jq "[.source_streams[] | select(.name == \"$1\") | .latest_sync |
        {status, operation_mode, full_sync_trigger, records_synced, started_at, finished_at}][0]" <<<"$answer")
    show 10
}

say "5. The first runs: enabling has asked for them; a stream never runs twice at once, so one more is refused meanwhile"
run contacts
wait_for_runs
latest contacts

say "6. Did everything arrive? $db"
python3 scripts/demo_counts.py "$hubspot" "$db" contacts companies deals
query="SELECT s.label AS stage, count(*) AS deals, round(sum(d.property_amount)) AS amount
FROM deal d LEFT JOIN deal_pipeline_stage s ON s.stage_id = d.deal_pipeline_stage_id
WHERE NOT d._sluice_deleted GROUP BY 1 ORDER BY 2 DESC LIMIT 5;"
has_stages=$(sqlite3 -readonly "$db" "SELECT count(*) FROM sqlite_schema WHERE name = 'deal_pipeline_stage'")
if [ "$has_stages" = 0 ]; then
    query="SELECT d.deal_pipeline_stage_id AS stage, count(*) AS deals, round(sum(d.property_amount)) AS amount
FROM deal d WHERE NOT d._sluice_deleted GROUP BY 1 ORDER BY 2 DESC LIMIT 5;"
fi
printf '%s\n' "$query" | sed 's/^/  /'
sqlite3 -readonly -box "$db" "$query"

# ---- a change

say "7. Somebody changes a contact in HubSpot; the next run brings the change alone"
contact=$(sqlite3 -readonly "$db" "SELECT id FROM contact WHERE NOT _sluice_deleted ORDER BY id LIMIT 1")
echo
echo "  \$ curl -X PATCH -H \"Authorization: Bearer \$TOKEN\" $hubspot/crm/v3/objects/contacts/$contact \\"
echo "      -H 'Content-Type: application/json' -d '{\"properties\": {\"city\": \"Bonn\"}}'"
ask -sS --noproxy '*' -X PATCH -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -w '\n%{http_code}' \
    -d '{"properties": {"city": "Bonn"}}' "$hubspot/crm/v3/objects/contacts/$contact"
need 200
run contacts
wait_for_runs
latest contacts
query="SELECT id, property_city, property_lastmodifieddate, _sluice_synced FROM contact WHERE id = '$contact';"
printf '  %s\n' "$query"
sqlite3 -readonly -box "$db" "$query"
[ "$(sqlite3 -readonly "$db" "SELECT property_city FROM contact WHERE id = '$contact'")" = Bonn ] ||
    die "the change did not arrive"

say "8. A full refresh: the next run reads everything anew; the table stays readable all the while"
call POST "/elt_streams/${streams[contacts]}/request_full_refresh"
need 204
run contacts
wait_for_runs
latest contacts
python3 scripts/demo_counts.py "$hubspot" "$db" contacts companies deals

# hint WHAT WHY
hint() {
    printf '  %-42s %s\n' "$1" "$2"
}

say "Where next?"
hint "sqlite3 $db" "look around: .tables, .schema deal"
hint "docs/api.md, docs/server.md" "the guide to the API; running a server"
hint "man docs/sluice.1" "every option and exit code"
hint "${sluice#"$PWD/"} serve" "a server of your own, for your own HubSpot account"
if $terminal && [ "${DEMO_ONCE:-}" != 1 ]; then
    hint "$server/docs" "the API, for people; /openapi.json, for programs"
    hint "$server/metrics" "for Prometheus, with the key"
    say "The server runs on. Try the calls above:"
    echo "  SLUICE=$server KEY=$key"
    echo "  Ctrl-C ends it."
    wait "${pids[1]}" || true
else
    echo "  The demo's server has ended; on a terminal, make demo leaves it running for you to try."
fi
