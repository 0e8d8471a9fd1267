// Running sluice and reading what it loaded, the same way for both kinds of destination.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { finish, PATIENCE_MS, run, SLUICE, start, temporaryFolder } from './process.mjs';
import { sqlite, sqliteDump } from './sqlite.mjs';

// Where these runs keep their failed requests, not in the developer's home.
const DATA_HOME = temporaryFolder();

function environment(sim, extra) {
  const env = { ...process.env, XDG_DATA_HOME: DATA_HOME, HUBSPOT_TOKEN: sim ? sim.token : 'unused', ...extra };
  // What the developer has set must not steer a test.
  for (const name of Object.keys(env)) {
    if (/^(SLUICE_|PG|https?_proxy$|HTTPS?_PROXY$)/.test(name) && !(extra && name in extra)) {
      delete env[name];
    }
  }
  return env;
}

function syncArgs(sim, destination, args) {
  // HubSpot does not say how many searches it grants; a simulator without a limit grants as many as are asked for.
  const limits = sim.searchesFreely ? ['--search-limit', '1000'] : [];
  return ['sync', 'hubspot', '--base-url', sim.url, '--into', destination.into, ...limits, ...destination.args, ...args];
}

export function sluice(args, { env, ...options } = {}) {
  return run(SLUICE, args, { env: environment(null, env), ...options });
}

// One whole run. The result has the exit code, the output and the events of --json.
export async function sync(sim, destination, args = [], { env, timeoutMs = PATIENCE_MS } = {}) {
  const result = await run(SLUICE, syncArgs(sim, destination, ['--json', ...args]), {
    env: environment(sim, env),
    timeoutMs,
  });
  result.events = events(result.stdout);
  return result;
}

// A run that is left going; `finish(child)` waits for it.
export function startSync(sim, destination, args = [], { env } = {}) {
  const child = start(SLUICE, syncArgs(sim, destination, ['--json', ...args]), { env: environment(sim, env) });
  return { child, finish: (timeoutMs = PATIENCE_MS) => finish(child, 'sluice sync', timeoutMs) };
}

export function events(stdout) {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

export class SqliteDestination {
  kind = 'sqlite';

  constructor({ folder = temporaryFolder(), name = 'hubspot.db', args = [] } = {}) {
    this.file = join(folder, name);
    this.into = `sqlite:${this.file}`;
    this.args = args;
  }

  get exists() {
    return existsSync(this.file);
  }

  async rows(sql) {
    return sqlite(this.file, sql);
  }

  async tables() {
    return sqlite(this.file, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").map((r) => r.name);
  }

  async columns(table) {
    return sqlite(this.file, `SELECT name, type, pk FROM pragma_table_info('${table}') ORDER BY cid`).map((r) => ({
      name: r.name,
      type: r.type.toUpperCase(),
      key: r.pk > 0,
    }));
  }

  // Every row with every column but `except`, in a firm order, as text.
  async dump(table, except) {
    const names = (await this.columns(table)).map((c) => c.name).filter((name) => !except.includes(name));
    const list = names.sort().map((name) => `"${name}"`);
    return `${names.join(',')}\n${sqliteDump(this.file, `SELECT ${list} FROM "${table}" ORDER BY ${list.map((_, i) => i + 1)}`)}`;
  }
}

export class PostgresDestination {
  kind = 'postgres';
  static #count = 0;

  // Each in a schema of its own, so that one server serves a whole file.
  constructor(server, { schema = `portal_${++PostgresDestination.#count}`, args = [] } = {}) {
    this.server = server;
    this.schema = schema;
    this.into = server.url();
    this.args = ['--schema', schema, ...args];
  }

  async rows(sql) {
    return this.server.query(sql, [], { schema: this.schema });
  }

  async tables() {
    const rows = await this.server.query(
      "SELECT table_name FROM information_schema.tables WHERE table_schema = $1 AND table_type = 'BASE TABLE' ORDER BY 1",
      [this.schema],
    );
    return rows.map((r) => r.table_name);
  }

  async columns(table) {
    const rows = await this.server.query(
      `SELECT c.column_name AS name, upper(c.data_type) AS type,
              EXISTS (SELECT 1 FROM information_schema.key_column_usage k
                      WHERE k.table_schema = c.table_schema AND k.table_name = c.table_name
                        AND k.column_name = c.column_name) AS key
       FROM information_schema.columns c
       WHERE c.table_schema = $1 AND c.table_name = $2 ORDER BY c.ordinal_position`,
      [this.schema, table],
    );
    return rows.map((r) => ({ name: r.name, type: r.type, key: r.key === 't' }));
  }

  async dump(table, except) {
    const names = (await this.columns(table)).map((c) => c.name).filter((name) => !except.includes(name));
    const list = names.sort().map((name) => `"${name}"`);
    const rows = await this.rows(`SELECT ROW(${list})::text AS line FROM "${table}" ORDER BY 1`);
    return `${names.join(',')}\n${rows.map((r) => r.line).join('\n')}`;
  }
}
