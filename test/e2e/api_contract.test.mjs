// The REST API is what its description says, and what clients of Weld Connect expect: each operation, each status,
// each shape, paging, repeated requests, keys and other origins. On both stores.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import pg from 'pg';
import { Postgres } from './lib/postgres.mjs';
import { sleep, stop } from './lib/process.mjs';
import { Server } from './lib/serve.mjs';
import { Sim } from './lib/sim.mjs';
import { sqliteWrite } from './lib/sqlite.mjs';
import { WELD_OPERATIONS, WELD_SHAPES } from './lib/weld_operations.mjs';

const BRIDGE = { integration_id: 'hubspot-v2', label: 'contract', redirect_uri: 'https://app.example.com/done' };
const NOBODY = 'AAAAAAAAAAAAAA'; // an id that nothing has
const MIB = 1024 * 1024;
const ORIGIN = 'https://app.example.com';
const WAIT_MS = 120_000;

let postgres;
let sim;
before(async () => {
  postgres = await Postgres.start();
  sim = await Sim.start({ contacts: 30, companies: 5, deals: 5, 'redirect-uri': 'http://127.0.0.1:*/oauth/callback' });
});
after(async () => {
  await postgres?.stop();
  await sim?.stop();
});

async function waitUntil(what, look) {
  for (const until = Date.now() + WAIT_MS; ;) {
    const found = await look();
    if (found) {
      return found;
    }
    assert.ok(Date.now() < until, `not within ${WAIT_MS} ms: ${what}`);
    await sleep(20);
  }
}

// A path of the operation with ids that nothing has.
function nowhere(operation) {
  const path = operation.path.replace(/\{\w+\}/g, NOBODY);
  return operation.operationId === 'listEltStreamRuns' ? `${path}?elt_stream_id=${NOBODY}` : path;
}

const isLater = (operation) => '501' in operation.responses;
const isKeyed = (operation) => '401' in operation.responses;

describe('the description', () => {
  let server;
  let openapi;
  before(async () => {
    server = await Server.start(sim);
    openapi = await server.described();
  });
  after(() => server?.stop());

  test('is valid OpenAPI 3.0, and each reference leads somewhere', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(openapi.document));
    assert.ok(valid, JSON.stringify(errors));
    assert.match(validator.version, /^3\.0/);
    const { schemas } = openapi.document.components;
    const text = JSON.stringify(openapi.document);
    const used = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1]));
    assert.deepEqual([...used].sort(), Object.keys(schemas).sort());
    const ids = openapi.operations.map((operation) => operation.operationId);
    assert.equal(new Set(ids).size, ids.length, 'operation ids are unique');
  });

  test('each argument of a path is a required parameter, and each operation says what it does', () => {
    for (const { path, operationId, parameters = [], summary, tags } of openapi.operations) {
      const wanted = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const declared = parameters.filter((p) => p.in === 'path');
      assert.deepEqual(declared.map((p) => p.name), wanted, operationId);
      assert.ok(declared.every((p) => p.required), operationId);
      assert.ok(summary.length > 3 && tags.length === 1, operationId);
    }
  });

  test('has every operation of Weld Connect, with its statuses', () => {
    assert.equal(WELD_OPERATIONS.length, 65);
    for (const { method, path, statuses } of WELD_OPERATIONS) {
      const found = openapi.operations.find((o) => o.method === method && o.path.replace(/\{\w+\}/g, '{}') === path);
      assert.ok(found, `${method} ${path} is not described`);
      for (const status of statuses) {
        assert.ok(status in found.responses, `${method} ${path} does not declare ${status}`);
      }
    }
  });

  test('has the shapes of Weld Connect, with the fields that are always there', () => {
    for (const { name, fields } of WELD_SHAPES) {
      const schema = openapi.document.components.schemas[name];
      assert.ok(schema, `${name} is not described`);
      for (const { field, required, list, values } of fields) {
        const declared = schema.properties[field];
        assert.ok(declared, `${name} has no ${field}`);
        assert.ok(!required || schema.required.includes(field), `${name}.${field} is required`);
        assert.equal(declared.type === 'array', list, `${name}.${field} is a list`);
        const known = declared.enum ?? declared.items?.enum ?? [];
        assert.deepEqual((values ?? []).filter((value) => !known.includes(value)), [], `${name}.${field}`);
      }
    }
  });

  // Generators of clients call the type of a field after its shape and itself: EltSync's status is EltSyncStatus.
  test('has no shape that is called like a field of another', () => {
    const { schemas } = openapi.document.components;
    const names = new Set(Object.keys(schemas).map((name) => name.toLowerCase()));
    for (const [shape, { properties }] of Object.entries(schemas)) {
      for (const [field, { enum: choices, items }] of Object.entries(properties)) {
        const made = (shape + field.replaceAll('_', '')).toLowerCase();
        assert.ok(!(choices ?? items?.enum) || !names.has(made), `${shape}.${field}`);
      }
    }
  });

  test('is what answers are held against: what differs from it is seen', () => {
    const json = { 'content-type': 'application/json;charset=utf-8' };
    const key = { id: 'x', name: 'x', prefix: 'x', scope: 'read', created_at: '2024-01-31T00:00:00.000Z', expires_at: null };
    const error = { error_code: 'not_found', message: 'there is none' };
    const answer = (change, headers = json) => ({ method: 'POST', path: '/api_keys', status: 201, text: JSON.stringify(key), ...change, headers: new Headers(headers) });
    const text = (fields) => ({ text: JSON.stringify({ ...key, ...fields }) });
    const gone = (fields) => ({ method: 'DELETE', path: `/api_keys/${NOBODY}`, status: 204, text: '', ...fields });
    const missing = (fields) => ({ method: 'GET', path: '/nowhere', status: 404, text: JSON.stringify({ ...error, ...fields }) });
    for (const good of [answer({}), answer(text({ expires_at: '2999-01-01T00:00:00.000Z' })), answer(gone(), {}), answer(missing()),
      answer({ ...missing(), path: `/elt_syncs/${NOBODY}/status?x=1` })]) {
      openapi.check(good);
    }
    for (const bad of [
      answer({ status: 200 }), answer({ status: 418, text: JSON.stringify(error) }), answer({ status: 500, text: JSON.stringify(error) }),
      answer(text({ more: 1 })), answer(text({ name: undefined })), answer(text({ scope: 'root' })), answer(text({ created_at: 'today' })),
      answer(text({ created_at: null })), answer(text({ id: 7 })), answer({ text: '' }), answer({ text: '[]' }), answer({}, { 'content-type': 'text/html' }),
      answer({}, {}), answer(gone({ text: '{}' }), {}), answer(gone(), json), answer(missing({ message: undefined })), answer(missing({ message: '' })),
      answer(missing({ extra: 1 })), answer({ ...missing(), status: 200 }), answer(missing(), { 'content-type': 'text/html' }),
    ]) {
      assert.throws(() => openapi.check(bad), `${bad.status} ${bad.text}`);
    }
    openapi.seen.clear();
  });

  test('what is not built yet says so, whatever is sent', async () => {
    for (const { method, path } of WELD_OPERATIONS.filter((operation) => operation.later)) {
      const body = method === 'GET' ? undefined : { anything: [1] };
      const { status, json } = await server.api(method, path.replaceAll('{}', NOBODY), body);
      assert.deepEqual([status, json.error_code], [501, 'not_implemented'], `${method} ${path}`);
      assert.ok(json.message.includes(method), json.message);
    }
  });
});

// ---- every status

describe('each declared status of each operation', () => {
  let server; // its runs are taken by `worker` alone
  let worker;
  let connection;
  let keys;
  let database;
  before(async () => {
    database = await postgres.createDatabase('statuses');
    server = await Server.start(sim, {
      postgres: database, args: ['--workers', '0'], env: { SLUICE_KEY: randomBytes(32).toString('base64') },
    });
    connection = await server.connect();
    const key = async (scope) => (await server.ok('POST', '/api_keys', { name: scope, scope })).key;
    keys = { read: await key('read'), write: await key('write') };
  });
  after(async () => {
    if (worker) {
      worker.kill('SIGCONT');
      await stop(worker, 'SIGKILL');
    }
    await server?.stop();
  });

  const expect = async (status, method, path, body, options) => {
    const answer = await server.api(method, path, body, options);
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
    return answer.json;
  };
  let schemas = 0;
  const syncBody = () => ({
    connection_id: connection, destination_schema_name: `contract_${++schemas}`, sync_interval: '0 0 1 1 *',
  });

  test('without a key 401, with one whose scope is too small 403', async () => {
    for (const operation of server.openapi.operations.filter(isKeyed)) {
      const { method, responses, operationId } = operation;
      assert.equal((await expect(401, method, nowhere(operation), undefined, { key: '' })).error_code, 'missing_api_key');
      if ('403' in responses) {
        const json = await expect(403, method, nowhere(operation), undefined, { key: keys.read });
        assert.equal(json.error_code, 'insufficient_scope', operationId);
      }
    }
    for (const [method, path] of [['GET', '/api_keys'], ['POST', '/api_keys'], ['POST', '/destinations'], ['DELETE', `/destinations/${NOBODY}`]]) {
      await expect(403, method, path, undefined, { key: keys.write });
    }
  });

  test('of what is not there 404', async () => {
    for (const operation of server.openapi.operations.filter((o) => '404' in o.responses)) {
      const { method, operationId } = operation;
      const body = operationId === 'createConnectionBridge' ? { ...BRIDGE, connection_id: NOBODY }
        : operationId === 'putSourceStreams' ? { source_streams: [{ name: 'contacts' }] }
          : operation.requestBody ? {} : undefined;
      // An id of a run names its stream.
      const run = Buffer.from(`${NOBODY}|2024-01-31T00:00:00.000Z`).toString('base64url');
      const path = operation.path.startsWith('/elt_stream_runs/') ? operation.path.replace('{id}', run) : nowhere(operation);
      assert.equal((await expect(404, method, path, body)).error_code, 'not_found', operationId);
    }
  });

  test('of what cannot be 400, too large 413, no JSON 415', async () => {
    for (const operation of server.openapi.operations) {
      const { method, path, parameters = [], requestBody, responses } = operation;
      const query = parameters.find((p) => p.in === 'query' && (p.schema.type === 'integer' || p.schema.enum));
      const header = parameters.find((p) => p.in === 'header');
      if ('400' in responses && path.includes('{')) {
        await expect(400, method, path.replace(/\{\w+\}/g, 'a%00b'));
      } else if ('400' in responses && query) {
        await expect(400, method, `${path}?${query.name}=-1x`);
      } else if ('400' in responses && (requestBody || header)) {
        await expect(400, method, path, []);
      }
      if (requestBody) {
        await expect(413, method, nowhere(operation), `{"a":"${'x'.repeat(MIB)}"}`);
        await expect(415, method, nowhere(operation), '{}', { headers: { 'content-type': 'application/xml' } });
      }
    }
  });

  test('the system, and what is not built yet', async () => {
    for (const path of ['/healthz', '/readyz', '/openapi.json']) {
      await expect(200, 'GET', path, undefined, { key: '' });
    }
    assert.equal((await server.api('GET', '/metrics')).status, 200);
    for (const operation of server.openapi.operations.filter(isLater)) {
      await expect(501, operation.method, nowhere(operation));
    }
    const leave = new AbortController();
    const events = await fetch(`${server.url}/events`, { headers: { 'x-api-key': server.key }, signal: leave.signal });
    const { status, headers } = events;
    server.openapi.check({ method: 'GET', path: '/events', status, headers, text: '' });
    leave.abort();
  });

  test('API keys', async () => {
    const { id } = await expect(201, 'POST', '/api_keys', { name: 'x', expires_at: '2999-01-01' });
    await expect(200, 'GET', '/api_keys');
    await expect(204, 'DELETE', `/api_keys/${id}`);
    const { data } = await expect(200, 'GET', '/api_keys');
    const own = data.find((key) => server.key.startsWith(key.prefix));
    await expect(409, 'DELETE', `/api_keys/${own.id}`);
  });

  test('bridges and connections', async () => {
    await expect(201, 'POST', '/connection_bridges', { ...BRIDGE, connection_id: connection, state: 'x' });
    await expect(200, 'GET', '/connection_bridges');
    const spare = await server.connect({ label: 'spare' });
    await expect(200, 'GET', '/connections');
    await expect(200, 'GET', `/connections/${spare}`);
    await expect(200, 'GET', `/connections/${spare}/settings`);
    await expect(204, 'DELETE', `/connections/${spare}`);
    await expect(200, 'GET', '/integrations');
    const sync = await expect(201, 'POST', '/elt_syncs', syncBody());
    await expect(409, 'DELETE', `/connections/${connection}`);
    await expect(204, 'DELETE', `/elt_syncs/${sync.id}`);
    await sim.faults({ action: 'redirect', url: 'http://127.0.0.1:1/' });
    try {
      await expect(502, 'POST', '/connections', { integration_id: 'hubspot-v2', label: 'x', token: sim.token });
    } finally {
      await sim.clearFaults();
    }
    const { data: [failed] } = await waitUntil('the failed request is in the log', async () => {
      const page = await expect(200, 'GET', '/requests?failed=true');
      return page.data.length > 0 && page;
    });
    await expect(200, 'GET', `/requests/${failed.id}`);
  });

  test('destinations', async () => {
    const body = { label: 'x', url: await postgres.createDatabase('elsewhere') };
    const { id } = await expect(201, 'POST', '/destinations', body);
    await expect(200, 'GET', '/destinations');
    await expect(200, 'GET', `/destinations/${id}`);
    assert.equal((await expect(200, 'POST', `/destinations/${id}/test`)).ok, true);
    assert.equal((await expect(200, 'POST', '/destinations/test', { url: body.url })).ok, true);
    await expect(204, 'DELETE', `/destinations/${id}`);
    const { data } = await expect(200, 'GET', '/destinations');
    await expect(409, 'DELETE', `/destinations/${data.find((d) => d.is_default).id}`);
  });

  test('syncs, streams and runs', async () => {
    const body = syncBody();
    const sync = await expect(201, 'POST', '/elt_syncs', body);
    const other = { elt_settings: { metadata_columns: 'weld' } }; // two syncs of a schema agree on it
    await expect(409, 'POST', '/elt_syncs', { ...body, ...other });
    const beside = await expect(201, 'POST', '/elt_syncs', body);
    await expect(409, 'POST', `/elt_syncs/${beside.id}`, other);
    await expect(204, 'DELETE', `/elt_syncs/${beside.id}`);
    await expect(200, 'GET', '/elt_syncs');
    await expect(200, 'GET', `/elt_syncs/${sync.id}`);
    await expect(200, 'POST', `/elt_syncs/${sync.id}`, { sync_interval: '@yearly' });
    await expect(200, 'GET', `/elt_syncs/${sync.id}/available_source_streams`);
    const added = await expect(201, 'POST', `/elt_syncs/${sync.id}/source_streams`, {
      source_streams: [{ name: 'contacts' }, { name: 'companies' }, { name: 'deals', protected_from_full_sync: true }],
    });
    const [contacts, companies, deals] = added.source_streams.map((stream) => stream.id);
    await expect(400, 'POST', `/elt_streams/${contacts}/request_run`);
    await expect(400, 'POST', `/elt_streams/${deals}/request_full_refresh`);
    await expect(204, 'POST', `/elt_streams/${contacts}/request_full_refresh`);
    await expect(204, 'POST', `/elt_streams/${contacts}/cancel_full_refresh`);
    await expect(204, 'POST', `/elt_syncs/${sync.id}/enable`);
    const conflict = await expect(409, 'POST', `/elt_streams/${companies}/request_run`);
    await expect(204, 'POST', `/elt_stream_runs/${conflict.active_run_id}/cancel`);
    await expect(409, 'POST', `/elt_stream_runs/${conflict.active_run_id}/cancel`);
    await expect(200, 'POST', `/elt_streams/${companies}/request_run`);
    await expect(204, 'DELETE', `/elt_streams/${deals}`);
    await expect(200, 'GET', '/elt_streams');
    await expect(200, 'GET', `/elt_streams/${contacts}`);
    await expect(200, 'GET', `/elt_syncs/${sync.id}/status`);
    await expect(200, 'GET', `/elt_stream_runs?elt_stream_id=${companies}`);
    await expect(200, 'GET', `/elt_stream_runs/${conflict.active_run_id}`);
    await expect(200, 'GET', `/elt_stream_runs/${conflict.active_run_id}/events`);
    await expect(204, 'POST', `/elt_syncs/${sync.id}/disable`);
    await expect(204, 'DELETE', `/elt_syncs/${sync.id}?removeDataReferences=true`);
  });

  test('a run that does not end keeps its stream and sync: 409', async () => {
    await sim.faults({ endpoint: 'objects.list', action: 'delay', ms: 3000 });
    const sync = await server.sync(connection, ['contacts'], { schema: 'held' });
    const { contacts: id } = sync.streams;
    server.options.args = []; // what makes the server one without workers
    worker = server.worker();
    await waitUntil('the run runs', async () => {
      const { source_streams: [stream] } = await server.ok('GET', `/elt_syncs/${sync.id}/status`);
      return stream.active_sync?.status === 'RUNNING';
    });
    await waitUntil('it stops where it holds no lock', async () => {
      worker.kill('SIGSTOP'); // it cannot hear that the run is to end
      const [{ n }] = await postgres.query("SELECT count(*) AS n FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'");
      if (n !== '0') {
        worker.kill('SIGCONT');
      }
      return n === '0';
    });
    await sim.clearFaults();
    const [one, other] = await Promise.all([
      expect(409, 'DELETE', `/elt_streams/${id}`),
      expect(409, 'DELETE', `/elt_syncs/${sync.id}`),
    ]);
    assert.ok(one.active_run_id && one.active_run_id === other.active_run_id);
  });

  test('with an Idempotency-Key that is in use 409, used for something else 422', async () => {
    const sync = await server.sync(connection, ['contacts', 'companies'], { schema: 'idempotent' });
    const runOf = Object.values(sync.streams);
    for (const name of Object.keys(sync.streams)) {
      const { active_run_id: run } = await expect(409, 'POST', `/elt_streams/${sync.streams[name]}/request_run`);
      await expect(204, 'POST', `/elt_stream_runs/${run}/cancel`);
    }
    const cases = {
      createApiKey: ['/api_keys', { name: 'a' }, { name: 'b' }],
      createConnectionBridge: ['/connection_bridges', BRIDGE, { ...BRIDGE, label: 'b' }],
      createConnection: ['/connections', { integration_id: 'hubspot-v2', label: 'a', token: sim.token },
        { integration_id: 'hubspot-v2', label: 'b', token: sim.token }],
      createDestination: ['/destinations', { label: 'a', url: database }, { label: 'b', url: database }],
      createEltSync: ['/elt_syncs', syncBody(), syncBody()],
      putSourceStreams: [`/elt_syncs/${sync.id}/source_streams`, { source_streams: [{ name: 'contacts' }] },
        { source_streams: [{ name: 'deals' }] }],
      requestEltStreamRun: [`/elt_streams/${runOf[0]}/request_run`, undefined, undefined, `/elt_streams/${runOf[1]}/request_run`],
    };
    const creating = server.openapi.operations.filter((o) => o.parameters?.some((p) => p.name === 'Idempotency-Key'));
    assert.deepEqual(creating.map((o) => o.operationId).sort(), Object.keys(cases).sort());
    const client = new pg.Client({ connectionString: database });
    await client.connect();
    try {
      for (const [name, [path, body, changed, elsewhere = path]] of Object.entries(cases)) {
        const options = { headers: { 'idempotency-key': `key of ${name}` } };
        await client.query('BEGIN; LOCK TABLE sluice_store.idempotency IN ACCESS EXCLUSIVE MODE');
        const first = server.api('POST', path, body, options);
        await waitUntil('the first request waits', async () => {
          const waiting = await postgres.query('SELECT 1 FROM pg_locks WHERE NOT granted');
          return waiting.length > 0;
        });
        const meanwhile = await expect(409, 'POST', path, body, options);
        assert.equal(meanwhile.error_code, 'idempotency_in_progress', name);
        await client.query('COMMIT');
        const { status, text } = await first;
        assert.ok(status < 300, `${name}: ${text}`);
        const again = await server.api('POST', path, body, options);
        assert.deepEqual([again.status, again.text], [status, text], name);
        assert.equal(again.headers.get('idempotency-replayed'), 'true', name);
        const reused = await expect(422, 'POST', elsewhere, changed, options);
        assert.equal(reused.error_code, 'idempotency_key_reused', name);
      }
    } finally {
      await client.end();
    }
  });

  test('after many wrong keys 429, with how long to wait', async () => {
    const other = await Server.start(sim);
    try {
      for (let i = 0; i < 25; i++) {
        await other.api('GET', '/connections', undefined, { key: `slk_wrong_${i}` });
      }
      for (const operation of server.openapi.operations.filter(isKeyed)) {
        // Now and then one is looked at all the same.
        const answer = await waitUntil(operation.operationId, async () => {
          const got = await other.api(operation.method, nowhere(operation), undefined, { key: 'slk_wrong' });
          return got.status === 429 && got;
        });
        assert.ok(Number(answer.headers.get('retry-after')) > 0);
        server.openapi.seen.get(operation.operationId).add(429);
      }
      await waitUntil('the good key still gets in', async () => (await other.api('GET', '/connections')).status === 200);
    } finally {
      await other.stop();
    }
  });

  test('without its store 503, with how long to wait; and it comes back', async () => {
    await postgres.crash();
    try {
      for (const operation of server.openapi.operations) {
        const { method, operationId, responses } = operation;
        if ('503' in responses) {
          const answer = await server.api(method, nowhere(operation), undefined, { key: 'slk_not_seen_before' });
          assert.equal(answer.status, 503, `${operationId}: ${answer.text}`);
          assert.ok(Number(answer.headers.get('retry-after')) > 0, operationId);
        }
      }
      await expect(200, 'GET', '/healthz', undefined, { key: '' });
    } finally {
      await postgres.restart();
    }
    await waitUntil('the store answers again', async () => (await server.api('GET', '/connections')).status === 200);
  });

  test('none was left out', () => {
    const missing = [];
    for (const { operationId, responses } of server.openapi.operations) {
      for (const status of Object.keys(responses)) {
        if (!server.openapi.seen.get(operationId)?.has(Number(status))) {
          missing.push(`${operationId} ${status}`);
        }
      }
    }
    assert.deepEqual(missing, [], `declared, but never answered: ${missing.join(', ')}`);
  });
});

// ---- what holds on every store

for (const kind of ['SQLite', 'PostgreSQL']) {
  describe(`over a store in ${kind}`, () => {
    let server;
    let connection;
    let database;
    before(async () => {
      database = kind === 'PostgreSQL' ? 'contract' : undefined;
      const options = database ? { postgres: await postgres.createDatabase(database) } : {};
      server = await Server.start(sim, { ...options, args: ['--cors-origin', ORIGIN] });
      connection = await server.connect({ label: 'c0' });
    });
    after(() => server?.stop());

    const sql = (text) =>
      database ? postgres.query(text, [], { database, schema: 'sluice_store' }) : sqliteWrite(join(server.folder, 'sluice.db'), text);
    const page = async (path, query = {}) => {
      const url = new URL(path, server.url);
      for (const [name, value] of Object.entries(query).filter(([, v]) => v !== undefined)) {
        url.searchParams.set(name, value);
      }
      return server.api('GET', url.pathname + url.search);
    };
    // The ids of the whole list, by pages of so many; `between` is done after the first page.
    const walk = async (path, limit, between = async () => {}) => {
      const ids = [];
      for (let after; ;) {
        const { status, json, text } = await page(path, { limit, starting_after: after });
        assert.equal(status, 200, text);
        assert.ok(json.data.length <= limit && (json.data.length === limit || !json.has_more), text);
        assert.equal(json.has_more, json.next_cursor !== undefined, text);
        ids.push(...json.data.map((item) => item.id));
        if (!json.has_more) {
          return ids;
        }
        assert.ok(ids.length < 1000, 'the list has an end');
        if (after === undefined) {
          await between(ids);
        }
        after = json.next_cursor;
      }
    };

    describe('each list', () => {
      let sync;
      const lists = {};
      before(async () => {
        for (let i = 1; i < 5; i++) {
          await server.connect({ label: `c${i}` });
          await server.sync(connection, ['contacts'], { schema: `list_${i}`, enable: false });
        }
        sync = await server.sync(connection, ['owners'], { schema: 'listed' });
        await server.settled(sync);
        for (let i = 0; i < 3; i++) {
          await server.load(sync);
        }
        const { data: available } = await server.ok('GET', `/elt_syncs/${sync.id}/available_source_streams`);
        const names = available.filter((stream) => stream.is_selectable && stream.name !== 'owners').slice(0, 11);
        await server.ok('POST', `/elt_syncs/${sync.id}/disable`);
        await server.ok('POST', `/elt_syncs/${sync.id}/source_streams`, { source_streams: names.map(({ name }) => ({ name })) });
        for (let i = 0; i < 3; i++) { // what fails is in the request log
          await server.api('POST', '/connections', { integration_id: 'hubspot-v2', label: 'x', token: `pat-na1-wrong-${i}` });
        }
        const runs = `/elt_stream_runs?elt_stream_id=${sync.streams.owners}`;
        const { data: [run] } = await server.ok('GET', runs);
        Object.assign(lists, {
          connections: '/connections', syncs: '/elt_syncs', ofConnection: `/elt_syncs?connection_id=${connection}`,
          streams: '/elt_streams', ofSync: `/elt_streams?elt_sync_id=${sync.id}`, runs, ascending: `${runs}&sort_direction=asc`,
          events: `/elt_stream_runs/${run.id}/events`, requests: '/requests',
        });
        await waitUntil('the request log is written', async () => (await page('/requests')).json.data.length >= 3);
      });

      test('is the same by any size of its pages', async () => {
        for (const path of Object.values(lists)) {
          const all = await walk(path, 100);
          assert.ok(all.length >= 3, `${path}: ${all.length}`);
          assert.equal(new Set(all).size, all.length, path);
          for (const limit of [1, 2, all.length]) {
            assert.deepEqual(await walk(path, limit), all, `${path} by ${limit}`);
          }
        }
        assert.deepEqual((await walk(lists.ascending, 2)).reverse(), await walk(lists.runs, 2));
        assert.equal((await page(lists.ofSync)).json.data.length, 10, 'ten, unless asked for more');
        assert.equal((await page(lists.ofSync, { limit: '' })).json.data.length, 10);
      });

      test('goes on behind what was removed, and without what came since', async () => {
        const extra = await server.sync(connection, ['contacts', 'companies', 'deals'], { schema: 'extra', enable: false });
        const remove = (path) => async (ids) => {
          assert.equal((await server.api('DELETE', `${path}/${ids[0]}`)).status, 204);
        };
        const streams = `/elt_streams?elt_sync_id=${extra.id}`;
        const all = await walk(streams, 100);
        assert.deepEqual(await walk(streams, 1, remove('/elt_streams')), all);
        assert.deepEqual(await walk(streams, 1), all.slice(1));
        const syncs = await walk('/elt_syncs', 100);
        assert.equal(syncs[0], extra.id);
        assert.deepEqual(await walk('/elt_syncs', 1, remove('/elt_syncs')), syncs);
        const newest = await server.connect({ label: 'newest' });
        const connections = await walk('/connections', 100);
        assert.equal(connections[0], newest);
        assert.deepEqual(await walk('/connections', 1, remove('/connections')), connections);
        const late = await walk('/connections', 1, () => server.connect({ label: 'late' }));
        assert.deepEqual(late, connections.slice(1));
      });

      test('refuses cursors that are none, and sizes that cannot be', async () => {
        const bytes = (text) => Buffer.from(text, 'latin1').toString('base64url');
        const cursors = ['x', '!!', '-1', '1e3', 'null', '%', '\u202e', 'a\0b', bytes('|'), bytes('1|'), bytes('x|y'), bytes('-1|y'),
          bytes('1|\xff'), bytes('1|\0'), bytes("1|' OR 1=1 --").repeat(100), 'A'.repeat(5000), '99999999999999999999'];
        for (const path of Object.values(lists)) {
          for (const cursor of cursors) {
            const { status, json, text } = await page(path, { starting_after: cursor });
            assert.equal(status, 400, `${path} from ${cursor.slice(0, 100)}: ${text}`);
            assert.match(json.message, /starting_after/);
          }
          for (const limit of ['0', '101', '-1', '1.5', 'x', '1e1', '0x1', ' 1', '99999999999999999999']) {
            const { status, json, text } = await page(path, { limit });
            assert.equal(status, 400, `${path} by ${limit}: ${text}`);
            assert.match(json.message, /limit/);
          }
        }
        const foreign = await page(lists.runs, { starting_after: bytes(`${NOBODY}|2024-01-31T00:00:00.000Z`) });
        assert.equal(foreign.status, 400, 'a run of another stream is no place in this list');
      });
    });

    describe('an Idempotency-Key', () => {
      const create = (key, body = {}, options = {}) =>
        server.api('POST', '/destinations', { label: 'x', url: 'sqlite:/nowhere/x.db', ...body },
          { ...options, headers: { 'idempotency-key': key } });
      const count = async () => (await server.ok('GET', '/destinations')).data.length;

      test('lets one of many that come at once through', async () => {
        const before = await count();
        const all = await Promise.all(Array.from({ length: 12 }, () => create('at once')));
        const made = all.filter(({ status }) => status === 201);
        assert.ok(made.length >= 1);
        assert.equal(new Set(made.map(({ json }) => json.id)).size, 1);
        assert.ok(all.every(({ status }) => [201, 409].includes(status)), all.map(({ status }) => status).join());
        assert.equal(await count(), before + 1);
      });

      test('is not used up by what is refused', async () => {
        assert.equal((await create('refused', { url: 'mysql://x' })).status, 400);
        assert.equal((await create('refused')).status, 201);
        assert.equal((await create('refused', { url: 'mysql://x' })).status, 422);
      });

      test('holds over a restart, and for a day', async () => {
        const { json } = await create('lasting');
        await server.kill();
        await server.restart();
        const again = await create('lasting');
        assert.deepEqual([again.json, again.headers.get('idempotency-replayed')], [json, 'true']);
        await sql("UPDATE idempotency SET created_ms = created_ms - 86400001 WHERE name = 'lasting'");
        const anew = await create('lasting');
        assert.equal(anew.status, 201);
        assert.notEqual(anew.json.id, json.id);
      });

      test('is 1 to 255 printable ASCII characters', async () => {
        assert.equal((await create('x'.repeat(255))).status, 201);
        for (const key of ['', 'x'.repeat(256), 'caf\xe9', 'a\tb']) {
          const { status, json } = await create(key);
          assert.equal(status, 400, JSON.stringify(key));
          assert.match(json.message, /Idempotency-Key/);
        }
      });
    });

    // From another address of this machine: failures are counted by address.
    const from = async (localAddress, operation, headers) => {
      const path = nowhere(operation);
      const { method } = operation;
      const answer = await new Promise((done, failed) => {
        const request = http.request(new URL(path, server.url), { method, headers, localAddress, agent: false }, done);
        request.on('error', failed);
        request.end();
      });
      let text = '';
      for await (const part of answer) {
        text += part;
      }
      const sent = new Headers(Object.entries(answer.headers).filter(([name]) => name !== 'set-cookie'));
      server.openapi.check({ method, path, status: answer.statusCode, headers: sent, text });
      return { status: answer.statusCode, code: text.startsWith('{') ? JSON.parse(text).error_code : '' };
    };

    test('a key that is wrong, expired or revoked is refused by every operation', async () => {
      const key = (name) => server.ok('POST', '/api_keys', { name, scope: 'admin' });
      const [expired, revoked] = [await key('expired'), await key('revoked')];
      await sql(`UPDATE api_key SET expires_ms = 1 WHERE id = '${expired.id}'`);
      await server.api('DELETE', `/api_keys/${revoked.id}`);
      const cases = [[expired.key, 'expired_api_key'], [revoked.key, 'invalid_api_key'],
        [server.key.slice(0, -1), 'invalid_api_key'], [`${server.key}x`, 'invalid_api_key'], ['x'.repeat(1000), 'invalid_api_key']];
      const { operations } = await server.described();
      for (const [i, operation] of operations.filter(isKeyed).entries()) {
        for (const [text, code] of cases) {
          const got = await from(`127.0.1.${i + 1}`, operation, { 'x-api-key': text });
          assert.deepEqual(got, { status: 401, code }, `${operation.operationId} with ${code}`);
        }
      }
      const [list] = operations.filter((o) => o.operationId === 'listConnections');
      assert.equal((await from('127.0.1.1', list, { 'X-API-KEY': server.key })).status, 200);
      assert.equal((await from('127.0.1.1', list, { authorization: `Bearer ${server.key}` })).status, 200);
      assert.equal((await from('127.0.1.1', list, { authorization: `Basic ${btoa(`x:${server.key}`)}` })).status, 401);
    });

    test('a browser of the allowed origin may call every operation, others may not', async () => {
      const paths = new Map();
      for (const operation of server.openapi.operations) {
        paths.set(nowhere(operation), [...(paths.get(nowhere(operation)) ?? []), operation.method]);
      }
      for (const [path, methods] of paths) {
        const headers = { origin: ORIGIN, 'access-control-request-method': methods[0], 'access-control-request-headers': 'x-api-key' };
        const { status, headers: sent } = await server.api('OPTIONS', path, undefined, { key: '', headers });
        assert.equal(status, 204, path);
        assert.equal(sent.get('access-control-allow-origin'), ORIGIN);
        const allowed = sent.get('access-control-allow-methods').split(', ');
        assert.deepEqual(methods.filter((method) => !allowed.includes(method)), [], path);
        for (const name of ['x-api-key', 'content-type', 'idempotency-key']) {
          assert.ok(sent.get('access-control-allow-headers').split(', ').includes(name));
        }
        const other = await server.api('OPTIONS', path, undefined, { key: '', headers: { ...headers, origin: 'https://evil.example.com' } });
        assert.equal(other.headers.get('access-control-allow-origin'), null, path);
      }
      for (const [key, status] of [[server.key, 200], ['', 401]]) {
        const answer = await server.api('GET', '/connections', undefined, { key, headers: { origin: ORIGIN } });
        assert.equal(answer.status, status);
        assert.equal(answer.headers.get('access-control-allow-origin'), ORIGIN, 'errors can be read, too');
        assert.equal(answer.headers.get('vary'), 'Origin');
        assert.match(answer.headers.get('access-control-expose-headers'), /Retry-After/);
      }
      for (const origin of ['https://app.example.com.evil.com', 'http://app.example.com', 'null', 'https://APP.example.com.']) {
        const { headers } = await server.api('GET', '/connections', undefined, { headers: { origin } });
        assert.equal(headers.get('access-control-allow-origin'), null, origin);
      }
    });
  });
}
