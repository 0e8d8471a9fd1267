// Bad days of `sluice serve` over SQLite: killed at random instants, a full disk, a locked store, destination and
// HubSpot gone and back, a grant that is withdrawn. Afterwards every row is as in the portal, and nothing was made twice.
// SERVE_SEED repeats a sequence of kills, SERVE_KILLS changes its length.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { assertExact } from './lib/exact.mjs';
import { Postgres } from './lib/postgres.mjs';
import { freePort, randomNumbers, sleep, temporaryFolder, waitForOutput } from './lib/process.mjs';
import { Server } from './lib/serve.mjs';
import { Sim } from './lib/sim.mjs';
import { PostgresDestination, SqliteDestination } from './lib/sluice.mjs';
import { sqlite, sqliteValue } from './lib/sqlite.mjs';

const SEED = Number(process.env.SERVE_SEED ?? Date.now() % 1_000_000);
const KILLS = Number(process.env.SERVE_KILLS ?? 12);
const STREAMS = ['contacts', 'companies', 'deals', 'tickets', 'contact_company', 'owners'];

async function started(t, simOptions, options) {
  const server = await Server.start(simOptions, options);
  t.after(() => server.stop());
  return server;
}

function fileOf(server, schema) {
  const file = server.file(schema);
  return Object.assign(new SqliteDestination({ folder: join(file, '..'), name: `${schema}.db` }));
}

async function until(look, timeoutMs, child) {
  for (const end = Date.now() + timeoutMs; ;) {
    const seen = await look();
    if (seen) {
      return seen;
    }
    assert.ok(Date.now() < end, `not within ${timeoutMs} ms: ${look}\n${child?.output.stderr.slice(-3000)}`);
    await sleep(50);
  }
}

async function streamsOf(server, sync) {
  const { source_streams: streams } = await server.ok('GET', `/elt_syncs/${sync.id}/status`);
  return Object.fromEntries(streams.map((s) => [s.name, s]));
}

// Until the active run of a stream is in that state; gives it.
function untilRun(server, sync, stream, status, timeoutMs = 30_000) {
  return until(async () => {
    const { active_sync: active } = (await streamsOf(server, sync))[stream];
    return active?.status === status && active;
  }, timeoutMs, server.child);
}

function listed(sim, type) {
  return sim.stats().then((stats) => stats.requests.by_object[type]?.['objects.list'] ?? 0);
}

describe(`killed, seed ${SEED}`, { concurrency: 2 }, () => {
  test(`${KILLS} times while it loads`, async (t) => {
    const random = randomNumbers(SEED);
    const server = await started(t, { contacts: 2500, companies: 400, deals: 500, tickets: 200, latency: 15 });
    const sync = await server.sync(await server.connect(), STREAMS);
    let busy = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      if (kill % 3 === 1) {
        await server.sim.mutate({ op: 'update', object: 'contacts', count: 120, skip: kill * 40 }, { op: 'create', object: 'deals', count: 5 });
      }
      if (kill % 4 === 3) {
        await server.ok('POST', `/elt_streams/${sync.streams.contacts}/request_full_refresh`);
      }
      await server.run(sync);
      await sleep(30 + random() * random() * 2500);
      busy += Object.values(await streamsOf(server, sync)).some((s) => s.active_sync?.status === 'RUNNING');
      await server.kill();
      await server.restart();
    }
    await server.settled(sync);
    await server.load(sync);
    assert.ok(busy >= KILLS / 3, `only ${busy} of ${KILLS} kills found a run at work`);
    await assertExact(server.sim, fileOf(server, 'hubspot'), STREAMS);
    assert.equal(sqliteValue(join(server.folder, 'sluice.db'), "SELECT count(*) FROM stream_run WHERE status = 'failed'"), 0);
  });

  test('goes on within seconds, from where the destination says', async (t) => {
    const server = await started(t, { contacts: 6000, latency: 60 });
    const sync = await server.sync(await server.connect(), ['contacts']);
    await until(async () => (await listed(server.sim, 'contacts')) > 25, 30_000, server.child);
    await server.kill();
    const before = await listed(server.sim, 'contacts');
    const begin = Date.now();
    await server.restart();
    await until(async () => (await listed(server.sim, 'contacts')) > before, 10_000, server.child);
    t.diagnostic(`the next call ${Date.now() - begin} ms after the start`);
    const { contacts } = await server.settled(sync);
    assert.equal(contacts.status, 'COMPLETED');
    assert.equal(contacts.full_sync_trigger, 'INITIAL_SYNC');
    const all = await listed(server.sim, 'contacts');
    assert.ok(all < 60 + 20, `${all} pages were read of 60`);
    await assertExact(server.sim, fileOf(server, 'hubspot'), ['contacts'], { every: 20 });
  });

  test('while things are made: each repeated call makes its thing once', async (t) => {
    const random = randomNumbers(SEED + 1);
    const server = await started(t, { contacts: 10 });
    const connection = await server.connect();
    // Asked again until there is an answer, with the same key.
    async function make(path, body, key) {
      for (let tries = 0; tries < 200; tries++) {
        try {
          const { status, json, text } = await server.api('POST', path, body, { headers: { 'idempotency-key': key } });
          if (status === 201) {
            return json.id;
          }
          assert.ok(status === 409 || status === 503, text); // still under way
        } catch (error) {
          assert.ok(!(error instanceof assert.AssertionError), error);
        }
        await sleep(25);
      }
      assert.fail(`${path} never answered`);
    }
    let over = false;
    let kills = 0;
    const killing = (async () => {
      while (!over) {
        await sleep(60 + random() * 300);
        await server.kill();
        kills++;
        await server.restart();
      }
    })();
    const ids = { syncs: [], keys: [], bridges: [] };
    for (let i = 0; i < 40 || (kills < 5 && i < 2000); i++) { // a fast machine makes many between two kills
      ids.syncs.push(await make('/elt_syncs', {
        connection_id: connection, destination_schema_name: `s${i}`, sync_interval: '0 0 1 1 *',
      }, `sync-${i}`));
      ids.keys.push(await make('/api_keys', { name: `key ${i}`, scope: 'read' }, `key-${i}`));
      ids.bridges.push(await make('/connection_bridges', {
        integration_id: 'hubspot-v2', label: `b${i}`, redirect_uri: 'https://app.example.com/done',
      }, `bridge-${i}`));
    }
    over = true;
    await killing;
    t.diagnostic(`${kills} kills`);
    assert.ok(kills >= 5, `only ${kills} kills`);
    const store = join(server.folder, 'sluice.db');
    const names = (sql) => sqlite(store, sql).map((row) => Object.values(row)[0]).sort();
    assert.deepEqual(names('SELECT id FROM elt_sync'), ids.syncs.sort());
    assert.deepEqual(names("SELECT id FROM api_key WHERE name LIKE 'key %'"), ids.keys.sort());
    assert.deepEqual(names('SELECT id FROM bridge'), ids.bridges.sort());
    assert.equal(sqliteValue(store, 'PRAGMA integrity_check'), 'ok');
  });
});

describe('stopping', { concurrency: 2 }, () => {
  test('a call that hangs does not hold it beyond --drain-timeout, and nothing is lost', async (t) => {
    const server = await started(t, { contacts: 3000 }, { args: ['--drain-timeout', '2s'] });
    await server.sim.faults({ endpoint: 'objects.list', action: 'delay', ms: 60_000, after: 8 });
    const sync = await server.sync(await server.connect(), ['contacts']);
    await until(async () => (await listed(server.sim, 'contacts')) >= 8, 20_000, server.child);
    const begin = Date.now();
    server.child.kill('SIGTERM');
    const ended = await server.child.exited;
    assert.ok(Date.now() - begin < 8000, `${Date.now() - begin} ms`);
    assert.equal(ended.signal, null, JSON.stringify(ended));
    await server.sim.clearFaults();
    await server.restart();
    const { contacts } = await server.settled(sync);
    assert.equal(contacts.status, 'COMPLETED', JSON.stringify(contacts));
    await assertExact(server.sim, fileOf(server, 'hubspot'), ['contacts'], { every: 10 });
  });
});

function mountSmall(t, folder, size) {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', folder], { stdio: 'pipe' });
  } catch {
    t.skip('mounting a small file system needs rights that are not there');
    return false;
  }
  t.after(() => execFileSync('umount', ['-l', folder]));
  return true;
}

function fill(folder) {
  const file = join(folder, 'filler');
  try {
    writeFileSync(file, Buffer.alloc(64 << 20));
  } catch (error) {
    assert.equal(error.code, 'ENOSPC');
  }
  return file;
}

// Runs that fail are tried again after half a minute: side by side.
describe('a bad day', { concurrency: 4 }, () => {
  test('no room for the store: calls that write say so and leave nothing half done', async (t) => {
    const folder = temporaryFolder();
    if (!mountSmall(t, folder, '8m')) {
      return;
    }
    const into = temporaryFolder();
    const server = await Server.start({ contacts: 300 }, { folder: join(folder, 'data'), destination: `sqlite:${into}/` });
    t.after(() => server.stop());
    const connection = await server.connect();
    const sync = await server.sync(connection, ['contacts']);
    await server.settled(sync);
    const filler = fill(folder);
    const refused = [];
    for (let i = 0; i < 400 && refused.length < 5; i++) {
      const { status, json, text } = await server.api('POST', '/elt_syncs', {
        connection_id: connection, destination_schema_name: `full${i}`, sync_interval: '0 0 1 1 *',
      });
      if (status !== 201) {
        assert.equal(status, 503, text);
        assert.equal(json.error_code, 'store_full');
        assert.match(json.message, /full|space|room/i);
        refused.push(`full${i}`);
      }
    }
    assert.equal(refused.length, 5, 'calls refused for want of room');
    assert.equal((await server.api('GET', `/elt_syncs/${sync.id}`)).status, 200);
    assert.equal((await server.api('GET', '/healthz')).status, 200);
    rmSync(filler);
    for (const name of refused) {
      const again = await server.api('POST', '/elt_syncs', {
        connection_id: connection, destination_schema_name: name, sync_interval: '0 0 1 1 *',
      });
      assert.equal(again.status, 201, `${name}: ${again.text}`);
    }
    await server.load(sync);
    assert.equal(sqliteValue(join(server.folder, 'sluice.db'), 'PRAGMA integrity_check'), 'ok');
    assert.deepEqual(sqlite(join(server.folder, 'sluice.db'), 'PRAGMA foreign_key_check'), []);
  });

  test('no room for the destination: the run waits, says why, and goes on when there is room', async (t) => {
    const folder = temporaryFolder();
    if (!mountSmall(t, folder, '700k')) {
      return;
    }
    const server = await started(t, { contacts: 1500 }, { destination: `sqlite:${folder}/` });
    const sync = await server.sync(await server.connect(), ['contacts']);
    const run = await untilRun(server, sync, 'contacts', 'RETRYING');
    assert.match(run.error_message, /full|space|room/i);
    execFileSync('mount', ['-o', 'remount,size=200m', folder]);
    const { contacts } = await server.settled(sync, { timeoutMs: 90_000 });
    assert.equal(contacts.status, 'COMPLETED', JSON.stringify(contacts));
    await assertExact(server.sim, new SqliteDestination({ folder }), ['contacts'], { every: 10 });
  });

  test('the store is locked by somebody else: 503 that says so, and on it goes', async (t) => {
    const server = await started(t, { contacts: 3000, latency: 40 });
    const connection = await server.connect();
    const sync = await server.sync(connection, ['contacts']);
    await untilRun(server, sync, 'contacts', 'RUNNING');
    const other = spawn('sqlite3', [join(server.folder, 'sluice.db')], { stdio: ['pipe', 'pipe', 'pipe'] });
    t.after(() => other.kill('SIGKILL'));
    const locked = new Promise((done) => other.stdout.once('data', done));
    other.stdin.write('.timeout 10000\nBEGIN IMMEDIATE;\nSELECT 1;\n');
    await locked;
    const body = { connection_id: connection, destination_schema_name: 'other', sync_interval: '0 0 1 1 *' };
    const { status, json, text, headers } = await server.api('POST', '/elt_syncs', body);
    assert.equal(status, 503, text);
    assert.match(json.message, /busy|locked|using/i);
    assert.ok(headers.get('retry-after'), 'says when to come again');
    other.stdin.end('ROLLBACK;\n');
    await until(async () => (await server.api('POST', '/elt_syncs', body)).status === 201, 20_000, server.child);
    const { contacts } = await server.settled(sync);
    assert.equal(contacts.status, 'COMPLETED', JSON.stringify(contacts));
    await assertExact(server.sim, fileOf(server, 'hubspot'), ['contacts'], { every: 10 });
  });

  test('the data directory is gone: no answer pretends that all is well, and none crashes it', async (t) => {
    const server = await started(t, { contacts: 50 });
    const connection = await server.connect();
    const away = `${server.folder}.away`;
    renameSync(server.folder, away);
    // Many at once, so that further handles are opened.
    const refused = await Promise.all(Array.from({ length: 30 }, (_, i) => server.api('POST', '/elt_syncs', {
      connection_id: connection, destination_schema_name: `gone${i}`, sync_interval: '0 0 1 1 *',
    })));
    for (const { status, json, text } of refused) {
      assert.equal(status, 503, text);
      assert.match(json.message, /store.*not there any more/);
    }
    // Whoever has no key learns nothing of the server's files.
    for (const [path, key, statuses] of [['/readyz', '', [503]], ['/elt_syncs', `${server.key.slice(0, -3)}xyz`, [401, 503]]]) {
      const { status, text } = await server.api('GET', path, undefined, { key });
      assert.ok(statuses.includes(status), text);
      assert.ok(!text.includes(server.folder), text);
    }
    assert.equal((await server.api('GET', '/healthz')).status, 200);
    await sleep(1500); // whatever the engine does by itself
    assert.ok(!existsSync(join(server.folder, 'sluice.db')), 'an empty store was made in place of the one that is gone');
    assert.equal(server.child.exitCode, null);
    if (existsSync(server.folder)) {
      rmSync(server.folder, { recursive: true });
    }
    renameSync(away, server.folder);
    const sync = await server.sync(connection, ['contacts'], { schema: 'back' });
    await server.settled(sync);
    const { data } = await server.ok('GET', '/elt_syncs');
    assert.deepEqual(data.map((one) => one.id), [sync.id], 'what was refused is not there');
    assert.equal(sqliteValue(join(server.folder, 'sluice.db'), 'PRAGMA integrity_check'), 'ok');
  });

  test('the destination is gone and comes back', async (t) => {
    const postgres = await Postgres.start();
    t.after(() => postgres.stop());
    const server = await started(t, { contacts: 3000, latency: 60 }, { destination: postgres.url() });
    const sync = await server.sync(await server.connect(), ['contacts'], { schema: 'crm' });
    await until(async () => (await listed(server.sim, 'contacts')) > 8, 30_000, server.child);
    await postgres.crash();
    const run = await untilRun(server, sync, 'contacts', 'RETRYING');
    assert.match(run.error_message, /connect|server|closed|terminat/i);
    await postgres.restart();
    const { contacts } = await server.settled(sync, { timeoutMs: 90_000 });
    assert.equal(contacts.status, 'COMPLETED', JSON.stringify(contacts));
    await assertExact(server.sim, new PostgresDestination(postgres, { schema: 'crm' }), ['contacts'], { every: 10 });
  });

  test('HubSpot is gone and comes back', async (t) => {
    const listen = `127.0.0.1:${await freePort()}`;
    const options = { contacts: 3000, latency: 60, listen };
    let sim = await Sim.start(options);
    const server = await Server.start(sim);
    t.after(async () => {
      await server.stop();
      await sim.stop();
    });
    const sync = await server.sync(await server.connect(), ['contacts']);
    await until(async () => (await listed(sim, 'contacts')) > 8, 30_000, server.child);
    await sim.stop();
    const run = await untilRun(server, sync, 'contacts', 'RETRYING', 120_000);
    assert.ok(run.error_message, JSON.stringify(run));
    sim = await Sim.start(options);
    const { contacts } = await server.settled(sync, { timeoutMs: 90_000 });
    assert.equal(contacts.status, 'COMPLETED', JSON.stringify(contacts));
    assert.ok(contacts.retry_attempt >= 1, JSON.stringify(contacts));
    await assertExact(sim, fileOf(server, 'hubspot'), ['contacts'], { every: 10 });
  });
});

describe('changed while it runs', { concurrency: 2 }, () => {
  const slow = { contacts: 4000, latency: 150 };

  test('a sync that is deleted with its tables leaves none, not even later', async (t) => {
    const server = await started(t, slow);
    const sync = await server.sync(await server.connect(), ['contacts', 'companies', 'deals']);
    await until(async () => (await listed(server.sim, 'contacts')) > 4, 30_000, server.child);
    const { status, text } = await server.api('DELETE', `/elt_syncs/${sync.id}?removeDataReferences=true`);
    assert.equal(status, 204, text);
    const calls = (await server.sim.stats()).requests.total;
    await sleep(1500);
    const tables = "SELECT count(*) FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE '\\_sluice%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'";
    assert.equal(sqliteValue(server.file(), tables), 0);
    assert.ok((await server.sim.stats()).requests.total - calls <= 3, 'calls go on');
    assert.equal(server.child.exitCode, null);
  });

  test('a sync that is disabled: what runs comes to its end, and nothing is begun', async (t) => {
    const server = await started(t, slow);
    const sync = await server.sync(await server.connect(), ['contacts']);
    await until(async () => (await listed(server.sim, 'contacts')) > 10, 30_000, server.child);
    assert.equal((await server.api('POST', `/elt_syncs/${sync.id}/disable`)).status, 204);
    assert.equal((await server.ok('GET', `/elt_syncs/${sync.id}`)).status, 'PAUSED');
    const { contacts } = await server.settled(sync);
    assert.equal(contacts.status, 'COMPLETED', JSON.stringify(contacts));
    await assertExact(server.sim, fileOf(server, 'hubspot'), ['contacts'], { every: 10 });
    assert.equal((await server.api('POST', `/elt_streams/${sync.streams.contacts}/request_run`)).status, 400);
    assert.equal((await streamsOf(server, sync)).contacts.active_sync, undefined);
    await server.ok('POST', `/elt_syncs/${sync.id}/enable`);
    const ended = await server.load(sync);
    assert.equal(ended.contacts.operation_mode, 'INCREMENTAL');
  });

  test('a grant that is withdrawn pauses the syncs; authorized anew they go on', async (t) => {
    const server = await started(t, { ...slow, 'token-life': '3s' });
    const { to } = await server.consent({ label: 'theirs' });
    const connection = to.searchParams.get('connection_id');
    const sync = await server.sync(connection, ['contacts', 'companies']);
    await until(async () => (await listed(server.sim, 'contacts')) > 4, 30_000, server.child);
    for (const what of ['revoke', 'expire']) {
      assert.equal((await server.sim.api('POST', `/_sim/apps/${what}`, {})).status, 200);
    }
    await until(async () => (await server.ok('GET', `/connections/${connection}`)).status === 'needs_reauthorization', 20_000, server.child);
    await until(async () => Object.values(await streamsOf(server, sync)).every((s) => s.active_sync?.status !== 'RUNNING'), 20_000);
    const { requests } = await server.sim.stats();
    await sleep(2500);
    assert.equal((await server.sim.stats()).requests.total, requests.total, 'calls go on with a dead grant');
    assert.equal((await server.ok('GET', `/elt_syncs/${sync.id}`)).status, 'PAUSED');
    const again = await server.consent({ label: 'theirs', connection_id: connection });
    assert.equal(again.to.searchParams.get('connection_id'), connection);
    const before = await listed(server.sim, 'contacts');
    await server.load(sync);
    assert.equal((await server.ok('GET', `/elt_syncs/${sync.id}`)).status, 'RUNNING');
    const after = await listed(server.sim, 'contacts');
    // What was committed is kept; pages that were on their way are read again.
    assert.ok(after < before + 40, `${before} and then ${after} pages were read of 40`);
    await assertExact(server.sim, fileOf(server, 'hubspot'), ['contacts', 'companies'], { every: 10 });
  });
});
