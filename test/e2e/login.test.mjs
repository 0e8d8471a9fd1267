// Connecting an account: sluice login as a person at a terminal and a browser meet it, and what comes of it later.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { CLIENT_ID, CLIENT_SECRET, open, press } from './lib/browser.mjs';
import { assertFailed, Place, STREAMS } from './lib/place.mjs';
import { freePort, SLUICE, start, temporaryFolder, until } from './lib/process.mjs';
import { Sim } from './lib/sim.mjs';
import { sluice, SqliteDestination, startSync } from './lib/sluice.mjs';

let sim;

before(async () => {
  sim = await Sim.start({ contacts: 120, companies: 30, scopes: 'oauth', 'optional-scopes': 'all' });
});

after(() => sim?.stop());

beforeEach(async () => {
  await sim.reset();
  await post('/_sim/oauth', { code_life: '30s', token_life: '30m', user_denies: false, rotate: false, old_errors: false });
});

async function post(path, body = {}) {
  const { status, json, text } = await sim.api('POST', path, body);
  assert.equal(status, 200, text);
  return json;
}

async function oauthApp() {
  const { apps } = await sim.stats();
  return apps.find((app) => app.client_id === CLIENT_ID);
}

describe('login', () => {
  test('OAuth: the consent is stored sealed, and sync uses it', async () => {
    const place = new Place(sim);
    const result = await place.login('acme', ['--optional-scopes', 'crm.objects.deals.read,tickets'], { untick: ['tickets'] });
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stdout, /Connection acme: HubSpot account \d+, granted by \S+@/);
    assert.match(result.stdout, /granted: .*crm\.objects\.deals\.read/s);
    assert.match(result.stdout, /not granted: tickets/);
    assert.equal(result.page.status, 200);
    assert.match(result.page.text, /Connected/);
    const [connection] = await place.connections();
    assert.equal(connection.kind, 'oauth');
    assert.equal(connection.state, 'active');
    assert.ok(connection.scopes.includes('crm.objects.companies.read') && !connection.scopes.includes('tickets'));
    assert.ok(connection.portal_id > 0);
    const run = await place.sync('acme');
    assert.equal(run.code, 0, run.stderr);
    const { contacts } = await sim.records();
    assert.equal((await place.destination.rows('SELECT count(*) AS n FROM contact'))[0].n, contacts.live);
    assert.equal((await oauthApp()).refreshes, 0);
    const doctor = await place.run(['doctor', '--connection', 'acme', '--base-url', sim.url]);
    assert.match(doctor.stdout, /ok\s+connection/);
    assert.equal(statSync(place.folder).mode & 0o777, 0o700);
    for (const file of readdirSync(place.folder)) {
      assert.equal(statSync(join(place.folder, file)).mode & 0o077, 0, file);
    }
    place.assertNoSecrets();
  });

  for (const version of ['v1', 'v3', '2026-03']) {
    test(`the OAuth endpoints of ${version}: exchange, introspection, refresh, revocation`, async () => {
      const place = new Place(sim);
      const result = await place.login('old', ['--oauth-version', version]);
      assert.equal(result.code, 0, result.stderr);
      assert.match(result.stdout, /granted by/);
      place.age('old', 3_600_000);
      assert.equal((await place.sync('old')).code, 0);
      assert.equal((await oauthApp()).refreshes, 1);
      const out = await place.run(['logout', 'hubspot', '--name', 'old']);
      assert.match(out.stdout, /was revoked/);
      assert.deepEqual(await place.connections(), []);
      place.assertNoSecrets();
    });
  }

  test('a private app token is proved, looked at and stored', async () => {
    const place = new Place(sim);
    const args = ['login', 'hubspot', '--name', 'pat', '--token-env', 'MY_TOKEN', '--base-url', sim.url];
    const result = await place.run(args, { env: { MY_TOKEN: sim.token } });
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stdout, /HubSpot account \d+/);
    const [connection] = await place.connections();
    assert.equal(connection.kind, 'token');
    assert.ok(connection.scopes.length > 5);
    const run = await place.sync('pat', STREAMS, { env: { HUBSPOT_TOKEN: 'unused-and-wrong' } });
    assert.equal(run.code, 0, run.stderr);
    place.assertNoSecrets();
  });

  test('a token that HubSpot does not know is not stored', async () => {
    const place = new Place(sim);
    const args = ['login', 'hubspot', '--token-env', 'MY_TOKEN', '--base-url', sim.url];
    assertFailed(await place.run(args, { env: { MY_TOKEN: 'pat-na1-wrong-token-0000' } }), 4, /401/);
    assertFailed(await place.run(args, { env: {} }), 4, /MY_TOKEN is not set/);
    assert.deepEqual(await place.connections(), []);
  });

  test('denied by the user', async () => {
    const place = new Place(sim);
    const result = await place.login('acme', [], { decision: 'deny' });
    assertFailed(result, 4, /access_denied/, /nothing was stored/);
    assert.match(result.page.text, /Not connected/);
    assert.ok(!existsSync(place.folder));
  });

  test('another state, another path, no answer of HubSpot: refused, and the true one still counts', async () => {
    const place = new Place(sim);
    const consent = await open(await place.begin('acme'));
    const home = `http://127.0.0.1:${place.port}`;
    const stray = await open(`${home}/oauth/callback?code=abc&state=guessed`);
    assert.equal(stray.status, 400);
    assert.match(stray.text, /belongs to another login/);
    assert.equal((await open(`${home}/oauth/callback?code=a&code=b&state=x`)).status, 400);
    assert.equal((await open(`${home}/oauth/callback`)).status, 400);
    assert.equal((await open(`${home}/`)).status, 404);
    assert.equal((await open(`${home}/oauth/callback?code=abc`, { method: 'POST' })).status, 405);
    const { to } = await press(consent, 'approve');
    assert.equal((await open(to.href)).status, 200);
    const result = await place.end();
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stderr, /3 answers were refused/);
  });

  test('an answer counts once', async () => {
    const place = new Place(sim);
    const consent = await open(await place.begin('acme'));
    const { to } = await press(consent, 'approve');
    await sim.faults({ endpoint: 'oauth.token', action: 'delay', ms: 2000, times: 1 }); // so that both find it waiting
    const pages = await Promise.all([open(to.href), open(to.href)]);
    assert.deepEqual(pages.map((page) => page.status).sort(), [200, 409]);
    assert.equal((await place.end()).code, 0);
    assert.equal((await oauthApp()).exchanges, 1);
  });

  test('the browser that is opened is not told the secrets', async () => {
    const place = new Place(sim);
    const bin = temporaryFolder();
    const told = join(bin, 'told');
    writeFileSync(join(bin, 'xdg-open'), `#!/bin/sh\n{ env; echo "$@"; } > ${told}.part && mv ${told}.part ${told}\n`, { mode: 0o755 });
    const login = place.args('login', 'hubspot', '--client-id', CLIENT_ID, '--client-secret-env', 'MY_SECRET', '--redirect-port',
      String(await freePort()), '--timeout', '300s');
    const child = start('script', ['-qefc', [SLUICE, ...login].join(' '), '/dev/null'], {
      env: { PATH: `${bin}:${process.env.PATH}`, DISPLAY: ':0', MY_SECRET: CLIENT_SECRET, SLUICE_KEY: Buffer.alloc(32, 3).toString('base64'),
        MY_SECRET_OTHER: 'kept' },
    });
    await until(() => existsSync(told) || child.exitCode !== null, { child });
    assert.equal(child.exitCode, null, child.output.stdout);
    child.kill('SIGTERM');
    await child.exited;
    const text = readFileSync(told, 'utf8');
    assert.match(text, /^https:\/\/app\.hubspot\.com\/oauth\/authorize\?client_id=/m);
    assert.match(text, /^MY_SECRET_OTHER=kept$/m);
    assert.doesNotMatch(text, new RegExp(CLIENT_SECRET));
    assert.doesNotMatch(text, /SLUICE_KEY/);
  });

  test('the terminal is closed', async () => {
    const place = new Place(sim);
    await place.begin('acme');
    place.child.kill('SIGHUP');
    assert.equal((await place.end()).code, 7);
    assert.ok(!existsSync(place.folder));
  });

  test('a redirect URI without a port is port 80 of this machine', async () => {
    const place = new Place(sim);
    const env = { HUBSPOT_CLIENT_SECRET: CLIENT_SECRET };
    const args = ['login', 'hubspot', '--client-id', CLIENT_ID, '--timeout', '1s'];
    const here = await place.run([...args, '--redirect-uri', 'http://localhost/back'], { env });
    assert.match(here.stdout + here.stderr, /http:\/\/localhost\/back|127\.0\.0\.1:80/);
    assert.doesNotMatch(here.stdout, /passed on/);
    const there = await place.run([...args, '--redirect-uri', 'https://login.example.com/back', '--redirect-port', String(await freePort())], { env });
    assert.match(there.stdout, /What comes there must be passed on to http:\/\/127\.0\.0\.1:\d+\/back/);
    assertFailed(await place.run([...args, '--authorize-url', 'file:///etc/passwd'], { env }), 2, /--authorize-url/);
    assertFailed(await place.run([...args, '--client-id', 'x'.repeat(300)], { env }), 2, /--client-id: 300 bytes/);
  });

  test('no answer in time', async () => {
    const place = new Place(sim);
    await place.begin('acme', ['--timeout', '1s']);
    assertFailed(await place.end(), 4, /did not come within 1 s/);
    assert.ok(!existsSync(place.folder));
  });

  test('interrupted', async () => {
    const place = new Place(sim);
    await place.begin('acme');
    place.child.kill('SIGINT');
    assertFailed(await place.end(), 7, /interrupted/);
    assert.ok(!existsSync(place.folder));
  });

  test('the port is taken', async () => {
    const taken = createServer(() => {});
    await new Promise((done) => taken.listen(0, '127.0.0.1', done));
    const port = taken.address().port;
    const place = new Place(sim);
    const result = await place.run(['login', 'hubspot', '--client-id', CLIENT_ID, '--redirect-port', String(port)],
      { env: { HUBSPOT_CLIENT_SECRET: CLIENT_SECRET } });
    taken.close();
    assertFailed(result, 2, new RegExp(String(port)), /--redirect-port/);
  });

  test('a code that is too old, a wrong client secret: the cause and the way out', async () => {
    const place = new Place(sim);
    assertFailed(await place.login('acme', [], { late: '31s' }), 4, /too much time has passed|used before/, /BAD_AUTH_CODE|invalid_grant/);
    await post('/_sim/oauth', { old_errors: true });
    const wrong = await place.login('acme', [], { env: { HUBSPOT_CLIENT_SECRET: 'not-the-clients-secret' } });
    assertFailed(wrong, 4, /client secret/, new RegExp(CLIENT_ID));
    assert.match(wrong.page.text, /Not connected/);
    place.secrets.push('not-the-clients-secret');
    assert.deepEqual(await place.connections(), []);
    place.assertNoSecrets();
  });

  test('settings that cannot be are named', async () => {
    const place = new Place(sim);
    const env = { HUBSPOT_CLIENT_SECRET: CLIENT_SECRET };
    assertFailed(await place.run(['login', 'hubspot'], { env }), 2, /--client-id is missing/);
    assertFailed(await place.run(['login', 'hubspot', '--client-id', 'x'], { env: {} }), 4, /HUBSPOT_CLIENT_SECRET is not set/);
    assertFailed(await place.run(['login', 'hubspot', '--name', '../x', '--client-id', 'x'], { env }), 2, /--name/);
    assertFailed(await place.run(['login', 'hubspot', '--client-id', 'x', '--redirect-uri', 'ftp://x'], { env }), 2, /--redirect-uri/);
    assertFailed(await place.run(['login', 'salesforce', '--client-id', 'x'], { env }), 2, /hubspot/);
    assertFailed(await place.run(['sync', 'hubspot', '--into', 'sqlite:x.db', '--connection', 'nobody']), 2, /nobody/, /sluice login/);
  });

  test('a connection is used only where it was made', async () => {
    const place = new Place(sim);
    assert.equal((await place.login('acme')).code, 0);
    const other = await place.run(['api', 'ACCOUNT', '--connection', 'acme', '--base-url', 'http://127.0.0.1:1']);
    assertFailed(other, 2, /was made for/);
    const own = await place.run(['api', 'ACCOUNT', '--connection', 'acme']);
    assert.equal(own.code, 0, own.stderr);
    assert.match(own.stdout, /portalId/);
  });
});

describe('the request log', () => {
  async function kept(place, args = []) {
    const { stdout, code } = await place.run(['requests', '--json', '--last', '1000', ...args]);
    assert.equal(code, 0);
    return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }

  for (const version of ['2026-09', 'v1']) {
    test(`keeps what was asked of the OAuth endpoints of ${version}, without a secret`, async () => {
      const place = new Place(sim);
      await post('/_sim/oauth', { rotate: true });
      assert.equal((await place.login('acme', ['--oauth-version', version, '--trace'])).code, 0);
      place.age('acme', 3_600_000);
      const call = await place.run(['api', 'ACCOUNT', '--connection', 'acme', '--trace']);
      assert.equal(call.code, 0, call.stderr);
      assert.equal((await place.run(['logout', 'hubspot', '--name', 'acme', '--trace'])).code, 0);
      const all = (await kept(place)).reverse();
      assert.deepEqual(all.map((r) => [r.endpoint, r.connection]), [
        ['OAUTH_EXCHANGE', 'acme'], ['OAUTH_INTROSPECT', 'acme'], ['OAUTH_REFRESH', 'acme'], ['ACCOUNT', 'acme'],
        ['OAUTH_REVOKE', 'acme'],
      ]);
      for (const r of all) {
        assert.equal(r.failed, false);
        assert.ok(r.status >= 200 && r.status < 300);
      }
      const whole = await place.run(['requests', String(all[0].id)]);
      assert.match(whole.stdout, /POST \S+\/oauth\/\S+token\n/);
      assert.match(whole.stdout, /client_secret=\*\*\*&redirect_uri=\S+&code=\*\*\*&code_verifier=\*\*\*/);
      assert.match(whole.stdout, /"access_token":"\*\*\*"/);
      place.assertNoSecrets();
    });
  }

  test('keeps failed ones unasked', async () => {
    const place = new Place(sim);
    assert.equal((await place.login('acme', [], { late: '31s' })).code, 4);
    const [r] = await kept(place);
    assert.equal(r.endpoint, 'OAUTH_EXCHANGE');
    assert.equal(r.status, 400);
    assert.equal(r.code, 'LOGIN');
    assert.equal((await place.login('acme')).code, 0);
    await post('/_sim/apps/uninstall');
    assert.equal((await place.run(['api', 'ACCOUNT', '--connection', 'acme'])).code, 4);
    assert.deepEqual((await kept(place)).map((x) => x.endpoint), ['ACCOUNT', 'OAUTH_REFRESH', 'OAUTH_EXCHANGE']);
    const args = ['login', 'hubspot', '--name', 'pat', '--token-env', 'MY_TOKEN', '--base-url', sim.url];
    place.secrets.push('pat-na1-00c0ffee-wrong');
    assert.equal((await place.run(args, { env: { MY_TOKEN: 'pat-na1-00c0ffee-wrong' } })).code, 4);
    assert.deepEqual((await kept(place)).slice(0, 2).map((x) => [x.endpoint, x.status]), [['ACCOUNT', 401], ['PRIVATE_APP_INFO', 401]]);
    place.assertNoSecrets();
  });
});

describe('tokens that end', () => {
  test('req 31: every path refreshes: a whole sync outlives its tokens many times', async () => {
    const wide = await Sim.start({ contacts: 300, companies: 60, deals: 60, tickets: 40, engagements: 140, latency: '100-200',
      scopes: 'oauth', 'token-life': '1s' });
    const place = new Place(wide);
    const former = sim;
    sim = wide;
    try {
      const login = await place.login('acme', ['--scopes', 'oauth', '--optional-scopes', await allScopes()]);
      assert.equal(login.code, 0, login.stderr);
      const run = await place.sync('acme', ['--parallel', '4']);
      assert.equal(run.code, 0, run.stderr);
      const app = await oauthApp();
      assert.ok(app.refreshes >= 2, `${app.refreshes} refreshes`);
      const live = await wide.records();
      for (const [table, type] of [['contact', 'contacts'], ['company', 'companies'], ['deal', 'deals'], ['ticket', 'tickets']]) {
        assert.equal((await place.destination.rows(`SELECT count(*) AS n FROM ${table}`))[0].n, live[type].live, table);
      }
      place.assertNoSecrets();
    } finally {
      sim = former;
      await wide.stop();
    }
  });

  test('req 31: tokens that HubSpot ends in the middle of a run are replaced once each', async () => {
    const place = new Place(sim);
    assert.equal((await place.login('acme')).code, 0);
    await post('/_sim/apps/expire');
    const run = await place.sync('acme');
    assert.equal(run.code, 0, run.stderr);
    const app = await oauthApp();
    assert.equal(app.refreshes, 1);
    // The next run goes on with what this one has stored.
    assert.equal((await place.sync('acme')).code, 0);
    assert.equal((await oauthApp()).refreshes, 1);
  });

  test('req 32: processes that share a store refresh once, early or after a 401', async () => {
    const place = new Place(sim);
    assert.equal((await place.login('acme')).code, 0);
    const calls = () => Promise.all(Array.from({ length: 6 }, () => place.run(['api', 'ACCOUNT', '--connection', 'acme'])));
    place.age('acme', 1_400_000); // beyond three quarters of its life
    for (const { code, stderr } of await calls()) {
      assert.equal(code, 0, stderr);
    }
    assert.equal((await oauthApp()).refreshes, 1);
    await post('/_sim/apps/expire');
    for (const { code, stderr } of await calls()) {
      assert.equal(code, 0, stderr);
    }
    assert.equal((await oauthApp()).refreshes, 2);
  });

  test('a refresh token that changes with every use is stored before its access token is used', async () => {
    const place = new Place(sim);
    await post('/_sim/oauth', { rotate: true });
    assert.equal((await place.login('acme')).code, 0);
    for (let i = 1; i <= 3; i++) {
      place.age('acme', 3_600_000);
      const { code, stderr } = await place.run(['api', 'ACCOUNT', '--connection', 'acme']);
      assert.equal(code, 0, stderr);
      assert.equal((await oauthApp()).refreshes, i);
    }
  });

  test('req 32: a revoked grant is tried once, then the connection waits for a new login', async () => {
    const place = new Place(sim);
    assert.equal((await place.login('acme')).code, 0);
    await post('/_sim/apps/uninstall');
    const first = await place.sync('acme');
    assertFailed(first, 4, /sluice login hubspot --name acme/);
    assert.equal((await oauthApp()).token_refusals, 1);
    assert.equal((await place.connections())[0].state, 'needs_reauthorization');
    const asked = await requests();
    const second = await place.sync('acme');
    assertFailed(second, 4, /sluice login hubspot --name acme/);
    assert.equal((await oauthApp()).token_refusals, 1);
    assert.deepEqual(await requests(), asked, 'HubSpot is not asked');
    assert.equal((await place.login('acme')).code, 0);
    assert.equal((await place.sync('acme')).code, 0);
    place.assertNoSecrets();
  });

  test('killed between HubSpot\'s answer and storing it: the next process refreshes once more', async () => {
    const place = new Place(sim);
    assert.equal((await place.login('acme')).code, 0);
    place.age('acme', 3_600_000);
    await sim.faults({ endpoint: 'oauth.token', action: 'stall', bytes: 5, ms: 60_000, times: 1 });
    const child = start(SLUICE, place.args('api', 'ACCOUNT', '--connection', 'acme'));
    await until(async () => (await oauthApp()).refreshes > 0, { everyMs: 5, child });
    child.kill('SIGKILL');
    await child.exited;
    const { code, stderr } = await place.run(['api', 'ACCOUNT', '--connection', 'acme']);
    assert.equal(code, 0, stderr);
    assert.equal((await oauthApp()).refreshes, 2);
  });

  test('the token endpoint fails: the old token serves; without one the run says why', async () => {
    const place = new Place(sim);
    assert.equal((await place.login('acme')).code, 0);
    place.age('acme', 1_400_000);
    await sim.faults({ endpoint: 'oauth.token', action: 'status', status: 503 });
    const early = await place.run(['api', 'ACCOUNT', '--connection', 'acme']);
    assert.equal(early.code, 0, early.stderr);
    await sim.clearFaults();
    const late = await place.run(['api', 'ACCOUNT', '--connection', 'acme']);
    assert.equal(late.code, 0, late.stderr);
    assert.equal((await oauthApp()).refreshes, 1);
    place.age('acme', 3_600_000);
    await sim.faults({ endpoint: 'oauth.token', action: 'status', status: 400, body: '{"error":"invalid_client"}' });
    assertFailed(await place.run(['api', 'ACCOUNT', '--connection', 'acme']), 4, /client id sent was/);
  });
});

describe('what is stored', () => {
  test('rotating the key under a running sync', async () => {
    const place = new Place(sim);
    assert.equal((await place.login('acme')).code, 0);
    const key = readFileSync(join(place.folder, 'key'), 'utf8');
    await post('/_sim/apps/expire'); // this run will store new tokens
    const running = startSync(sim, new SqliteDestination(), place.args('--connection', 'acme', ...STREAMS));
    const rotated = await place.run(['keys', 'rotate']);
    assert.equal(rotated.code, 0, rotated.stderr);
    assert.match(rotated.stdout, /3 secrets are now sealed with key [0-9a-f]{16}/);
    const { code, stderr } = await running.finish();
    assert.equal(code, 0, stderr);
    assert.notEqual(readFileSync(join(place.folder, 'key'), 'utf8'), key);
    assert.equal(place.sql('SELECT count(DISTINCT key_id) FROM secret'), '1');
    assert.equal((await place.run(['api', 'ACCOUNT', '--connection', 'acme'])).code, 0);
    // The old key opens nothing any more.
    writeFileSync(join(place.folder, 'key'), key);
    const wrong = await place.run(['api', 'ACCOUNT', '--connection', 'acme']);
    assertFailed(wrong, 4, /sealed with key [0-9a-f]{16}/, /SLUICE_KEY/);
  });

  test('a key from the environment leaves no key file', async () => {
    const place = new Place(sim);
    const one = { SLUICE_KEY: Buffer.alloc(32, 1).toString('base64') };
    const two = { SLUICE_KEY: Buffer.alloc(32, 2).toString('base64') };
    assert.equal((await place.login('acme', [], { env: one })).code, 0);
    assert.ok(!existsSync(join(place.folder, 'key')));
    const call = ['api', 'ACCOUNT', '--connection', 'acme'];
    assert.equal((await place.run(call, { env: one })).code, 0);
    assertFailed(await place.run(call, { env: two }), 4, /sealed with key/);
    assertFailed(await place.run(['keys', 'rotate'], { env: one }), 4, /SLUICE_KEY_NEW/);
    const both = { ...one, SLUICE_KEY_NEW: two.SLUICE_KEY };
    assert.equal((await place.run(['keys', 'rotate'], { env: both })).code, 0);
    assert.equal((await place.run(call, { env: both })).code, 0);
    assert.equal((await place.run(call, { env: two })).code, 0);
    assertFailed(await place.run(call, { env: { SLUICE_KEY: 'c2hvcnQ=' } }), 4, /SLUICE_KEY does not hold a key/);
  });

  test('another account does not slip under a name', async () => {
    const place = new Place(sim);
    assert.equal((await place.login('acme')).code, 0);
    place.sql('UPDATE connection SET portal_id = portal_id + 1');
    assertFailed(await place.login('acme'), 4, /belongs to account/, /another --name/);
  });
});

describe('logout', () => {
  test('revokes at HubSpot and forgets', async () => {
    const place = new Place(sim);
    assert.equal((await place.login('acme')).code, 0);
    const result = await place.run(['logout', 'hubspot', '--name', 'acme']);
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stdout, /was revoked/);
    assert.equal(place.sql('SELECT count(*) FROM secret'), '0');
    assertFailed(await place.run(['logout', 'hubspot', '--name', 'acme']), 2, /acme/);
  });

  test('forgets with a warning when HubSpot cannot be reached, and without one when the grant is kept', async () => {
    const place = new Place(sim);
    assert.equal((await place.login('acme')).code, 0);
    assert.equal((await place.login('other')).code, 0);
    place.sql("UPDATE connection SET base_url = 'http://127.0.0.1:1' WHERE name = 'acme'");
    const result = await place.run(['logout', 'hubspot', '--name', 'acme']);
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stderr, /could not be revoked/);
    const kept = await place.run(['logout', 'hubspot', '--name', 'other', '--keep-grant']);
    assert.equal(kept.code, 0);
    assert.equal(kept.stderr, '');
    assert.deepEqual(await place.connections(), []);
    place.assertNoSecrets();
  });
});

async function allScopes() {
  const { stdout } = await sluice(['streams', '--json']);
  const scopes = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return [...new Set(scopes.filter((s) => s.needs.length === 0).flatMap((s) => s.scope.split(' ')))].join(',');
}

async function requests() {
  return (await sim.stats()).requests.by_endpoint;
}
