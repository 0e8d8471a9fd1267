// History tables over the whole program: each version of each row is there, once, and nothing that must not be; also
// when the server is killed while it loads. HISTORY_SEED repeats a sequence of kills, HISTORY_KILLS changes its length.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { assertExact } from './lib/exact.mjs';
import { Postgres } from './lib/postgres.mjs';
import { randomNumbers } from './lib/process.mjs';
import { Server } from './lib/serve.mjs';
import { Sim } from './lib/sim.mjs';
import { PostgresDestination, SqliteDestination, sync as syncOnce } from './lib/sluice.mjs';

const SEED = Number(process.env.HISTORY_SEED ?? Date.now() % 1_000_000);
const KILLS = Number(process.env.HISTORY_KILLS ?? 6);
const PORTAL = { contacts: 300, companies: 60, deals: 80 };
const SYNCED = '_sluice_synced';

let postgres;

before(async () => {
  postgres = await Postgres.start();
});

after(async () => {
  await postgres?.stop();
});

let schemas = 0;
const PLACES = {
  sqlite: {
    options: () => ({}),
    schema: () => 'hubspot',
    destination: (server) => new SqliteDestination({ folder: join(server.file(), '..') }),
  },
  postgres: {
    options: () => ({ destination: postgres.url() }),
    schema: () => `history_${++schemas}`,
    destination: (server, schema) => new PostgresDestination(postgres, { schema }),
  },
};

// The instant of a row as milliseconds; PostgreSQL's text and SQLite's are both understood.
function instant(row) {
  return Date.parse(row[SYNCED].replace(' ', 'T').replace(/\+00$/, 'Z'));
}

function contents(row) {
  const { [SYNCED]: synced, ...rest } = row;
  return rest;
}

// {id: the version that held at that instant}, of all versions in their order.
function stateAt(versions, atMs = Infinity) {
  return new Map(versions.filter((v) => instant(v) <= atMs).map((v) => [String(v.id), v]));
}

async function versionsOf(destination, table) {
  return destination.rows(`SELECT * FROM "${table}__history" ORDER BY "${SYNCED}"`);
}

// Each row of the table is the newest of its versions, which differ from each other. Gives the versions.
async function assertHistory(destination, table) {
  const rows = await destination.rows(`SELECT * FROM "${table}"`);
  const versions = await versionsOf(destination, table);
  const newest = stateAt(versions);
  assert.ok(rows.length > 0);
  assert.equal(newest.size, rows.length);
  for (const row of rows) {
    assert.deepEqual(contents(newest.get(String(row.id))), contents(row));
  }
  const former = new Map();
  for (const version of versions) {
    const before = former.get(String(version.id));
    if (before) {
      assert.ok(instant(before) < instant(version), `${version.id} at ${version[SYNCED]}`);
      assert.notDeepEqual(contents(before), contents(version), `${version.id} at ${version[SYNCED]} is as it was`);
    }
    former.set(String(version.id), version);
  }
  return versions;
}

async function put(server, sync, ...streams) {
  return server.ok('POST', `/elt_syncs/${sync.id}/source_streams`, { source_streams: streams });
}

function refresh(server, sync, stream, body) {
  return server.ok('POST', `/elt_streams/${sync.streams[stream]}/request_full_refresh`, body);
}

for (const [kind, place] of Object.entries(PLACES)) {
  // A server with a sync of `streams`, not yet enabled; those of `kept` with a history.
  async function started(t, sim, streams, kept) {
    const server = await Server.start(sim, place.options());
    t.after(() => server.stop());
    const schema = place.schema();
    const sync = await server.sync(await server.connect(), streams, { schema, enable: false });
    if (kept.length > 0) {
      await put(server, sync, ...kept.map((name) => ({ name, enabled_history_table: true })));
    }
    const begin = async () => {
      await server.ok('POST', `/elt_syncs/${sync.id}/enable`);
      await server.settled(sync);
    };
    return { server, sync, begin, destination: place.destination(server, schema) };
  }

  describe(`into ${kind}`, { concurrency: 2 }, () => {
    test('a history has each version of each row: full, incremental, full again, and wiped', async (t) => {
      const { server, sync, begin, destination } = await started(t, PORTAL, ['contacts', 'companies'], ['contacts']);
      const { data } = await server.ok('GET', `/elt_streams?elt_sync_id=${sync.id}`);
      assert.deepEqual(Object.fromEntries(data.map((s) => [s.name, s.enabled_history_table])), { contacts: true, companies: false });
      await begin();
      const n = (await destination.rows('SELECT id FROM contact')).length; // all but those that are archived
      assert.ok(n > PORTAL.contacts - 10);
      assert.equal((await assertHistory(destination, 'contact')).length, n);
      const tables = await destination.tables();
      assert.ok(tables.includes('contact_merge_audit__history') && !tables.includes('company__history'), tables.join());
      assert.deepEqual(await destination.columns('contact__history').then((all) => all.map((c) => c.name)),
        await destination.columns('contact').then((all) => all.map((c) => c.name)));

      // What changes, and nothing else, although an incremental run reads more than once.
      const [{ ids }] = await server.sim.mutate({ op: 'update', object: 'contacts', count: 7, properties: { lastname: 'Neu' } });
      await server.load(sync);
      await server.load(sync);
      let versions = await assertHistory(destination, 'contact');
      assert.equal(versions.length, n + 7);
      if (ids) {
        assert.deepEqual(versions.filter((v) => v.property_lastname === 'Neu').map((v) => String(v.id)).sort(), ids.map(String).sort());
      }

      // A full refresh that sees the same values adds none, and marks what is gone.
      await server.sim.mutate({ op: 'archive', object: 'contacts', count: 1, pick: 'last' });
      await refresh(server, sync, 'contacts');
      await server.load(sync);
      versions = await assertHistory(destination, 'contact');
      assert.equal(versions.length, n + 8);
      assert.equal(versions.filter((v) => /^(1|t|true)$/.test(String(v._sluice_deleted))).length, 1);

      // Taken back, the wiping does not come with the next full refresh.
      await refresh(server, sync, 'contacts', { reset_history_table: true });
      await server.ok('POST', `/elt_streams/${sync.streams.contacts}/cancel_full_refresh`);
      await refresh(server, sync, 'contacts');
      await server.load(sync);
      assert.equal((await assertHistory(destination, 'contact')).length, n + 8);

      await server.sim.mutate({ op: 'update', object: 'contacts', count: 3, properties: { lastname: 'Neuer' } });
      await refresh(server, sync, 'contacts', { reset_history_table: true });
      const stream = await server.ok('GET', `/elt_streams/${sync.streams.contacts}`);
      assert.equal(stream.reset_history_table_requested, true);
      await server.load(sync);
      versions = await assertHistory(destination, 'contact');
      assert.equal(versions.length, n, 'one version of each row, of the one that is gone, too');
      assert.equal(versions.filter((v) => v.property_lastname === 'Neuer').length, 3);
      await server.load(sync);
      await refresh(server, sync, 'contacts');
      await server.load(sync);
      assert.equal((await assertHistory(destination, 'contact')).length, n, 'wiped once');
    });

    test('a history begins and goes on with rows as they are, without a full refresh', async (t) => {
      const { server, sync, begin, destination } = await started(t, PORTAL, ['contacts'], []);
      await begin();
      await server.sim.mutate({ op: 'archive', object: 'contacts', count: 1, pick: 'last' });
      await server.load(sync);
      const rows = await destination.rows('SELECT * FROM contact');
      await put(server, sync, { name: 'contacts', enabled_history_table: true });
      const { contacts } = await server.load(sync);
      assert.equal(contacts.operation_mode, 'INCREMENTAL');
      assert.equal((await assertHistory(destination, 'contact')).length, rows.length);
      await put(server, sync, { name: 'contacts', enabled_history_table: false });
      await server.sim.mutate({ op: 'update', object: 'contacts', count: 5, properties: { lastname: 'Unbemerkt' } });
      await server.load(sync);
      assert.equal((await versionsOf(destination, 'contact')).length, rows.length, 'the history stays as it is');
      await put(server, sync, { name: 'contacts', enabled_history_table: true });
      await server.load(sync);
      const versions = await assertHistory(destination, 'contact');
      assert.equal(versions.length, rows.length + 5);
    });

    test('what is left out or hashed is in no former version, either', async (t) => {
      const { server, sync, begin, destination } = await started(t, PORTAL, ['contacts'], ['contacts']);
      const records = await server.sim.list('contacts', ['email', 'lastname', 'phone']);
      await begin();
      await server.sim.mutate({ op: 'update', object: 'contacts', count: 5, properties: { lastname: 'Zweitname', phone: '+49 5555 1' } });
      await server.load(sync);
      await put(server, sync, { name: 'contacts', excluded_columns: ['property_lastname'], hashed_columns: ['property_phone', 'email'] });
      await server.load(sync);
      await assertHistory(destination, 'contact');
      const columns = (await destination.columns('contact__history')).map((c) => c.name);
      assert.ok(!columns.includes('property_lastname') && columns.includes('property_phone'));
      const versions = await versionsOf(destination, 'contact');
      for (const { id, property_phone: phone, property_email: email } of versions) {
        assert.match(String(phone ?? ''), /^([0-9a-f]{64})?$/, `phone of ${id}`);
        assert.match(String(email ?? ''), /^([0-9a-f]{64})?$/, `email of ${id}`);
      }
      assert.ok(versions.some((v) => v.property_email) && records.some((r) => r.properties.email));
    });

    test('tables that go take their histories with them', async (t) => {
      const { server, sync, begin, destination } = await started(t, PORTAL, ['contacts', 'owners'], ['contacts', 'owners']);
      await begin();
      assert.ok((await destination.tables()).includes('owner_team__history'));
      await put(server, sync, { name: 'owners', excluded_substreams: ['owner_team'] });
      await server.load(sync);
      let tables = await destination.tables();
      assert.ok(!tables.includes('owner_team') && !tables.includes('owner_team__history') && tables.includes('owner__history'), tables.join());
      const { status, text } = await server.api('DELETE', `/elt_syncs/${sync.id}?removeDataReferences=true`);
      assert.equal(status, 204, text);
      tables = await destination.tables();
      assert.deepEqual(tables.filter((name) => !name.startsWith('_sluice_')), []);
      assert.deepEqual(await destination.rows('SELECT * FROM _sluice_history'), []);
    });

    test(`killed ${KILLS} times while it loads, it has each version once, seed ${SEED}`, async (t) => {
      const random = randomNumbers(SEED);
      const portal = { contacts: 2500, deals: 300, latency: 10 };
      const { server, sync, begin, destination } = await started(t, portal, ['contacts'], ['contacts']);
      await begin();
      const n = (await destination.rows('SELECT id FROM contact')).length;
      const past = [];
      for (let kill = 0; kill < KILLS; kill++) {
        await server.sim.mutate({ op: 'update', object: 'contacts', count: 200, skip: kill * 300, properties: { lastname: `N${kill}` } });
        const wipes = kill === Math.floor(KILLS / 2);
        if (wipes) {
          past.length = 0;
        }
        await refresh(server, sync, 'contacts', { reset_history_table: wipes });
        const hold = await server.sim.hold('contacts', 3 + Math.floor(random() * 20), { ms: 1000 });
        await server.run(sync);
        await hold.reached(server.child);
        await server.kill();
        await server.sim.clearFaults();
        await server.restart();
        await server.settled(sync);
        const rows = await destination.rows('SELECT * FROM contact');
        past.push({ atMs: Math.max(...rows.map(instant)), rows });
      }
      await assertExact(server.sim, destination, ['contacts'], { every: 10 });
      const versions = await assertHistory(destination, 'contact');
      for (const { atMs, rows } of past) {
        const then = stateAt(versions, atMs);
        for (const row of rows) {
          assert.deepEqual(contents(then.get(String(row.id)) ?? {}), contents(row), `${row.id} at ${atMs}`);
        }
      }
      const changes = KILLS - Math.floor(KILLS / 2) - 1; // since the wiping
      assert.equal(versions.length, n + 200 * changes);
    });
  });
}

describe('sluice sync', { concurrency: 2 }, () => {
  let sim;

  before(async () => {
    sim = await Sim.start(PORTAL);
  });

  after(async () => {
    await sim?.stop();
  });

  for (const [kind, make] of Object.entries({ sqlite: () => new SqliteDestination(), postgres: () => new PostgresDestination(postgres) })) {
    test(`keeps and wipes histories in ${kind}`, async () => {
      const destination = make();
      const base = ['--streams', 'companies,owners', '--history-tables'];
      const once = async (...args) => {
        const result = await syncOnce(sim, destination, args);
        assert.equal(result.code, 0, result.stderr);
      };
      await once(...base, 'company');
      const n = (await destination.rows('SELECT id FROM company')).length;
      const tables = await destination.tables();
      assert.ok(tables.includes('company__history') && !tables.includes('owner__history'));
      await sim.mutate({ op: 'update', object: 'companies', count: 4 });
      await once(...base, 'all', '--full-refresh');
      assert.equal((await assertHistory(destination, 'company')).length, n + 4);
      assert.ok((await destination.tables()).includes('owner__history'));
      await once(...base, 'all', '--full-refresh', '--reset-history');
      assert.equal((await assertHistory(destination, 'company')).length, n);
    });
  }

  test('refuses what cannot be meant', async () => {
    for (const [args, says] of [
      [['--streams', 'companies', '--history-tables', 'contacts'], /--history-tables: this sync does not load "contacts"/],
      [['--history-tables', 'contatcs'], /--history-tables: there is no stream "contatcs"/],
      [['--reset-history'], /--full-refresh/],
    ]) {
      const result = await syncOnce(sim, new SqliteDestination(), args);
      assert.equal(result.code, 2, result.stderr);
      assert.match(result.stderr, says);
    }
  });

  test('puts no plain value of a hashed column into any file', async () => {
    const server = await Server.start(sim);
    try {
      const sync = await server.sync(await server.connect(), ['companies'], { enable: false });
      await put(server, sync, { name: 'companies', enabled_history_table: true, hashed_columns: ['name'] });
      await server.ok('POST', `/elt_syncs/${sync.id}/enable`);
      await server.settled(sync);
      const names = (await sim.list('companies', ['name'])).map((r) => r.properties.name).filter(Boolean);
      const folder = join(server.file(), '..');
      const bytes = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'latin1')).join('');
      assert.ok(names.length > 10);
      assert.deepEqual(names.filter((name) => bytes.includes(Buffer.from(name).toString('latin1'))), []);
    } finally {
      await server.stop();
    }
  });
});
