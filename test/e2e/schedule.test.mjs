// When streams are loaded, and how: the minute of a cron expression, a day's limit that is spent, and what each switch
// of a stream does to the tables.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { assertExact } from './lib/exact.mjs';
import { sleep, until } from './lib/process.mjs';
import { clearOfHour } from './lib/quiet_hours.mjs';
import { Server } from './lib/serve.mjs';
import { SqliteDestination } from './lib/sluice.mjs';
import { sqlite, sqliteValue, sqliteWrite } from './lib/sqlite.mjs';

const PORTAL = { contacts: 150, companies: 30, deals: 20 };

async function started(t, simOptions, options) {
  const server = await Server.start(simOptions, options);
  t.after(() => server.stop());
  return server;
}

async function statusOf(server, sync) {
  const { source_streams: streams } = await server.ok('GET', `/elt_syncs/${sync.id}/status`);
  return Object.fromEntries(streams.map((s) => [s.name, s]));
}

function change(server, sync, ...streams) {
  return server.ok('POST', `/elt_syncs/${sync.id}/source_streams`, { source_streams: streams });
}

// A run of each stream; gives {name: 'FULL USER'}.
async function modes(server, sync) {
  const ended = await server.load(sync);
  return Object.fromEntries(Object.entries(ended).map(([name, run]) => [name, `${run.operation_mode} ${run.full_sync_trigger}`]));
}

describe('a schedule', { concurrency: true }, () => {
  test('* * * * * begins a run at each minute, and none in between', async (t) => {
    const server = await started(t, PORTAL);
    const connection = await server.connect();
    // In the middle of a minute: what came a minute after the first run would not be at the beginning of one.
    const second = () => (Date.now() % 60_000) / 1000;
    await sleep(second() < 30 || second() > 40 ? ((90 - second()) % 60) * 1000 : 0);
    const sync = await server.sync(connection, ['contacts', 'companies'], { interval: '* * * * *' });
    await server.settled(sync);
    const before = Date.now();
    await until(async () => {
      const { data } = await server.ok('GET', `/elt_stream_runs?elt_stream_id=${sync.streams.contacts}&sort_direction=asc`);
      return data.filter((run) => Date.parse(run.started_at) > before).length > 0;
    }, { timeoutMs: 180_000, child: server.child });
    await server.settled(sync);
    for (const id of Object.values(sync.streams)) {
      const { data: [, ...later] } = await server.ok('GET', `/elt_stream_runs?elt_stream_id=${id}&sort_direction=asc`);
      assert.ok(later.length >= 1, 'runs after the first');
      for (const run of later) {
        const late = Date.parse(run.started_at) % 60_000; // on a busy machine nothing is on the second
        assert.ok(late < 20_000, `${run.started_at} is no beginning of a minute`);
        assert.equal(run.status, 'COMPLETED');
      }
    }
  });

  test("a spent day: DELAYED until a time that it tells, and no worker waits with it", async (t) => {
    await clearOfHour(1, 2); // the account's day ends at the beginning of one
    const server = await started(t, { contacts: 5000, limit: '190/10s', daily: 60, accounts: 2 }, { args: ['--workers', '1'] });
    const first = await server.sync(await server.connect(), ['contacts'], { schema: 'first' });
    const run = await until(async () => {
      const { contacts } = await statusOf(server, first);
      return contacts.active_sync?.status === 'DELAYED' && contacts.active_sync;
    }, server);
    assert.match(run.details, /waiting until .*\d\d:\d\d/);
    assert.match(run.error_message ?? run.details, /day|daily/i);
    const [row] = sqlite(join(server.folder, 'sluice.db'), "SELECT worker, not_before_ms AS at FROM stream_run WHERE status = 'delayed'");
    assert.equal(row.worker, '');
    assert.ok(row.at > Date.now() && row.at < Date.now() + 25 * 3600_000, `until ${new Date(row.at).toISOString()}`);
    // The only worker is free for another account.
    await server.sim.api('POST', '/_sim/limits', { daily: 1_000_000 });
    const second = await server.sync(await server.connect({ token: `${server.sim.token}-2` }), ['owners'], { schema: 'second' });
    await server.settled(second);
    assert.equal((await statusOf(server, first)).contacts.active_sync.status, 'DELAYED');
  });
});

describe('a stream', { concurrency: 3 }, () => {
  test('is loaded in full always, at midnight, on request, or never again', async (t) => {
    await clearOfHour(24);
    const server = await started(t, PORTAL);
    const sync = await server.sync(await server.connect(), ['contacts', 'companies', 'deals', 'owners'], { enable: false });
    await change(server, sync, { name: 'contacts', full_sync_always: true }, { name: 'companies', full_sync_at_midnight: true },
      { name: 'deals', protected_from_full_sync: true });
    await server.ok('POST', `/elt_syncs/${sync.id}/enable`);
    await server.settled(sync);
    const refused = await server.api('POST', `/elt_streams/${sync.streams.deals}/request_full_refresh`);
    assert.equal(refused.status, 400, refused.text);
    assert.equal(refused.json.error_code, 'protected_from_full_sync');
    // Nor does a mark do it that was made when it was not protected.
    sqliteWrite(join(server.folder, 'sluice.db'), `UPDATE elt_stream SET full_refresh_ms = 1 WHERE id = '${sync.streams.deals}'`);
    const second = await modes(server, sync);
    assert.equal(second.contacts, 'FULL ALWAYS_FULL');
    assert.equal(second.companies, 'INCREMENTAL NONE');
    assert.equal(second.deals, 'INCREMENTAL NONE');
    // As if the last full load had been yesterday.
    sqliteWrite(join(server.folder, 'sluice.db'), 'UPDATE elt_stream SET last_full_ms = last_full_ms - 86400000');
    const third = await modes(server, sync);
    assert.equal(third.companies, 'FULL MIDNIGHT');
    assert.equal((await modes(server, sync)).companies, 'INCREMENTAL NONE', 'once a day');
    await change(server, sync, { name: 'deals', protected_from_full_sync: false });
    await server.ok('POST', `/elt_streams/${sync.streams.deals}/request_full_refresh`);
    assert.equal((await modes(server, sync)).deals, 'FULL USER');
    const destination = new SqliteDestination({ folder: join(server.file(), '..') });
    await assertExact(server.sim, destination, ['contacts', 'companies', 'deals']);
  });

  test('hides columns: left out or hashed, from the first load on or later, and nothing of them stays', async (t) => {
    const server = await started(t, PORTAL);
    const connection = await server.connect();
    const sync = await server.sync(connection, ['contacts', 'companies'], { enable: false });
    await change(server, sync, { name: 'contacts', excluded_columns: ['property_lastname'], hashed_columns: ['property_email'] });
    await server.ok('POST', `/elt_syncs/${sync.id}/enable`);
    await server.settled(sync);
    const records = await server.sim.list('contacts', ['email', 'lastname', 'phone']);
    const hashes = () => new Map(sqlite(server.file(), 'SELECT id, property_email AS hash FROM contact').map((row) => [String(row.id), row.hash]));
    const found = hashes();
    const of = new Map();
    for (const { id, properties: { email } } of records) {
      const hash = found.get(id);
      assert.ok(email ? /^[0-9a-f]{64}$/.test(hash) : hash === null || hash === undefined, `${id}: ${hash}`);
      if (email) {
        assert.equal(of.get(email) ?? hash, hash, 'equal values have equal hashes');
        of.set(email, hash);
      }
    }
    assert.ok(of.size > 100 && new Set(of.values()).size === of.size, 'other values have other hashes');
    const raw = (values) => {
      const bytes = readdirSync(join(server.file(), '..')).map((file) => readFileSync(join(server.file(), '..', file), 'latin1')).join('');
      return values.filter((value) => value && bytes.includes(Buffer.from(value).toString('latin1')));
    };
    assert.deepEqual(raw([...of.keys()]), [], 'addresses in the files');
    assert.equal(sqliteValue(server.file(), "SELECT count(*) FROM pragma_table_info('contact') WHERE name = 'property_lastname'"), 0);
    // The same value has the same hash in every later run and every other sync of the workspace.
    await server.ok('POST', `/elt_streams/${sync.streams.contacts}/request_full_refresh`);
    await server.load(sync);
    assert.deepEqual([...hashes()].sort(), [...found].sort());
    // Without the salt nobody can hash a list of addresses and compare.
    const [[email, hash]] = of;
    assert.notEqual(createHash('sha256').update(email).digest('hex'), hash);
    // What is hidden later is gone from what was loaded before.
    const phones = records.map((record) => record.properties.phone).filter(Boolean);
    assert.ok(Number(sqliteValue(server.file(), 'SELECT count(*) FROM contact WHERE property_phone IS NOT NULL')) > 0 && phones.length > 0);
    await change(server, sync, { name: 'contacts', hashed_columns: ['property_email', 'property_phone'] });
    await server.load(sync);
    assert.equal(Number(sqliteValue(server.file(),
      "SELECT count(*) FROM contact WHERE property_phone IS NOT NULL AND (length(property_phone) <> 64 OR property_phone GLOB '*[^0-9a-f]*')")), 0);
  });

  test('fills the tables beside its main one, but for those that are excluded', async (t) => {
    const server = await started(t, PORTAL);
    const sync = await server.sync(await server.connect(), ['owners', 'pipelines'], { enable: false });
    const { data } = await server.ok('GET', `/elt_syncs/${sync.id}/available_source_streams`);
    const beside = data.find((stream) => stream.name === 'owners').sub_streams;
    assert.ok(beside.length > 0);
    await change(server, sync, { name: 'owners', excluded_substreams: beside });
    await server.ok('POST', `/elt_syncs/${sync.id}/enable`);
    await server.settled(sync);
    const tables = sqlite(server.file(), "SELECT name FROM sqlite_schema WHERE type = 'table'").map((row) => row.name);
    assert.ok(tables.includes('owner'));
    assert.deepEqual(beside.filter((table) => tables.includes(table)), []);
    await change(server, sync, { name: 'owners', excluded_substreams: [] });
    await server.load(sync);
    for (const table of beside) {
      assert.ok(Number(sqliteValue(server.file(), `SELECT count(*) FROM "${table}"`)) > 0, table);
    }
  });

  test('begins at start_date, with full refreshes, too', async (t) => {
    const server = await started(t, { ...PORTAL, contacts: 400 });
    const records = await server.sim.list('contacts', ['lastmodifieddate']);
    const stamps = records.map((record) => Date.parse(record.properties.lastmodifieddate)).sort((a, b) => a - b);
    const start = new Date(stamps[200]).toISOString().slice(0, 10);
    const sync = await server.sync(await server.connect(), ['contacts'], { start_date: start });
    await server.settled(sync);
    const wanted = records.filter((record) => Date.parse(record.properties.lastmodifieddate) >= Date.parse(start)).map((record) => record.id);
    assert.ok(wanted.length > 50 && wanted.length < 350, `${wanted.length} records since ${start}`);
    const found = () => sqlite(server.file(), 'SELECT id FROM contact WHERE NOT _sluice_deleted').map((row) => String(row.id)).sort();
    assert.deepEqual(found(), wanted.sort());
    sqliteWrite(server.file(), "UPDATE contact SET property_email = 'stale'");
    await server.ok('POST', `/elt_streams/${sync.streams.contacts}/request_full_refresh`);
    const { contacts } = await server.load(sync);
    assert.equal(contacts.operation_mode, 'FULL');
    assert.deepEqual(found(), wanted);
    assert.equal(sqliteValue(server.file(), "SELECT count(*) FROM contact WHERE property_email = 'stale'"), 0, 'all of them were read again');
  });
});
