// hubsim's OAuth: the consent page as a browser sees it, tokens as an app and the official client get them.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client } from '@hubspot/api-client';
import {
  CLIENT_ID,
  CLIENT_SECRET,
  REDIRECT_URI,
  authorizeUrl,
  connect,
  consent,
  exchange,
  open,
  press,
  refresh,
  token,
} from './lib/browser.mjs';
import { ROOT, run } from './lib/process.mjs';
import { Sim } from './lib/sim.mjs';

let sim;

before(async () => {
  sim = await Sim.start({ contacts: 20, 'token-limit': 'off' });
});

after(() => sim?.stop());

async function admin(path, body) {
  const { status, json, text } = await sim.api('POST', `/_sim/${path}`, body);
  assert.equal(status, 200, text);
  return json;
}

const advance = (time) => admin('clock', { advance: time });
const counts = async () => (await sim.stats()).apps.find((app) => app.client_id === CLIENT_ID);
const contacts = (accessToken) => sim.api('GET', '/crm/v3/objects/contacts?limit=1', undefined, { token: accessToken });

// The body that HubSpot sends since 2026: the fields of RFC 6749 beside its own.
function refused({ status, json }, error, word) {
  assert.equal(status, 400);
  assert.equal(json.error, error);
  assert.equal(json.status, word);
  assert.ok(json.message.length > 0 && json.error_description.length > 0);
  assert.match(json.correlationId, /^[0-9a-f-]{36}$/);
}

describe('the consent page', () => {
  test('says who asks for what, and a click leads back with code and state', async () => {
    const state = `a&b=c "<>' ä`;
    const url = authorizeUrl(sim, { state, optional_scope: 'tickets crm.objects.deals.read' });
    const page = await open(url);
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-type'), /^text\/html/);
    assert.equal(page.headers.get('cache-control'), 'no-store');
    for (const part of ['OAuth app', '4711002', 'crm.objects.contacts.read', REDIRECT_URI, 'Connect app', 'Cancel']) {
      assert.ok(page.text.includes(part), part);
    }
    assert.deepEqual(page.boxes.map((box) => [box.value, box.checked]), [
      ['tickets', true],
      ['crm.objects.deals.read', true],
    ]);
    assert.deepEqual(page.buttons, ['approve', 'deny']);
    assert.ok(!page.html.includes('<script'));
    const { status, to } = await press(page, 'approve', { untick: ['tickets'] });
    assert.equal(status, 302);
    assert.equal(to.origin + to.pathname, REDIRECT_URI);
    assert.equal(to.searchParams.get('state'), state);
    assert.match(to.searchParams.get('code'), /^na1-[0-9a-f-]{36}$/);
    const { json } = await exchange(sim, to.searchParams.get('code'));
    assert.deepEqual(json.scopes, ['oauth', 'crm.objects.contacts.read', 'crm.objects.deals.read']);
  });

  test('Cancel leads back with an error and the state', async () => {
    const page = await open(authorizeUrl(sim, { state: 's1' }));
    const { status, to } = await press(page, 'deny');
    assert.equal(status, 302);
    assert.equal(to.searchParams.get('error'), 'access_denied');
    assert.ok(to.searchParams.get('error_description').length > 0);
    assert.equal(to.searchParams.get('state'), 's1');
    assert.equal(to.searchParams.get('code'), null);
  });

  test('a user who denies, whatever is pressed', async () => {
    await admin('oauth', { user_denies: true });
    const { to } = await press(await open(authorizeUrl(sim)), 'approve');
    await admin('oauth', { user_denies: false });
    assert.equal(to.searchParams.get('error'), 'access_denied');
  });

  test('the form counts once, and not without its secret', async () => {
    const page = await open(authorizeUrl(sim));
    const forged = { ...page, hidden: [{ name: 'form_token', value: 'guessed' }] };
    assert.equal((await press(forged, 'approve')).status, 400);
    assert.equal((await press(page, 'approve')).status, 302);
    assert.equal((await press(page, 'approve')).status, 400);
  });

  test('what is not asked for cannot be granted', async () => {
    const page = await open(authorizeUrl(sim, { optional_scope: 'tickets' }));
    page.boxes.push({ name: 'optional', value: 'crm.objects.deals.write', checked: true });
    const { to } = await press(page, 'approve');
    const { json } = await exchange(sim, to.searchParams.get('code'));
    assert.deepEqual(json.scopes, ['oauth', 'crm.objects.contacts.read', 'tickets']);
  });

  test('the account may be named in the path', async () => {
    const url = authorizeUrl(sim);
    assert.equal((await open(url.replace('/oauth/', '/oauth/4711002/'))).status, 200);
    assert.equal((await open(url.replace('/oauth/', '/oauth/99/'))).status, 400);
  });

  const bad = [
    ['no client', { client_id: '' }, /client_id/],
    ['an unknown client', { client_id: 'nobody' }, /nobody/],
    ['no redirect URI', { redirect_uri: '' }, /redirect_uri/],
    ['a slash too many', { redirect_uri: `${REDIRECT_URI}/` }, /4567\/oauth\/callback\/ .*localhost:\*\/oauth\/callback/s],
    ['another host', { redirect_uri: 'http://evil.example/oauth/callback' }, /evil\.example/],
    ['a host that only begins so', { redirect_uri: 'http://localhost:4567@evil.example/oauth/callback' }, /evil/],
    ['https instead of http', { redirect_uri: REDIRECT_URI.replace('http', 'https') }, /https/],
    ['no port', { redirect_uri: 'http://localhost/oauth/callback' }, /localhost/],
    ['no scope', { scope: '' }, /scope/],
    ['a required scope left out', { scope: 'crm.objects.contacts.read' }, /oauth/],
    ['a scope the app has not', { scope: 'oauth no.such.scope' }, /no\.such\.scope/],
    ['an unknown method of PKCE', { code_challenge: 'x'.repeat(43), code_challenge_method: 'S512' }, /S512/],
    ['a challenge that is too short', { code_challenge: 'x', code_challenge_method: 'S256' }, /43/],
    ['a script', { client_id: '<script>alert(1)</script>' }, /alert/],
  ];
  for (const [name, parameters, words] of bad) {
    test(`${name}: a page that says so`, async () => {
      const page = await open(authorizeUrl(sim, parameters));
      assert.equal(page.status, 400);
      assert.match(page.headers.get('content-type'), /^text\/html/);
      assert.match(page.text, words);
      assert.equal(page.action, null);
      assert.ok(!page.html.includes('<script'));
    });
  }

  test('scopes that the account cannot grant: optional ones vanish, required ones do not', async () => {
    await admin('oauth', { lacks: ['tickets'] });
    const optional = await open(authorizeUrl(sim, { optional_scope: 'tickets' }));
    const required = await open(authorizeUrl(sim, { scope: 'oauth tickets' }));
    await admin('oauth', { lacks: [] });
    assert.equal(optional.status, 200);
    assert.deepEqual(optional.boxes, []);
    assert.equal(required.status, 400);
    assert.match(required.text, /tickets/);
  });
});

describe('the token endpoint', () => {
  for (const path of ['/oauth/v1/token', '/oauth/v3/token', '/oauth/2026-03/token', '/oauth/2026-09/token']) {
    test(`${path}: a code becomes tokens, and they are refreshed`, async () => {
      const first = await exchange(sim, await consent(sim), {}, { path });
      assert.equal(first.status, 200);
      assert.equal(first.headers.get('cache-control'), 'no-store');
      const { json } = first;
      assert.equal(json.token_type, 'bearer');
      assert.equal(json.token_use, 'access_token');
      assert.equal(json.expires_in, 1800);
      assert.equal(json.hub_id, 4711002);
      assert.ok(json.access_token.length > 290 && json.access_token.length <= 512);
      assert.match(json.refresh_token, /^na1-/);
      const second = await refresh(sim, json.refresh_token, {}, { path });
      assert.equal(second.status, 200);
      assert.equal(second.json.refresh_token, json.refresh_token);
      assert.notEqual(second.json.access_token, json.access_token);
      // Both are good: a new token does not end the old one.
      assert.equal((await contacts(json.access_token)).status, 200);
      assert.equal((await contacts(second.json.access_token)).status, 200);
    });
  }

  test('a code is good once, for 30 seconds, for its app and its redirect URI', async () => {
    const used = await consent(sim);
    assert.equal((await exchange(sim, used)).status, 200);
    refused(await exchange(sim, used), 'invalid_grant', 'BAD_AUTH_CODE');

    const late = await consent(sim);
    await advance('29s');
    assert.equal((await exchange(sim, late)).status, 200);
    const later = await consent(sim);
    await advance('31s');
    refused(await exchange(sim, later), 'invalid_grant', 'BAD_AUTH_CODE');

    const other = await admin('apps', { kind: 'oauth' });
    const code = await consent(sim);
    refused(
      await exchange(sim, code, { client_id: other.client_id, client_secret: other.client_secret }),
      'invalid_grant',
      'BAD_AUTH_CODE',
    );
    refused(
      await exchange(sim, code, { redirect_uri: REDIRECT_URI.replace('localhost', '127.0.0.1') }),
      'invalid_grant',
      'BAD_REDIRECT_URI',
    );
    assert.equal((await exchange(sim, code)).status, 200);
  });

  test('PKCE: only who knows the verifier gets the tokens', async () => {
    const verifier = randomBytes(32).toString('base64url');
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    const s256 = { code_challenge: challenge, code_challenge_method: 'S256' };
    const code = await consent(sim, s256);
    refused(await exchange(sim, code), 'invalid_grant', 'BAD_CODE_VERIFIER');
    refused(await exchange(sim, code, { code_verifier: challenge }), 'invalid_grant', 'BAD_CODE_VERIFIER');
    assert.equal((await exchange(sim, code, { code_verifier: verifier })).status, 200);

    const plain = await consent(sim, { code_challenge: challenge, code_challenge_method: 'plain' });
    refused(await exchange(sim, plain, { code_verifier: verifier }), 'invalid_grant', 'BAD_CODE_VERIFIER');
    assert.equal((await exchange(sim, plain, { code_verifier: challenge })).status, 200);

    const without = await consent(sim);
    refused(await exchange(sim, without, { code_verifier: verifier }), 'invalid_grant', 'BAD_CODE_VERIFIER');
  });

  test('each refusal has its name', async () => {
    refused(await token(sim, { grant_type: 'password' }), 'unsupported_grant_type', 'BAD_GRANT_TYPE');
    refused(await token(sim, {}), 'unsupported_grant_type', 'BAD_GRANT_TYPE');
    refused(await refresh(sim, 'x', { client_id: 'nobody' }), 'invalid_client', 'BAD_CLIENT_ID');
    refused(await refresh(sim, 'x', { client_secret: 'wrong' }), 'invalid_client', 'BAD_CLIENT_SECRET');
    refused(await refresh(sim, 'x'), 'invalid_grant', 'BAD_REFRESH_TOKEN');
    refused(await exchange(sim, 'x'), 'invalid_grant', 'BAD_AUTH_CODE');
    const { access_token: access } = await connect(sim);
    refused(await refresh(sim, access), 'invalid_grant', 'BAD_REFRESH_TOKEN');
    await admin('oauth', { hub_gone: true });
    const gone = await refresh(sim, 'x');
    await admin('oauth', { hub_gone: false });
    refused(gone, 'access_denied', 'BAD_HUB');
  });

  test('the older bodies', async () => {
    await admin('oauth', { old_errors: true });
    const { status, json } = await refresh(sim, 'x');
    await admin('oauth', { old_errors: false });
    assert.equal(status, 400);
    assert.deepEqual(Object.keys(json).sort(), ['correlationId', 'message', 'status']);
    assert.equal(json.status, 'BAD_REFRESH_TOKEN');
  });

  test('only forms are read', async () => {
    const body = { grant_type: 'refresh_token', client_id: CLIENT_ID, client_secret: CLIENT_SECRET, refresh_token: 'x' };
    const { status, json } = await sim.api('POST', '/oauth/v3/token', body);
    assert.equal(status, 415);
    assert.match(json.message, /x-www-form-urlencoded/);
  });

  test('client credentials: a token of the app for the webhooks journal, and for nothing else', async () => {
    const grant = { grant_type: 'client_credentials', scope: 'developer.webhooks_journal.read' };
    const { status, json } = await token(sim, grant);
    assert.equal(status, 200);
    assert.deepEqual(json.scopes, ['developer.webhooks_journal.read']);
    assert.equal(json.refresh_token, undefined);
    assert.equal(json.hub_id, undefined);
    assert.equal((await contacts(json.access_token)).status, 403);
    for (const scope of ['', 'crm.objects.contacts.read', 'developer.no.such']) {
      refused(await token(sim, { ...grant, scope }), 'invalid_scope', 'BAD_SCOPES');
    }
  });

  test('its own limit: 429 without a correlation id', async (t) => {
    const small = await Sim.start({ contacts: 1, 'token-limit': '3/3600s' });
    t.after(() => small.stop());
    for (let i = 0; i < 3; i++) {
      assert.equal((await refresh(small, 'x')).status, 400);
    }
    const { status, json } = await refresh(small, 'x');
    assert.equal(status, 429);
    assert.equal(json.policyName, 'SECONDLY');
    assert.equal(json.errorType, 'RATE_LIMIT');
    assert.equal(json.correlationId, undefined);
    assert.equal((await small.stats()).rate_limited.token_endpoint, 1);
  });
});

describe('the life of tokens', () => {
  test('after half an hour: 401, the refresh is counted, and the new token is good', async () => {
    const before = await counts();
    const pair = await connect(sim);
    assert.equal((await contacts(pair.access_token)).status, 200);
    await advance('29m');
    assert.equal((await contacts(pair.access_token)).status, 200);
    await advance('5m');
    const { status, json } = await contacts(pair.access_token);
    assert.equal(status, 401);
    assert.equal(json.category, 'EXPIRED_AUTHENTICATION');
    assert.match(json.message, /^The OAuth token used to make this call expired 4 minute\(s\) ago\.$/);
    assert.match(json.context['expire time'][0], /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const fresh = await refresh(sim, pair.refresh_token);
    assert.equal((await contacts(fresh.json.access_token)).status, 200);
    const now = await counts();
    assert.equal(now.refreshes - before.refreshes, 1);
    assert.equal(now.exchanges - before.exchanges, 1);
    assert.equal(now.consents - before.consents, 1);
  });

  test('tokens can be ended at once', async () => {
    const pair = await connect(sim);
    await admin('apps/expire', {});
    assert.equal((await contacts(pair.access_token)).json.category, 'EXPIRED_AUTHENTICATION');
    assert.equal((await refresh(sim, pair.refresh_token)).status, 200);
  });

  test('rotation: the old refresh token dies', async () => {
    const pair = await connect(sim);
    await admin('oauth', { rotate: true });
    const next = await refresh(sim, pair.refresh_token);
    const again = await refresh(sim, pair.refresh_token);
    const after = await refresh(sim, next.json.refresh_token);
    await admin('oauth', { rotate: false });
    assert.notEqual(next.json.refresh_token, pair.refresh_token);
    refused(again, 'invalid_grant', 'BAD_REFRESH_TOKEN');
    assert.equal(after.status, 200);
  });

  test('revoking ends the refresh token; access tokens live on until they expire', async () => {
    const ways = [
      (pair) => sim.api('DELETE', `/oauth/v1/refresh-tokens/${pair.refresh_token}`),
      (pair) => token(sim, { token: pair.refresh_token }, { path: '/oauth/v3/token/revoke' }),
      (pair) => token(sim, { token: pair.refresh_token }, { path: '/oauth/2026-09/token/revoke' }),
      (pair) => sim.api('POST', '/_sim/apps/revoke', { refresh_token: pair.refresh_token }),
    ];
    for (const [i, way] of ways.entries()) {
      const pair = await connect(sim);
      assert.equal((await way(pair)).status, i === 0 ? 204 : 200);
      assert.equal((await contacts(pair.access_token)).status, 200);
      refused(await refresh(sim, pair.refresh_token), 'invalid_grant', 'BAD_REFRESH_TOKEN');
    }
  });

  test('nobody revokes the tokens of another app', async () => {
    const other = await admin('apps', { kind: 'oauth' });
    const pair = await connect(sim);
    const credentials = { client_id: other.client_id, client_secret: other.client_secret };
    await token(sim, { ...credentials, token: pair.refresh_token }, { path: '/oauth/v3/token/revoke' });
    refused(await refresh(sim, pair.refresh_token, credentials), 'invalid_grant', 'BAD_REFRESH_TOKEN');
    assert.equal((await refresh(sim, pair.refresh_token)).status, 200);
  });

  test('uninstalling ends everything, and the app may come back', async () => {
    for (const path of ['/appinstalls/v3/external-install', '/appinstalls/2026-09/external-install']) {
      const pair = await connect(sim);
      const other = await connect(sim);
      const { status, text } = await sim.api('DELETE', path, undefined, { token: pair.access_token });
      assert.equal(status, 204);
      assert.equal(text, '');
      for (const dead of [pair, other]) {
        assert.equal((await contacts(dead.access_token)).json.category, 'INVALID_AUTHENTICATION');
        refused(await refresh(sim, dead.refresh_token), 'invalid_grant', 'BAD_REFRESH_TOKEN');
      }
      assert.equal((await contacts((await connect(sim)).access_token)).status, 200);
    }
    const { status } = await sim.api('DELETE', '/appinstalls/v3/external-install');
    assert.equal(status, 400); // the private app
    assert.equal((await contacts(sim.token)).status, 200);
  });
});

describe('what tokens may do', () => {
  const cases = [
    ['GET', '/crm/v3/objects/companies', 'crm.objects.companies.read'],
    ['GET', '/crm/v3/objects/0-3', 'crm.objects.deals.read'],
    ['GET', '/crm/objects/2026-09/tickets', 'tickets'],
    ['POST', '/crm/v3/objects/deals/batch/read', 'crm.objects.deals.read'],
    ['POST', '/crm/v3/objects/deals/search', 'crm.objects.deals.read'],
    ['POST', '/crm/v3/objects/contacts', 'crm.objects.contacts.write'],
    ['GET', '/crm/v3/properties/deals', 'crm.schemas.deals.read'],
    ['GET', '/crm/v3/pipelines/deals', 'crm.objects.deals.read'],
    ['GET', '/crm/v3/owners', 'crm.objects.owners.read'],
    ['POST', '/crm/v4/associations/contacts/companies/batch/read', 'crm.objects.companies.read'],
  ];
  for (const [method, path, scope] of cases) {
    test(`${method} ${path} needs ${scope}`, async () => {
      const body = method === 'POST' ? { inputs: [] } : undefined;
      const pair = await connect(sim);
      const without = await sim.api(method, path, body, { token: pair.access_token });
      assert.equal(without.status, 403);
      assert.equal(without.json.category, 'MISSING_SCOPES');
      assert.ok(without.json.errors[0].context.requiredGranularScopes.includes(scope));
      assert.equal(without.json.links.scopes, 'https://developers.hubspot.com/scopes');
      const more = await connect(sim, { optional_scope: scope });
      assert.notEqual((await sim.api(method, path, body, { token: more.access_token })).status, 403);
    });
  }

  test('a scope may be taken away in between', async () => {
    const pair = await connect(sim);
    assert.equal((await contacts(pair.access_token)).status, 200);
    await admin('apps/scopes', { remove: ['crm.objects.contacts.read'] });
    assert.equal((await contacts(pair.access_token)).status, 403);
    assert.deepEqual((await refresh(sim, pair.refresh_token)).json.scopes, ['oauth']);
  });

  test('a private app of its own has its own scopes', async () => {
    const { token: own } = await admin('apps', { kind: 'private', scopes: ['crm.objects.deals.read'] });
    assert.match(own, /^pat-na1-/);
    assert.equal((await sim.api('GET', '/crm/v3/objects/deals', undefined, { token: own })).status, 200);
    assert.equal((await contacts(own)).status, 403);
    const info = await sim.api('POST', '/oauth/v2/private-apps/get/access-token-info', { tokenKey: own });
    assert.deepEqual(info.json.scopes, ['crm.objects.deals.read']);
    assert.equal(info.json.hubId, 4711002);
  });

  test('no token, and what is none', async () => {
    for (const authorization of ['', 'Bearer', 'Bearer nonsense', 'Basic cGF0', `bearer ${'x'.repeat(600)}`]) {
      const { status, json } = await sim.api('GET', '/crm/v3/owners', undefined, { headers: { authorization } });
      assert.equal(status, 401, authorization);
      assert.equal(json.category, 'INVALID_AUTHENTICATION');
    }
    const { refresh_token: refreshToken } = await connect(sim);
    assert.equal((await contacts(refreshToken)).status, 401);
  });

  test('530 for what does not look like a token, if wanted', async (t) => {
    const edge = await Sim.start({ contacts: 1, 'malformed-530': true });
    t.after(() => edge.stop());
    const status = async (value) => (await edge.api('GET', '/crm/v3/owners', undefined, { token: value })).status;
    assert.equal(await status('two words'), 530);
    assert.equal(await status('nobody'), 401);
    assert.equal(await status(edge.token), 200);
  });
});

describe('introspection', () => {
  test('v1 of both kinds', async () => {
    const pair = await connect(sim);
    const access = await sim.api('GET', `/oauth/v1/access-tokens/${pair.access_token}`);
    assert.equal(access.status, 200);
    assert.equal(access.json.token, pair.access_token);
    assert.equal(access.json.hub_id, 4711002);
    assert.equal(access.json.token_type, 'access');
    assert.deepEqual(access.json.scopes, pair.scopes);
    assert.ok(access.json.expires_in > 1790 && access.json.expires_in <= 1800);
    assert.equal(access.json.signed_access_token.hubId, 4711002);
    const other = await sim.api('GET', `/oauth/v1/refresh-tokens/${pair.refresh_token}`);
    assert.equal(other.json.client_id, CLIENT_ID);
    assert.equal(other.json.token_type, 'refresh');
    assert.equal((await sim.api('GET', '/oauth/v1/access-tokens/none')).status, 404);
    assert.equal((await sim.api('GET', `/oauth/v1/refresh-tokens/${pair.access_token}`)).status, 404);
  });

  test('v3 and dated', async () => {
    const pair = await connect(sim);
    const other = await admin('apps', { kind: 'oauth' });
    for (const path of ['/oauth/v3/token/introspect', '/oauth/2026-03/token/introspect']) {
      const { json } = await token(sim, { token: pair.access_token, token_type_hint: 'access_token' }, { path });
      assert.equal(json.active, true);
      assert.equal(json.hub_id, 4711002);
      const dead = await token(sim, { token: 'none' }, { path });
      assert.deepEqual(dead.json, { active: false });
      assert.equal((await token(sim, {}, { path })).status, 400);
      const foreign = { token: pair.access_token, client_id: other.client_id, client_secret: other.client_secret };
      assert.deepEqual((await token(sim, foreign, { path })).json, { active: false });
    }
  });
});

test('the example of docs/hubsim.md runs', async (t) => {
  const docs = readFileSync(join(ROOT, 'docs/hubsim.md'), 'utf8');
  const example = /```js\n(import \{ Client \}.*?)```/s.exec(docs)[1];
  const own = await Sim.start({ contacts: 3 });
  t.after(() => own.stop());
  const code = example.replace('http://127.0.0.1:8083', own.url);
  assert.notEqual(code, example);
  const cwd = join(ROOT, 'test/e2e');
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', code], { cwd });
  assert.match(stdout, /@/, stderr);
});

describe('the official client', () => {
  const client = () => new Client({ basePath: sim.url, numberOfApiCallRetries: 0 });

  test('exchanges, refreshes, looks at tokens and revokes them', async () => {
    const { oauth } = client();
    const code = await consent(sim, { optional_scope: 'tickets' });
    const first = await oauth.tokensApi.create('authorization_code', code, REDIRECT_URI, CLIENT_ID, CLIENT_SECRET);
    assert.equal(first.expiresIn, 1800);
    assert.equal(first.tokenType, 'bearer');
    const next = await oauth.tokensApi.create(
      'refresh_token',
      undefined,
      undefined,
      CLIENT_ID,
      CLIENT_SECRET,
      first.refreshToken,
    );
    assert.notEqual(next.accessToken, first.accessToken);
    const access = await oauth.accessTokensApi.get(next.accessToken);
    assert.equal(access.hubId, 4711002);
    assert.ok(access.scopes.includes('tickets'));
    assert.equal(access.appId, 7654321);
    const kept = await oauth.refreshTokensApi.get(first.refreshToken);
    assert.equal(kept.clientId, CLIENT_ID);
    const hub = client();
    hub.setAccessToken(next.accessToken);
    const page = await hub.crm.contacts.basicApi.getPage(1);
    assert.equal(page.results.length, 1);
    await oauth.refreshTokensApi.archive(first.refreshToken);
    await assert.rejects(
      oauth.tokensApi.create('refresh_token', undefined, undefined, CLIENT_ID, CLIENT_SECRET, first.refreshToken),
      (error) => error.code === 400 && error.body.status === 'BAD_REFRESH_TOKEN',
    );
  });

  test('makes the address of the consent page that hubsim serves', async () => {
    const url = client().oauth.getAuthorizationUrl(CLIENT_ID, REDIRECT_URI, 'oauth', 'tickets', 's');
    const page = await open(sim.url + url.slice(new URL(url).origin.length));
    assert.equal(page.status, 200, page.text);
    assert.deepEqual(page.boxes.map((box) => box.value), ['tickets']);
  });
});
