// `sluice serve` over hubsim, as tests use it.
//
//   const server = await Server.start({ contacts: 50 });           // hubsim, and a store in SQLite
//   const server = await Server.start({}, { postgres });           // a store and destination in PostgreSQL
//   const { status, json } = await server.api('POST', '/elt_syncs', {...});
//   await server.stop();                                           // SIGTERM, and hubsim ends, too
//
// `sim` is the simulator, `key` the first API key, `folder` the data directory. kill() ends the server at once, and
// restart() starts it again over the same store. What api() is answered is held against the server's own description:
// an answer that is not as described fails the test, whatever it is about.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { CLIENT_ID, CLIENT_SECRET, open, press } from './browser.mjs';
import { exactJson } from './json.mjs';
import { OpenApi } from './openapi.mjs';
import { PATIENCE_MS, sleep, SLUICE, start, stop, temporaryFolder, waitForOutput } from './process.mjs';
import { Sim } from './sim.mjs';

const READY = /sluice: listening on (http\S+)/;

// The environment of a child: nothing that the developer has set may steer a test.
export function cleanEnvironment(extra = {}) {
  const env = { ...process.env };
  for (const name of Object.keys(env)) {
    if (/^(SLUICE_|PG|HUBSPOT_|https?_proxy$|HTTPS?_PROXY$)/.test(name)) {
      delete env[name];
    }
  }
  return { ...env, ...extra };
}

export class Server {
  // `simOptions`: see Sim.start; or a Sim that is shared, which stop() leaves alone.
  static async start(simOptions = {}, options = {}) {
    const server = new Server();
    server.ownsSim = !(simOptions instanceof Sim);
    server.sim = server.ownsSim
      ? await Sim.start({ 'redirect-uri': 'http://127.0.0.1:*/oauth/callback', ...simOptions })
      : simOptions;
    server.options = options;
    server.folder = options.folder ?? join(temporaryFolder(), 'data');
    server.printed = '';
    await server.restart();
    return server;
  }

  get args() {
    const { postgres, args = [], listen = '127.0.0.1:0' } = this.options;
    const all = ['--data-dir', this.folder, '--listen', listen];
    all.push('--hubspot-base-url', this.sim.url, '--hubspot-app-url', this.sim.url, '--hubspot-client-id', CLIENT_ID);
    if (postgres) {
      all.push('--store', postgres, '--destination', this.options.destination ?? postgres);
    } else if (this.options.destination) {
      all.push('--destination', this.options.destination);
    }
    return [...all, ...args];
  }

  env(extra = {}) {
    return cleanEnvironment({ SLUICE_HUBSPOT_CLIENT_SECRET: CLIENT_SECRET, ...this.options.env, ...extra });
  }

  async restart() {
    this.child = start(SLUICE, ['serve', ...this.args], { env: this.env() });
    const [, url] = await waitForOutput(this.child, READY);
    this.url = url;
    const [, key] = /^API key: (\S+)/m.exec(this.child.output.stdout) ?? [undefined, this.key];
    this.key = this.options.key ?? key;
  }

  // A worker that shares the store (PostgreSQL).
  worker(args = []) {
    const all = ['worker', ...this.args.slice(4), '--data-dir', join(temporaryFolder(), 'data'), ...args];
    return start(SLUICE, all, { env: this.env() });
  }

  // What the server says it does.
  async described() {
    this.openapi ??= await OpenApi.load(this.url);
    return this.openapi;
  }

  // The body of the answer is parsed when it is JSON.
  async api(method, path, body, { key = this.key, headers = {} } = {}) {
    const all = { ...(key ? { 'x-api-key': key } : {}), ...headers };
    if (body !== undefined) {
      all['content-type'] ??= 'application/json';
    }
    const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
    const answer = await fetch(new URL(path, this.url), { method, headers: all, body: text, redirect: 'manual' });
    const received = await answer.text();
    const { status, headers: sent } = answer;
    (await this.described()).check({ method, path, status, headers: sent, text: received });
    let json;
    try {
      json = exactJson(received);
    } catch {
      json = undefined;
    }
    return { status, headers: sent, text: received, json };
  }

  // The same, for calls that must succeed; gives the JSON.
  async ok(method, path, body, options) {
    const answer = await this.api(method, path, body, options);
    assert.ok(answer.status < 300, `${method} ${path} gave ${answer.status}: ${answer.text}`);
    return answer.json;
  }

  // A private app's connection; gives its id.
  async connect({ label = 'e2e', token = this.sim.token } = {}) {
    const made = await this.ok('POST', '/connections', { integration_id: 'hubspot-v2', label, token });
    return made.id;
  }

  // The whole way of OAuth: bridge, authorize page, consent. Gives where the browser ends.
  async consent({ label = 'e2e', redirectUri = 'https://app.example.com/done', decision = 'approve', ...fields } = {}) {
    const bridge = await this.ok('POST', '/connection_bridges', {
      integration_id: 'hubspot-v2', label, redirect_uri: redirectUri, ...fields,
    });
    const browser = new Browser();
    const page = await open(await browser.goToHubSpot(bridge.authorize_url));
    assert.equal(page.status, 200, page.text);
    const { to } = await press(page, decision);
    const back = await browser.fetch(to);
    return { bridge, status: back.status, text: await back.text(), to: new URL(back.headers.get('location') ?? to) };
  }

  // A sync of these streams, enabled unless told otherwise. Gives {id, streams: {name: id}}.
  async sync(connectionId, names, { schema = 'hubspot', interval = '0 0 1 1 *', enable = true, ...fields } = {}) {
    const sync = await this.ok('POST', '/elt_syncs', {
      connection_id: connectionId, destination_schema_name: schema, sync_interval: interval, ...fields,
    });
    const added = await this.ok('POST', `/elt_syncs/${sync.id}/source_streams`, {
      source_streams: names.map((name) => ({ name })),
    });
    if (enable) {
      await this.ok('POST', `/elt_syncs/${sync.id}/enable`);
    }
    return { id: sync.id, streams: Object.fromEntries(added.source_streams.map((s) => [s.name, s.id])) };
  }

  // Asks for a run of each stream; one that is under way already will do.
  async run(sync) {
    for (const id of Object.values(sync.streams)) {
      const { status, text } = await this.api('POST', `/elt_streams/${id}/request_run`);
      assert.ok(status === 200 || status === 409, text);
    }
  }

  // Until no stream of the sync has a run under way; gives {name: the run that ended last}.
  async settled(sync, { timeoutMs = PATIENCE_MS } = {}) {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const { source_streams: streams } = await this.ok('GET', `/elt_syncs/${sync.id}/status`);
      if (streams.length > 0 && streams.every((s) => !s.active_sync && s.latest_sync)) {
        return Object.fromEntries(streams.map((s) => [s.name, s.latest_sync]));
      }
      assert.ok(Date.now() < until, `not settled within ${timeoutMs} ms: ${JSON.stringify(streams)}\n${this.child.output.stderr}`);
      await sleep(50);
    }
  }

  // A run of each stream, to its end; all must be complete.
  async load(sync, options) {
    await this.run(sync);
    const ended = await this.settled(sync, options);
    for (const [name, run] of Object.entries(ended)) {
      assert.equal(run.status, 'COMPLETED', `${name}: ${JSON.stringify(run)}`);
    }
    return ended;
  }

  // The file that a sync of that schema loads into, in the embedded default destination.
  file(schema = 'hubspot') {
    return join(this.folder, 'data', `${schema}.db`);
  }

  async kill() {
    this.printed += this.child.output.stdout + this.child.output.stderr;
    return stop(this.child, 'SIGKILL');
  }

  async stop() {
    const ended = await stop(this.child);
    this.printed += this.child.output.stdout + this.child.output.stderr;
    if (this.ownsSim) {
      await this.sim.stop();
    }
    return ended;
  }
}

// What a person's browser keeps between pages: cookies. Redirects are shown, not followed.
export class Browser {
  cookies = new Map();

  async fetch(url, options = {}) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...(cookie ? { cookie } : {}), ...options.headers };
    const answer = await fetch(url, { redirect: 'manual', ...options, headers });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      this.cookies.set(name, value);
    }
    return answer;
  }

  // Opens an authorize page and presses the button that leads to HubSpot; gives HubSpot's address.
  async goToHubSpot(authorizeUrl) {
    const first = await this.fetch(authorizeUrl);
    const html = await first.text();
    assert.equal(first.status, 200, html);
    const forms = [...html.matchAll(/<form\b[^>]*>[\s\S]*?<\/form>/g)].map((m) => m[0]);
    const form = forms.find((text) => text.includes('/authorize/start'));
    assert.ok(form, `no form that leads to HubSpot in: ${html}`);
    const action = /action="([^"]*)"/.exec(form)[1];
    const body = new URLSearchParams();
    for (const [input] of form.matchAll(/<input\b[^>]*>/g)) {
      body.append(/\bname="([^"]*)"/.exec(input)[1], /\bvalue="([^"]*)"/.exec(input)?.[1] ?? '');
    }
    const answer = await this.fetch(new URL(action, authorizeUrl), {
      method: 'POST', body, headers: { origin: new URL(authorizeUrl).origin },
    });
    const location = answer.headers.get('location');
    assert.ok(location, `${answer.status}: ${await answer.text()}`);
    return new URL(location, authorizeUrl).href;
  }
}
