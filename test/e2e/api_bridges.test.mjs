// From a bridge to a connection: the API, the authorize page and the way to HubSpot and back, without a browser. Also
// what else a workspace is set up with: connections by token, destinations, API keys.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { CLIENT_SECRET, open, press } from './lib/browser.mjs';
import { Postgres } from './lib/postgres.mjs';
import { freePort, temporaryFolder } from './lib/process.mjs';
import { Browser, Server } from './lib/serve.mjs';
import { sqliteWrite } from './lib/sqlite.mjs';

const BACK = 'https://app.example.com/connected';
const DAY = 86_400_000;

let server;
let sim;

before(async () => {
  server = await Server.start({ contacts: 20, scopes: 'oauth', 'optional-scopes': 'all', accounts: 2 });
  sim = server.sim;
});

after(async () => {
  await server?.stop();
});

beforeEach(async () => {
  await sim.reset();
  await post('/_sim/oauth', { user_denies: false, lacks: '' });
});

async function post(path, body) {
  const { status, text } = await sim.api('POST', path, body);
  assert.equal(status, 200, text);
}

function makeBridge(fields = {}) {
  return server.ok('POST', '/connection_bridges', {
    integration_id: 'hubspot-v2', label: 'production', redirect_uri: BACK, state: 'their state', ...fields,
  });
}

function tokenOf(bridge) {
  return new URL(bridge.authorize_url).searchParams.get('token');
}

function plain(html) {
  const names = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
  return html
    .replace(/<style.*?<\/style>/s, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&(#39|\w+);/g, (_, name) => names[name])
    .replace(/\s+/g, ' ');
}

// A page as a person's browser has it: {status, text, html, headers, forms: {path: fields}, links: {text: address}}.
async function visit(browser, url, options) {
  const answer = await browser.fetch(url, options);
  const html = await answer.text();
  const forms = {};
  for (const [form] of html.matchAll(/<form\b[^>]*>[\s\S]*?<\/form>/g)) {
    const inputs = [...form.matchAll(/<input\b[^>]*name="(\w+)" value="([^"]*)"/g)];
    forms[/action="([^"]*)"/.exec(form)[1]] = Object.fromEntries(inputs.map(([, name, value]) => [name, value]));
  }
  const links = {};
  for (const [, href, text] of html.matchAll(/<a [^>]*href="([^"]*)"[^>]*>(.*?)<\/a>/g)) {
    links[plain(text).trim()] = new URL(href.replace(/&amp;/g, '&'), url).href;
  }
  return { status: answer.status, headers: answer.headers, html, text: plain(html), forms, links, to: answer.headers.get('location') };
}

// Sends a form of the page, with further fields.
function submit(browser, page, path, fields = {}) {
  assert.ok(page.forms[path], `no form ${path} in ${page.html}`);
  const body = new URLSearchParams({ ...page.forms[path], ...fields });
  return visit(browser, new URL(path, server.url).href, { method: 'POST', body });
}

// To HubSpot's page of consent and through it; gives where HubSpot sends the browser.
async function answerAtHubSpot(browser, bridge, decision = 'approve', options = {}) {
  const address = await browser.goToHubSpot(bridge.authorize_url);
  assert.ok(!address.includes(tokenOf(bridge)), 'HubSpot sees the token of the bridge');
  const consent = await open(address);
  assert.equal(consent.status, 200, consent.text);
  const { to } = await press(consent, decision, options);
  return to;
}

function assertSafe(page) {
  const policy = page.headers.get('content-security-policy');
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.match(policy, /form-action 'self'/);
  assert.doesNotMatch(policy, /unsafe|script-src/);
  assert.equal(page.headers.get('x-frame-options'), 'DENY');
  assert.equal(page.headers.get('referrer-policy'), 'no-referrer');
  assert.equal(page.headers.get('cache-control'), 'no-store');
  assert.match(page.headers.get('content-type'), /^text\/html/);
  assert.doesNotMatch(page.html, /<script|javascript:/i);
}

function count(connections) {
  return connections.data.length;
}

describe('bridges', () => {
  test('are made with an address to open, and listed without it', async () => {
    const made = await makeBridge();
    assert.match(made.id, /^[\w-]{14}$/);
    assert.equal(made.status, 'open');
    assert.equal(made.label, 'production');
    assert.match(made.authorize_url, new RegExp(`^${server.url}/authorize\\?token=[\\w-]{43}$`));
    assert.equal(Date.parse(made.expires_at) - Date.parse(made.created_at), DAY);
    assert.match(made.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const { text, json } = await server.api('GET', '/connection_bridges');
    assert.ok(json.data.some((bridge) => bridge.id === made.id));
    assert.ok(!text.includes(tokenOf(made)), 'the list holds a token');
  });

  const refused = [
    ['a redirect_uri over plain http', { redirect_uri: 'http://app.example.com/x' }, 400, /redirect_uri.*https/],
    ['one with a query', { redirect_uri: `${BACK}?next=//evil.example` }, 400, /redirect_uri.*query/],
    ['one with a port', { redirect_uri: 'https://app.example.com:8443/x' }, 400, /redirect_uri.*port/],
    ['one with another host behind an @', { redirect_uri: 'https://app.example.com@evil.example/' }, 400, /user name/],
    ['one that is a script', { redirect_uri: 'javascript:alert(1)//https://x' }, 400, /redirect_uri/],
    ['one with a line end', { redirect_uri: 'https://app.example.com/\r\nX: y' }, 400, /redirect_uri/],
    ['no redirect_uri', { redirect_uri: undefined }, 400, /redirect_uri/],
    ['another integration', { integration_id: 'salesforce' }, 400, /integration_id/],
    ['an empty label', { label: '' }, 400, /label/],
    ['a long label', { label: 'x'.repeat(256) }, 400, /label/],
    ['a long state', { state: 'x'.repeat(256) }, 400, /state/],
    ['a connection that is not there', { connection_id: 'AAAAAAAAAAAAAA' }, 404, /connection/],
    ['a connection with an odd name', { connection_id: '../x' }, 404, /connection/],
  ];
  for (const [what, fields, status, message] of refused) {
    test(`are refused: ${what}`, async () => {
      const body = { integration_id: 'hubspot-v2', label: 'x', redirect_uri: BACK, ...fields };
      const answer = await server.api('POST', '/connection_bridges', body);
      assert.equal(answer.status, status, answer.text);
      assert.match(answer.json.message, message);
      assert.ok(answer.json.error_code);
    });
  }

  test('with a port on this machine, and "" for what is not set, are fine', async () => {
    const bridge = await makeBridge({ redirect_uri: 'http://localhost:3000/cb', connection_id: '', state: '' });
    assert.equal(bridge.redirect_uri, 'http://localhost:3000/cb');
  });
});

describe('authorizing', () => {
  test('the whole way: the caller gets the connection and its state, once', async () => {
    const browser = new Browser();
    const bridge = await makeBridge({ label: 'the way', state: 'a b&c=d/é' });
    const page = await visit(browser, bridge.authorize_url);
    assert.equal(page.status, 200);
    assertSafe(page);
    assert.match(page.text, /app\.example\.com/);
    assert.match(page.text, /the way/);
    const to = await answerAtHubSpot(browser, bridge);
    assert.equal(to.origin + to.pathname, `${server.url}/oauth/callback`);
    assert.ok(!to.href.includes(tokenOf(bridge)));
    const back = await visit(browser, to.href);
    assert.equal(back.status, 303, back.text);
    const end = new URL(back.to);
    assert.equal(end.origin + end.pathname, BACK);
    const id = end.searchParams.get('connection_id');
    assert.equal(end.searchParams.get('connectionId'), id);
    assert.equal(end.searchParams.get('state'), 'a b&c=d/é');
    const connection = await server.ok('GET', `/connections/${id}`);
    assert.equal(connection.status, 'active');
    assert.equal(connection.kind, 'oauth');
    assert.equal(connection.label, 'the way');
    assert.equal(connection.portal_id, 4711002);
    assert.equal(connection.user, 'user@simulated.example');
    assert.ok(connection.scopes.includes('crm.objects.contacts.read'));
    assert.deepEqual(connection.streams.find((s) => s.name === 'contacts').scopes_missing, []);
    const open = await server.ok('GET', '/connection_bridges');
    assert.ok(!open.data.some((other) => other.id === bridge.id));
    for (const used of [await visit(browser, bridge.authorize_url), await visit(new Browser(), bridge.authorize_url)]) {
      assert.equal(used.status, 410);
      assert.match(used.text, /has been used/);
    }
    const replay = await visit(browser, to.href);
    assert.equal(replay.status, 400);
  });

  test('an answer belongs to the browser that left, and its state works once', async () => {
    const browser = new Browser();
    const bridge = await makeBridge();
    const connections = count(await server.ok('GET', '/connections?limit=100'));
    const to = await answerAtHubSpot(browser, bridge);
    const other = await visit(new Browser(), to.href);
    assert.equal(other.status, 400);
    assertSafe(other);
    assert.match(other.text, /did not begin in this browser/);
    const forged = new URL(to);
    forged.searchParams.set('state', 'A'.repeat(43));
    assert.equal((await visit(browser, forged.href)).status, 400);
    for (const query of ['', '?code=x', `?state=${to.searchParams.get('state')}`, `${to.search}&state=x`, `${to.search}&error=x`]) {
      assert.equal((await visit(browser, `${server.url}/oauth/callback${query}`)).status, 400, query);
    }
    // Those tries have not used it up; the first good one does.
    const cookies = new Map(browser.cookies);
    assert.equal((await visit(browser, to.href)).status, 303);
    browser.cookies = cookies;
    assert.equal((await visit(browser, to.href)).status, 400);
    assert.equal(count(await server.ok('GET', '/connections?limit=100')), connections + 1);
  });

  test('the cookie of another walk does not lend itself', async () => {
    const browser = new Browser();
    const [mine, theirs] = [await makeBridge({ label: 'mine' }), await makeBridge({ label: 'theirs' })];
    const first = await answerAtHubSpot(browser, mine);
    const second = await answerAtHubSpot(browser, theirs);
    // Two walks of one browser do not disturb each other.
    const [a, b] = [await visit(browser, second.href), await visit(browser, first.href)];
    for (const [page, label] of [[a, 'theirs'], [b, 'mine']]) {
      assert.equal(page.status, 303, page.text);
      const { label: got } = await server.ok('GET', `/connections/${new URL(page.to).searchParams.get('connection_id')}`);
      assert.equal(got, label);
    }
    // A cookie under the right name that holds another bridge's token.
    const bridge = await makeBridge();
    const to = await answerAtHubSpot(browser, bridge);
    for (const [name, value] of browser.cookies) {
      if (value === tokenOf(bridge)) {
        browser.cookies.set(name, tokenOf(await makeBridge()));
      }
    }
    assert.equal((await visit(browser, to.href)).status, 400);
  });

  test('going to HubSpot again ends the former walk', async () => {
    const browser = new Browser();
    const bridge = await makeBridge();
    const first = await answerAtHubSpot(browser, bridge);
    const second = await answerAtHubSpot(browser, bridge);
    assert.equal((await visit(browser, first.href)).status, 400);
    assert.equal((await visit(browser, second.href)).status, 303);
  });

  test('declining ends the bridge and is told', async () => {
    const browser = new Browser();
    const bridge = await makeBridge();
    const page = await visit(browser, bridge.authorize_url);
    const answer = await submit(browser, page, '/authorize/decline');
    assert.equal(answer.status, 303);
    const to = new URL(answer.to);
    assert.equal(to.origin + to.pathname, BACK);
    assert.equal(to.searchParams.get('error'), 'access_denied');
    assert.ok(to.searchParams.get('error_description'));
    assert.equal(to.searchParams.get('state'), 'their state');
    assert.equal(to.searchParams.get('connection_id'), null);
    const used = await visit(browser, bridge.authorize_url);
    assert.equal(used.status, 410);
    assert.match(used.text, /declined/);
    assert.equal(new URL(used.links['Back to app.example.com']).searchParams.get('error'), 'access_denied');
  });

  test('cancelled at HubSpot: the browser goes back with the error, and the bridge stays open', async () => {
    const browser = new Browser();
    const bridge = await makeBridge();
    await post('/_sim/oauth', { user_denies: true });
    const to = await answerAtHubSpot(browser, bridge);
    assert.equal(to.searchParams.get('error'), 'access_denied');
    const page = await visit(browser, to.href);
    assert.equal(page.status, 303);
    const back = new URL(page.to);
    assert.equal(back.origin + back.pathname, BACK);
    assert.equal(back.searchParams.get('error'), 'access_denied');
    assert.ok(back.searchParams.get('error_description'));
    assert.equal(back.searchParams.get('state'), 'their state');
    assert.equal(back.searchParams.get('connection_id'), null);
    assert.equal((await visit(browser, bridge.authorize_url)).status, 200);
    await post('/_sim/oauth', { user_denies: false });
    assert.equal((await visit(browser, (await answerAtHubSpot(browser, bridge)).href)).status, 303);
  });

  test('a grant with which nothing could be read lists what is missing', async () => {
    const browser = new Browser();
    const bridge = await makeBridge();
    const consent = await open(await browser.goToHubSpot(bridge.authorize_url));
    const { to } = await press(consent, 'approve', { untick: consent.boxes.map((box) => box.value) });
    const page = await visit(browser, to.href);
    assert.equal(page.status, 403, page.text);
    assert.match(page.text, /granted too little/);
    assert.match(page.html, /<li><code>crm\.objects\.contacts\.read<\/code><\/li>/);
    assert.equal(new URL(page.links['Back to app.example.com']).searchParams.get('error'), 'insufficient_scope');
    assert.ok(page.links['Try again']);
  });

  test('a grant without some scopes makes a connection that says which streams lack what', async () => {
    const browser = new Browser();
    const bridge = await makeBridge();
    const to = await answerAtHubSpot(browser, bridge, 'approve', { untick: ['crm.objects.deals.read', 'tickets'] });
    const back = await visit(browser, to.href);
    assert.equal(back.status, 303, back.text);
    const { streams } = await server.ok('GET', `/connections/${new URL(back.to).searchParams.get('connection_id')}`);
    const missing = Object.fromEntries(streams.map((stream) => [stream.name, stream.scopes_missing]));
    assert.deepEqual(missing.deals, ['crm.objects.deals.read']);
    assert.deepEqual(missing.contacts, []);
    assert.deepEqual([...missing.ticket_deal].sort(), ['crm.objects.deals.read', 'tickets']);
  });

  test('a code that HubSpot does not take: its words, nothing stored, and again', async () => {
    const browser = new Browser();
    const bridge = await makeBridge();
    const to = await answerAtHubSpot(browser, bridge);
    await sim.faults({ endpoint: 'oauth.token', action: 'status', status: 503, times: 10 });
    const page = await visit(browser, to.href);
    assert.equal(page.status, 502, page.text);
    assertSafe(page);
    await sim.clearFaults();
    const again = await answerAtHubSpot(browser, bridge);
    const wrong = new URL(again);
    wrong.searchParams.set('code', 'na1-0000-wrong');
    const refusal = await visit(browser, wrong.href);
    assert.equal(refusal.status, 422, refusal.text);
    assert.ok(refusal.links['Try again']);
  });

  test('expired and unknown links', async () => {
    const bridge = await makeBridge();
    sqliteWrite(join(server.folder, 'sluice.db'), `UPDATE bridge SET expires_ms = created_ms WHERE id = '${bridge.id}'`);
    const browser = new Browser();
    const page = await visit(browser, bridge.authorize_url);
    assert.equal(page.status, 410);
    assert.match(page.text, /expired/);
    const back = new URL(page.links['Back to app.example.com']);
    assert.equal(back.searchParams.get('state'), 'their state');
    assert.equal(back.searchParams.get('error'), 'expired');
    for (const query of ['', '?token=', '?token=AAAA', `?token=${'A'.repeat(43)}`, `?token=${'%00'.repeat(20)}`, `?token=${'x'.repeat(4000)}`]) {
      const unknown = await visit(browser, `${server.url}/authorize${query}`);
      assert.equal(unknown.status, 404, query);
      assertSafe(unknown);
      assert.deepEqual(unknown.links, {});
    }
  });

  test('a bridge that expires while the person is at HubSpot', async () => {
    const browser = new Browser();
    const bridge = await makeBridge();
    const to = await answerAtHubSpot(browser, bridge);
    sqliteWrite(join(server.folder, 'sluice.db'), `UPDATE bridge SET expires_ms = created_ms WHERE id = '${bridge.id}'`);
    const page = await visit(browser, to.href);
    assert.equal(page.status, 410);
    assert.equal((await visit(browser, bridge.authorize_url)).status, 410);
  });

  test('forms are taken only from the page of the same browser', async () => {
    const browser = new Browser();
    const bridge = await makeBridge();
    const page = await visit(browser, bridge.authorize_url);
    const fields = page.forms['/authorize/decline'];
    const other = (await visit(browser, (await makeBridge()).authorize_url)).forms['/authorize/decline'];
    const tries = [
      [new Browser(), fields],
      [browser, { token: fields.token }],
      [browser, { ...fields, form: '' }],
      [browser, { ...fields, form: 'A'.repeat(43) }],
      [browser, { ...fields, form: other.form }],
      [browser, { form: fields.form }],
    ];
    for (const path of ['start', 'token', 'decline']) {
      for (const [who, body] of tries) {
        const answer = await visit(who, `${server.url}/authorize/${path}`, { method: 'POST', body: new URLSearchParams({ secret: sim.token, ...body }) });
        assert.equal(answer.status, 403, `${path} ${JSON.stringify(body)}`);
        assertSafe(answer);
      }
    }
    const json = await visit(browser, `${server.url}/authorize/decline`, {
      method: 'POST', body: JSON.stringify(fields), headers: { 'content-type': 'application/json' },
    });
    assert.equal(json.status, 403);
    assert.equal((await visit(browser, bridge.authorize_url)).status, 200, 'the bridge is still open');
  });

  test('the cookie is out of reach of scripts and other sites', async () => {
    const answer = await fetch((await makeBridge()).authorize_url);
    const [cookie] = answer.headers.getSetCookie();
    assert.match(cookie, /; HttpOnly/);
    assert.match(cookie, /; SameSite=Lax/);
    assert.ok(!cookie.includes('Secure'), 'over http a browser would not keep it');
  });

  test('no text from outside becomes markup, and nobody else says where to go', async () => {
    const browser = new Browser();
    const nasty = '"><script>alert(1)</script><img src=x onerror=alert(1)>\u202e\'&amp;';
    const bridge = await makeBridge({ label: nasty, state: nasty });
    const page = await visit(browser, `${bridge.authorize_url}&redirect_uri=https://evil.example/&state=x`);
    assert.equal(page.status, 200);
    assertSafe(page);
    assert.doesNotMatch(page.html, /<img|onerror=alert\(1\)>/);
    assert.ok(!page.html.includes('evil.example'));
    assert.ok(page.text.includes('"><script>alert(1)</script>'), page.text);
    const declined = await submit(browser, page, '/authorize/decline', { redirect_uri: 'https://evil.example/' });
    assert.equal(new URL(declined.to).host, 'app.example.com');
    assert.equal(new URL(declined.to).searchParams.get('state'), nasty);
    assert.doesNotMatch(declined.to, /[<>"' \r\n]/);
    // What is said in HubSpot's name, too.
    const second = await makeBridge();
    const to = await answerAtHubSpot(browser, second);
    const evil = `${server.url}/oauth/callback?error=${encodeURIComponent(nasty)}&error_description=${encodeURIComponent(nasty)}&state=${to.searchParams.get('state')}`;
    const error = await visit(browser, evil);
    assert.equal(error.status, 403);
    assertSafe(error);
    assert.doesNotMatch(error.html, /<img/);
  });

  test('a private app: its token on the page', async () => {
    const browser = new Browser();
    const bridge = await makeBridge({ label: 'pasted' });
    const page = await visit(browser, bridge.authorize_url);
    const wrong = await submit(browser, page, '/authorize/token', { secret: 'pat-na1-not-a-token' });
    assert.equal(wrong.status, 422, wrong.text);
    assert.match(wrong.text, /cannot be used.*401/);
    assert.ok(!wrong.html.includes('pat-na1-not-a-token'));
    const spaces = await submit(browser, wrong, '/authorize/token', { secret: 'two words' });
    assert.equal(spaces.status, 422);
    assert.match(spaces.text, /visible ASCII/);
    const good = await submit(browser, wrong, '/authorize/token', { secret: `  ${sim.token}\n` });
    assert.equal(good.status, 303, good.text);
    const connection = await server.ok('GET', `/connections/${new URL(good.to).searchParams.get('connection_id')}`);
    assert.equal(connection.kind, 'token');
    assert.equal(connection.label, 'pasted');
    assert.equal((await submit(browser, page, '/authorize/token', { secret: sim.token })).status, 410);
  });

  test('reauthorizing: the same account goes on, another one is refused', async () => {
    const id = await server.connect({ label: 'second account', token: `${sim.token}-2` });
    const store = join(server.folder, 'sluice.db');
    sqliteWrite(store, `UPDATE connection SET state = 'needs_reauthorization' WHERE name = '${id}'`);
    assert.equal((await server.ok('GET', `/connections/${id}`)).status, 'needs_reauthorization');
    const browser = new Browser();
    const bridge = await makeBridge({ connection_id: id, label: 'second account' });
    const page = await visit(browser, bridge.authorize_url);
    assert.match(page.text, /Reconnect.*4711003/);
    // The OAuth app of the simulator is in the first account.
    const wrong = await visit(browser, (await answerAtHubSpot(browser, bridge)).href);
    assert.equal(wrong.status, 409, wrong.text);
    assert.match(wrong.text, /another HubSpot account.*4711003.*4711002/);
    assert.equal(new URL(wrong.links['Back to app.example.com']).searchParams.get('error'), 'wrong_account');
    assert.equal((await submit(browser, page, '/authorize/token', { secret: sim.token })).status, 409);
    const unchanged = await server.ok('GET', `/connections/${id}`);
    assert.equal(unchanged.status, 'needs_reauthorization');
    assert.equal(unchanged.portal_id, 4711003);
    assert.equal(unchanged.kind, 'token');
    const right = await submit(browser, page, '/authorize/token', { secret: `${sim.token}-2` });
    assert.equal(right.status, 303, right.text);
    assert.equal(new URL(right.to).searchParams.get('connection_id'), id);
    const active = await server.ok('GET', `/connections/${id}`);
    assert.equal(active.status, 'active');
    assert.equal(active.created_at, unchanged.created_at);
  });

  test('reauthorizing by OAuth keeps the connection', async () => {
    const id = await server.connect({ label: 'first account' });
    sqliteWrite(join(server.folder, 'sluice.db'), `UPDATE connection SET state = 'needs_reauthorization' WHERE name = '${id}'`);
    const { status, to } = await server.consent({ connection_id: id, label: 'first account' });
    assert.equal(status, 303);
    assert.equal(to.searchParams.get('connection_id'), id);
    const connection = await server.ok('GET', `/connections/${id}`);
    assert.equal(connection.status, 'active');
    assert.equal(connection.kind, 'oauth');
  });

  test('a connection that is deleted meanwhile cannot be authorized anew', async () => {
    const id = await server.connect({ label: 'gone soon' });
    const browser = new Browser();
    const bridge = await makeBridge({ connection_id: id });
    const to = await answerAtHubSpot(browser, bridge);
    await server.ok('DELETE', `/connections/${id}`);
    const page = await visit(browser, to.href);
    assert.equal(page.status, 404, page.text);
    assert.equal((await server.api('GET', `/connections/${id}`)).status, 404);
  });
});

describe('a server without an app at HubSpot', () => {
  test('offers the token alone, and says so', async () => {
    const bare = await Server.start(sim, { args: ['--hubspot-client-id', ''] });
    try {
      const browser = new Browser();
      const bridge = await bare.ok('POST', '/connection_bridges', { integration_id: 'hubspot-v2', label: 'x', redirect_uri: BACK });
      const page = await visit(browser, bridge.authorize_url);
      assert.equal(page.status, 200);
      assert.match(page.text, /no app of its own/);
      assert.deepEqual(Object.keys(page.forms), ['/authorize/token', '/authorize/decline']);
      const body = new URLSearchParams(page.forms['/authorize/decline']);
      const start = await visit(browser, `${bare.url}/authorize/start`, { method: 'POST', body });
      assert.equal(start.status, 409);
      body.set('secret', sim.token);
      assert.equal((await visit(browser, `${bare.url}/authorize/token`, { method: 'POST', body })).status, 303);
    } finally {
      await bare.stop();
    }
  });
});

describe('connections', () => {
  test('by token: tried first, listed newest first in pages, and forgotten', async () => {
    const wrong = await server.api('POST', '/connections', { integration_id: 'hubspot-v2', label: 'x', token: 'pat-na1-guessed' });
    assert.equal(wrong.status, 400);
    assert.match(wrong.json.message, /HubSpot does not accept it.*401/);
    assert.ok(!wrong.text.includes('guessed'));
    const ids = [];
    for (const label of ['one', 'two', 'three']) {
      ids.unshift(await server.connect({ label }));
    }
    const pages = [];
    let path = '/connections?limit=2';
    do {
      const page = await server.ok('GET', path);
      pages.push(...page.data);
      path = page.has_more && `/connections?limit=2&starting_after=${encodeURIComponent(page.next_cursor)}`;
    } while (path);
    assert.deepEqual(pages.slice(0, 3).map((connection) => connection.id), ids);
    assert.equal(new Set(pages.map((connection) => connection.id)).size, pages.length);
    assert.deepEqual(Object.keys(pages[0]).sort(), ['created_at', 'id', 'integration_id', 'label', 'portal_id', 'status', 'updated_at']);
    assert.equal((await server.api('GET', '/connections?starting_after=zzzz')).status, 400);
    const [id] = ids;
    const schema = await server.ok('GET', `/connections/${id}/settings`);
    assert.equal(schema.type, 'object');
    assert.ok(schema.properties);
    assert.equal((await server.api('DELETE', `/connections/${id}`)).status, 204);
    for (const [method, rest] of [['GET', ''], ['DELETE', ''], ['GET', '/settings']]) {
      const gone = await server.api(method, `/connections/${id}${rest}`);
      assert.equal(gone.status, 404, method);
      assert.equal(gone.json.error_code, 'not_found');
    }
  });

  test('a token with which nothing could be read is refused', async () => {
    const { json: app } = await sim.api('POST', '/_sim/apps', { kind: 'private', name: 'narrow', scopes: ['oauth', 'forms'] });
    const answer = await server.api('POST', '/connections', { integration_id: 'hubspot-v2', label: 'x', token: app.token });
    assert.equal(answer.status, 400, JSON.stringify([app, answer.text]));
    assert.match(answer.json.message, /missing: .*crm\.objects\.contacts\.read/);
  });

  test('keys and bridges repeated with an Idempotency-Key are made once, and only their maker reads the answer again', async () => {
    const options = { headers: { 'idempotency-key': 'key-once' } };
    const body = { name: 'twice', scope: 'admin' };
    const first = await server.ok('POST', '/api_keys', body, options);
    const again = await server.api('POST', '/api_keys', body, options);
    assert.equal(again.json.key, first.key);
    assert.equal(again.headers.get('idempotency-replayed'), 'true');
    const other = await server.api('POST', '/api_keys', body, { ...options, key: first.key });
    assert.equal(other.status, 422, other.text);
    assert.equal((await server.api('DELETE', `/api_keys/${first.id}`)).status, 204);
    const bridge = { integration_id: 'hubspot-v2', label: 'once', redirect_uri: 'https://yourapp.com/callback' };
    const one = await server.ok('POST', '/connection_bridges', bridge, { headers: { 'idempotency-key': 'bridge-once' } });
    const two = await server.ok('POST', '/connection_bridges', bridge, { headers: { 'idempotency-key': 'bridge-once' } });
    assert.equal(two.authorize_url, one.authorize_url);
  });

  test('repeated with an Idempotency-Key are made once', async () => {
    const body = { integration_id: 'hubspot-v2', label: 'once', token: sim.token };
    const options = { headers: { 'idempotency-key': 'connect-once' } };
    const first = await server.ok('POST', '/connections', body, options);
    const second = await server.ok('POST', '/connections', body, options);
    assert.equal(second.id, first.id);
  });

  test('made by many at once are all made', async () => {
    const body = { integration_id: 'hubspot-v2', label: 'crowd', token: sim.token };
    const answers = await Promise.all(Array.from({ length: 24 }, () => server.api('POST', '/connections', body)));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [201]);
  });

  test('in use by a sync are kept', async () => {
    const id = await server.connect({ label: 'busy' });
    const sync = await server.sync(id, ['contacts'], { schema: 'busy', enable: false });
    const answer = await server.api('DELETE', `/connections/${id}`);
    assert.equal(answer.status, 409);
    assert.ok(answer.json.message.includes(sync.id));
    await server.ok('DELETE', `/elt_syncs/${sync.id}`);
    assert.equal((await server.api('DELETE', `/connections/${id}`)).status, 204);
  });

  test('by OAuth give their grant back', async () => {
    const { to } = await server.consent();
    const id = to.searchParams.get('connection_id');
    await server.ok('DELETE', `/connections/${id}`);
    const { requests } = await sim.stats();
    assert.deepEqual(requests.by_endpoint['oauth.revoke'], { 200: 1 });
  });

  test('a HubSpot that does not answer is told, and nothing is stored', async () => {
    const before = count(await server.ok('GET', '/connections?limit=100'));
    await sim.faults({ action: 'drop', times: 100 });
    const answer = await server.api('POST', '/connections', { integration_id: 'hubspot-v2', label: 'x', token: sim.token });
    await sim.clearFaults();
    assert.equal(answer.status, 502, answer.text);
    assert.equal(count(await server.ok('GET', '/connections?limit=100')), before);
  });
});

describe('destinations', () => {
  test('are tried without leaving anything behind', async () => {
    const folder = temporaryFolder();
    for (const url of [`sqlite:${folder}/one.db`, `sqlite:${folder}/`, `sqlite:${folder}`, `sqlite:${folder}/new/`]) {
      const result = await server.ok('POST', '/destinations/test', { url });
      assert.equal(result.ok, true, JSON.stringify(result));
      assert.deepEqual(result.checks.map(({ name, ok }) => [name, ok]), [['connect', true], ['create_schema', true], ['write_rows', true]]);
      assert.deepEqual(readdirSync(folder), [], url);
    }
  });

  test('that do not work say at which step, in the words of the database', async () => {
    const port = await freePort();
    const result = await server.ok('POST', '/destinations/test', { url: `postgres://me:hunter2secret@127.0.0.1:${port}/x` });
    assert.equal(result.ok, false);
    assert.deepEqual(result.checks.map(({ ok }) => ok), [false, false, false]);
    assert.equal(result.error_code, 'destination_connect');
    assert.match(result.message, /refused/);
    assert.ok(!JSON.stringify(result).includes('hunter2'));
    const nowhere = await server.ok('POST', '/destinations/test', { url: 'sqlite:/nowhere/at/all.db' });
    assert.equal(nowhere.ok, false);
    assert.ok(!existsSync('/nowhere'));
    const notOne = await server.ok('POST', '/destinations/test', { url: 'mysql://x' });
    assert.equal(notOne.error_code, 'config');
  });

  test('are stored with their passwords hidden', async () => {
    const url = 'postgres://me:hunter2secret@db.example.com/warehouse';
    const made = await server.ok('POST', '/destinations', { label: 'warehouse', url });
    assert.equal(made.integration_id, 'postgres');
    assert.equal(made.is_default, false);
    assert.match(made.url, /^postgres:\/\/me:\*+@db\.example\.com\/warehouse$/);
    const { text, json } = await server.api('GET', '/destinations');
    assert.ok(json.data.some((destination) => destination.id === made.id));
    assert.ok(!text.includes('hunter2'));
    for (const file of readdirSync(server.folder)) {
      if (file.startsWith('sluice.db')) {
        assert.ok(!readFileSync(join(server.folder, file), 'latin1').includes('hunter2secret'), file);
      }
    }
    assert.deepEqual(await server.ok('GET', `/destinations/${made.id}`), made);
    assert.equal((await server.api('DELETE', `/destinations/${made.id}`)).status, 204);
    for (const [method, rest] of [['GET', ''], ['DELETE', ''], ['POST', '/test']]) {
      assert.equal((await server.api(method, `/destinations/${made.id}${rest}`)).status, 404, method + rest);
    }
  });

  test('the default is kept, and another may take its place', async () => {
    const { data } = await server.ok('GET', '/destinations');
    const former = data.find((destination) => destination.is_default);
    assert.equal((await server.ok('POST', `/destinations/${former.id}/test`)).ok, true);
    assert.equal((await server.api('DELETE', `/destinations/${former.id}`)).status, 409);
    const folder = join(temporaryFolder(), 'other');
    mkdirSync(folder);
    const now = await server.ok('POST', '/destinations', { label: 'other', url: `sqlite:${folder}/`, is_default: true });
    const { data: after } = await server.ok('GET', '/destinations');
    assert.deepEqual(after.filter((destination) => destination.is_default).map(({ id }) => id), [now.id]);
  });

  const refused = [
    ['no label', { url: 'sqlite:/x.db' }, /label/],
    ['an unknown kind', { label: 'x', url: 'mysql://me:hunter2secret@x' }, /url/],
    ['no text', { label: 'x', url: 7 }, /url/],
  ];
  for (const [what, body, message] of refused) {
    test(`are refused: ${what}`, async () => {
      const answer = await server.api('POST', '/destinations', body);
      assert.equal(answer.status, 400, answer.text);
      assert.match(answer.json.message, message);
      assert.ok(!answer.text.includes('hunter2'));
    });
  }
});

describe('over PostgreSQL', () => {
  let postgres;
  let shared;

  before(async () => {
    postgres = await Postgres.start();
    shared = await Server.start(sim, { postgres: postgres.url() });
  });

  after(async () => {
    await shared?.stop();
    await postgres?.stop();
  });

  test('the whole way, its end, and no second time', async () => {
    const { status, to, bridge } = await shared.consent({ state: 'x' });
    assert.equal(status, 303);
    const id = to.searchParams.get('connection_id');
    assert.equal((await shared.ok('GET', `/connections/${id}`)).status, 'active');
    assert.equal((await visit(new Browser(), bridge.authorize_url)).status, 410);
    const again = await shared.consent({ connection_id: id });
    assert.equal(again.to.searchParams.get('connection_id'), id);
    await shared.ok('DELETE', `/connections/${id}`);
    assert.equal((await shared.api('GET', `/connections/${id}`)).status, 404);
  });

  test('a destination is tried and nothing stays', async () => {
    const result = await shared.ok('POST', '/destinations/test', { url: postgres.url() });
    assert.equal(result.ok, true, JSON.stringify(result));
    assert.deepEqual(await postgres.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'sluice_test%'"), []);
    const refused = await shared.ok('POST', '/destinations/test', { url: await postgres.createRole('guest') });
    assert.deepEqual(refused.checks.map(({ ok }) => ok), [true, false, false]);
    assert.equal(refused.error_code, 'destination_rights');
    assert.match(refused.message, /permission denied/);
  });
});

describe('API keys', () => {
  test('are shown once, do what their scope says, and end', async () => {
    const made = await server.ok('POST', '/api_keys', { name: 'reader', scope: 'read' });
    assert.match(made.key, /^slk_\w{8}_[\w-]{43}$/);
    assert.ok(made.key.startsWith(made.prefix));
    const { text, json } = await server.api('GET', '/api_keys');
    assert.ok(!text.includes(made.key));
    assert.equal(json.data.find((key) => key.id === made.id).scope, 'read');
    const reader = { key: made.key };
    assert.equal((await server.api('GET', '/connections', undefined, reader)).status, 200);
    const bridge = { integration_id: 'hubspot-v2', label: 'x', redirect_uri: BACK };
    assert.equal((await server.api('POST', '/connection_bridges', bridge, reader)).status, 403);
    const writer = { key: (await server.ok('POST', '/api_keys', { name: 'writer' })).key };
    assert.equal((await server.api('POST', '/connection_bridges', bridge, writer)).status, 201);
    for (const [method, path, body] of [['GET', '/api_keys'], ['POST', '/api_keys', { name: 'x' }], ['POST', '/destinations/test', { url: 'sqlite:/x' }]]) {
      assert.equal((await server.api(method, path, body, writer)).status, 403, `${method} ${path}`);
    }
    assert.equal((await server.api('DELETE', `/api_keys/${made.id}`)).status, 204);
    assert.equal((await server.api('GET', '/connections', undefined, reader)).status, 401);
    assert.equal((await server.api('DELETE', `/api_keys/${made.id}`)).status, 204);
    assert.equal((await server.api('DELETE', '/api_keys/AAAAAAAAAAAAAA')).status, 404);
  });

  test('may have an end, which lies ahead', async () => {
    const past = await server.api('POST', '/api_keys', { name: 'x', expires_at: '2020-01-01T00:00:00Z' });
    assert.equal(past.status, 400);
    assert.match(past.json.message, /expires_at/);
    const made = await server.ok('POST', '/api_keys', { name: 'short', expires_at: '2999-01-01' });
    assert.equal(made.expires_at, '2999-01-01T00:00:00.000Z');
    assert.equal((await server.api('POST', '/api_keys', { name: 'x', scope: 'root' })).status, 400);
    assert.equal((await server.api('POST', '/api_keys', { name: '' })).status, 400);
  });

  test('the last admin key stays', async () => {
    const { data } = await server.ok('GET', '/api_keys');
    const admin = data.find((key) => server.key.startsWith(key.prefix));
    const answer = await server.api('DELETE', `/api_keys/${admin.id}`);
    assert.equal(answer.status, 409, answer.text);
    assert.equal((await server.api('GET', '/api_keys')).status, 200);
  });
});

describe('the description', () => {
  test('/docs shows every operation of /openapi.json', async () => {
    const page = await visit(new Browser(), `${server.url}/docs`);
    assert.equal(page.status, 200);
    assertSafe(page);
    const document = await server.ok('GET', '/openapi.json', undefined, { key: '' });
    let operations = 0;
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, { operationId }] of Object.entries(methods)) {
        assert.ok(page.html.includes(`id="${operationId}"`), operationId);
        assert.ok(page.text.includes(`${method.toUpperCase()} ${path}`), `${method} ${path}`);
        operations++;
      }
    }
    assert.equal([...page.html.matchAll(/<section class="card op" id="(?!shape-)/g)].length, operations);
    for (const [, anchor] of page.html.matchAll(/href="#([^"]+)"/g)) {
      assert.ok(page.html.includes(`id="${anchor}"`), anchor);
    }
  });
});

test('who opens the address of the server is led to /docs, and who asks for what is not there is told of it', async () => {
  const door = await fetch(`${server.url}/`, { redirect: 'manual' });
  assert.deepEqual([door.status, door.headers.get('location')], [303, 'docs']);
  const { status, json } = await server.api('GET', '/syncs');
  assert.equal(status, 404);
  assert.equal(json.message, 'there is no such operation: GET /syncs; /docs shows what there is');
});

describe('secrets', () => {
  test('no log line, page or file of the store holds one', async () => {
    const bridge = await makeBridge();
    const browser = new Browser();
    const to = await answerAtHubSpot(browser, bridge);
    await visit(browser, to.href);
    const printed = server.child.output.stderr;
    const secrets = { token: tokenOf(bridge), code: to.searchParams.get('code'), state: to.searchParams.get('state'), private: sim.token, client: CLIENT_SECRET };
    for (const [what, secret] of Object.entries(secrets)) {
      assert.ok(secret.length > 10, what);
      assert.ok(!printed.includes(secret), `the log holds the ${what}`);
      for (const file of readdirSync(server.folder).filter((name) => name.startsWith('sluice.db'))) {
        assert.ok(!readFileSync(join(server.folder, file), 'latin1').includes(secret), `${file} holds the ${what}`);
      }
    }
  });
});
