// Starting hubsim and setting its scene.
import { exactJson } from './json.mjs';
import { HUBSIM, start, stop, until, waitForOutput } from './process.mjs';

const TOKEN = 'pat-na1-e2e-secret-token';

export class Sim {
  // Options become command-line options: {contacts: 100} is --contacts 100. Small and unlimited unless said otherwise.
  static async start(options = {}) {
    const sim = new Sim();
    const all = { seed: 7, contacts: 100, token: TOKEN, limit: 'off', 'search-limit': 'off', ...options };
    const args = ['--listen', '127.0.0.1:0'];
    for (const [name, value] of Object.entries(all)) {
      if (value !== undefined) {
        args.push(`--${name}`, ...(value === true ? [] : [String(value)]));
      }
    }
    sim.token = all.token;
    sim.searchesFreely = all['search-limit'] === 'off';
    sim.child = start(HUBSIM, args);
    const [, port] = await waitForOutput(sim.child, /127\.0\.0\.1:(\d+)/);
    sim.url = `http://127.0.0.1:${port}`;
    return sim;
  }

  // A request to the API as a client makes it. The body of the answer is parsed when it is JSON.
  async api(method, path, body, { token = this.token, headers = {} } = {}) {
    const answer = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    let json;
    try {
      json = exactJson(text);
    } catch {
      json = undefined;
    }
    return { status: answer.status, headers: answer.headers, text, json };
  }

  async #admin(method, path, body) {
    const { status, json, text } = await this.api(method, path, body);
    if (status !== 200) {
      throw new Error(`${method} ${path} gave ${status}: ${text}`);
    }
    return json;
  }

  stats() {
    return this.#admin('GET', '/_sim/stats');
  }

  // Without the count of associations, which takes a while in a large portal.
  counts() {
    return this.#admin('GET', '/_sim/stats?associations=false');
  }

  // How many pages of an object type have been asked for by listing.
  async listed(type) {
    return (await this.counts()).requests.by_object[type]?.['objects.list'] ?? 0;
  }

  // Lists of a type come slowly from the page after the first so many on, until clearFaults(). `hold.reached()` waits for
  // that page: what befalls a run then finds it in the middle of its work, however fast or slow the machine is.
  async hold(type, after, { ms = 3000 } = {}) {
    const before = await this.listed(type);
    await this.faults({ endpoint: 'objects.list', object: type, action: 'delay', ms, after });
    return {
      reached: (child) => until(async () => (await this.listed(type)) > before + after, { everyMs: 20, child }),
    };
  }

  // What is in the portal: {contacts: {live, archived}, ..., owners: {...}}.
  async records() {
    const { records, owners } = await this.counts();
    return { ...records, owners };
  }

  // Forgets counts and faults; the records stay.
  reset() {
    return this.#admin('POST', '/_sim/reset', {});
  }

  faults(...rules) {
    return this.#admin('POST', '/_sim/faults', { rules });
  }

  clearFaults() {
    return this.#admin('DELETE', '/_sim/faults');
  }

  // Operations in order; gives the result of each.
  async mutate(...ops) {
    return (await this.#admin('POST', '/_sim/mutate', { ops })).results;
  }

  // Every live record of a type through the list endpoint, with the named properties.
  async list(type, properties, { archived = false } = {}) {
    const records = [];
    let after;
    do {
      const query = new URLSearchParams({ limit: '100', properties: properties.join(','), archived: String(archived) });
      if (after !== undefined) {
        query.set('after', after);
      }
      const { status, json, text } = await this.api('GET', `/crm/v3/objects/${type}?${query}`);
      if (status !== 200) {
        throw new Error(`listing ${type} gave ${status}: ${text.slice(0, 500)}`);
      }
      records.push(...json.results);
      after = json.paging?.next?.after;
    } while (after !== undefined);
    return records;
  }

  async properties(type) {
    const { json } = await this.api('GET', `/crm/v3/properties/${type}`);
    return json.results;
  }

  stop() {
    return stop(this.child);
  }

  kill() {
    return stop(this.child, 'SIGKILL');
  }
}
