// The story of an ELT sync through the REST API of a running server: made, given streams, enabled, run, looked at,
// loaded anew, and removed again. What each field and status code must be is in the unit tests; here the parts meet.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { until } from './lib/process.mjs';
import { Server } from './lib/serve.mjs';
import { sqliteValue } from './lib/sqlite.mjs';

describe('an ELT sync', () => {
  let server;
  let connection;
  let live;
  before(async () => {
    server = await Server.start({ contacts: 120, companies: 30, deals: 20 });
    connection = await server.connect();
    const records = await server.sim.records();
    live = (object) => records[object].live;
  });
  after(() => server?.stop());

  const count = (schema, table) => sqliteValue(server.file(schema), `SELECT count(*) FROM ${table} WHERE NOT _sluice_deleted`);

  const follow = (statusUrl) => until(async () => {
    const { data: [run] } = await server.ok('GET', statusUrl);
    return run && run.status !== 'RUNNING' && run;
  }, server);

  test('runs soon after it is enabled, and tells how it went', async () => {
    const sync = await server.ok('POST', '/elt_syncs', {
      connection_id: connection, destination_schema_name: 'first', sync_interval: '0 0 1 1 *',
      elt_settings: {}, start_date: '',
    });
    const { data: available } = await server.ok('GET', `/elt_syncs/${sync.id}/available_source_streams`);
    const wanted = available.filter((stream) => stream.preselect).map((stream) => stream.name);
    assert.deepEqual(wanted.sort(), ['companies', 'contacts', 'deals']);
    await server.ok('POST', `/elt_syncs/${sync.id}/source_streams`, {
      source_streams: wanted.map((name) => ({ name, incremental_pointer_id: '', excluded_columns: [] })),
    });
    const { status } = await server.api('POST', `/elt_syncs/${sync.id}/enable`);
    assert.equal(status, 204);
    const ended = await server.settled(sync);
    for (const name of wanted) {
      const run = ended[name];
      assert.equal(run.status, 'COMPLETED', JSON.stringify(run));
      assert.equal(run.operation_mode, 'FULL');
      assert.equal(run.full_sync_trigger, 'INITIAL_SYNC');
      assert.ok(run.bytes_synced > 0 && run.started_at <= run.finished_at, JSON.stringify(run));
    }
    const counts = ['contact', 'company', 'deal'].map((table) => count('first', table));
    assert.deepEqual(counts, ['contacts', 'companies', 'deals'].map(live));
    assert.equal((await server.ok('GET', `/elt_syncs/${sync.id}`)).status, 'RUNNING');
  });

  test('the status_url of a run leads from nothing to its end', async () => {
    const sync = await server.sync(connection, ['owners'], { schema: 'second' });
    await server.settled(sync);
    const [id] = Object.values(sync.streams);
    const { status_url: url } = await server.ok('POST', `/elt_streams/${id}/request_run`);
    assert.match(url, /^\/elt_stream_runs\?/);
    const run = await follow(url);
    assert.equal(run.status, 'COMPLETED', JSON.stringify(run));
    assert.equal(run.elt_stream_id, id);
    const { data: events } = await server.ok('GET', `/elt_stream_runs/${run.id}/events`);
    assert.deepEqual([events[0].kind, events.at(-1).kind], ['run.scheduled', 'run.completed']);
    const { data: all } = await server.ok('GET', `/elt_stream_runs?elt_stream_id=${id}`);
    assert.equal(all.length, 2);
    assert.equal(all[0].id, run.id);
  });

  test('a full refresh is what the next run does, and can be taken back', async () => {
    const sync = await server.sync(connection, ['contact'], { schema: 'third' });
    await server.settled(sync);
    const id = sync.streams.contacts;
    const modes = [];
    for (const mark of [[], ['request_full_refresh'], ['request_full_refresh', 'cancel_full_refresh']]) {
      for (const operation of mark) {
        assert.equal((await server.api('POST', `/elt_streams/${id}/${operation}`)).status, 204);
      }
      const { status_url: url } = await server.ok('POST', `/elt_streams/${id}/request_run`);
      const run = await follow(url);
      assert.equal(run.status, 'COMPLETED', JSON.stringify(run));
      modes.push(`${run.operation_mode} ${run.full_sync_trigger}`);
    }
    assert.deepEqual(modes, ['INCREMENTAL NONE', 'FULL USER', 'INCREMENTAL NONE']);
    assert.equal(count('third', 'contact'), live('contacts'));
  });

  test('a stream that is added to an enabled sync is loaded at once', async () => {
    const sync = await server.sync(connection, ['companies'], { schema: 'fourth' });
    await server.ok('POST', `/elt_syncs/${sync.id}/source_streams`, { source_streams: [{ name: 'Deal' }] });
    const ended = await server.settled(sync);
    assert.deepEqual(Object.keys(ended).sort(), ['companies', 'deals']);
    assert.equal(count('fourth', 'deal'), live('deals'));
  });

  test('columns that are left out or hashed do not arrive', async () => {
    const sync = await server.sync(connection, ['contacts'], { schema: 'fifth', enable: false });
    const { source_streams: [stream] } = await server.ok('POST', `/elt_syncs/${sync.id}/source_streams`, {
      source_streams: [{ name: 'contacts', excluded_columns: ['property_lastname'], hashed_columns: ['property_email'] }],
    });
    assert.deepEqual(stream.excluded_columns, ['property_lastname']);
    await server.ok('POST', `/elt_syncs/${sync.id}/enable`);
    await server.settled(sync);
    const column = (name) => sqliteValue(server.file('fifth'), `SELECT count(*) FROM pragma_table_info('contact') WHERE name = '${name}'`);
    assert.equal(column('property_lastname'), 0);
    assert.equal(column('property_firstname'), 1);
    const hashed = sqliteValue(server.file('fifth'), "SELECT count(*) FROM contact WHERE length(property_email) = 64");
    assert.ok(hashed > 0);
    assert.equal(sqliteValue(server.file('fifth'), "SELECT count(*) FROM contact WHERE property_email LIKE '%@%'"), 0);
  });

  test('removed with its tables it leaves no row behind', async () => {
    const sync = await server.sync(connection, ['contacts', 'pipelines'], { schema: 'sixth' });
    await server.settled(sync);
    const tables = () => sqliteValue(server.file('sixth'), "SELECT count(*) FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE '\\_sluice%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'");
    assert.ok(tables() >= 3);
    const { status } = await server.api('DELETE', `/elt_syncs/${sync.id}?removeDataReferences=true`);
    assert.equal(status, 204);
    assert.equal(tables(), 0);
    assert.equal((await server.api('GET', `/elt_syncs/${sync.id}`)).status, 404);
    // Its place is free again.
    const again = await server.sync(connection, ['contacts'], { schema: 'sixth' });
    await server.settled(again);
    assert.equal(count('sixth', 'contact'), live('contacts'));
    assert.equal((await server.api('DELETE', `/elt_syncs/${again.id}`)).status, 204);
    assert.ok(existsSync(server.file('sixth')));
    assert.equal(count('sixth', 'contact'), live('contacts'));
  });
});

describe('a run that takes long', () => {
  let server;
  before(async () => {
    server = await Server.start({ contacts: 2000, latency: 40 });
    await server.sim.hold('contacts', 2);
  });
  after(() => server?.stop());

  test('is cancelled, and ends before its sync is removed', async () => {
    const sync = await server.sync(await server.connect(), ['contacts'], { schema: 'long' });
    const { contacts: id } = sync.streams;
    const conflict = await server.api('POST', `/elt_streams/${id}/request_run`);
    assert.equal(conflict.status, 409);
    const { active_run_id: run } = conflict.json;
    await until(async () => (await server.ok('GET', `/elt_stream_runs/${run}`)).state === 'RUNNING', server);
    assert.equal((await server.api('POST', `/elt_stream_runs/${run}/cancel`)).status, 204);
    const { contacts: ended } = await server.settled(sync);
    assert.equal(ended.status, 'FAILED');
    assert.equal(ended.error_code, 'cancelled');
    assert.equal((await server.ok('GET', `/elt_syncs/${sync.id}`)).status, 'FAILED');
    await server.ok('POST', `/elt_streams/${id}/request_run`);
    assert.equal((await server.api('DELETE', `/elt_syncs/${sync.id}`)).status, 204);
    assert.equal((await server.api('GET', `/elt_stream_runs/${run}`)).status, 404);
  });
});
