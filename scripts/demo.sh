#!/usr/bin/env bash
# The whole main job in front of your eyes: a simulated HubSpot account into demo/hubspot.db.
#
#   scripts/demo.sh BUILD_DIR
#
# DEMO_CONTACTS sets the size (20000). The simulator ends with this script.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:?build directory}")
contacts=${DEMO_CONTACTS:-20000}
sluice=$build/src/sluice
hubsim=$build/sim/hubsim
db=demo/hubspot.db
export SLUICE_DATA_DIR=demo/data # nothing outside this folder

mkdir -p demo
rm -f "$db" "$db-wal" "$db-shm" demo/hubsim.log

"$hubsim" --listen 127.0.0.1:0 --seed 7 --contacts "$contacts" --companies $((contacts / 5)) \
    --deals $((contacts * 2 / 5)) --tickets $((contacts / 5)) --engagements $((contacts * 2)) \
    --token demo-token --limit off --search-limit off >demo/hubsim.log 2>&1 &
simulator=$!
trap 'kill "$simulator" 2>/dev/null || true; wait "$simulator" 2>/dev/null || true' EXIT

url=
for _ in $(seq 300); do
    url=$(grep -o -m 1 'http://127\.0\.0\.1:[0-9]*' demo/hubsim.log || true)
    [ -z "$url" ] || break
    kill -0 "$simulator" 2>/dev/null || {
        cat demo/hubsim.log >&2
        echo "demo: hubsim ended; its words are above" >&2
        exit 1
    }
    sleep 0.1
done
[ -n "$url" ] || {
    echo "demo: hubsim said no address within 30 s" >&2
    exit 1
}

say() {
    printf '\n\033[1m%s\033[0m\n' "$1"
}
[ -t 1 ] || say() {
    printf '\n%s\n' "$1"
}

say "A HubSpot account with $contacts contacts runs at $url"
echo "  (hubsim, the simulator that comes with sluice; no HubSpot account is needed)"

say "\$ HUBSPOT_TOKEN=demo-token sluice sync hubspot --base-url $url --into sqlite:$db"
HUBSPOT_TOKEN=demo-token "$sluice" sync hubspot --base-url "$url" --into "sqlite:$db"

say "Did everything arrive?"
python3 scripts/demo_counts.py "$url" "$db"

ask() {
    say "$1"
    printf '%s\n' "$2" | sed 's/^/  /'
    sqlite3 -readonly -box "$db" "$2"
}

ask "What is in each stage of the sales pipeline?" \
    "SELECT p.label AS pipeline, s.label AS stage, count(*) AS deals, round(sum(d.property_amount)) AS amount
FROM deal d
JOIN deal_pipeline p ON p.pipeline_id = d.deal_pipeline_id
JOIN deal_pipeline_stage s ON s.stage_id = d.deal_pipeline_stage_id AND s.pipeline_id = p.pipeline_id
WHERE NOT d._sluice_deleted
GROUP BY p.pipeline_id, s.stage_id ORDER BY p.display_order, s.display_order LIMIT 12;"

ask "Which companies have the most contacts?" \
    "SELECT c.property_name AS company, c.property_domain AS domain, count(DISTINCT a.contact_id) AS contacts
FROM company c JOIN contact_company a ON a.company_id = c.id
WHERE NOT c._sluice_deleted
GROUP BY c.id ORDER BY contacts DESC, c.id LIMIT 5;"

ask "What happened with the customers lately?" \
    "SELECT e.type, count(DISTINCT e.id) AS engagements, count(DISTINCT a.contact_id) AS contacts
FROM engagement e LEFT JOIN engagement_contact a ON a.engagement_id = e.id
GROUP BY e.type ORDER BY engagements DESC;"

say "Where next?"
cat <<END
  sqlite3 $db                  look around: .tables, .schema deal
  man docs/sluice.1                   every option, table and exit code
  export HUBSPOT_TOKEN=pat-...        your own account:
  $build/src/sluice sync hubspot --into sqlite:hubspot.db
END
