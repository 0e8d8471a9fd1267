#!/usr/bin/env python3
"""Compares the rows of a loaded SQLite file with what the simulator says it has; ends with 1 when they differ.

    demo_counts.py SIMULATOR_URL FILE [TYPE...]

Without types, all of them are compared.
"""

import json
import sqlite3
import sys
import urllib.request

TABLES = {
    "contacts": "contact",
    "companies": "company",
    "deals": "deal",
    "tickets": "ticket",
    "calls": "engagement_call",
    "communications": "engagement_communication",
    "emails": "engagement_email",
    "meetings": "engagement_meeting",
    "notes": "engagement_note",
    "tasks": "engagement_task",
    "postal_mail": "engagement_postal_mail",
    "owners": "owner",
}


def main():
    url, path, *types = sys.argv[1:]
    # The simulator is on this machine: no proxy has a say.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url + "/_sim/stats?associations=false") as answer:
        stats = json.load(answer)
    records = {**stats["records"], "owners": stats["owners"]}
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    wrong = archived = 0
    print(f"  {'table':<26}{'in HubSpot':>12}{'in the database':>18}")
    for object_type in types or TABLES:
        table = TABLES[object_type]
        expected = records[object_type]["live"]
        live = "is_active" if table == "owner" else "NOT _sluice_deleted"
        found = database.execute(f"SELECT count(*) FROM {table} WHERE {live}").fetchone()[0]
        verdict = "" if found == expected else "  <- differs"
        wrong += found != expected
        archived += records[object_type].get("archived", 0)
        print(f"  {table:<26}{expected:>12,}{found:>18,}{verdict}")
    if archived:
        print(f"  ({archived:,} more are in HubSpot's archive: deleted or merged there, so not here)")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
