// sluice serve: starting, the story of a sync, and stopping.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Postgres } from './lib/postgres.mjs';
import { finish, PATIENCE_MS, run, sleep, SLUICE, start, stop, temporaryFolder, until, waitForOutput } from './lib/process.mjs';
import { cleanEnvironment, Server } from './lib/serve.mjs';
import { sqlite } from './lib/sqlite.mjs';

describe('a server', () => {
  let server;
  before(async () => {
    server = await Server.start({ contacts: 60 });
  });
  after(() => server?.stop());

  test('makes key, store and a first API key', () => {
    assert.match(server.key, /^slk_[A-Za-z0-9]{8}_[A-Za-z0-9_-]{43}$/);
    for (const file of ['key', 'sluice.db']) {
      assert.equal(statSync(join(server.folder, file)).mode & 0o777, 0o600, file);
    }
  });

  test('loads a sync through OAuth', async () => {
    const { to, status } = await server.consent({ state: 'abc' });
    assert.equal(status, 303);
    assert.equal(to.searchParams.get('state'), 'abc');
    const connection = to.searchParams.get('connectionId');
    assert.equal(to.searchParams.get('connection_id'), connection);
    const sync = await server.sync(connection, ['contacts', 'companies']);
    await server.load(sync);
    const { contacts } = await server.sim.records();
    const [{ n }] = sqlite(server.file(), 'SELECT count(*) AS n FROM contact');
    assert.equal(Number(n), contacts.live);
  });

  test('refuses a second instance over the same store, and says who is there', async () => {
    const second = await run(SLUICE, ['serve', '--data-dir', server.folder, '--listen', '127.0.0.1:0'], {
      env: cleanEnvironment(),
    });
    assert.equal(second.code, 1, second.stderr);
    assert.match(second.stderr, new RegExp(`another sluice serves this store \\(process ${server.child.pid}\\)`));
  });

  test('stops in order at SIGTERM, and starts again over the same store without a new key', async () => {
    server.child.kill('SIGTERM');
    assert.deepEqual(await server.child.exited, { code: 0, signal: null });
    await server.restart();
    assert.doesNotMatch(server.child.output.stdout, /API key/);
    assert.equal((await server.api('GET', '/integrations')).status, 200);
  });
});

// What a newcomer gets wrong is said where it is looked for.
describe('newcomers', () => {
  const begin = async (args, env = {}) => {
    const folder = join(temporaryFolder(), 'd');
    const child = start(SLUICE, ['serve', '--data-dir', folder, '--listen', '127.0.0.1:0', ...args], { env: cleanEnvironment(env) });
    await waitForOutput(child, /listening on .*\n.*\n/);
    await stop(child);
    return child.output.stdout;
  };
  const refused = async (args, code, pattern) => {
    const result = await run(SLUICE, ['serve', '--data-dir', join(temporaryFolder(), 'd'), '--listen', '127.0.0.1:0', ...args], {
      env: cleanEnvironment(),
    });
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr, pattern);
  };

  test('without an app of HubSpot, and with one: what must stand there', async () => {
    assert.match(await begin([]), /no HubSpot app \(--hubspot-client-id\), so only private apps' tokens/);
    const app = ['--hubspot-client-id', 'x', '--public-url', 'https://sluice.example.com/base/'];
    const said = await begin(app, { SLUICE_HUBSPOT_CLIENT_SECRET: 'y' });
    assert.match(said, /back to https:\/\/sluice\.example\.com\/base\/oauth\/callback: a redirect URL of the app/);
  });

  test('a store that is not there, or no store at all', async () => {
    await refused(['--store', 'postgres://me:hush@127.0.0.1:1/x'], 1, /store: PostgreSQL: .*port 1 failed.*\n.*run again/s);
    await refused(['--store', './mine.db'], 2, /--store: write sqlite:FILE, postgres:/);
    await refused(['--public-url', 'sluice.example.com'], 2, /--public-url: .*must start with https:.*\n.*see sluice VERB --help/);
  });

  test('a destination that cannot be reached: its test says so, and so does the run', async () => {
    const server = await Server.start({ contacts: 5 }, { destination: 'postgres://me:hush@127.0.0.1:1/x' });
    const { data: [{ id }] } = await server.ok('GET', '/destinations');
    const tried = await server.ok('POST', `/destinations/${id}/test`);
    assert.equal(tried.ok, false);
    assert.match(tried.checks[0].message, /port 1 failed/);
    const sync = await server.sync(await server.connect(), ['contacts']);
    const retried = await until(async () => {
      const { source_streams: [{ active_sync: run }] } = await server.ok('GET', `/elt_syncs/${sync.id}/status`);
      return run?.status === 'RETRYING' && run;
    }, server);
    assert.match(retried.error_message, /port 1 failed/);
    await server.stop();
    assert.doesNotMatch(server.printed, /hush/);
  });

  test('a key that has expired says that it has', async () => {
    const server = await Server.start({ contacts: 0 });
    // On a slow machine it takes a longer life to be used in it.
    let at;
    let key;
    let used;
    for (let lifeMs = 1000; used !== 200 && lifeMs < 60_000; lifeMs *= 4) {
      at = Date.now() + lifeMs;
      ({ key } = await server.ok('POST', '/api_keys', { name: 'short', scope: 'read', expires_at: new Date(at).toISOString() }));
      ({ status: used } = await server.api('GET', '/elt_syncs', undefined, { key }));
    }
    assert.equal(used, 200);
    await sleep(at - Date.now() + 50);
    const { status, json } = await server.api('GET', '/elt_syncs', undefined, { key });
    assert.deepEqual([status, json.error_code], [401, 'expired_api_key']);
    assert.match(json.message, /expired: make another/);
    await server.stop();
  });
});

describe('stopping', () => {
  test('gives back what runs, and the next start goes on with it', async () => {
    const server = await Server.start({ contacts: 400, latency: '250' });
    const connection = await server.connect();
    const hold = await server.sim.hold('contacts', 1);
    const sync = await server.sync(connection, ['contacts']);
    await hold.reached(server.child);
    server.child.kill('SIGTERM');
    assert.deepEqual(await server.child.exited, { code: 0, signal: null });
    await server.sim.clearFaults();
    await server.restart();
    const { contacts: ended } = await server.settled(sync);
    assert.equal(ended.status, 'COMPLETED', JSON.stringify(ended));
    const { contacts } = await server.sim.records();
    assert.equal(Number(sqlite(server.file(), 'SELECT count(*) AS n FROM contact')[0].n), contacts.live);
    await server.stop();
  });
});

test('speaks TLS', async () => {
  const folder = temporaryFolder();
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'pipe' });
  const child = start(SLUICE, ['serve', '--data-dir', join(folder, 'd'), '--listen', '127.0.0.1:0', '--tls-cert', cert,
    '--tls-key', key], { env: cleanEnvironment() });
  const [, url] = await waitForOutput(child, /listening on (https:\S+)/);
  const body = await new Promise((done, failed) => {
    https.get(`${url}/healthz`, { ca: readFileSync(cert) }, async (response) => {
      done((await response.toArray()).join(''));
    }).on('error', failed);
  });
  assert.equal(JSON.parse(body).status, 'ok');
  await stop(child);
  const bad = await run(SLUICE, ['serve', '--data-dir', join(folder, 'e'), '--listen', '127.0.0.1:0', '--tls-cert', key,
    '--tls-key', key], { env: cleanEnvironment() });
  assert.equal(bad.code, 2, bad.stderr);
});

describe('starting', () => {
  async function fails(args, code, pattern, env = {}) {
    const data = temporaryFolder();
    const result = await run(SLUICE, ['serve', '--data-dir', join(data, 'd'), ...args], { env: cleanEnvironment(env) });
    assert.equal(result.code, code, result.stdout + result.stderr);
    assert.match(result.stderr, pattern);
    return result;
  }

  test('a port that is taken', async () => {
    const first = start(SLUICE, ['serve', '--data-dir', join(temporaryFolder(), 'd'), '--listen', '127.0.0.1:0'], {
      env: cleanEnvironment(),
    });
    const [, port] = await waitForOutput(first, /listening on http:\/\/127\.0\.0\.1:(\d+)/);
    const { stdout } = await fails(['--listen', `127.0.0.1:${port}`], 2, new RegExp(`--listen 127.0.0.1:${port}: `));
    assert.equal(stdout, '', 'a key that is shown once is not shown by a server that does not start');
    await stop(first);
  });

  test('settings that cannot be', async () => {
    await fails(['--listen', 'nowhere'], 2, /--listen: "nowhere" is no address/);
    await fails(['--workers', '1001'], 2, /--workers: "1001" is not between 0 and 1000/);
    await fails(['--worker', '3'], 2, /did you mean --workers/);
    await fails(['--destination', 'mysql://me:hush@x/y'], 2, /--destination/);
    await fails(['--tls-cert', '/x'], 2, /--tls-key is missing/);
    await fails(['--hubspot-client-id', 'x'], 2, /SLUICE_HUBSPOT_CLIENT_SECRET/);
    await fails(['--master-key-file', '/nowhere/at/all'], 4, /\/nowhere\/at\/all/);
    await fails([], 2, /SLUICE_WORKERS: --workers: "many"/, { SLUICE_WORKERS: 'many' });
  });

  test('a secret on the command line is warned of and not left there', async () => {
    const child = start(SLUICE, ['serve', '--data-dir', join(temporaryFolder(), 'd'), '--listen', '127.0.0.1:0',
      '--hubspot-client-id', 'x', '--hubspot-client-secret', 'hush-hush-hush'], { env: cleanEnvironment() });
    await waitForOutput(child, /listening on/);
    assert.match(child.output.stderr, /warning: --hubspot-client-secret on a command line/);
    assert.doesNotMatch(readFileSync(`/proc/${child.pid}/cmdline`, 'latin1'), /hush/);
    await stop(child);
  });

  test('the first key may go into a file, which is never written over', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'first');
    const args = ['serve', '--listen', '127.0.0.1:0', '--first-key-file', file];
    const child = start(SLUICE, [...args, '--data-dir', join(folder, 'd')], { env: cleanEnvironment() });
    const [, url] = await waitForOutput(child, /listening on (\S+)/);
    assert.doesNotMatch(child.output.stdout, /slk_/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const key = readFileSync(file, 'utf8').trim();
    assert.equal((await fetch(`${url}/integrations`, { headers: { 'x-api-key': key } })).status, 200);
    await stop(child);
    const other = await run(SLUICE, [...args, '--data-dir', join(folder, 'e')], { env: cleanEnvironment() });
    assert.equal(other.code, 2);
    assert.match(other.stderr, /--first-key-file: .*File exists/);
    assert.equal(readFileSync(file, 'utf8').trim(), key);
  });

  test('log lines as JSON, and a warning about plain HTTP to others', async () => {
    const child = start(SLUICE, ['serve', '--data-dir', join(temporaryFolder(), 'd'), '--listen', '0.0.0.0:0',
      '--log-format', 'json'], { env: cleanEnvironment() });
    await waitForOutput(child, /listening on/);
    await stop(child);
    const lines = child.output.stderr.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
    assert.ok(lines.some((line) => line.level === 'warn' && /without TLS/.test(line.msg)), child.output.stderr);
    assert.ok(lines.some((line) => line.level === 'warn' && /--public-url/.test(line.msg)), child.output.stderr);
  });

  test('a worker needs a store that can be shared', async () => {
    const result = await run(SLUICE, ['worker', '--data-dir', join(temporaryFolder(), 'd')], { env: cleanEnvironment() });
    assert.equal(result.code, 2);
    assert.match(result.stderr, /--store: a worker shares the store of a server.*PostgreSQL/);
  });
});

describe('a store in PostgreSQL', () => {
  let postgres;
  before(async () => {
    postgres = await Postgres.start();
  });
  after(() => postgres?.stop());

  test('is shared: a server that only answers, and a worker that loads', async () => {
    const store = await postgres.createDatabase('shared');
    const key = randomBytes(32).toString('base64');
    const server = await Server.start({ contacts: 70 }, { postgres: store, args: ['--workers', '0'], env: { SLUICE_KEY: key } });
    const connection = await server.connect();
    const sync = await server.sync(connection, ['contacts'], { schema: 'crm' });
    const worker = server.worker(['--listen', '127.0.0.1:0', '--workers', '2']);
    const [, url] = await waitForOutput(worker, /listening on (\S+)/);
    const { contacts: ended } = await server.settled(sync);
    assert.equal(ended.status, 'COMPLETED', JSON.stringify(ended));
    const { contacts } = await server.sim.records();
    const [{ n }] = await postgres.query('SELECT count(*) AS n FROM contact', [], { database: 'shared', schema: 'crm' });
    assert.equal(Number(n), contacts.live);
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    const metrics = await fetch(`${url}/metrics`, { headers: { 'x-api-key': server.key } });
    assert.match(await metrics.text(), /^sluice_runs_completed_total 1$/m);
    assert.equal((await fetch(`${url}/elt_syncs`, { headers: { 'x-api-key': server.key } })).status, 404);
    worker.kill('SIGTERM');
    assert.deepEqual(await worker.exited, { code: 0, signal: null });
    await server.stop();
  });

  test('gets one first key, however many servers start at once', async () => {
    const store = await postgres.createDatabase('crowd');
    const env = cleanEnvironment({ SLUICE_KEY: randomBytes(32).toString('base64') });
    const all = [1, 2, 3].map(() =>
      start(SLUICE, ['serve', '--listen', '127.0.0.1:0', '--store', store, '--data-dir', join(temporaryFolder(), 'd')], { env }));
    await Promise.all(all.map((child) => waitForOutput(child, /listening on/)));
    const keys = all.filter((child) => /API key: slk_/.test(child.output.stdout));
    assert.equal(keys.length, 1);
    await Promise.all(all.map((child) => stop(child)));
  });

  test('whose key is another is refused', async () => {
    const store = await postgres.createDatabase('sealed');
    const serve = (key) => start(SLUICE, ['serve', '--listen', '127.0.0.1:0', '--store', store, '--data-dir',
      join(temporaryFolder(), 'd')], { env: cleanEnvironment({ SLUICE_KEY: key }) });
    const first = serve(randomBytes(32).toString('base64'));
    await waitForOutput(first, /listening on/);
    await stop(first);
    const { code, stderr } = await finish(serve(randomBytes(32).toString('base64')), 'sluice serve', PATIENCE_MS);
    assert.equal(code, 4, stderr);
    assert.match(stderr, /key/);
  });
});
