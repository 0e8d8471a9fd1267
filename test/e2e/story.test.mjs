// The story of the documented API, call by call, as anybody types it: curl, a host, a key. Only those two are put in.
// Once with everything in SQLite files, once with store and tables in PostgreSQL.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { open, press } from './lib/browser.mjs';
import { assertRecords, liveRows, TABLES } from './lib/expect.mjs';
import { Postgres } from './lib/postgres.mjs';
import { run, sleep } from './lib/process.mjs';
import { clearOfHour } from './lib/quiet_hours.mjs';
import { Browser, cleanEnvironment, Server } from './lib/serve.mjs';
import { PostgresDestination, SqliteDestination } from './lib/sluice.mjs';
import { sqliteWrite } from './lib/sqlite.mjs';

const PORTAL = { contacts: 400, companies: 90, deals: 120, 'optional-scopes': 'all', scopes: 'oauth' };
const TYPES = ['contacts', 'companies', 'deals'];
const WAIT_MS = 180_000;
const ID = /^[\w-]{14}$/;

// What the simulator derives from another record changes with that record, and its own modified stamp does not say so.
const DERIVED = ['company', 'associatedcompanyid'];

const PLACES = {
  'SQLite files': {
    start: () => Server.start(PORTAL),
    destination: (server) => new SqliteDestination({ folder: join(server.folder, 'data'), name: 'hubspot.db' }),
    write: (destination, sql) => sqliteWrite(destination.file, sql),
  },
  PostgreSQL: {
    start: (postgres) => Server.start(PORTAL, { postgres: postgres.url() }),
    destination: (_, postgres) => new PostgresDestination(postgres, { schema: 'hubspot' }),
    write: (destination, sql) => destination.rows(sql),
  },
};

let postgres;
before(async () => {
  await clearOfHour(6); // when its schedule begins runs of its own
  postgres = await Postgres.start();
});
after(() => postgres?.stop());

for (const [name, place] of Object.entries(PLACES)) {
  describe(`the documented story over ${name}`, () => {
    let server;
    let destination;
    let bridge; // of the calls before
    let connection;
    let sync;
    let streams;

    before(async () => {
      server = await place.start(postgres);
      destination = place.destination(server, postgres);
    });
    after(() => server?.stop());

    // A command line of a shell; the key and the host come by its variables. Gives status and body.
    async function shell(line) {
      const env = cleanEnvironment({ HOST: server.url, API_KEY: server.key });
      const { code, stdout, stderr } = await run('sh', ['-c', `${line} --silent --show-error --noproxy '*' --write-out '\\n%{http_code}'`], { env });
      assert.equal(code, 0, stderr);
      const at = stdout.lastIndexOf('\n');
      const text = stdout.slice(0, at);
      return { status: Number(stdout.slice(at + 1)), text, json: text === '' ? undefined : JSON.parse(text) };
    }

    async function expect(status, line) {
      const answer = await shell(line);
      assert.equal(answer.status, status, `${line}\n${answer.text}`);
      if (status === 204) {
        assert.equal(answer.text, '');
      }
      return answer.json;
    }

    const get = (path) => `curl --request GET --url "$HOST${path}" --header "x-api-key: $API_KEY"`;
    const post = (path, body) =>
      `curl --request POST --url "$HOST${path}" --header "x-api-key: $API_KEY"` +
      (body === undefined ? '' : ` --header 'Content-Type: application/json' --data '${body}'`);
    const remove = (path) => `curl --request DELETE --url "$HOST${path}" --header "x-api-key: $API_KEY"`;

    async function until(look) {
      for (const end = Date.now() + WAIT_MS; ;) {
        const [done, seen] = await look();
        if (done) {
          return done;
        }
        assert.ok(Date.now() < end, JSON.stringify(seen));
        await sleep(100);
      }
    }

    // As the documentation says: the relative address, until its list holds the run, and the run has ended.
    async function followRun(stream) {
      const { status_url: url } = await expect(200, post(`/elt_streams/${stream}/request_run`));
      assert.match(url, /^\/elt_stream_runs\?elt_stream_id=[\w-]+&starting_after=[^&]+&limit=1&sort_direction=asc$/);
      return until(async () => {
        const page = await expect(200, get(url));
        const [found] = page.data; // none: it is not scheduled yet
        return [found && found.status !== 'RUNNING' && found, page];
      });
    }

    async function settled() {
      return until(async () => {
        const status = await expect(200, get(`/elt_syncs/${sync.id}/status`));
        return [status.source_streams.every((s) => !s.active_sync && s.latest_sync) && status, status];
      });
    }

    async function assertTables() {
      const records = await server.sim.records();
      for (const type of TYPES) {
        await assertRecords(server.sim, destination, type, { except: DERIVED });
        assert.equal(await liveRows(destination, TABLES[type][0]), records[type].live, type);
      }
    }

    test('there is no connection, and a bridge is asked for', async () => {
      assert.deepEqual(await expect(200, get('/connections')), { has_more: false, data: [] });
      bridge = await expect(201, post('/connection_bridges', `{
  "integration_id": "hubspot-v2",
  "label": "hubspot-production",
  "redirect_uri": "https://yourapp.com/callback"
}`));
      assert.ok(bridge.authorize_url.startsWith(`${server.url}/authorize?token=`), bridge.authorize_url);
      assert.match(bridge.id, ID);
      assert.equal(Date.parse(bridge.expires_at) - Date.parse(bridge.created_at), 86_400_000);
      const { data } = await expect(200, get('/connection_bridges'));
      assert.deepEqual(data.map((b) => b.id), [bridge.id]);
    });

    test('the person consents and comes back with the connection', async () => {
      const browser = new Browser();
      const consent = await open(await browser.goToHubSpot(bridge.authorize_url));
      const { to } = await press(consent, 'approve');
      const back = await browser.fetch(to);
      const at = new URL(back.headers.get('location'));
      assert.equal(at.origin + at.pathname, 'https://yourapp.com/callback');
      connection = at.searchParams.get('connectionId');
      assert.equal(at.searchParams.get('connection_id'), connection);
      assert.deepEqual([...at.searchParams.keys()], ['connectionId', 'connection_id']); // no state was given
      const { data } = await expect(200, get('/connections'));
      assert.deepEqual(data.map((c) => [c.id, c.integration_id, c.label]), [[connection, 'hubspot-v2', 'hubspot-production']]);
      assert.deepEqual((await expect(200, get('/connection_bridges'))).data, []);
    });

    test('a sync is made; nothing runs yet', async () => {
      sync = await expect(201, post('/elt_syncs', `{
  "connection_id": "${connection}",
  "destination_schema_name": "hubspot",
  "sync_interval": "0 */6 * * *"
}`));
      assert.match(sync.id, ID);
      const { source_connection_id: source, destination_schema_name: schema, sync_interval: interval, status, enabled } = sync;
      assert.deepEqual({ source, schema, interval, status, enabled }, {
        source: connection, schema: 'hubspot', interval: '0 */6 * * *', status: 'NOT_STARTED', enabled: false,
      });
      assert.equal(sync.source_integration_id, 'hubspot-v2');
      assert.deepEqual(sync.config, { sourceSettings: {} });
    });

    test('streams are looked up and added, in the order of the request', async () => {
      const { has_more: more, data } = await expect(200, get(`/elt_syncs/${sync.id}/available_source_streams`));
      assert.equal(more, false);
      const byName = Object.fromEntries(data.map((s) => [s.name, s]));
      for (const type of TYPES) {
        assert.equal(byName[type]?.is_selectable, true, type);
        assert.equal(byName[type].retired, false);
      }
      const added = await expect(201, post(`/elt_syncs/${sync.id}/source_streams`, `{
  "source_streams": [
    { "name": "contacts" },
    { "name": "companies" },
    { "name": "deals" }
  ]
}`));
      assert.deepEqual(added.source_streams.map((s) => s.name), TYPES);
      streams = Object.fromEntries(added.source_streams.map((s) => [s.name, s.id]));
      const shown = await expect(200, get(`/elt_syncs/${sync.id}`));
      assert.deepEqual(shown.source_streams.map((s) => s.name), TYPES);
      const refused = await shell(post(`/elt_streams/${streams.contacts}/request_run`));
      assert.equal(refused.status, 400, refused.text);
      assert.match(refused.json.message, /enable/);
    });

    test('enabled, it loads every record, and the status says so', async () => {
      await expect(204, post(`/elt_syncs/${sync.id}/enable`));
      assert.equal((await expect(200, get(`/elt_syncs/${sync.id}`))).status, 'RUNNING');
      const status = await settled();
      assert.equal(status.elt_sync_id, sync.id);
      assert.deepEqual(status.source_streams.map((s) => s.name), TYPES);
      for (const { name: type, latest_sync: ended } of status.source_streams) {
        assert.equal(ended.status, 'COMPLETED', JSON.stringify(ended));
        assert.deepEqual([ended.operation_mode, ended.full_sync_trigger], ['FULL', 'INITIAL_SYNC'], type);
        assert.ok(ended.bytes_synced > 0 && ended.records_synced > 0, JSON.stringify(ended));
        assert.ok(ended.started_at <= ended.finished_at);
      }
      await assertTables();
    });

    test('what changes in HubSpot comes with the next run, and nothing else', async () => {
      const [changed, made, archived] = await server.sim.mutate(
        { op: 'update', object: 'contacts', count: 3, pick: 'spread', properties: { lastname: 'Verändert' } },
        { op: 'create', object: 'contacts', count: 2 },
        { op: 'archive', object: 'deals', count: 4 },
      );
      assert.equal(changed.ids.length + made.ids.length + archived.ids.length, 9);
      const ended = await followRun(streams.contacts);
      assert.equal(ended.status, 'COMPLETED', JSON.stringify(ended));
      assert.equal(ended.elt_stream_id, streams.contacts);
      assert.equal(ended.elt_sync_id, sync.id);
      assert.equal((await followRun(streams.deals)).status, 'COMPLETED');
      assert.equal((await followRun(streams.companies)).status, 'COMPLETED');
      const { source_streams: status } = await settled();
      assert.deepEqual(status.map((s) => s.latest_sync.operation_mode), ['INCREMENTAL', 'INCREMENTAL', 'INCREMENTAL']);
      await assertTables();
      const marked = await destination.rows(`SELECT deal_id FROM deal WHERE _sluice_deleted ORDER BY deal_id`);
      for (const id of archived.ids) {
        assert.ok(marked.some((row) => String(row.deal_id) === String(id)), `deal ${id} is archived`);
      }
      const one = await expect(200, get(`/elt_stream_runs/${ended.id}`));
      assert.deepEqual(one, ended);
    });

    test('a full refresh is for the next run, and can be taken back', async () => {
      const path = `/elt_streams/${streams.contacts}`;
      const latest = async () => {
        const { source_streams: [contacts] } = await settled();
        return `${contacts.latest_sync.operation_mode} ${contacts.latest_sync.full_sync_trigger}`;
      };
      const count = async () => (await expect(200, get(`/elt_stream_runs?elt_stream_id=${streams.contacts}`))).data.length;
      const before = await count();
      await expect(204, post(`${path}/request_full_refresh`));
      assert.equal(await count(), before); // nothing has been started
      await expect(204, post(`${path}/cancel_full_refresh`));
      await followRun(streams.contacts);
      assert.equal(await latest(), 'INCREMENTAL NONE');
      // What somebody has spoilt in the table only a run over everything finds.
      const [lost, wrong] = await destination.rows('SELECT id FROM contact WHERE NOT _sluice_deleted ORDER BY id LIMIT 2');
      await place.write(destination, `DELETE FROM contact WHERE id = ${lost.id}`);
      await place.write(destination, `UPDATE contact SET property_lastname = 'falsch' WHERE id = ${wrong.id}`);
      await expect(204, post(`${path}/request_full_refresh`, '{"reset_history_table": false}'));
      assert.equal((await followRun(streams.contacts)).status, 'COMPLETED');
      assert.equal(await latest(), 'FULL USER');
      await assertTables();
      await followRun(streams.contacts);
      assert.equal(await latest(), 'INCREMENTAL NONE'); // the mark was for one run
    });

    test('another interval, and no more runs once it is disabled', async () => {
      const changed = await expect(200, post(`/elt_syncs/${sync.id}`, '{"sync_interval": "0 0 * * *"}'));
      assert.equal(changed.sync_interval, '0 0 * * *');
      await expect(204, post(`/elt_syncs/${sync.id}/disable`));
      const shown = await expect(200, get(`/elt_syncs/${sync.id}`));
      assert.deepEqual([shown.status, shown.enabled], ['PAUSED', false]);
      const refused = await shell(post(`/elt_streams/${streams.deals}/request_run`));
      assert.equal(refused.status, 400, refused.text);
      assert.deepEqual(Object.keys(refused.json).sort(), ['error_code', 'message']);
    });

    test('deleted with its data it leaves no table, and the connection can go', async () => {
      await expect(204, remove(`/elt_syncs/${sync.id}?removeDataReferences=true`));
      const gone = await shell(get(`/elt_syncs/${sync.id}`));
      assert.deepEqual([gone.status, gone.json.error_code], [404, 'not_found']);
      const left = (await destination.tables()).filter((table) => !table.startsWith('_sluice'));
      assert.deepEqual(left, []);
      const deleted = await shell(remove(`/connections/${connection}`));
      assert.ok([200, 204].includes(deleted.status), deleted.text);
      assert.deepEqual((await expect(200, get('/connections'))).data, []);
    });
  });
}
