// A data directory with connections, as a person at a terminal and a browser makes and uses it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { CLIENT_ID, CLIENT_SECRET, open, press } from './browser.mjs';
import { finish, freePort, PATIENCE_MS, SLUICE, start, temporaryFolder, waitForOutput } from './process.mjs';
import { sluice, SqliteDestination, sync } from './sluice.mjs';

export const PRIVATE_TOKEN = 'pat-na1-e2e-secret-token';
export const SCOPES = 'oauth,crm.objects.contacts.read,crm.objects.companies.read';
export const STREAMS = ['--streams', 'contacts,companies'];

// A data directory of one test, and all that was printed over it.
export class Place {
  constructor(sim) {
    this.sim = sim;
    this.folder = join(temporaryFolder(), 'data');
    this.printed = '';
    this.secrets = [CLIENT_SECRET, PRIVATE_TOKEN];
  }

  args(...args) {
    return [...args, '--data-dir', this.folder];
  }

  async run(args, options = {}) {
    const result = await sluice(this.args(...args), options);
    this.printed += result.stdout + result.stderr;
    return result;
  }

  // Begins a login; gives the address that it prints.
  async begin(name, args = [], { env, port } = {}) {
    this.port = port ?? (await freePort());
    const all = ['login', 'hubspot', '--name', name, '--client-id', CLIENT_ID, '--base-url', this.sim.url];
    all.push('--authorize-url', `${this.sim.url}/oauth/authorize`, '--redirect-port', String(this.port), '--no-browser');
    all.push('--scopes', SCOPES, ...args);
    this.child = start(SLUICE, this.args(...all), {
      env: { ...process.env, HUBSPOT_CLIENT_SECRET: CLIENT_SECRET, ...env },
    });
    const [, url] = await waitForOutput(this.child, /(http\S+authorize\?\S+)/);
    return url;
  }

  async end() {
    const result = await finish(this.child, 'sluice login', PATIENCE_MS);
    this.printed += result.stdout + result.stderr;
    return result;
  }

  // The whole way, with the page that the browser sees last.
  // `late`: HubSpot's clock has gone on by that when the browser comes back.
  async login(name, args = [], { decision = 'approve', untick, env, late } = {}) {
    const consent = await open(await this.begin(name, args, { env }));
    assert.equal(consent.status, 200, consent.text);
    const { to } = await press(consent, decision, { untick });
    this.secrets.push(to.searchParams.get('code'));
    if (late) {
      const { status, text } = await this.sim.api('POST', '/_sim/clock', { advance: late });
      assert.equal(status, 200, text);
    }
    const page = await open(to.href);
    return { ...(await this.end()), page };
  }

  async sync(name, args = STREAMS, options) {
    const result = await sync(this.sim, this.destination ?? (this.destination = new SqliteDestination()),
      this.args('--connection', name, ...args), options);
    this.printed += result.stdout + result.stderr;
    return result;
  }

  async connections() {
    const { stdout, code } = await this.run(['connections', '--json']);
    assert.equal(code, 0);
    return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }

  sql(text) {
    return execFileSync('sqlite3', [join(this.folder, 'sluice.db'), text], { encoding: 'utf8' }).trim();
  }

  // As if the access token had been given so long ago.
  age(name, ms) {
    this.sql(`UPDATE connection SET issued_ms = issued_ms - ${ms}, expires_ms = expires_ms - ${ms} WHERE name = '${name}'`);
  }

  // Nothing that was printed or lies in the data directory holds a secret. Tokens are found by how hubsim makes them.
  assertNoSecrets() {
    const files = existsSync(this.folder) ? readdirSync(this.folder) : [];
    const read = (path) => (lstatSync(path).isSymbolicLink() ? readlinkSync(path) : readFileSync(path, 'latin1'));
    const texts = new Map(files.map((file) => [file, `${file} ${read(join(this.folder, file))}`]));
    texts.set('what was printed', this.printed);
    for (const [where, text] of texts) {
      for (const secret of this.secrets.filter(Boolean)) {
        assert.ok(!text.includes(secret), `${where} holds a secret`);
      }
      assert.doesNotMatch(text, /na1-[0-9a-f]{4,}|pat-na1-/, where);
    }
  }
}

export function assertFailed(result, code, ...patterns) {
  assert.equal(result.code, code, result.stdout + result.stderr);
  for (const pattern of patterns) {
    assert.match(result.stderr, pattern);
  }
}
