// A page of another origin that lets its users connect and sync their HubSpot account, in Chromium: every call is one
// with a preflight, consent is given in a second window, whose callback page hands the connection to the first.
import assert from 'node:assert/strict';
import Ajv from 'ajv';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { PATIENCE_MS } from './lib/process.mjs';
import { clearOfHour } from './lib/quiet_hours.mjs';
import { Server } from './lib/serve.mjs';
import { sqliteValue } from './lib/sqlite.mjs';

const PORTAL = { contacts: 150, companies: 40, deals: 30, scopes: 'oauth', 'optional-scopes': 'all' };

// The client. It knows no more of the server than its address, and shows what went wrong as such clients do.
const APP = `<!doctype html><meta charset="utf-8"><title>Example app</title>
<label>Key <input id="key"></label> <button id="check">Check key</button> <button id="connect">Connect</button>
<p id="state"></p>
<script type="module">
const base = new URLSearchParams(location.search).get('server');
const show = (text) => { document.getElementById('state').textContent = text; };
window.call = async (method, path, body) => {
  const answer = await fetch(base + path, {
    method,
    headers: { 'X-API-KEY': document.getElementById('key').value, 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  const json = text ? JSON.parse(text) : undefined;
  if (!answer.ok) {
    throw new Error(json?.details ?? json?.message ?? answer.statusText);
  }
  return json;
};
document.getElementById('check').onclick = () =>
  call('GET', '/integrations').then((all) => show(all.data.map((one) => one.id).join()), (error) => show('bad key: ' + error.message));
document.getElementById('connect').onclick = async () => {
  const bridge = await call('POST', '/connection_bridges', {
    integration_id: 'hubspot-v2', label: 'From a page', redirect_uri: location.origin + '/authorize-callback.html',
  });
  window.open(bridge.authorize_url, '_blank');
};
window.addEventListener('message', (event) => {
  if (event.origin === location.origin) {
    show(event.data.type + ' ' + (event.data.connectionId ?? event.data.error));
  }
});
</script>`;

const CALLBACK = `<!doctype html><title>Back</title><script>
const query = new URLSearchParams(location.search);
const connectionId = query.get('connectionId');
const message = connectionId ? { type: 'auth-success', connectionId } : { type: 'auth-error', error: query.get('error') };
window.opener.postMessage(message, location.origin);
window.close();
</script>`;

let browser;
let server;
let site;
let origin;

before(async () => {
  await clearOfHour(1); // when schedules begin runs of their own
  site = createServer((request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(request.url.startsWith('/authorize-callback.html') ? CALLBACK : APP);
  });
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  origin = `http://localhost:${site.address().port}`;
  server = await Server.start(PORTAL, { args: ['--cors-origin', origin] });
  const found = ['chromium', 'chromium-browser', 'google-chrome'].map((name) => `/usr/bin/${name}`).find(existsSync);
  const resolve = '--host-resolver-rules=MAP localhost 127.0.0.1'; // the site listens there alone
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? found, args: ['--no-sandbox', '--disable-dev-shm-usage', resolve] });
});

after(async () => {
  await browser?.close();
  site?.closeAllConnections();
  site?.close();
  await server?.stop();
});

// The client, opened by a person; what the browser refuses to do in any of its windows fails the test.
async function openApp(t, key = server.key) {
  const context = await browser.newContext();
  context.setDefaultTimeout(PATIENCE_MS);
  const refusals = [];
  context.on('console', (message) => {
    if (/Content Security Policy|CORS|opener|preflight/.test(message.text()) && !/favicon/.test(message.text())) {
      refusals.push(message.text());
    }
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(refusals, []);
  });
  const page = await context.newPage();
  await page.goto(`${origin}/?server=${encodeURIComponent(server.url)}`);
  await page.getByLabel('Key').fill(key);
  return page;
}

// The second window, at HubSpot's page.
async function toHubSpot(page) {
  const [popup] = await Promise.all([page.waitForEvent('popup'), page.getByRole('button', { name: 'Connect' }).click()]);
  await popup.getByRole('button', { name: 'Continue to HubSpot' }).click();
  await popup.waitForURL((url) => url.origin === server.sim.url);
  return popup;
}

async function says(page, pattern) {
  await page.waitForFunction((source) => new RegExp(source).test(document.getElementById('state').textContent), pattern.source);
  return page.locator('#state').innerText();
}

const call = (page, method, path, body) =>
  page.evaluate(([m, p, b]) => window.call(m, p, b ?? undefined), [method, path, body ?? null]);

async function connect(page) {
  const popup = await toHubSpot(page);
  await Promise.all([popup.waitForEvent('close'), popup.getByRole('button', { name: 'Connect app' }).click()]);
  return /auth-success (\S+)/.exec(await says(page, /auth-/))[1];
}

// As such a client waits, only more often.
async function waitForSyncs(page, sync) {
  return page.evaluate(async (id) => {
    for (let i = 0; i < 2400; i++) {
      const { source_streams: streams } = await window.call('GET', `/elt_syncs/${id}/status`);
      if (streams.length > 0 && streams.every((one) => !one.active_sync && one.latest_sync)) {
        return streams;
      }
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error('the syncs do not end');
  }, sync);
}

const count = (schema, table) => sqliteValue(server.file(schema), `SELECT count(*) FROM ${table} WHERE NOT _sluice_deleted`);

describe('a client in a browser', () => {
  test('checks a key, right and wrong', async (t) => {
    const page = await openApp(t);
    await page.getByRole('button', { name: 'Check key' }).click();
    assert.match(await says(page, /./), /hubspot-v2/);
    await page.getByLabel('Key').fill('slk_not_a_key');
    await page.getByRole('button', { name: 'Check key' }).click();
    assert.match(await says(page, /bad key/), /x-api-key|API key/);
  });

  test('connects, syncs from now on, and gets what changes', async (t) => {
    const page = await openApp(t);
    const connection = await connect(page);
    const schema = await call(page, 'GET', `/connections/${connection}/settings`);
    assert.equal(schema.$schema, 'http://json-schema.org/draft-07/schema#');
    const validate = new Ajv({ strict: true, validateFormats: false }).compile(schema);
    assert.ok(validate({}), JSON.stringify(validate.errors));

    const sync = await page.evaluate((connectionId) => window.call('POST', '/elt_syncs', {
      connection_id: connectionId, destination_schema_name: 'from_now', sync_interval: '0 */12 * * *', elt_settings: {},
      start_date: new Date(Date.now() + 2000).toISOString(), // its clock is fast
    }), connection);
    assert.deepEqual([sync.status, sync.enabled, sync.active], ['NOT_STARTED', false, false]);

    const { data } = await call(page, 'GET', `/elt_syncs/${sync.id}/available_source_streams`);
    const chosen = data.filter((one) => one.is_selectable && one.preselect);
    assert.equal(chosen.length, 3);
    const added = await call(page, 'POST', `/elt_syncs/${sync.id}/source_streams`, {
      source_streams: chosen.map(({ name }) => ({
        name, incremental_pointer_id: '', excluded_columns: [], hashed_columns: [], full_sync_always: false,
        full_sync_at_midnight: false, protected_from_full_sync: false,
      })),
    });
    assert.deepEqual(added.source_streams.map((one) => one.name), chosen.map((one) => one.name));
    assert.equal(await call(page, 'POST', `/elt_syncs/${sync.id}/enable`), undefined);
    for (const { name, latest_sync: run } of await waitForSyncs(page, sync.id)) {
      assert.equal(run.status, 'COMPLETED', `${name}: ${JSON.stringify(run)}`);
    }
    assert.equal(count('from_now', 'contact'), 0);

    const at = new Date(Date.now() + 10_000).toISOString();
    const [{ ids }] = await server.sim.mutate({ op: 'update', object: 'contacts', count: 4, at, properties: { lastname: 'Neu' } });
    const stream = added.source_streams.find((one) => one.name === 'contacts');
    const { status_url: url } = await call(page, 'POST', `/elt_streams/${stream.id}/request_run`);
    assert.ok(Array.isArray((await call(page, 'GET', url)).data));
    await waitForSyncs(page, sync.id);
    assert.equal(count('from_now', 'contact'), ids.length);
  });

  test('of an older make: start and stop, streams as they were called', async (t) => {
    const page = await openApp(t);
    const connection = await connect(page);
    const sync = await call(page, 'POST', '/elt_syncs', {
      connection_id: connection, destination_schema_name: 'older', sync_interval: '0 * * * *', elt_settings: {},
    });
    assert.equal(sync.active, false);
    const listed = await call(page, 'GET', `/elt_syncs/${sync.id}/source_streams`);
    assert.ok(listed.data.some((one) => one.name === 'contacts'));
    const { streams } = await call(page, 'POST', `/elt_syncs/${sync.id}/source_streams`, {
      source_streams: [{ name: 'contacts' }, { name: 'companies' }],
    });
    assert.deepEqual(streams.map((one) => one.name), ['contacts', 'companies']);
    await call(page, 'POST', `/elt_syncs/${sync.id}/start`);
    const [contacts] = await waitForSyncs(page, sync.id);
    assert.equal(contacts.latest_sync.status, 'COMPLETED');
    assert.equal(count('older', 'contact'), (await server.sim.records()).contacts.live);
    const shown = await call(page, 'GET', `/elt_syncs/${sync.id}`);
    assert.deepEqual([shown.status, shown.active], ['RUNNING', true]);
    await call(page, 'POST', `/elt_syncs/${sync.id}/stop`);
    assert.equal((await call(page, 'GET', `/elt_syncs/${sync.id}`)).active, false);
  });

  test('whose user declines, at HubSpot or before, is told so, and asks again', async (t) => {
    const page = await openApp(t);
    const popup = await toHubSpot(page);
    await Promise.all([popup.waitForEvent('close'), popup.getByRole('button', { name: 'Cancel' }).click()]);
    assert.equal(await says(page, /auth-/), 'auth-error access_denied');
    await page.evaluate(() => { document.getElementById('state').textContent = ''; });
    const [second] = await Promise.all([page.waitForEvent('popup'), page.getByRole('button', { name: 'Connect' }).click()]);
    await Promise.all([second.waitForEvent('close'), second.getByRole('button', { name: 'Decline' }).click()]);
    assert.equal(await says(page, /auth-/), 'auth-error access_denied');
    assert.match(await connect(page), /^[\w-]{14}$/);
  });

  test('whose user pastes a token needs no HubSpot page', async (t) => {
    const page = await openApp(t);
    const [popup] = await Promise.all([page.waitForEvent('popup'), page.getByRole('button', { name: 'Connect' }).click()]);
    await popup.getByText("Use a private app's token instead").click();
    await popup.getByLabel('Access token of a private app').fill(server.sim.token);
    await Promise.all([popup.waitForEvent('close'), popup.getByRole('button', { name: 'Connect with this token' }).click()]);
    assert.match(await says(page, /auth-/), /^auth-success [\w-]{14}$/);
  });

  test('of an origin that is not allowed gets nothing', async (t) => {
    const context = await browser.newContext();
    context.setDefaultTimeout(PATIENCE_MS);
    t.after(() => context.close());
    const page = await context.newPage();
    await page.goto(`${origin.replace('localhost', '127.0.0.1')}/?server=${encodeURIComponent(server.url)}`);
    await page.getByLabel('Key').fill(server.key);
    await page.getByRole('button', { name: 'Check key' }).click();
    assert.match(await says(page, /./), /Failed to fetch/);
  });
});
