// The worst days of a connection: killed at any instant, a full disk, wrong rights, a token endpoint that lies.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { CLIENT_ID, CLIENT_SECRET, open, press } from './lib/browser.mjs';
import { assertSameTables, dumpAll } from './lib/compare.mjs';
import { assertFailed, Place } from './lib/place.mjs';
import { randomNumbers, SLUICE, sleep, start, temporaryFolder, until, waitForOutput } from './lib/process.mjs';
import { json, serve } from './lib/server.mjs';
import { Sim } from './lib/sim.mjs';
import { SqliteDestination, startSync, sync } from './lib/sluice.mjs';

let sim;
before(async () => {
  sim = await Sim.start({ contacts: 20, scopes: 'oauth', 'optional-scopes': 'all' });
});
after(() => sim?.stop());
beforeEach(() => sim.reset());

const CALL = ['api', 'ACCOUNT', '--connection', 'acme'];

async function post(path, body = {}) {
  const { status, json: answer, text } = await sim.api('POST', path, body);
  assert.equal(status, 200, text);
  return answer;
}

async function loggedIn() {
  const place = new Place(sim);
  const { code, stderr } = await place.login('acme');
  assert.equal(code, 0, stderr);
  return place;
}

describe('killed at any instant', () => {
  const random = randomNumbers(31);

  // Runs and kills; what is left must open, and the connection must work or say what to do.
  async function killed(place, args, upToMs) {
    const child = start(SLUICE, place.args(...args), { env: { ...process.env, HUBSPOT_CLIENT_SECRET: CLIENT_SECRET } });
    await sleep(random() * upToMs);
    child.kill('SIGKILL');
    await child.exited;
  }

  test('while it renews a token', async () => {
    const place = await loggedIn();
    for (let i = 0; i < 25; i++) {
      place.age('acme', 3_600_000);
      await killed(place, CALL, 30);
      const { code, stderr } = await place.run(CALL);
      assert.equal(code, 0, stderr);
    }
    place.assertNoSecrets();
  });

  test('while it renews a refresh token that changes with every use: works, or says what to do', async () => {
    const place = await loggedIn();
    await post('/_sim/oauth', { rotate: true });
    for (let i = 0; i < 15; i++) {
      place.age('acme', 3_600_000);
      await killed(place, CALL, 30);
      const result = await place.run(CALL);
      if (result.code !== 0) {
        assertFailed(result, 4, /sluice login hubspot --name acme/);
        assert.equal((await place.login('acme')).code, 0);
      }
    }
    await post('/_sim/oauth', { rotate: false });
  });

  test('while it changes the key', async () => {
    const place = await loggedIn();
    for (let i = 0; i < 25; i++) {
      await killed(place, ['keys', 'rotate'], 20);
      const { code, stderr } = await place.run(CALL);
      assert.equal(code, 0, stderr);
    }
    assert.equal((await place.run(['keys', 'rotate'])).code, 0);
    assert.equal((await place.run(CALL)).code, 0);
    place.assertNoSecrets();
  });

  test('while it logs in and out', async () => {
    const place = new Place(sim);
    for (let i = 0; i < 12; i++) {
      const { to } = await press(await open(await place.begin('acme')), 'approve');
      const page = open(to.href).catch(() => {});
      await sleep(random() * 40);
      place.child.kill('SIGKILL');
      await Promise.all([page, place.child.exited]);
      const result = await place.run(CALL);
      assert.ok(result.code === 0 || /sluice login hubspot/.test(result.stderr), result.stderr);
      if (i % 2 === 1) {
        assert.equal((await place.login('acme')).code, 0);
        await killed(place, ['logout', 'hubspot', '--name', 'acme'], 20);
        const left = await place.run(CALL);
        assert.ok(left.code === 0 || /sluice login hubspot/.test(left.stderr), left.stderr);
      }
    }
    assert.equal((await place.login('acme')).code, 0);
    assert.equal((await place.run(CALL)).code, 0);
  });
});

test('two rotations of the key at once, and calls meanwhile', async () => {
  const place = await loggedIn();
  const all = await Promise.all([...Array(4)].flatMap(() => [place.run(['keys', 'rotate']), place.run(CALL)]));
  for (const { code, stderr } of all) {
    assert.equal(code, 0, stderr);
  }
  assert.equal(place.sql('SELECT count(DISTINCT key_id) FROM secret'), '1');
  assert.equal((await place.run(CALL)).code, 0);
});

test('what was sealed with the former key, or forgotten, is gone from the files', async () => {
  const place = await loggedIn();
  const sealed = () => Buffer.from(place.sql("SELECT hex(sealed) FROM secret WHERE what = 'refresh_token'"), 'hex');
  const holds = (bytes) => ['sluice.db', 'sluice.db-wal'].some((file) =>
    existsSync(join(place.folder, file)) && readFileSync(join(place.folder, file)).includes(bytes));
  const former = sealed();
  assert.ok(holds(former));
  // Somebody who has the database open keeps its journal from being emptied in passing.
  const other = start('sqlite3', [join(place.folder, 'sluice.db')], { stdio: ['pipe', 'pipe', 'pipe'] });
  other.stdin.write('SELECT count(*) FROM connection;\n');
  await waitForOutput(other, /^1$/m);
  assert.equal((await place.run(['keys', 'rotate'])).code, 0);
  assert.ok(!holds(former));
  other.stdin.end();
  await other.exited;
  const last = sealed();
  assert.ok(holds(last));
  assert.equal((await place.run(['logout', 'hubspot', '--name', 'acme'])).code, 0);
  assert.ok(!holds(last));
});

describe('two accounts', () => {
  test('do not come into one destination, whatever the options', async (t) => {
    const other = await Sim.start({ contacts: 20, seed: 8, portal: 4711 });
    t.after(() => other.stop());
    for (const streams of ['contacts,companies,contact_company', 'owners,pipelines,properties']) {
      const destination = new SqliteDestination();
      assert.equal((await sync(sim, destination, ['--streams', streams])).code, 0);
      const before = await dumpAll(destination);
      for (const args of [[], ['--full-refresh']]) {
        const result = await sync(other, destination, ['--streams', streams, ...args]);
        assert.equal(result.code, 4, result.stderr);
        assert.match(result.stderr, /hold the data of account 4711002, and the token is for account 4711: the two would be mixed/);
        assertSameTables(await dumpAll(destination), before);
      }
      assert.equal((await sync(sim, destination, ['--streams', streams])).code, 0);
    }
  });

  test('under one name, one after the other: who runs already does not go on with the new one\'s tokens', async () => {
    const place = await loggedIn();
    const hold = await sim.hold('contacts', 0, { ms: 5000 });
    const args = ['--connection', 'acme', '--streams', 'contacts,companies', '--parallel', '1'];
    const running = startSync(sim, new SqliteDestination(), place.args(...args));
    await hold.reached(running.child);
    // As a logout and a login for another account leave it.
    place.sql("UPDATE connection SET portal_id = portal_id + 1, updated_ms = updated_ms + 1 WHERE name = 'acme'");
    await post('/_sim/apps/expire');
    const result = await running.finish();
    assert.ok([3, 4].includes(result.code), result.stderr);
    assert.match(result.stderr, /connection acme belongs to account 4711003 now; this began with account 4711002/);
  });
});

describe('the data directory', () => {
  test('that others may write to is not used', async () => {
    const place = await loggedIn();
    chmodSync(place.folder, 0o770);
    assertFailed(await place.run(CALL), 1, /can be written to by other users \(mode 0770\); run: chmod go-w/);
    chmodSync(place.folder, 0o755);
    assert.equal((await place.run(CALL)).code, 0);
  });

  test('that is none', async () => {
    const place = new Place(sim);
    writeFileSync(place.folder, '');
    assertFailed(await place.run(['connections']), 1, /data directory .* Not a directory/);
    assertFailed(await place.run(['login', 'hubspot', '--client-id', 'x']), 1, /data directory .* Not a directory/);
  });

  test('whose database is damaged', async () => {
    const place = await loggedIn();
    place.sql('PRAGMA wal_checkpoint(TRUNCATE)');
    const file = join(place.folder, 'sluice.db');
    truncateSync(file, Math.floor(statSync(file).size / 2));
    assertFailed(await place.run(CALL), 1, /sluice\.db': .*malformed/);
    writeFileSync(file, 'x'.repeat(5000));
    assertFailed(await place.run(['connections']), 1, /sluice\.db': .*not a database/);
    // Nobody is asked for consent that cannot be stored.
    const { code, stdout } = await place.run(['login', 'hubspot', '--client-id', 'x'], { env: { HUBSPOT_CLIENT_SECRET: 'x' } });
    assert.equal(code, 1);
    assert.doesNotMatch(stdout, /Open this address/);
  });

  test('whose rows make no sense: logging in again mends it', async () => {
    const place = await loggedIn();
    place.sql(`UPDATE connection SET scopes = '${'x '.repeat(30_000)}'`);
    assertFailed(await place.run(CALL), 1, /log in again: sluice login hubspot --name acme/);
    assert.equal((await place.login('acme')).code, 0);
    place.sql('UPDATE connection SET issued_ms = -9223372036854775807, expires_ms = 9223372036854775807');
    assert.equal((await place.run(CALL)).code, 0);
    place.sql('UPDATE connection SET issued_ms = 9223372036854775807, expires_ms = -9223372036854775807');
    assert.equal((await place.run(CALL)).code, 0);
  });

  test('on a full disk: the old token serves, nothing is damaged, and it goes on when there is room', async () => {
    const place = await loggedIn();
    place.age('acme', 1_400_000);
    const limited = (args) => start('bash', ['-c', 'ulimit -f 0; exec "$0" "$@"', SLUICE, ...place.args(...args)]);
    for (const args of [CALL, ['keys', 'rotate'], ['logout', 'hubspot', '--name', 'acme']]) {
      const child = limited(args);
      await child.exited;
      assert.doesNotMatch(child.output.stdout, /forgotten|now sealed/);
      assert.match(child.output.stderr, args[0] === 'api' ? /^$/ : /free some space/, args[0]);
    }
    const { code, stderr } = await place.run(CALL);
    assert.ok(code === 0 || /sluice login hubspot --name acme/.test(stderr), stderr); // the logout may have revoked
    assert.equal((await place.connections()).length, 1);
  });
});

test('the key cannot be had: said before anybody is asked for consent', async () => {
  const place = await loggedIn();
  const login = ['login', 'hubspot', '--client-id', CLIENT_ID];
  const env = { HUBSPOT_CLIENT_SECRET: CLIENT_SECRET };
  copyFileSync(join(place.folder, 'key'), join(place.folder, 'kept'));
  rmSync(join(place.folder, 'key'));
  assertFailed(await place.run(login, { env }), 4, /the store is sealed with key [0-9a-f]{16}/);
  assertFailed(await place.run([...login, '--key-file', join(place.folder, 'no', 'key')], { env }), 4, /key file .* cannot be made/);
  mkdirSync(join(place.folder, 'key'));
  assertFailed(await place.run(login, { env }), 4, /key file .* directory/);
  rmSync(join(place.folder, 'key'), { recursive: true });
  assertFailed(await place.run(login, { env: { ...env, SLUICE_KEY: 'short' } }), 4, /SLUICE_KEY does not hold a key/);
  copyFileSync(join(place.folder, 'kept'), join(place.folder, 'key'));
  chmodSync(join(place.folder, 'key'), 0o644);
  assertFailed(await place.run(CALL), 4, /can be read by other users .*chmod 600/);
  const fresh = new Place(sim);
  const nowhere = await fresh.run([...login, '--key-file', join(temporaryFolder(), 'none', 'key')], { env });
  assertFailed(nowhere, 4, /key file .* cannot be made/);
  assert.ok(!existsSync(fresh.folder));
});

test('logging out is stopped: the connection stays', async () => {
  const place = await loggedIn();
  await sim.faults({ endpoint: 'oauth.revoke', action: 'delay', ms: 300_000 });
  const child = start(SLUICE, place.args('logout', 'hubspot', '--name', 'acme'));
  await until(async () => (await sim.counts()).faults > 0, { everyMs: 5, child });
  child.kill('SIGINT');
  assert.equal((await child.exited).code, 7, child.output.stderr);
  assert.match(child.output.stderr, /connection acme is still here/);
  await sim.clearFaults();
  assert.equal((await place.connections()).length, 1);
});

describe('the token endpoint', () => {
  // A connection whose token endpoint is a server that answers as the test says; all else is hubsim.
  async function behind(t, answer) {
    const place = await loggedIn();
    const server = await serve(t, async (request, response, n) => {
      if (/token$/.test(request.url)) {
        answer(response, n, request);
        return;
      }
      const forward = await fetch(sim.url + request.url, { headers: { authorization: request.headers.authorization } });
      json(response, forward.status, await forward.json());
    });
    place.sql(`UPDATE connection SET base_url = '${server.url}'`);
    place.age('acme', 3_600_000);
    return { place, server };
  }
  const page = (response, status) => {
    response.writeHead(status, { 'content-type': 'text/html' });
    response.end('<html>Just a moment</html>');
  };
  const cases = [
    ['another account', (r) => json(r, 200, { access_token: 'na1-00c0ffee', refresh_token: 'na1-00c0ffef', expires_in: 1800, hub_id: 5 }),
      4, /belongs to account \d+, but HubSpot gives a token for account 5/, 1],
    ['an error with status 200', (r) => json(r, 200, { status: 'BAD_CLIENT_SECRET', message: 'no' }), 4, /client secret is not right/, 1],
    ['a redirect', (r) => { r.writeHead(307, { location: 'http://127.0.0.1:1/' }); r.end(); }, 6, /redirect to "http:\/\/127\.0\.0\.1:1\/"/, 1],
    ['a token of 10,000 bytes', (r) => json(r, 200, { access_token: 'x'.repeat(10_000), expires_in: 1800 }), 6, /access_token has 10000 bytes, 1 to 8192/, 5],
    ['429 for ten minutes', (r) => json(r, 429, {}, { 'retry-after': '600' }), 8, /asks to wait for 600 s/, 1],
  ];
  for (const [name, answer, code, says, asked] of cases) {
    test(`answers with ${name}`, { timeout: 120_000 }, async (t) => {
      const { place, server } = await behind(t, answer);
      assertFailed(await place.run(CALL), code, says);
      assert.equal(server.requests.length, asked);
      assert.equal((await place.connections())[0].state, 'active');
      place.assertNoSecrets();
    });
  }

  for (const expires of [undefined, 0, -1, 1e18, 'soon']) {
    test(`says that a token lives ${expires}`, async (t) => {
      const tokens = [];
      const { place, server } = await behind(t, async (response, n, request) => {
        const answer = await fetch(sim.url + request.url, { method: 'POST', body: new URLSearchParams(request.text) });
        const body = await answer.json();
        tokens.push(body.access_token);
        json(response, answer.status, { ...body, expires_in: expires });
      });
      assert.equal((await place.run(CALL)).code, 0);
      assert.equal((await place.run(CALL)).code, 0);
      assert.equal(tokens.length, 1);
      assert.equal(server.requests.length, 3);
    });
  }

  test('is cut, stalls and sends pages before it answers', async (t) => {
    const { place, server } = await behind(t, async (response, n, request) => {
      if (n === 1) {
        response.destroy();
      } else if (n === 2) {
        response.writeHead(200, { 'content-length': '500' });
        response.write('{"access_token":');
        setTimeout(() => response.destroy(), 20);
      } else if (n === 3) {
        page(response, 200);
      } else {
        const answer = await fetch(sim.url + request.url, { method: 'POST', body: new URLSearchParams(request.text) });
        json(response, answer.status, await answer.json());
      }
    });
    const result = await place.run(CALL);
    assert.equal(result.code, 0, result.stderr);
    assert.equal(server.requests.length, 5);
    const { stdout } = await place.run(['requests', '--json']);
    assert.deepEqual(stdout.trim().split('\n').map((line) => JSON.parse(line)).map((r) => [r.endpoint, r.status]),
      [['OAUTH_REFRESH', 200], ['OAUTH_REFRESH', 0], ['OAUTH_REFRESH', 0]]);
    place.assertNoSecrets();
  });
});
