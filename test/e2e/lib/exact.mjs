// That the tables of a destination say what is in the portal, record by record.
import assert from 'node:assert/strict';
import { assertRecords, TABLES } from './expect.mjs';

// What the simulator derives from another record changes with that record, and its own modified stamp does not say so.
const DERIVED = ['company', 'associatedcompanyid'];

// The object types among `streams`: the same live records, none twice, and the values of every so-many-th of them.
export async function assertExact(sim, destination, streams, { every = 1 } = {}) {
  const types = streams.filter((name) => name in TABLES);
  assert.ok(types.length > 0, `no object type among ${streams}`);
  for (const type of types) {
    const [table, key] = TABLES[type];
    const wanted = (await sim.list(type, [])).map((record) => record.id).sort();
    const rows = await destination.rows(`SELECT "${key}" AS id FROM "${table}" WHERE NOT _sluice_deleted`);
    assert.deepEqual(rows.map((row) => String(row.id)).sort(), wanted, `${destination.into} ${table}`);
    await assertRecords(sim, destination, type, { every, except: DERIVED });
  }
}
