// Whatever is sent, the REST API answers in its own words, does nothing by halves, tells nothing that is secret, and
// goes on. What is sent is made of the API's own description: each argument, parameter, header and field.
import assert from 'node:assert/strict';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CLIENT_SECRET } from './lib/browser.mjs';
import { BODIES, JSON_VALUES, placesOf, put, URL_VALUES } from './lib/hostile.mjs';
import { Postgres } from './lib/postgres.mjs';
import { PATIENCE_MS, until } from './lib/process.mjs';
import { Server } from './lib/serve.mjs';
import { Sim } from './lib/sim.mjs';
import { sqlite } from './lib/sqlite.mjs';

const MARK = 'h0st1le-s3cret'; // in each text that is sent where a secret belongs
const HEADERS = ['allow', 'cache-control', 'connection', 'content-length', 'content-type', 'date', 'idempotency-replayed',
  'retry-after', 'www-authenticate', 'x-content-type-options', 'x-request-id', 'keep-alive'];

// Grow by themselves: the log of requests to HubSpot, and who works.
const NOT_COUNTED = ['request', 'worker', 'lease', 'connection_budget'];
const TABLES = ['workspace', 'api_key', 'connection', 'secret', 'bridge', 'destination', 'idempotency', 'elt_sync', 'elt_stream',
  'stream_run', 'event', ...NOT_COUNTED];

let postgres;
let sim;
before(async () => {
  postgres = await Postgres.start();
  sim = await Sim.start({ contacts: 5, 'redirect-uri': 'http://127.0.0.1:*/oauth/callback' });
});
after(async () => {
  await postgres?.stop();
  await sim?.stop();
});

for (const kind of ['SQLite', 'PostgreSQL']) {
  describe(`hostile input over a store in ${kind}`, () => {
    let server;
    let ids;
    let openapi;
    const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
    const database = kind === 'PostgreSQL' ? 'hostile' : undefined;

    before(async () => {
      const options = database ? { postgres: await postgres.createDatabase(database) } : {};
      server = await Server.start(sim, { ...options, args: ['--log-level', 'debug'] });
      openapi = await server.described();
      const connection = await server.connect();
      const sync = await server.sync(connection, ['owners', 'contacts'], { schema: 'target' });
      await server.settled(sync);
      await server.ok('POST', `/elt_syncs/${sync.id}/disable`);
      const stream = sync.streams.owners;
      const { data: [run] } = await server.ok('GET', `/elt_stream_runs?elt_stream_id=${stream}`);
      const { data: [destination] } = await server.ok('GET', '/destinations');
      const { data: [key] } = await server.ok('GET', '/api_keys');
      ids = { connections: connection, elt_syncs: sync.id, elt_streams: stream, elt_stream_runs: run.id, destinations: destination.id, api_keys: key.id };
    });
    after(async () => {
      agent.destroy();
      await server?.stop();
    });

    // Bodies that are accepted.
    let n = 0;
    const BASES = {
      createApiKey: () => ({ name: 'hostile' }),
      createConnectionBridge: () => ({ integration_id: 'hubspot-v2', label: 'x', redirect_uri: 'https://app.example.com/x' }),
      createConnection: () => ({ integration_id: 'hubspot-v2', label: 'x', token: sim.token }),
      createDestination: () => ({ label: 'x', url: 'sqlite:/nowhere/x.db' }),
      testDestinationUrl: () => ({ url: 'sqlite:/nowhere/x.db' }),
      createEltSync: () => ({ connection_id: ids.connections, destination_schema_name: `hostile_${++n}`, sync_interval: '0 0 1 1 *' }),
      updateEltSync: () => ({}),
      putSourceStreams: () => ({ source_streams: [{ name: 'contacts' }] }),
      requestEltStreamFullRefresh: () => ({ reset_history_table: false }),
    };

    const idOf = (operation) => ids[operation.path.split('/')[1]] ?? 'AAAAAAAAAAAAAA';
    const good = (operation) => operation.path.replace(/\{\w+\}/g, idOf(operation));

    async function counts() {
      const each = TABLES.filter((name) => !NOT_COUNTED.includes(name)).map((name) => `(SELECT count(*) FROM ${name}) AS ${name}`);
      const text = `SELECT ${each.join(', ')}`;
      const [row] = database
        ? await postgres.query(text, [], { database, schema: 'sluice_store' })
        : sqlite(join(server.folder, 'sluice.db'), text);
      return row;
    }

    // As it is: nothing is encoded or set right on the way.
    async function send(method, path, body, headers = {}) {
      const all = { 'x-api-key': server.key, connection: 'keep-alive', ...headers };
      if (body !== undefined) {
        Object.assign(all, { 'content-type': 'application/json', 'content-length': body.length });
      }
      const { hostname, port } = new URL(server.url);
      const answer = await new Promise((done, failed) => {
        const request = http.request({ hostname, port, path, method, headers: all, agent, timeout: PATIENCE_MS }, done);
        request.on('timeout', () => request.destroy(new Error(`no answer: ${method} ${path.slice(0, 200)} ${body?.subarray(0, 200)}`)));
        request.on('error', failed);
        request.end(body);
      });
      let text = '';
      for await (const part of answer.setEncoding('utf8')) {
        text += part;
      }
      return check({ method, path, status: answer.statusCode, headers: new Headers(answer.headers), text, body });
    }

    function check(answer) {
      const { method, path, status, headers, text, body } = answer;
      const what = `${method} ${path.slice(0, 300)} ${body?.subarray(0, 300) ?? ''} -> ${status} ${text.slice(0, 500)}`;
      openapi.check(answer);
      assert.ok(status < 500 || status === 501, what);
      for (const name of headers.keys()) {
        assert.ok(HEADERS.includes(name), `a header ${name}: ${what}`);
      }
      assert.equal(headers.get('x-content-type-options'), 'nosniff', what);
      for (const secret of [MARK, server.key, sim.token, CLIENT_SECRET]) {
        assert.ok(!text.includes(secret), `a secret is shown: ${what}`);
      }
      return { ...answer, what };
    }

    // What was made is taken away again, so that limits of how many are not met.
    async function tidy({ method, path, status, text }) {
      const made = status === 201 && method === 'POST' ? JSON.parse(text).id : undefined;
      if (made && ['/api_keys', '/connections', '/destinations', '/elt_syncs'].includes(path)) {
        assert.equal((await server.api('DELETE', `${path}/${made}`)).status, 204);
      }
    }

    // Sends all, four at a time, or one where the server lets few wait for others. Those that were refused are sent again, and must not have changed the store.
    async function bombard(requests, judge) {
      const refused = [];
      const queue = [...requests];
      const work = async () => {
        for (let request = queue.shift(); request; request = queue.shift()) {
          const answer = await send(...request.parts);
          judge(answer, request);
          if (answer.status >= 400) {
            refused.push(request);
          }
          await tidy(answer);
        }
      };
      const [, path] = requests[0].parts;
      const ends = await Promise.allSettled(/^\/(connections|destinations)/.test(path) ? [work()] : [work(), work(), work(), work()]);
      assert.deepEqual(ends.filter(({ reason }) => reason).map(({ reason }) => reason.message), []);
      if (refused.length === 0) {
        return;
      }
      const before = await counts();
      const [first] = refused;
      const again = refused.length === requests.length ? [] : refused;
      for (const request of again.length > 0 ? again : [first]) {
        const { status, what } = await send(...request.parts);
        assert.ok(status >= 400, `refused before, accepted now: ${what}`);
      }
      assert.deepEqual(await counts(), before, `the store has changed by what was refused: ${first.parts[0]} ${first.parts[1]}`);
    }

    test('each argument of each path', async () => {
      const start = await counts();
      for (const operation of openapi.operations.filter((o) => o.path.includes('{'))) {
        const requests = URL_VALUES.map((value) => ({
          parts: [operation.method, operation.path.replace(/\{\w+\}/g, () => value), undefined],
        }));
        await bombard(requests, ({ status, what }) => assert.ok([400, 404, 501].includes(status), what));
      }
      assert.deepEqual(await counts(), start);
    });

    test('each parameter of each query', async () => {
      const start = await counts();
      for (const operation of openapi.operations) {
        for (const { name, in: where } of operation.parameters ?? []) {
          if (where !== 'query' || operation.operationId === 'followEvents') {
            continue;
          }
          // What removes is to find nothing.
          const path = operation.method === 'GET' ? good(operation) : operation.path.replace('{id}', 'AAAAAAAAAAAAAA');
          const needed = operation.operationId === 'listEltStreamRuns' && name !== 'elt_stream_id' ? `elt_stream_id=${ids.elt_streams}&` : '';
          const requests = URL_VALUES.flatMap((value) =>
            [`${name}=${value}`, `${name}=${value}&${name}=1`].map((query) => ({
              parts: [operation.method, `${path}?${needed}${query}`, undefined],
            })));
          await bombard(requests, ({ status, text, what }) => {
            assert.ok([200, 400, 404].includes(status), what);
            if (status === 400) {
              assert.ok(JSON.parse(text).message.includes(name), `the parameter is not named: ${what}`);
            }
          });
        }
      }
      assert.deepEqual(await counts(), start);
    });

    test('each header that means something', async () => {
      const values = ['', ' ', 'x'.repeat(4000), "'", '"', '\xff\xfe', '\xe9', '\t', '-1', '1e309', '99999999999999999999', '%0d%0a', '<b>', '__proto__', 'null'];
      const names = ['idempotency-key', 'x-api-key', 'authorization', 'origin', 'content-type', 'accept', 'cookie', 'host', 'last-event-id',
        'x-forwarded-for', 'x-forwarded-host', 'range', 'if-none-match', 'accept-encoding', 'content-encoding', 'x-http-method-override', 'referer'];
      const start = await counts();
      for (const name of names) {
        for (const value of values) {
          const body = Buffer.from(JSON.stringify({ label: '', url: 'sqlite:/nowhere/x.db' })); // refused: it has no label
          const { status, what } = await send('POST', '/destinations', body, { [name]: value });
          assert.ok([400, 401, 415, 429].includes(status), what);
        }
        // A caller that is told to wait is let in by and by; the count of its failures is its own.
        await until(async () => (await server.api('GET', '/api_keys')).status !== 429, server);
      }
      assert.deepEqual(await counts(), start);
    });

    const withBody = () => openapi.operations.filter((o) => o.requestBody);

    test('each operation that reads a body has a good one here, which it accepts', async () => {
      assert.deepEqual(Object.keys(BASES).sort(), withBody().map((o) => o.operationId).sort());
      for (const operation of withBody()) {
        const answer = await send(operation.method, good(operation), Buffer.from(JSON.stringify(BASES[operation.operationId]())));
        assert.ok(answer.status < 300, answer.what);
        await tidy(answer);
      }
    });

    test('each field of each body', async () => {
      const { schemas } = openapi.document.components;
      for (const operation of withBody()) {
        const places = placesOf(operation.requestBody.content['application/json'].schema, schemas);
        assert.ok(places.length > 0, operation.operationId);
        for (const { keys, secret } of places) {
          // A new default could not be taken away again, and nothing in a list is a list.
          const values = JSON_VALUES.filter(({ bytes }) =>
            (keys[0] !== 'is_default' || bytes.toString() !== 'true') && (keys.at(-1) !== 0 || bytes.length > 0));
          const requests = values.map(({ bytes, readable }) => {
            const marked = secret && bytes[0] === 0x22 ? Buffer.concat([Buffer.from(`"${MARK}`), bytes.subarray(1)]) : bytes;
            return { parts: [operation.method, good(operation), put(BASES[operation.operationId](), keys, marked)], readable };
          });
          const name = keys.filter((key) => key !== 0).at(-1);
          await bombard(requests, ({ status, text, what }, { readable }) => {
            assert.ok([200, 201, 204, 400, 404, 409].includes(status), what);
            if (!readable) {
              assert.equal(status, 400, what);
            }
            if (status === 400) {
              const { error_code: code, message } = JSON.parse(text);
              assert.ok(code === 'invalid_json' ? !readable : message.includes(name), `the field is not named: ${what}`);
            }
          });
        }
      }
    });

    test('bodies that are something else', async () => {
      const start = await counts();
      for (const operation of withBody()) {
        const optional = ['updateEltSync', 'requestEltStreamFullRefresh'].includes(operation.operationId);
        await bombard(BODIES.map((body) => ({ parts: [operation.method, good(operation), body] })), ({ status, what }) => {
          assert.ok(status === 400 || (optional && status < 300), what);
        });
      }
      assert.deepEqual(await counts(), start);
    });

    test('a key that comes twice is read as one of the two, never as both', async () => {
      const body = Buffer.from('{"label":"first","url":"sqlite:/nowhere/x.db","label":"second"}');
      const answer = await send('POST', '/destinations', body);
      assert.ok(answer.status === 400 || ['first', 'second'].includes(JSON.parse(answer.text).label), answer.what);
      await tidy(answer);
    });

    test('afterwards all is as before, and the log holds no secret and no line of another', async () => {
      assert.equal((await server.api('GET', '/readyz', undefined, { key: '' })).status, 200);
      const stream = await server.ok('GET', `/elt_streams/${ids.elt_streams}`);
      assert.equal(stream.name, 'owners');
      assert.equal((await server.api('DELETE', `/api_keys/${ids.api_keys}`)).status, 409, 'no other admin key was made');
      const ended = await server.stop();
      assert.deepEqual(ended, { code: 0, signal: null }, server.child.output.stderr.slice(-5000));
      const { stderr } = server.child.output;
      assert.ok(stderr.split('\n').length > 1000, 'each request is in the log');
      for (const secret of [MARK, server.key, sim.token, CLIENT_SECRET]) {
        assert.ok(!stderr.includes(secret), `the log holds ${secret}`);
      }
      const lines = stderr.split('\n').filter((line) => line !== '');
      assert.deepEqual(lines.filter((line) => !/^ts=\S+ level=\w+ |^sluice: /.test(line)).slice(0, 3), []);
      assert.doesNotMatch(stderr, /[\0-\x08\x0b-\x1f\x7f]/, 'no control character reaches a terminal');
      server = undefined;
    });
  });
}
