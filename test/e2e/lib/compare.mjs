// Comparing two whole destinations, row by row and column by column.
import assert from 'node:assert/strict';

// When a row was written differs between any two runs; what was set aside says when, too.
const STAMPS = ['_sluice_synced', '_weld_synced', '_fivetran_synced'];
const STAMPS_OF_SYSTEM = { _sluice_reject: ['at'], _sluice_column: ['since'] };
// Where a run stands and what it has counted is about the run, not about the data.
const ABOUT_RUNS = ['_sluice_state', '_sluice_audit'];

export async function dumpAll(destination) {
  const dumps = new Map();
  for (const table of await destination.tables()) {
    if (!ABOUT_RUNS.includes(table)) {
      dumps.set(table, await destination.dump(table, [...STAMPS, ...(STAMPS_OF_SYSTEM[table] ?? [])]));
    }
  }
  return dumps;
}

function firstDifference(a, b) {
  const [left, right] = [a.split('\n'), b.split('\n')];
  const at = left.findIndex((line, i) => line !== right[i]);
  const cut = (line) => (line === undefined ? '(nothing)' : line.slice(0, 600));
  return `${left.length} and ${right.length} lines; line ${at}:\n  ${cut(left[at])}\n  ${cut(right[at])}`;
}

export function assertSameTables(found, wanted) {
  assert.deepEqual([...found.keys()], [...wanted.keys()], 'the tables');
  for (const [table, dump] of wanted) {
    assert.ok(found.get(table) === dump, `${table} differs: ${firstDifference(found.get(table), dump)}`);
  }
}
