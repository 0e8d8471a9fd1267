// The shortest way through everything, for slow builds: sanitizers find in it what no comparison shows.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertSameTables, dumpAll } from './lib/compare.mjs';
import { assertRecords, liveRows, TABLES } from './lib/expect.mjs';
import { Postgres } from './lib/postgres.mjs';
import { until } from './lib/process.mjs';
import { Sim } from './lib/sim.mjs';
import { PostgresDestination, sluice, SqliteDestination, startSync, sync } from './lib/sluice.mjs';

const TIME = { timeoutMs: 300_000 };

let sim;
let postgres;

before(async () => {
  sim = await Sim.start({ contacts: 350, companies: 80, deals: 90, tickets: 40, engagements: 200 });
  postgres = await Postgres.start();
});

after(async () => {
  await postgres?.stop();
  await sim?.stop();
});

for (const [kind, make] of [
  ['sqlite', () => new SqliteDestination()],
  ['postgres', () => new PostgresDestination(postgres)],
]) {
  test(`${kind}: full, again, full refresh`, async () => {
    const destination = make();
    const records = await sim.records();
    const first = await sync(sim, destination, [], TIME);
    assert.equal(first.code, 0, first.stderr);
    for (const [type, [table]] of Object.entries(TABLES)) {
      assert.equal(await liveRows(destination, table), records[type].live, table);
    }
    await assertRecords(sim, destination, 'contacts', { every: 5 });
    const loaded = await dumpAll(destination);
    for (const args of [[], ['--full-refresh']]) {
      const again = await sync(sim, destination, args, TIME);
      assert.equal(again.code, 0, again.stderr);
      assertSameTables(await dumpAll(destination), loaded);
    }
  });
}

test('faults of many kinds, an interruption, and the same tables', async () => {
  const quiet = new SqliteDestination();
  assert.equal((await sync(sim, quiet, [], TIME)).code, 0);
  await sim.faults({ action: 'short_page', endpoint: 'objects.list', every: 3, count: 9 },
      { action: 'cut', endpoint: 'objects.', nth: 4, bytes: 700 },
      { action: 'truncate', endpoint: 'associations.', nth: 2, bytes: 50 },
      { action: 'status', status: 502, endpoint: 'objects.list', every: 6, times: 2 },
      { action: 'delay', ms: 30, endpoint: 'objects.list' },);
  const destination = new SqliteDestination();
  const before = await sim.listed('contacts');
  const { child, finish } = startSync(sim, destination);
  await until(async () => (await sim.listed('contacts')) > before + 2, { child });
  child.kill('SIGINT');
  const stopped = await finish(300_000);
  assert.ok([0, 7].includes(stopped.code), `${stopped.code ?? stopped.signal}: ${stopped.stderr}`);
  const result = await sync(sim, destination, [], TIME);
  assert.equal(result.code, 0, result.stderr);
  await sim.clearFaults();
  assertSameTables(await dumpAll(destination), await dumpAll(quiet));
});

test('what is refused', async () => {
  const wrong = await sync(sim, new SqliteDestination(), [], { env: { HUBSPOT_TOKEN: 'wrong' }, ...TIME });
  assert.equal(wrong.code, 4);
  assert.equal((await sync(sim, new SqliteDestination(), ['--streams', 'nothing'], TIME)).code, 2);
  assert.equal((await sync(sim, { into: 'sqlite:/proc/x.db', args: [] }, [], TIME)).code, 5);
  assert.equal((await sluice(['version'])).code, 0);
});
