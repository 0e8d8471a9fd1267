// A client that knows of the API only what its description says: plain fetch, with a method for each operationId.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from './lib/process.mjs';
import { clearOfHour } from './lib/quiet_hours.mjs';
import { Server } from './lib/serve.mjs';
import { sqliteValue } from './lib/sqlite.mjs';

class ApiError extends Error {
  constructor(status, { error_code: code, message, ...rest }) {
    super(message);
    Object.assign(this, { status, code, ...rest });
  }
}

// {listEltSyncs: (args) => ..., ...}: args are those of path and query by their names, `body`, and headers by theirs.
function makeClient(document, key) {
  const [{ url: base }] = document.servers;
  const [[, scheme]] = Object.entries(document.components.securitySchemes);
  assert.deepEqual([scheme.type, scheme.in], ['apiKey', 'header']);
  const client = {};
  for (const [template, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      assert.ok(!(operation.operationId in client), `${operation.operationId} is there twice`);
      client[operation.operationId] = (args = {}) => call(template, method, operation, args);
    }
  }
  return client;

  async function call(template, method, operation, { body, ...args }) {
    const open = operation.security?.length === 0;
    const headers = open ? {} : { [scheme.name]: key };
    const query = new URLSearchParams();
    let path = template;
    for (const { name, in: where, required } of operation.parameters ?? []) {
      const value = args[name];
      assert.ok(value !== undefined || !required, `${operation.operationId} needs ${name}`);
      delete args[name];
      if (where === 'path') {
        path = path.replace(`{${name}}`, encodeURIComponent(value));
      } else if (value !== undefined && where === 'query') {
        query.append(name, value);
      } else if (value !== undefined) {
        headers[name] = value;
      }
    }
    assert.deepEqual(Object.keys(args), [], `what ${operation.operationId} does not take`);
    const content = operation.requestBody?.content['application/json'];
    assert.ok(body === undefined || content, `${operation.operationId} takes no body`);
    if (body !== undefined) {
      headers['content-type'] = 'application/json';
    }
    const text = body === undefined ? undefined : JSON.stringify(body);
    const answer = await fetch(`${base}${path}${query.size > 0 ? `?${query}` : ''}`, { method: method.toUpperCase(), headers, body: text });
    const received = await answer.text();
    const declared = operation.responses[answer.status];
    assert.ok(declared, `${operation.operationId}: ${answer.status} is not declared: ${received}`);
    assert.equal(received !== '', Boolean(declared.content), `${operation.operationId}: ${answer.status} ${received}`);
    const value = received === '' ? undefined : JSON.parse(received);
    if (!answer.ok) {
      throw new ApiError(answer.status, value);
    }
    return value;
  }
}

describe('a client made from the description', () => {
  let server;
  let client;
  before(async () => {
    await clearOfHour(6); // when schedules begin runs of their own
    server = await Server.start({ contacts: 90, companies: 20 });
    const answer = await fetch(`${server.url}/openapi.json`);
    client = makeClient(await answer.json(), server.key);
  });
  after(() => server?.stop());

  async function ended(id) {
    return until(async () => {
      const { source_streams: all } = await client.getEltSyncStatus({ id });
      return all.every((one) => !one.active_sync && one.latest_sync) && all;
    }, server);
  }

  test('goes the whole way', async () => {
    const { status } = await client.getHealth();
    assert.equal(status, 'ok');
    const { data: [integration] } = await client.listIntegrations({ ability: 'EltSource' });
    const connection = await client.createConnection({
      body: { integration_id: integration.id, label: 'described', token: server.sim.token },
    });
    const settings = await client.getConnectionSettings({ id: connection.id });
    assert.equal(settings.type, 'object');
    const { data: [destination] } = await client.listDestinations();
    assert.equal((await client.testDestination({ id: destination.id })).ok, true);
    const { id } = await client.createEltSync({
      'Idempotency-Key': 'once',
      body: { connection_id: connection.id, destination_schema_name: 'described', sync_interval: '0 */6 * * *' },
    });
    const again = await client.createEltSync({
      'Idempotency-Key': 'once',
      body: { connection_id: connection.id, destination_schema_name: 'described', sync_interval: '0 */6 * * *' },
    });
    assert.equal(again.id, id);
    const { data: available } = await client.listAvailableSourceStreams({ id });
    const names = available.filter((one) => ['contacts', 'companies'].includes(one.name)).map((one) => one.name);
    const { source_streams: streams } = await client.putSourceStreams({ id, body: { source_streams: names.map((name) => ({ name })) } });
    await client.enableEltSync({ id });
    for (const { name, latest_sync: run } of await ended(id)) {
      assert.equal(run.status, 'COMPLETED', name);
    }
    const [stream] = streams;
    await client.requestEltStreamFullRefresh({ id: stream.id, body: { reset_history_table: false } });
    await client.cancelEltStreamFullRefresh({ id: stream.id });
    await client.requestEltStreamFullRefresh({ id: stream.id });
    const { status_url: url } = await client.requestEltStreamRun({ id: stream.id });
    const run = await until(async () => { // the address is a call of listEltStreamRuns
      const { data: [found] } = await client.listEltStreamRuns(Object.fromEntries(new URL(url, server.url).searchParams));
      return found && found.status !== 'RUNNING' && found;
    }, server);
    assert.equal((await client.getEltStreamRun({ id: run.id })).status, 'COMPLETED');
    const { data: events } = await client.listEltStreamRunEvents({ id: run.id, limit: 100 });
    assert.ok(events.length >= 2);
    const { contacts } = await server.sim.records();
    assert.equal(sqliteValue(server.file('described'), 'SELECT count(*) FROM contact WHERE NOT _sluice_deleted'), contacts.live);
    await client.updateEltSync({ id, body: { sync_interval: '@daily' } });
    await client.disableEltSync({ id });
    await client.deleteEltSync({ id, removeDataReferences: 'true' });
    await client.deleteConnection({ id: connection.id });
  });

  test('walks lists page by page', async () => {
    const connection = await client.createConnection({ body: { integration_id: 'hubspot-v2', label: 'pages', token: server.sim.token } });
    const made = [];
    for (let i = 0; i < 5; i++) {
      const body = { connection_id: connection.id, destination_schema_name: `page_${i}`, sync_interval: '@yearly' };
      made.push((await client.createEltSync({ body })).id);
    }
    const seen = [];
    let page = { has_more: true };
    while (page.has_more) {
      page = await client.listEltSyncs({ connection_id: connection.id, limit: 2, ...(page.next_cursor ? { starting_after: page.next_cursor } : {}) });
      seen.push(...page.data.map((sync) => sync.id));
      assert.ok(page.data.length <= 2 && seen.length <= made.length, String(seen));
    }
    assert.deepEqual([...seen].sort(), [...made].sort());
  });

  test('gets errors as described', async () => {
    const failing = [
      [() => client.getEltSync({ id: 'AAAAAAAAAAAAAA' }), 404, 'not_found', /AAAAAAAAAAAAAA/],
      [() => client.createEltSync({ body: { sync_interval: '@daily' } }), 400, 'config', /connection_id/],
      [() => client.listEltSyncs({ limit: 101 }), 400, 'config', /limit/],
      [() => client.listEltStreamRuns({ elt_stream_id: 'AAAAAAAAAAAAAA' }), 404, 'not_found', /AAAAAAAAAAAAAA/],
      [() => client.listTransforms(), 501, 'not_implemented', /./],
    ];
    for (const [attempt, status, code, pattern] of failing) {
      await assert.rejects(attempt, (error) => {
        assert.deepEqual([error.status, error.code], [status, code], error.message);
        assert.match(error.message, pattern);
        // Clients that show `details` before `message` show both.
        assert.ok(error.details === undefined || error.details.startsWith(error.message), error.details);
        return true;
      });
    }
  });
});
