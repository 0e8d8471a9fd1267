// Bad days of `sluice serve` over SQLite: killed at random instants, a full disk, a locked store, destination and
// HubSpot gone and back, a grant that is withdrawn. Afterwards every row is as in the portal, and nothing was made twice.
// SERVE_SEED repeats a sequence of kills, SERVE_KILLS changes its length.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { assertExact } from './lib/exact.mjs';
import { liveRows } from './lib/expect.mjs';
import { Postgres } from './lib/postgres.mjs';
import { freePort, PATIENCE_MS, randomNumbers, run, sleep, SLUICE, temporaryFolder, until } from './lib/process.mjs';
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

async function streamsOf(server, sync) {
  const { source_streams: streams } = await server.ok('GET', `/elt_syncs/${sync.id}/status`);
  return Object.fromEntries(streams.map((s) => [s.name, s]));
}

// Until the active run of a stream is in that state; gives it.
function untilRun(server, sync, stream, status) {
  return until(async () => {
    const { active_sync: active } = (await streamsOf(server, sync))[stream];
    return active?.status === status && active;
  }, server);
}

// Until the last run of each stream is complete, which nobody has asked for: it begins when the server gets to it.
function untilComplete(server, sync) {
  return until(async () => {
    const all = Object.values(await streamsOf(server, sync));
    return all.every(({ active_sync: active, latest_sync: latest }) => !active && latest?.status === 'COMPLETED');
  }, server);
}

describe(`killed, seed ${SEED}`, { concurrency: 2 }, () => {
  test(`${KILLS} times while it loads`, async (t) => {
    const random = randomNumbers(SEED);
    const server = await started(t, { contacts: 2500, companies: 400, deals: 500, tickets: 200, latency: 15 });
    const sync = await server.sync(await server.connect(), STREAMS);
    let busy = 0; // kills that found a run at work; on a fast machine the work is soon done, so until there are enough
    let kills = 0;
    for (; kills < KILLS || (busy < KILLS / 2 && kills < 20 * KILLS); kills++) {
      if (kills % 3 === 1) {
        await server.sim.mutate(
          { op: 'update', object: 'contacts', count: 120, skip: (kills * 40) % 2000 }, { op: 'create', object: 'deals', count: 5 },
        );
      }
      if (kills % 2 === 1) {
        await server.ok('POST', `/elt_streams/${sync.streams.contacts}/request_full_refresh`);
      }
      await server.run(sync);
      await sleep(30 + random() * random() * 2500);
      busy += Object.values(await streamsOf(server, sync)).some((s) => s.active_sync?.status === 'RUNNING');
      await server.kill();
      await server.restart();
    }
    t.diagnostic(`${kills} kills, ${busy} of them while a run was at work`);
    await server.settled(sync);
    await server.load(sync);
    assert.ok(busy >= KILLS / 2, `only ${busy} of ${kills} kills found a run at work`);
    await assertExact(server.sim, fileOf(server, 'hubspot'), STREAMS);
    assert.equal(sqliteValue(join(server.folder, 'sluice.db'), "SELECT count(*) FROM stream_run WHERE status = 'failed'"), 0);
  });

  test('goes on at once, from where the destination says', async (t) => {
    const server = await started(t, { contacts: 6000, latency: 60 });
    const sync = await server.sync(await server.connect(), ['contacts']);
    const hold = await server.sim.hold('contacts', 30);
    await hold.reached(server.child);
    const destination = fileOf(server, 'hubspot');
    await until(async () => (await destination.tables()).includes('contact') && (await liveRows(destination, 'contact')) >= 1000, server);
    await server.kill();
    await server.sim.clearFaults();
    const before = await server.sim.listed('contacts');
    const begin = Date.now();
    await server.restart();
    await until(async () => (await server.sim.listed('contacts')) > before, server);
    const took = Date.now() - begin;
    t.diagnostic(`the next call ${took} ms after the start`);
    // Nobody waits until the dead server's lease of 15 s is over. On a busy machine nothing is quick: how long a
    // start takes there is measured, too.
    await server.settled(sync);
    const again = Date.now();
    await server.kill();
    await server.restart();
    assert.ok(took < 10_000 + 3 * (Date.now() - again), `the next call came after ${took} ms`);
    const { contacts } = await server.settled(sync);
    assert.equal(contacts.status, 'COMPLETED');
    assert.equal(contacts.full_sync_trigger, 'INITIAL_SYNC');
    const all = await server.sim.listed('contacts');
    assert.ok(all < 60 + 25, `${all} pages were read of 60`);
    await assertExact(server.sim, fileOf(server, 'hubspot'), ['contacts'], { every: 20 });
  });

  test('while things are made: each repeated call makes its thing once', async (t) => {
    const random = randomNumbers(SEED + 1);
    const server = await started(t, { contacts: 10 });
    const connection = await server.connect();
    // Asked again until there is an answer, with the same key.
    async function make(path, body, key) {
      for (const end = Date.now() + PATIENCE_MS; Date.now() < end;) {
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
    const hangMs = 2 * PATIENCE_MS;
    const hold = await server.sim.hold('contacts', 8, { ms: hangMs });
    const sync = await server.sync(await server.connect(), ['contacts']);
    await hold.reached(server.child);
    const begin = Date.now();
    server.child.kill('SIGTERM');
    const ended = await Promise.race([server.child.exited, sleep(PATIENCE_MS)]);
    assert.ok(ended, `still there ${PATIENCE_MS} ms later, and not only for the 2 s that it was given`);
    t.diagnostic(`stopped within ${Date.now() - begin} ms`);
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
    const { contacts } = await server.settled(sync, { timeoutMs: 2 * PATIENCE_MS });
    assert.equal(contacts.status, 'COMPLETED', JSON.stringify(contacts));
    await assertExact(server.sim, new SqliteDestination({ folder }), ['contacts'], { every: 10 });
  });

  test('the store is locked by somebody else: 503 that says so, and on it goes', async (t) => {
    const server = await started(t, { contacts: 3000, latency: 40 });
    const connection = await server.connect();
    const hold = await server.sim.hold('contacts', 8);
    const sync = await server.sync(connection, ['contacts']);
    await hold.reached(server.child);
    const other = spawn('sqlite3', [join(server.folder, 'sluice.db')], { stdio: ['pipe', 'pipe', 'pipe'] });
    t.after(() => other.kill('SIGKILL'));
    const locked = new Promise((done) => other.stdout.once('data', done));
    other.stdin.write('.timeout 60000\nBEGIN IMMEDIATE;\nSELECT 1;\n');
    await locked;
    const body = { connection_id: connection, destination_schema_name: 'other', sync_interval: '0 0 1 1 *' };
    const { status, json, text, headers } = await server.api('POST', '/elt_syncs', body);
    assert.equal(status, 503, text);
    assert.match(json.message, /busy|locked|using/i);
    assert.ok(headers.get('retry-after'), 'says when to come again');
    other.stdin.end('ROLLBACK;\n');
    await server.sim.clearFaults();
    await until(async () => (await server.api('POST', '/elt_syncs', body)).status === 201, server);
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
    const hold = await server.sim.hold('contacts', 8);
    const sync = await server.sync(await server.connect(), ['contacts'], { schema: 'crm' });
    await hold.reached(server.child);
    await postgres.crash();
    await server.sim.clearFaults();
    const run = await untilRun(server, sync, 'contacts', 'RETRYING');
    assert.match(run.error_message, /connect|server|closed|terminat/i);
    await postgres.restart();
    const { contacts } = await server.settled(sync, { timeoutMs: 2 * PATIENCE_MS });
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
    const hold = await sim.hold('contacts', 8);
    const sync = await server.sync(await server.connect(), ['contacts']);
    await hold.reached(server.child);
    await sim.kill(); // a good end would answer what is on its way
    const run = await untilRun(server, sync, 'contacts', 'RETRYING');
    assert.ok(run.error_message, JSON.stringify(run));
    sim = await Sim.start(options);
    const { contacts } = await server.settled(sync, { timeoutMs: 2 * PATIENCE_MS });
    assert.equal(contacts.status, 'COMPLETED', JSON.stringify(contacts));
    assert.ok(contacts.retry_attempt >= 1, JSON.stringify(contacts));
    await assertExact(sim, fileOf(server, 'hubspot'), ['contacts'], { every: 10 });
  });
});

describe('changed while it runs', { concurrency: 2 }, () => {
  const slow = { contacts: 4000, latency: 150 };

  test('a sync that is deleted with its tables leaves none, not even later', async (t) => {
    const server = await started(t, slow);
    const hold = await server.sim.hold('contacts', 4);
    const sync = await server.sync(await server.connect(), ['contacts', 'companies', 'deals']);
    await hold.reached(server.child);
    const { status, text } = await server.api('DELETE', `/elt_syncs/${sync.id}?removeDataReferences=true`);
    assert.equal(status, 204, text);
    const calls = (await server.sim.counts()).requests.total;
    await sleep(1500);
    const tables = "SELECT count(*) FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE '\\_sluice%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'";
    assert.equal(sqliteValue(server.file(), tables), 0);
    assert.ok((await server.sim.counts()).requests.total - calls <= 3, 'calls go on');
    assert.equal(server.child.exitCode, null);
  });

  test('a sync that is disabled: what runs comes to its end, and nothing is begun', async (t) => {
    const server = await started(t, slow);
    const hold = await server.sim.hold('contacts', 10);
    const sync = await server.sync(await server.connect(), ['contacts']);
    await hold.reached(server.child);
    assert.equal((await server.api('POST', `/elt_syncs/${sync.id}/disable`)).status, 204);
    assert.equal((await server.ok('GET', `/elt_syncs/${sync.id}`)).status, 'PAUSED');
    await server.sim.clearFaults();
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
    const hold = await server.sim.hold('contacts', 12);
    const sync = await server.sync(connection, ['contacts', 'companies']);
    await hold.reached(server.child);
    for (const what of ['revoke', 'expire']) {
      assert.equal((await server.sim.api('POST', `/_sim/apps/${what}`, {})).status, 200);
    }
    await until(async () => (await server.ok('GET', `/connections/${connection}`)).status === 'needs_reauthorization', server);
    await until(async () => Object.values(await streamsOf(server, sync)).every((s) => s.active_sync?.status !== 'RUNNING'), server);
    await server.sim.clearFaults();
    const { requests } = await server.sim.counts();
    await sleep(2500);
    assert.equal((await server.sim.counts()).requests.total, requests.total, 'calls go on with a dead grant');
    assert.equal((await server.ok('GET', `/elt_syncs/${sync.id}`)).status, 'PAUSED');
    assert.equal((await server.sim.api('POST', '/_sim/oauth', { token_life: '30m' })).status, 200);
    const again = await server.consent({ label: 'theirs', connection_id: connection });
    assert.equal(again.to.searchParams.get('connection_id'), connection);
    const before = await server.sim.listed('contacts');
    // Its next tick is in January, and nobody asks for a run.
    await untilComplete(server, sync);
    assert.equal((await server.ok('GET', `/elt_syncs/${sync.id}`)).status, 'RUNNING');
    const after = await server.sim.listed('contacts');
    // What was committed is kept; pages that were on their way are read again.
    assert.ok(after < before + 40, `${before} and then ${after} pages were read of 40`);
    await assertExact(server.sim, fileOf(server, 'hubspot'), ['contacts', 'companies'], { every: 10 });
  });

  test('a token that sluice login gives beside the server: what failed without it runs', async (t) => {
    const server = await started(t, { contacts: 40, 'token-life': '3s' });
    const { to } = await server.consent({ label: 'theirs' });
    const connection = to.searchParams.get('connection_id');
    const sync = await server.sync(connection, ['contacts']);
    assert.equal((await server.settled(sync)).contacts.status, 'COMPLETED');
    for (const what of ['revoke', 'expire']) {
      assert.equal((await server.sim.api('POST', `/_sim/apps/${what}`, {})).status, 200);
    }
    await server.run(sync);
    const { contacts: failed } = await server.settled(sync);
    assert.deepEqual([failed.status, failed.error_code], ['FAILED', 'reauthorize']);
    const login = ['login', 'hubspot', '--name', connection, '--token-env', 'T', '--base-url', server.sim.url, '--data-dir', server.folder];
    const { code, stderr } = await run(SLUICE, login, { env: server.env({ T: server.sim.token }) });
    assert.equal(code, 0, stderr);
    await untilComplete(server, sync);
    const told = "SELECT count(*) FROM event WHERE kind = 'connection.reauthorized'";
    assert.equal(sqliteValue(join(server.folder, 'sluice.db'), told), 1);
  });
});
