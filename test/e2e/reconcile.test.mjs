// What no modification date and no list of archived records tells: restored records, records that come back from before
// the first load, records that were deleted for good. The reconcile finds them.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertSameTables, dumpAll } from './lib/compare.mjs';
import { liveRows, TABLES } from './lib/expect.mjs';
import { Postgres } from './lib/postgres.mjs';
import { Sim } from './lib/sim.mjs';
import { PostgresDestination, SqliteDestination, sync } from './lib/sluice.mjs';

const PORTAL = { contacts: 900, companies: 300, deals: 0, tickets: 0, engagements: 300 };
const DUE = ['--reconcile', '0'];
// What the simulator derives from another record changes with that record, and no date says so: see incremental.test.mjs.
const DERIVED = ['"_sluice_synced"', '"property_company"', '"property_associatedcompanyid"'];
const streams = (...names) => ['--streams', names.join(',')];

let postgres;

before(async () => {
  postgres = await Postgres.start();
});

after(() => postgres?.stop());

async function portal(t, options = {}) {
  const sim = await Sim.start({ ...PORTAL, ...options });
  t.after(() => sim.stop());
  return sim;
}

async function synced(sim, destination, args = []) {
  await sim.reset();
  const result = await sync(sim, destination, args);
  assert.equal(result.code, 0, result.stderr + result.stdout);
  return result;
}

async function isLive(destination, table, key, id) {
  const [found] = await destination.rows(`SELECT CASE WHEN "_sluice_deleted" THEN 1 ELSE 0 END AS gone FROM "${table}" WHERE "${key}" = ${id}`);
  return found !== undefined && Number(found.gone) === 0;
}

// All live rows with all values, as a full load of today's portal has them.
async function assertLikeFullLoad(sim, destination, fresh, types) {
  await synced(sim, fresh, streams(...types));
  for (const [table, key] of types.map((type) => TABLES[type])) {
    const names = (await fresh.columns(table)).map((c) => `"${c.name}"`).filter((name) => !DERIVED.includes(name));
    const rows = async (d) => d.rows(`SELECT ${names} FROM "${table}" WHERE NOT "_sluice_deleted" ORDER BY "${key}"`);
    assert.deepEqual(await rows(destination), await rows(fresh), table);
  }
}

async function callsOf(sim) {
  return (await sim.stats()).requests;
}

for (const [kind, make] of Object.entries({
  sqlite: () => new SqliteDestination(),
  postgres: () => new PostgresDestination(postgres),
})) {
  test(`restored, never seen, deleted for good and merged, all at once, into ${kind}`, async (t) => {
    const destination = make();
    const sim = await portal(t);
    const types = ['contacts', 'companies', 'notes'];
    const [early] = await sim.mutate({ op: 'archive', object: 'contacts', count: 4, skip: 100 });
    await synced(sim, destination, streams(...types));

    const [late, notes] = await sim.mutate(
      { op: 'archive', object: 'contacts', count: 5, skip: 300 },
      { op: 'archive', object: 'notes', count: 3 },
    );
    await synced(sim, destination, streams(...types));
    for (const id of late.ids) {
      assert.equal(await isLive(destination, 'contact', 'id', id), false, 'archived');
    }

    const everybody = (await sim.list('contacts', [])).map(({ id }) => id);
    const erased = [everybody[7], everybody[500], everybody[501]];
    for (const id of erased) {
      assert.equal((await sim.api('POST', '/crm/v3/objects/contacts/gdpr-delete', { objectId: id })).status, 204);
    }
    const [merged] = await sim.mutate(
      { op: 'merge', object: 'contacts', ids: [everybody[20], everybody[21]] },
      { op: 'restore', object: 'contacts', ids: [...early.ids, ...late.ids], touch: false },
      { op: 'restore', object: 'notes', ids: notes.ids, touch: false },
      { op: 'delete', object: 'companies', count: 2, skip: 40 },
    );
    await synced(sim, destination, streams(...types));
    assert.notEqual(await liveRows(destination, 'contact'), (await sim.records()).contacts.live, 'not before it is due');

    await synced(sim, destination, [...streams(...types), ...DUE]);
    for (const id of [...early.ids, ...late.ids, merged.ids[0]]) {
      assert.equal(await isLive(destination, 'contact', 'id', id), true, `contact ${id} is here`);
    }
    for (const id of [...erased, everybody[20], everybody[21]]) {
      assert.equal(await isLive(destination, 'contact', 'id', id), false, `contact ${id} is gone`);
    }
    for (const id of notes.ids) {
      assert.equal(await isLive(destination, 'engagement', 'id', id), true, `note ${id} among the engagements`);
    }
    await assertLikeFullLoad(sim, destination, make(), types);
  });
}

test('nothing is different: one call an object, none when it is not due', async (t) => {
  const destination = new SqliteDestination();
  const sim = await portal(t);
  const types = ['contacts', 'companies', 'notes'];
  await synced(sim, destination, streams(...types));
  const whole = await dumpAll(destination);
  await synced(sim, destination, streams(...types));
  const plain = (await callsOf(sim)).total;
  await synced(sim, destination, [...streams(...types), ...DUE]);
  assert.equal((await callsOf(sim)).total, plain + types.length);
  assertSameTables(await dumpAll(destination), whole);
  await synced(sim, destination, streams(...types));
  assert.equal((await callsOf(sim)).total, plain);
});

test('a few that differ among many cost few calls', async (t) => {
  const destination = new SqliteDestination();
  const sim = await portal(t, { contacts: 40_000, companies: 0, engagements: 0 });
  // In the right half one comes and one goes: the sum of that half stays.
  const [{ ids }] = await sim.mutate({ op: 'archive', object: 'contacts', count: 1, skip: 23_000 });
  await synced(sim, destination, streams('contacts'));
  await synced(sim, destination, streams('contacts'));
  const plain = (await callsOf(sim)).total;
  await sim.mutate(
    { op: 'restore', object: 'contacts', ids, touch: false },
    { op: 'delete', object: 'contacts', count: 1, skip: 39_000 },
    { op: 'delete', object: 'contacts', count: 1, skip: 200 },
  );
  await synced(sim, destination, [...streams('contacts'), ...DUE]);
  const { total } = await callsOf(sim);
  assert.ok(total - plain <= 40, `${total - plain} calls`);
  t.diagnostic(`${total - plain} calls`);
  assert.equal(await liveRows(destination, 'contact'), (await sim.records()).contacts.live);
  await assertLikeFullLoad(sim, destination, new SqliteDestination(), ['contacts']);
});

test('one restored and one deleted for good: the sum is what it was', async (t) => {
  const destination = new SqliteDestination();
  const sim = await portal(t);
  await synced(sim, destination, streams('contacts'));
  const [{ ids: restored }] = await sim.mutate({ op: 'archive', object: 'contacts', count: 1, skip: 600 });
  await synced(sim, destination, streams('contacts'));
  const [, { ids: deleted }] = await sim.mutate(
    { op: 'restore', object: 'contacts', ids: restored, touch: false },
    { op: 'delete', object: 'contacts', count: 1, skip: 601 },
  );
  await synced(sim, destination, [...streams('contacts'), ...DUE]);
  assert.equal(await isLive(destination, 'contact', 'id', restored[0]), true);
  assert.equal(await isLive(destination, 'contact', 'id', deleted[0]), false);
});

test('what was archived or merged away costs nothing', async (t) => {
  const destination = new SqliteDestination();
  const sim = await portal(t);
  await synced(sim, destination, streams('contacts'));
  const contacts = (await sim.list('contacts', [])).map(({ id }) => id);
  await sim.mutate(
    { op: 'archive', object: 'contacts', ids: contacts.slice(40, 45) },
    { op: 'merge', object: 'contacts', ids: contacts.slice(3, 5) },
  );
  await synced(sim, destination, streams('contacts'));
  const plain = (await callsOf(sim)).total;
  await synced(sim, destination, [...streams('contacts'), ...DUE]);
  assert.equal((await callsOf(sim)).total, plain + 1);
});

test('what is known to be deleted for good is not asked for every day', async (t) => {
  const destination = new SqliteDestination();
  const sim = await portal(t);
  await synced(sim, destination, streams('companies'));
  await synced(sim, destination, streams('companies'));
  const plain = (await callsOf(sim)).total;
  await sim.mutate({ op: 'delete', object: 'companies', count: 3, skip: 9 });
  const calls = [];
  for (let day = 0; day < 3; day++) {
    await synced(sim, destination, [...streams('companies'), ...DUE]);
    calls.push((await callsOf(sim)).total - plain);
  }
  assert.equal(await liveRows(destination, 'company'), (await sim.records()).companies.live);
  assert.ok(calls[0] > 1 && calls[1] === 2 && calls[2] === 1, `${calls}`);
});

describe('many that differ', () => {
  for (const order of ['numeric', 'text', 'unstable']) {
    test(`ids in ${order} order`, async (t) => {
      const destination = new SqliteDestination();
      const sim = await portal(t, { contacts: 3000, companies: 0, engagements: 0, 'search-id-order': order });
      const [early] = await sim.mutate({ op: 'archive', object: 'contacts', count: 900, skip: 1000 });
      await synced(sim, destination, streams('contacts'));
      await sim.mutate(
        { op: 'restore', object: 'contacts', ids: early.ids, touch: false },
        { op: 'delete', object: 'contacts', count: 700, skip: 2200 },
      );
      await synced(sim, destination, [...streams('contacts'), ...DUE]);
      assert.equal(await liveRows(destination, 'contact'), (await sim.records()).contacts.live);
      await assertLikeFullLoad(sim, destination, new SqliteDestination(), ['contacts']);
    });
  }

  test('everything was deleted, and everything comes', async (t) => {
    const destination = new SqliteDestination();
    const sim = await portal(t, { contacts: 0, companies: 1500, engagements: 0 });
    const [all] = await sim.mutate({ op: 'archive', object: 'companies', count: 1400 });
    await synced(sim, destination, streams('companies'));
    await sim.mutate({ op: 'restore', object: 'companies', ids: all.ids, touch: false });
    await synced(sim, destination, [...streams('companies'), ...DUE]);
    const { live } = (await sim.records()).companies;
    assert.ok(live >= 1400);
    assert.equal(await liveRows(destination, 'company'), live);
    await sim.mutate({ op: 'delete', object: 'companies', count: live });
    await synced(sim, destination, [...streams('companies'), ...DUE]);
    assert.equal(await liveRows(destination, 'company'), 0);
  });
});

test('search that lags raises suspicions, no more', async (t) => {
  const destination = new SqliteDestination();
  const sim = await portal(t, { lag: 3_600_000 });
  await synced(sim, destination, streams('contacts'));
  // Search neither knows the new ones, which the list knows, nor that the archived ones are gone.
  const [created, archived] = await sim.mutate(
    { op: 'create', object: 'contacts', count: 5 },
    { op: 'archive', object: 'contacts', count: 3, skip: 50 },
  );
  await synced(sim, destination, [...streams('contacts'), '--full-refresh']);
  await synced(sim, destination, [...streams('contacts'), ...DUE]);
  for (const id of created.ids) {
    assert.equal(await isLive(destination, 'contact', 'id', id), true, id);
  }
  for (const id of archived.ids) {
    assert.equal(await isLive(destination, 'contact', 'id', id), false, id);
  }
});

test('a table that holds only what changed since a date is left alone', async (t) => {
  const destination = new SqliteDestination();
  const sim = await portal(t);
  const [{ ids }] = await sim.mutate({ op: 'update', object: 'contacts', count: 6 });
  const since = new Date(Date.now() - 60_000).toISOString();
  await synced(sim, destination, [...streams('contacts'), '--since', since]);
  const [{ n: first }] = await destination.rows('SELECT count(*) AS n FROM contact');
  assert.ok(Number(first) >= ids.length && Number(first) < 100, `${first} rows`);
  await synced(sim, destination, [...streams('contacts'), '--since', since, ...DUE]);
  assert.deepEqual(await destination.rows('SELECT count(*) AS n FROM contact'), [{ n: first }]);
  // Whoever does not say so any more wants all.
  await synced(sim, destination, streams('contacts'));
  assert.equal(await liveRows(destination, 'contact'), (await sim.records()).contacts.live);
});

test('no deleted mark: rows that are gone go, and come back when restored', async (t) => {
  const destination = new SqliteDestination({ args: ['--metadata-columns', 'weld'] });
  const sim = await portal(t);
  await synced(sim, destination, streams('companies'));
  const [{ ids }] = await sim.mutate({ op: 'archive', object: 'companies', count: 3 });
  await synced(sim, destination, streams('companies'));
  const count = async () => Number((await destination.rows('SELECT count(*) AS n FROM company'))[0].n);
  assert.equal(await count(), (await sim.records()).companies.live);
  await sim.mutate(
    { op: 'restore', object: 'companies', ids, touch: false },
    { op: 'delete', object: 'companies', count: 1, skip: 9 },
  );
  await synced(sim, destination, [...streams('companies'), ...DUE]);
  assert.equal(await count(), (await sim.records()).companies.live);
});

test('an error in the middle marks nothing, and the next run goes on', async (t) => {
  const destination = new SqliteDestination();
  const sim = await portal(t);
  await synced(sim, destination, streams('contacts'));
  const rows = await liveRows(destination, 'contact');
  await sim.mutate({ op: 'delete', object: 'contacts', count: 2, skip: 3 });
  await sim.reset();
  await sim.faults({ action: 'status', status: 400, endpoint: 'objects.batch_read' });
  const failed = await sync(sim, destination, [...streams('contacts'), ...DUE]);
  assert.notEqual(failed.code, 0);
  assert.match(failed.stdout + failed.stderr, /reconcile/);
  assert.equal(await liveRows(destination, 'contact'), rows);
  await sim.clearFaults();
  await synced(sim, destination, [...streams('contacts'), ...DUE]);
  assert.equal(await liveRows(destination, 'contact'), rows - 2);
});

describe('answers that say too little', () => {
  for (const [name, rule] of [
    ['a search that finds nothing', { endpoint: 'objects.search', body: '{"total":0,"results":[]}' }],
    ['a batch read without records and without errors', { endpoint: 'objects.batch_read', body: '{"status":"COMPLETE","results":[]}' }],
    ['a batch read that does not say which', {
      endpoint: 'objects.batch_read',
      body: '{"status":"COMPLETE","results":[],"numErrors":1,"errors":[{"status":"error","category":"OBJECT_NOT_FOUND","message":"?"}]}',
    }],
    ['a batch read that names others', {
      endpoint: 'objects.batch_read',
      body: '{"results":[],"errors":[{"category":"OBJECT_NOT_FOUND","context":{"ids":["51005","x",null]}}]}',
    }],
  ]) {
    test(`${name} marks nothing`, async (t) => {
      const destination = new SqliteDestination();
      const sim = await portal(t);
      await synced(sim, destination, streams('contacts'));
      const rows = await liveRows(destination, 'contact');
      assert.equal((await sim.list('contacts', []))[0].id, '51005');
      await sim.mutate({ op: 'delete', object: 'contacts', count: 2, skip: 300 });
      await sim.reset();
      await sim.faults({ action: 'status', status: 200, ...rule });
      const result = await sync(sim, destination, [...streams('contacts'), ...DUE]);
      assert.equal(result.code, 0, result.stderr);
      const asked = (await callsOf(sim)).by_endpoint['objects.batch_read'];
      assert.ok(asked, 'it was asked which there are');
      const lost = rule.endpoint === 'objects.search' ? 2 : 0;
      assert.equal(await liveRows(destination, 'contact'), rows - lost);
    });
  }
});
