// The command line against a server: keys, connections, syncs, streams, runs, requests.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { finish, PATIENCE_MS, run, SLUICE, start, temporaryFolder, until, waitForOutput } from './lib/process.mjs';
import { cleanEnvironment, Server } from './lib/serve.mjs';

let server;
before(async () => {
  server = await Server.start({ contacts: 80 });
});
after(() => server?.stop());

function environment(env) {
  return cleanEnvironment({ SLUICE_SERVER: server.url, SLUICE_API_KEY: server.key, ...env });
}

function cli(args, env = {}) {
  return run(SLUICE, args, { env: environment(env) });
}

async function ok(args, env) {
  const { code, stdout, stderr } = await cli(args, env);
  assert.equal(code, 0, stderr + stdout);
  return stdout;
}

// What --json prints.
async function json(args) {
  const lines = (await ok([...args, '--json'])).split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line));
}

describe('a sync from the command line', () => {
  let connection;
  let sync;
  let contacts;
  before(async () => {
    connection = await server.connect();
  });

  test('is made, filled, enabled, followed and shown', async () => {
    const [made] = await json(['syncs', 'create', '--connection', connection, '--schema', 'shop', '--interval', '@yearly']);
    sync = made.id;
    assert.equal(made.status, 'NOT_STARTED');
    assert.match(await ok(['syncs']), new RegExp(`^${sync} +NOT_STARTED +@yearly `, 'm'));
    const names = (await json(['streams', 'available', sync])).map((s) => s.name);
    assert.ok(names.includes('contacts') && names.includes('deals'), String(names));
    const [added] = await json(['streams', 'add', sync, 'contacts,companies', '--exclude-columns', 'city']);
    assert.deepEqual(added.source_streams.map((s) => s.name), ['contacts', 'companies']);
    contacts = added.source_streams[0].id;
    assert.equal(await ok(['syncs', 'enable', sync]), `Sync ${sync} is enabled.\n`);
    const followed = await ok(['runs', '--sync', sync, '--follow']);
    const last = followed.trim().split('\n');
    for (const name of ['contacts', 'companies']) {
      const line = last.filter((l) => l.includes(` ${name} `)).at(-1);
      assert.match(line, /COMPLETED +FULL/);
    }
    const [shown] = await json(['syncs', 'show', sync]);
    assert.equal(shown.destination_schema_name, 'shop');
    assert.equal(shown.status, 'RUNNING');
  });

  test('runs a stream again, fully, and lists what has run', async () => {
    assert.match(await ok(['streams', 'refresh', contacts]), /loads everything anew/);
    assert.match(await ok(['streams', 'run', contacts]), /status_url/);
    await ok(['runs', '--sync', sync, '--follow']);
    const runs = await json(['runs', 'list', contacts]);
    assert.equal(runs.length, 2);
    assert.deepEqual(runs.map((r) => [r.status, r.operation_mode, r.full_sync_trigger]),
      [['COMPLETED', 'FULL', 'USER'], ['COMPLETED', 'FULL', 'INITIAL_SYNC']]);
    assert.equal((await json(['runs', 'list', contacts, '--last', '1'])).length, 1);
    const [shown] = await json(['runs', 'show', runs[0].id]);
    assert.equal(shown.id, runs[0].id);
    assert.ok((await json(['runs', 'events', runs[0].id])).some((e) => e.kind === 'run.completed'));
    const refused = await cli(['runs', 'cancel', runs[0].id]);
    assert.equal(refused.code, 6, refused.stderr);
    assert.match(refused.stderr, /\(conflict\)/);
  });

  test('following ends with 3 when a run failed, and says why', async () => {
    const body = JSON.stringify({ status: 'error', category: 'VALIDATION_ERROR', message: 'not today' });
    await server.sim.faults({ path: '/crm/', action: 'status', status: 400, body });
    await ok(['streams', 'refresh', contacts]);
    await ok(['streams', 'run', contacts]);
    const followed = await cli(['runs', '--sync', sync, '--follow']);
    await server.sim.clearFaults();
    assert.equal(followed.code, 3, followed.stdout + followed.stderr);
    assert.match(followed.stdout, / contacts +FAILED .*not today/);
    assert.match(await ok(['requests', '--failed']), / 400 .*not today/);
    const [failed] = await json(['requests', '--failed', '--last', '1']);
    assert.match(await ok(['requests', String(failed.id)]), /not today/);
  });

  test('is disabled and deleted', async () => {
    assert.equal(await ok(['syncs', 'disable', sync]), `Sync ${sync} is disabled.\n`);
    const refused = await cli(['streams', 'run', contacts]);
    assert.equal(refused.code, 2, refused.stderr);
    assert.equal(await ok(['streams', 'delete', contacts]), `Stream ${contacts} is deleted; its tables stay.\n`);
    assert.equal(await ok(['syncs', 'delete', sync, '--drop-tables']), `Sync ${sync} is deleted.\n`);
    assert.equal(await ok(['syncs']), 'There is none.\n');
  });

  test('connections are listed, shown and deleted', async () => {
    assert.match(await ok(['connections']), new RegExp(`^${connection} +hubspot-v2 .* active `, 'm'));
    const [shown] = await json(['connections', 'show', connection]);
    assert.equal(shown.id, connection);
    // Whoever has the store needs no server, nor its data directory.
    const store = `sqlite:${join(server.folder, 'sluice.db')}`;
    const env = cleanEnvironment({ XDG_DATA_HOME: temporaryFolder() });
    const local = await run(SLUICE, ['connections', '--store', store], { env });
    assert.match(local.stdout, new RegExp(`^${connection} +token `, 'm'), local.stderr);
    const requests = await run(SLUICE, ['requests', '--store', store], { env });
    assert.equal(requests.code, 0, requests.stderr);
    assert.equal(await ok(['connections', 'delete', connection]), `Connection ${connection} is deleted.\n`);
  });
});

describe('API keys', () => {
  test('are made, used, listed and revoked over the server', async () => {
    const [made] = await json(['keys', 'create', 'read only', '--scope', 'read']);
    assert.match(made.key, /^slk_/);
    assert.equal(await ok(['syncs'], { SLUICE_API_KEY: made.key }), 'There is none.\n');
    const refused = await cli(['keys', 'list'], { SLUICE_API_KEY: made.key });
    assert.equal(refused.code, 4, refused.stderr);
    assert.match(await ok(['keys', 'list']), new RegExp(`^${made.id} +${made.prefix} read .* read only$`, 'm'));
    assert.equal(await ok(['keys', 'revoke', made.id]), `Key ${made.id} is revoked.\n`);
    const gone = await cli(['syncs'], { SLUICE_API_KEY: made.key });
    assert.equal(gone.code, 4);
    assert.doesNotMatch(gone.stderr, /slk_.{20}/);
  });

  test('are made, listed and revoked in the store by whoever owns it', async () => {
    const local = (args) => run(SLUICE, [...args, '--data-dir', server.folder], { env: cleanEnvironment() });
    const made = await local(['keys', 'create', 'rescue', '--scope', 'admin']);
    assert.equal(made.code, 0, made.stderr);
    const [, key] = /API key: (\S+) /.exec(made.stdout);
    assert.equal((await server.api('GET', '/api_keys', undefined, { key })).status, 200);
    const [, id] = /^(\S{14}) .* rescue$/m.exec((await local(['keys', 'list'])).stdout);
    assert.equal((await local(['keys', 'revoke', id])).code, 0);
    // The server looks at the store again within seconds.
    await until(async () => (await server.api('GET', '/api_keys', undefined, { key })).status === 401, server);
  });
});

describe('mistakes', () => {
  const cases = [
    [['syncs', 'shw', 'x'], 2, /there is no "shw"; there are: list, show SYNC, create/],
    [['syncs', 'show'], 2, /write: sluice syncs show SYNC/],
    [['syncs', 'show', 'a', 'b'], 2, /write: sluice syncs show SYNC/],
    [['syncs', 'create'], 2, /needs --connection ID/],
    [['syncs', 'create', '--connection', 'x', '--interval', '@daily', '--settings', '{'], 2, /--settings/],
    [['syncs', 'show', 'nowhere'], 6, /there is no .*nowhere \(not_found\)/],
    [['syncs', 'show', '../api_keys'], 6, /\(not_found\)/],
    [['syncs', 'create', '--connection', 'nowhere', '--interval', '@daily'], 2, /'nowhere': there is no such connection/],
    [['keys', 'create', 'x', '--expires', '2001-01-01'], 2, /expires_at is in the past/],
    [['streams', 'run', 'x', '--api-key-env', 'slk_mine_xxxxxxxxxxxxxxxxxxxxxxxx'], 2, /--api-key-env/],
    [['streams', 'add', 'nowhere'], 2, /write: sluice streams add SYNC NAME/],
    [['runs', 'show', 'nowhere'], 2, /run/],
    [['requests', '99999999'], 6, /\(not_found\)/],
  ];
  for (const [args, code, pattern] of cases) {
    test(args.join(' '), async () => {
      const result = await cli(args);
      assert.equal(result.code, code, result.stdout + result.stderr);
      assert.match(result.stderr, pattern);
    });
  }

  test('a server that is not there', async () => {
    const result = await cli(['syncs'], { SLUICE_SERVER: 'http://127.0.0.1:9' });
    assert.equal(result.code, 6, result.stderr);
    assert.match(result.stderr, /http:\/\/127.0.0.1:9 did not answer; does sluice serve run there/);
  });

  test('something else that answers', async () => {
    const result = await cli(['syncs'], { SLUICE_SERVER: server.sim.url });
    assert.equal(result.code, 6, result.stderr);
  });

  test('no key, no server, a key that would go over the network in the clear', async () => {
    assert.match((await cli(['syncs'], { SLUICE_API_KEY: '' })).stderr, /SLUICE_API_KEY/);
    assert.match((await cli(['syncs'], { SLUICE_SERVER: '' })).stderr, /which server\? give --server URL/);
    assert.match((await cli(['syncs'], { SLUICE_SERVER: 'http://example.com' })).stderr, /--server: .*https/);
  });
});

test('without a server the verbs mean what they meant', async () => {
  const alone = (args) => run(SLUICE, args, { env: cleanEnvironment({ XDG_DATA_HOME: temporaryFolder() }) });
  assert.match((await alone(['streams'])).stdout, /^contacts +contact +crm\.objects/m);
  assert.match((await alone(['connections'])).stdout, /There is no connection yet/);
  assert.match((await alone(['requests'])).stdout, /No such requests are kept/);
  assert.equal((await alone(['streams', 'run', 'x'])).code, 2);
});

test('config tells what holds and where it came from, without secrets', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'my.conf');
  const { writeFileSync } = await import('node:fs');
  writeFileSync(file, '# mine\nworkers = 3\nhubspot-client-secret = hush-hush\nstore = postgres://me:hush@db/x\ncors-origin = https://a.example\n');
  const all = await run(SLUICE, ['config', '--json', '--config', file, '--threads', '4'], {
    env: cleanEnvironment({ SLUICE_LOG_LEVEL: 'warn' }),
  });
  assert.equal(all.code, 0, all.stderr);
  assert.doesNotMatch(all.stdout, /hush/);
  const of = Object.fromEntries(JSON.parse(all.stdout).map((s) => [s.name, s]));
  assert.deepEqual(of.workers, { name: 'workers', value: 3, source: `${file}:2` });
  assert.deepEqual(of.threads, { name: 'threads', value: 4, source: '--threads' });
  assert.deepEqual(of['log-level'], { name: 'log-level', value: 'warn', source: 'SLUICE_LOG_LEVEL' });
  assert.deepEqual(of.listen, { name: 'listen', value: '127.0.0.1:8080', source: 'default' });
  assert.equal(of['hubspot-client-secret'].value, '***');
  assert.equal(of['cors-origin'].value, 'https://a.example');
  writeFileSync(file, 'workers = 3\nthread = 2\n');
  const bad = await run(SLUICE, ['config', '--config', file], { env: cleanEnvironment() });
  assert.equal(bad.code, 2);
  assert.match(bad.stderr, new RegExp(`${file}, line 2: there is no setting "thread"; did you mean threads\\?`));
});

test('following ends with the interrupt, and the runs go on', async () => {
  const slow = await Server.start({ contacts: 300, latency: '400' });
  const connection = await slow.connect();
  await slow.sim.hold('contacts', 0, { ms: 60_000 });
  const sync = await slow.sync(connection, ['contacts']);
  const child = start(SLUICE, ['runs', '--sync', sync.id, '--follow'], {
    env: cleanEnvironment({ SLUICE_SERVER: slow.url, SLUICE_API_KEY: slow.key }),
  });
  await waitForOutput(child, /contacts/);
  child.kill('SIGINT');
  const { code } = await finish(child, 'sluice runs', PATIENCE_MS);
  assert.equal(code, 7);
  await slow.sim.clearFaults();
  assert.equal((await slow.settled(sync)).contacts.status, 'COMPLETED');
  await slow.stop();
});
