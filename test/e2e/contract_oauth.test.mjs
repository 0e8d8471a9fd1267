// OAuth through HubSpot's own client and through sluice's login: the same consent page, the same token endpoints, and what each
// of the two makes of them when they refuse.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, consent, open, press } from './lib/browser.mjs';
import { sdkAnswer, sdkClient, sluiceCall } from './lib/contract.mjs';
import { finish, freePort, SLUICE, start, temporaryFolder, waitForOutput } from './lib/process.mjs';
import { Sim } from './lib/sim.mjs';
import { sluice } from './lib/sluice.mjs';

const SCOPES = 'oauth crm.objects.contacts.read';
const LIST = { endpoint: 'OBJECT_LIST', args: { type: 'contacts' }, query: { limit: 3 } };

let sim;

before(async () => {
  sim = await Sim.start({ contacts: 20, companies: 5, deals: 0, tickets: 0, engagements: 0, 'token-limit': 'off' });
});

after(() => sim?.stop());

beforeEach(async () => {
  await sim.reset();
  await admin('oauth', { old_errors: false, user_denies: false, hub_gone: false });
});

async function admin(path, body = {}) {
  const { status, text } = await sim.api('POST', `/_sim/${path}`, body);
  assert.equal(status, 200, text);
}

async function counts() {
  return (await sim.stats()).apps.find((app) => app.client_id === CLIENT_ID);
}

const without = () => ({ accessToken: undefined });
const exchange = (code, { secret = CLIENT_SECRET, client = CLIENT_ID, uri = REDIRECT_URI } = {}) =>
  sdkAnswer(sim, (c) => c.oauth.tokensApi.create('authorization_code', code, uri, client, secret), without());
const refresh = (token) =>
  sdkAnswer(sim, (c) => c.oauth.tokensApi.create('refresh_token', undefined, undefined, CLIENT_ID, CLIENT_SECRET, token), without());

// The tokens that the official client gets, whole way.
async function viaSdk() {
  const { status, body } = await exchange(await consent(sim, { scope: SCOPES }));
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

// sluice login, whole way; `between` is what happens to the code before sluice gets it.
async function viaSluice({ decision = 'approve', between, env } = {}) {
  const port = await freePort();
  const folder = join(temporaryFolder(), 'data');
  const args = ['login', 'hubspot', '--name', 'acme', '--client-id', CLIENT_ID, '--base-url', sim.url, '--data-dir', folder];
  args.push('--authorize-url', `${sim.url}/oauth/authorize`, '--redirect-port', String(port), '--no-browser');
  args.push('--scopes', SCOPES.replaceAll(' ', ','));
  const child = start(SLUICE, args, { env: { PATH: process.env.PATH, HUBSPOT_CLIENT_SECRET: CLIENT_SECRET, ...env } });
  const [, url] = await waitForOutput(child, /(http\S+authorize\?\S+)/);
  const { to } = await press(await open(url), decision);
  await between?.(to.searchParams.get('code'), new URL(url).searchParams.get('redirect_uri'));
  await open(to.href);
  const result = await finish(child, 'sluice login', 30_000);
  const flags = ['--connection', 'acme', '--data-dir', folder];
  return { ...result, folder, call: (step) => sluiceCall(sim, { ...step, flags }) };
}

async function connected() {
  const made = await viaSluice();
  assert.equal(made.code, 0, made.stderr);
  return made;
}

describe('what is granted', () => {
  test('the tokens of both read the same', async () => {
    const tokens = await viaSdk();
    assert.equal(tokens.tokenType, 'bearer');
    assert.equal(tokens.expiresIn, 1800);
    const seen = await sdkAnswer(sim, (c) => c.crm.contacts.basicApi.getPage(3), { accessToken: tokens.accessToken });
    const acme = await connected();
    const own = await acme.call(LIST);
    assert.deepEqual([seen.status, own.status], [200, 200]);
    assert.deepEqual(own.body.results.map((r) => r.id), seen.body.results.map((r) => r.id));
    assert.deepEqual((await counts()).exchanges, 2);
  });

  test('both learn whose account it is, and which scopes were granted', async () => {
    const tokens = await viaSdk();
    const { body } = await sdkAnswer(sim, (c) => c.oauth.accessTokensApi.get(tokens.accessToken), without());
    const { folder } = await connected();
    const { stdout } = await sluice(['connections', '--json', '--data-dir', folder]);
    const connection = JSON.parse(stdout);
    assert.equal(body.hubId, 4711002);
    assert.equal(connection.portal_id, body.hubId);
    const granted = Array.isArray(connection.scopes) ? connection.scopes : connection.scopes.split(/[ ,]+/);
    assert.deepEqual([...granted].sort(), [...body.scopes].sort());
    assert.deepEqual([...body.scopes].sort(), SCOPES.split(' ').sort());
  });

  test('what was not granted is refused to both', async () => {
    const step = { endpoint: 'OBJECT_LIST', args: { type: 'companies' } };
    const tokens = await viaSdk();
    const seen = await sdkAnswer(sim, (c) => c.crm.companies.basicApi.getPage(), { accessToken: tokens.accessToken });
    const own = await (await connected()).call(step);
    for (const { status, body } of [seen, own]) {
      assert.deepEqual([status, body.category], [403, 'MISSING_SCOPES']);
    }
    assert.equal(own.error.code, 'SCOPE');
  });
});

describe('an access token that has expired', () => {
  test('the official client is told so and must refresh; sluice does it, once', async () => {
    const tokens = await viaSdk();
    const acme = await connected();
    await admin('clock', { advance: '31m' });
    const seen = await sdkAnswer(sim, (c) => c.crm.contacts.basicApi.getPage(3), { accessToken: tokens.accessToken });
    assert.deepEqual([seen.status, seen.body.category], [401, 'EXPIRED_AUTHENTICATION']);
    const next = await refresh(tokens.refreshToken);
    assert.equal(next.status, 200);
    assert.notEqual(next.body.accessToken, tokens.accessToken);
    const before = (await counts()).refreshes;
    const own = await acme.call(LIST);
    assert.equal(own.status, 200, JSON.stringify(own));
    assert.equal((await counts()).refreshes - before, 1);
    assert.equal((await acme.call(LIST)).status, 200);
    assert.equal((await counts()).refreshes - before, 1, 'the new token was kept');
  });
});

describe('what the token endpoint refuses', () => {
  const late = () => admin('clock', { advance: '31s' });
  const ROWS = [
    { name: 'a code older than 30 seconds', word: 'BAD_AUTH_CODE', error: 'invalid_grant', between: late },
    { name: 'a wrong client secret', word: 'BAD_CLIENT_SECRET', error: 'invalid_client', secret: 'wrong-secret-of-the-app' },
    { name: 'an account that is gone', word: 'BAD_HUB', error: 'access_denied', between: () => admin('oauth', { hub_gone: true }) },
  ];
  for (const old of [false, true]) {
    for (const { name, word, error, between, secret } of ROWS) {
      test(`${name}${old ? ', in the older words' : ''}`, async () => {
        await admin('oauth', { old_errors: old });
        const code = await consent(sim, { scope: SCOPES });
        await between?.(code, REDIRECT_URI);
        const seen = await exchange(code, { secret });
        assert.equal(seen.status, 400);
        assert.equal(seen.body.status, word);
        assert.equal(seen.body.error, old ? undefined : error);
        await admin('oauth', { hub_gone: false });
        const env = secret && { HUBSPOT_CLIENT_SECRET: secret };
        const own = await viaSluice({ between, env });
        assert.equal(own.code, 4, own.stderr);
        assert.match(own.stderr, new RegExp(word));
        assert.match(own.stderr, /hint: /);
        assert.ok(!own.stderr.includes(secret ?? CLIENT_SECRET), 'the secret is not shown');
      });
    }
  }

  test('a code that somebody else sends first: lost for the official client, useless to the thief of sluice’s', async () => {
    const code = await consent(sim, { scope: SCOPES });
    assert.equal((await exchange(code)).status, 200);
    const again = await exchange(code);
    assert.deepEqual([again.status, again.body.status], [400, 'BAD_AUTH_CODE']);
    const own = await viaSluice({
      between: async (stolen, uri) => {
        const thief = await exchange(stolen, { uri });
        assert.deepEqual([thief.status, thief.body.status], [400, 'BAD_CODE_VERIFIER']);
      },
    });
    assert.equal(own.code, 0, own.stderr);
  });

  test('a redirect URI that differs by a byte, a client that nobody knows', async () => {
    for (const [what, word] of [
      [{ uri: `${REDIRECT_URI}/` }, 'BAD_REDIRECT_URI'],
      [{ client: '00000000-0000-4000-8000-000000000000' }, 'BAD_CLIENT_ID'],
    ]) {
      const { status, body } = await exchange(await consent(sim, { scope: SCOPES }), what);
      assert.deepEqual([status, body.status], [400, word]);
    }
  });

  test('the user says no', async () => {
    const own = await viaSluice({ decision: 'deny' });
    assert.equal(own.code, 4, own.stderr);
    assert.match(own.stderr, /access_denied|denied/);
  });
});

describe('a grant that is taken back', () => {
  test('by revoking the refresh token, the official client’s way', async () => {
    const tokens = await viaSdk();
    const client = sdkClient(sim, without());
    assert.equal((await client.oauth.refreshTokensApi.get(tokens.refreshToken)).hubId, 4711002);
    await client.oauth.refreshTokensApi.archive(tokens.refreshToken);
    const { status, body } = await refresh(tokens.refreshToken);
    assert.deepEqual([status, body.status], [400, 'BAD_REFRESH_TOKEN']);
  });

  test('sluice tries once, says what to do, and does not knock again', async () => {
    const acme = await connected();
    await admin('apps/revoke');
    await admin('clock', { advance: '31m' });
    const { token_refusals: before } = await counts();
    for (let round = 0; round < 3; round++) {
      const { code, stderr } = await sluice(['api', 'OWNERS', '--connection', 'acme', '--data-dir', acme.folder, '--base-url', sim.url]);
      assert.equal(code, 4);
      assert.match(stderr, /sluice login hubspot --name acme/);
    }
    assert.equal((await counts()).token_refusals - before, 1);
  });

  test('by uninstalling the app: both are refused', async () => {
    const tokens = await viaSdk();
    const acme = await connected();
    await admin('apps/uninstall');
    const seen = await refresh(tokens.refreshToken);
    assert.deepEqual([seen.status, seen.body.status], [400, 'BAD_REFRESH_TOKEN']);
    const own = await sluice(['api', 'OWNERS', '--connection', 'acme', '--data-dir', acme.folder, '--base-url', sim.url]);
    assert.equal(own.code, 4, own.stderr);
    assert.match(own.stderr, /sluice login hubspot --name acme/);
  });
});
