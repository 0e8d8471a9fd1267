// Several syncs of one connection that load into one schema: at the same time, killed, taken apart again. Whatever
// happens, the tables are those that a single sync of all the streams would have made.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { assertSameTables, dumpAll } from './lib/compare.mjs';
import { assertExact } from './lib/exact.mjs';
import { Postgres } from './lib/postgres.mjs';
import { sleep, temporaryFolder, until } from './lib/process.mjs';
import { Server } from './lib/serve.mjs';
import { PostgresDestination, SqliteDestination } from './lib/sluice.mjs';

const PORTAL = { contacts: 900, companies: 200, deals: 250, tickets: 60, engagements: 400, owners: 5, latency: 5 };
const FIRST = ['contacts', 'companies', 'calls', 'emails', 'pipelines', 'contact_company'];
const SECOND = ['deals', 'tickets', 'notes', 'owners', 'deal_contact', 'ticket_contact'];
const TYPE_OF = { calls: 'CALL', emails: 'EMAIL', notes: 'NOTE' };
const KILLS = 5;

let postgres;
before(async () => {
  postgres = await Postgres.start();
});
after(() => postgres?.stop());

// What a place is like: how a server is started over it, how syncs are told apart, how its tables are read.
const KINDS = {
  'a directory of SQLite files': () => ({
    names: ['shared', 'shared'],
    destination: (server, schema) => new SqliteDestination({ folder: join(server.file(schema), '..'), name: `${schema}.db` }),
  }),
  'one SQLite file': () => {
    const folder = temporaryFolder();
    return {
      options: { destination: `sqlite:${join(folder, 'shared.db')}` },
      other: `sqlite:${join(folder, 'reference.db')}`,
      names: ['one name', 'another'], // they are the same tables
      destination: (_server, schema) => new SqliteDestination({ folder, name: `${schema}.db` }),
    };
  },
  PostgreSQL: async () => {
    const name = `sharing_${Date.now()}`;
    const store = await postgres.createDatabase(name);
    return {
      options: { postgres: store, destination: postgres.url() },
      names: [`${name}_shared`, `${name}_shared`],
      reference: `${name}_reference`,
      destination: (_server, schema) => new PostgresDestination(postgres, { schema: schema === 'shared' ? `${name}_shared` : schema }),
    };
  },
};

async function started(t, kind, portal = PORTAL) {
  const place = await KINDS[kind]();
  const server = await Server.start(portal, place.options);
  t.after(() => server.stop());
  const connection = await server.connect();
  return { place, server, connection, destination: place.destination(server, 'shared') };
}

// One sync with all the streams, into a place of its own.
async function reference({ place, server, connection }) {
  const other = place.other && (await server.ok('POST', '/destinations', { url: place.other, label: 'reference' }));
  const schema = place.reference ?? 'reference';
  const sync = await server.sync(connection, [...FIRST, ...SECOND], { schema, ...(other && { destination_id: other.id }) });
  await completed(server, sync);
  return dumpAll(place.destination(server, schema));
}

async function completed(server, sync) {
  for (const [name, run] of Object.entries(await server.settled(sync))) {
    assert.equal(run.status, 'COMPLETED', `${name}: ${JSON.stringify(run)}`);
  }
}

const count = async (destination, table, where = '1 = 1') => {
  const [row] = await destination.rows(`SELECT count(*) AS n FROM "${table}" WHERE ${where}`);
  return Number(row.n);
};

for (const kind of Object.keys(KINDS)) {
  describe(`two syncs of one schema in ${kind}`, () => {
    test('load at the same time, are killed, and make what one sync makes', async (t) => {
      const scene = await started(t, kind);
      const { place, server, connection, destination } = scene;
      const pair = [FIRST, SECOND].map((names, i) => server.sync(connection, names, { schema: place.names[i] }));
      const [first, second] = await Promise.all(pair);
      await Promise.all([completed(server, first), completed(server, second)]);
      await assertExact(server.sim, destination, [...FIRST, ...SECOND], { every: 10 });
      // No run had to be tried again: they did not get in each other's way.
      for (const sync of [first, second]) {
        for (const run of Object.values(await server.settled(sync))) {
          assert.equal(run.retry_attempt, 0, JSON.stringify(run));
        }
      }
      for (let i = 0; i < KILLS; i++) {
        const full = [first.streams.calls, second.streams.notes, second.streams.deals, first.streams.contacts];
        await Promise.all(full.map((id) => server.ok('POST', `/elt_streams/${id}/request_full_refresh`)));
        await Promise.all([server.run(first), server.run(second)]);
        await sleep(100 + 150 * i);
        await server.kill();
        await server.restart();
      }
      await Promise.all([first, second].map((sync) => server.settled(sync)));
      await server.load(first);
      await server.load(second); // pairs go behind what they need, which the other sync loads
      await assertExact(server.sim, destination, [...FIRST, ...SECOND], { every: 10 });
      assertSameTables(await dumpAll(destination), await reference(scene));
    });

    test('the data of one goes, and what the other uses stays', async (t) => {
      const { place, server, connection, destination } = await started(t, kind);
      const first = await server.sync(connection, FIRST, { schema: place.names[0] });
      const kept = ['deals', 'tickets', 'notes', 'owners'];
      const second = await server.sync(connection, kept, { schema: place.names[1] });
      await Promise.all([completed(server, first), completed(server, second)]);
      const notes = await count(destination, 'engagement', "type = 'NOTE'");
      assert.ok(notes > 0 && (await count(destination, 'engagement', "type = 'CALL'")) > 0);
      await server.run(second); // and goes on with it under way
      const { status, text } = await server.api('DELETE', `/elt_syncs/${first.id}?removeDataReferences=true`);
      assert.equal(status, 204, text);
      await completed(server, second);
      const tables = await destination.tables();
      for (const gone of ['contact', 'company', 'engagement_call', 'engagement_email', 'deal_pipeline', 'contact_company']) {
        assert.ok(!tables.includes(gone), `${gone} is there`);
      }
      assert.equal(await count(destination, 'engagement', "type <> 'NOTE'"), 0);
      assert.equal(await count(destination, 'engagement'), notes);
      const states = await destination.rows('SELECT stream FROM _sluice_state ORDER BY 1');
      assert.deepEqual(states.map((row) => row.stream), [...kept].sort());
      await assertExact(server.sim, destination, ['deals', 'tickets', 'notes'], { every: 10 });
      // Its streams are free, for the other sync or for a new one of the same name.
      const again = await server.sync(connection, ['companies', 'calls'], { schema: place.names[0] });
      await server.ok('POST', `/elt_syncs/${second.id}/source_streams`, { source_streams: [{ name: 'contacts' }] });
      await Promise.all([completed(server, again), completed(server, { id: second.id })]);
      await assertExact(server.sim, destination, ['contacts', 'companies', 'calls', 'notes'], { every: 10 });
      // With the last of them the shared table goes, too.
      for (const sync of [second, again]) {
        assert.equal((await server.api('DELETE', `/elt_syncs/${sync.id}?removeDataReferences=true`)).status, 204);
      }
      assert.deepEqual((await destination.tables()).filter((name) => !name.startsWith('_sluice')), []);
    });

    test('a stream moves to the other sync, and is gone on with', async (t) => {
      const { place, server, connection, destination } = await started(t, kind, { ...PORTAL, latency: undefined });
      const first = await server.sync(connection, ['contacts', 'calls'], { schema: place.names[0] });
      const second = await server.sync(connection, ['companies', 'notes'], { schema: place.names[1] });
      await Promise.all([completed(server, first), completed(server, second)]);
      const add = () => server.api('POST', `/elt_syncs/${second.id}/source_streams`, {
        source_streams: [{ name: 'deals' }, { name: 'calls', excluded_columns: ['portal_id'] }],
      });
      const refused = await add();
      assert.equal(refused.status, 409, refused.text);
      assert.match(refused.json.message, new RegExp(`source_streams\\[1\\].*${first.id}.*"calls".*${first.streams.calls}`));
      const { source_streams: still } = await server.ok('GET', `/elt_syncs/${second.id}`);
      assert.deepEqual(still.map((s) => s.name), ['companies', 'notes']);
      const { data: available } = await server.ok('GET', `/elt_syncs/${second.id}/available_source_streams`);
      const calls = available.find((s) => s.name === 'calls');
      assert.deepEqual([calls.is_selectable, calls.elt_sync_id], [false, first.id]);
      assert.equal((await server.api('DELETE', `/elt_streams/${first.streams.calls}`)).status, 204);
      await server.sim.mutate({ op: 'create', object: 'calls', count: 7 });
      assert.equal((await add()).status, 201);
      await completed(server, { id: second.id });
      await assertExact(server.sim, destination, ['contacts', 'companies', 'calls', 'notes', 'deals'], { every: 10 });
      // What the one stream leaves out of the table that both write to, the other keeps.
      assert.equal(await count(destination, 'engagement', "type = 'CALL' AND portal_id IS NOT NULL"), 0);
      assert.equal(await count(destination, 'engagement', "type = 'NOTE' AND portal_id IS NULL"), 0);
      const { records } = await server.sim.counts();
      for (const name of ['calls', 'notes']) {
        assert.equal(await count(destination, 'engagement', `type = '${TYPE_OF[name]}' AND NOT _sluice_deleted`), records[name].live);
      }
      // The sync that it has left takes nothing of it along.
      assert.equal((await server.api('DELETE', `/elt_syncs/${first.id}?removeDataReferences=true`)).status, 204);
      await assertExact(server.sim, destination, ['companies', 'calls', 'notes', 'deals'], { every: 10 });
      const { source_streams: all } = await server.ok('GET', `/elt_syncs/${second.id}`);
      await server.load({ id: second.id, streams: Object.fromEntries(all.map((s) => [s.name, s.id])) });
    });

    test('of adds at once one wins, and another connection stays out', async (t) => {
      const { place, server, connection } = await started(t, kind, { contacts: 5 });
      const syncs = await Promise.all([0, 1, 0, 1].map((i) => server.ok('POST', '/elt_syncs', {
        connection_id: connection, destination_schema_name: place.names[i], sync_interval: '@daily',
      })));
      for (const name of ['contacts', 'deals', 'notes']) {
        const answers = await Promise.all(syncs.map((sync) => server.api('POST', `/elt_syncs/${sync.id}/source_streams`, {
          source_streams: [{ name }],
        })));
        assert.deepEqual(answers.map((a) => a.status).sort(), [201, 409, 409, 409]);
      }
      const other = await server.connect({ label: 'other' });
      const refused = await server.api('POST', '/elt_syncs', {
        connection_id: other, destination_schema_name: place.names[0], sync_interval: '@daily',
      });
      assert.equal(refused.status, 409);
      assert.match(refused.json.message, new RegExp(`connection ${connection} .* connection ${other} `));
      assert.ok(syncs.some((sync) => refused.json.message.includes(sync.id)), refused.text);
    });
  });
}

// A stream's place in the destination says what of it was never read.
test('a stream that moves to a sync with an earlier start brings what it lacks', async (t) => {
  const { server, connection, destination } = await started(t, 'a directory of SQLite files', { contacts: 300 });
  const changed = (await server.sim.list('contacts', ['lastmodifieddate'])).map((r) => r.properties.lastmodifieddate).sort();
  const add = (sync) => server.ok('POST', `/elt_syncs/${sync.id}/source_streams`, { source_streams: [{ name: 'contacts' }] });
  let held = 0;
  for (const start of [changed[200], changed[100], undefined]) {
    const sync = await server.sync(connection, ['contacts'], { schema: 'shared', ...(start && { start_date: start }) });
    await completed(server, sync);
    const wanted = changed.filter((at) => start === undefined || at >= start).length;
    assert.equal(await count(destination, 'contact', 'NOT _sluice_deleted'), wanted, start);
    assert.ok(wanted > held);
    held = wanted;
    await server.load(sync);
    assert.equal((await server.api('DELETE', `/elt_streams/${sync.streams.contacts}`)).status, 204);
    if (start === undefined) {
      await add(sync);
      await completed(server, sync);
    }
  }
  await assertExact(server.sim, destination, ['contacts'], { every: 10 });
});

// While the tables of a sync are being removed nothing that is to go comes into another sync.
test('a removal that is under way is not overtaken', async (t) => {
  const { place, server, connection, destination } = await started(t, 'PostgreSQL', { contacts: 50, companies: 20 });
  const first = await server.sync(connection, ['contacts', 'companies'], { schema: place.names[0] });
  const second = await server.sync(connection, ['owners'], { schema: place.names[1] });
  await Promise.all([completed(server, first), completed(server, second)]);
  const add = () => server.api('POST', `/elt_syncs/${second.id}/source_streams`, { source_streams: [{ name: 'contacts' }] });
  const reader = await postgres.hold(`SELECT * FROM "${place.names[0]}".contact LIMIT 1`);
  const removal = server.api('DELETE', `/elt_syncs/${first.id}?removeDataReferences=true`);
  await until(async () => (await postgres.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'DROP TABLE%'")).length > 0, { child: server.child });
  const [moved, added] = await Promise.all([server.api('DELETE', `/elt_streams/${first.streams.contacts}`), add()]);
  assert.deepEqual([moved.status, added.status], [409, 409], moved.text + added.text);
  assert.ok(Number(moved.headers.get('retry-after')) > 0);
  await reader.release();
  assert.equal((await removal).status, 204);
  assert.equal((await server.api('DELETE', `/elt_streams/${first.streams.contacts}`)).status, 404);
  assert.equal((await add()).status, 201);
  await completed(server, { id: second.id });
  await assertExact(server.sim, destination, ['contacts']);
});
