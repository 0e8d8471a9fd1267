// A PostgreSQL of one's own in a temporary folder, on a free loopback port.
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { freePort, run, start, stop, temporaryFolder, waitForOutput } from './process.mjs';

// Values as the server writes them: what is compared is text, never what a driver made of it.
const RAW = { getTypeParser: () => (text) => text };

function binary(name) {
  const base = '/usr/lib/postgresql';
  if (existsSync(base)) {
    const versions = readdirSync(base)
      .filter((v) => existsSync(join(base, v, 'bin', name)))
      .sort((a, b) => Number(b) - Number(a));
    if (versions.length > 0) {
      return join(base, versions[0], 'bin', name);
    }
  }
  return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
}

// PostgreSQL refuses to run as root; then an unprivileged user of the system runs it.
function serverUser() {
  if (process.getuid() !== 0) {
    return {};
  }
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag) => Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // This user is not there; the next one may be.
    }
  }
  throw new Error('no unprivileged user to run PostgreSQL as');
}

export class Postgres {
  // `settings`: those of the server that are to differ, like {max_connections: 200}.
  static async start(settings = {}) {
    const server = new Postgres();
    server.settings = settings;
    server.folder = temporaryFolder();
    server.user = serverUser();
    server.data = join(server.folder, 'data');
    mkdirSync(server.data);
    if (server.user.uid !== undefined) {
      chownSync(server.folder, server.user.uid, server.user.gid);
      chownSync(server.data, server.user.uid, server.user.gid);
    }
    const made = await run(
      binary('initdb'),
      ['-D', server.data, '-U', 'e2e', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'],
      { ...server.user, cwd: server.folder },
    );
    if (made.code !== 0) {
      throw new Error(`initdb failed: ${made.stderr}`);
    }
    for (let tries = 0; ; tries++) {
      server.port = await freePort();
      try {
        await server.#launch();
        return server;
      } catch (error) {
        // Somebody else may have come upon the same port at the same time.
        if (tries === 5 || !/Address already in use/.test(error.message)) {
          throw error;
        }
      }
    }
  }

  async #launch() {
    const settings = {
      listen_addresses: '127.0.0.1',
      port: this.port,
      unix_socket_directories: '',
      fsync: 'off',
      full_page_writes: 'off',
      max_connections: 60,
      // A session's own settings must win over an unfriendly server's.
      timezone: 'America/St_Johns',
      datestyle: 'German',
      ...this.settings,
    };
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    this.child = start(binary('postgres'), ['-D', this.data, ...args], { ...this.user, cwd: this.folder });
    await waitForOutput(this.child, /database system is ready to accept connections/);
  }

  url(database = 'postgres') {
    return `postgres://e2e@127.0.0.1:${this.port}/${database}`;
  }

  async query(sql, values = [], { database = 'postgres', schema = 'public' } = {}) {
    const client = new pg.Client({ connectionString: this.url(database), types: RAW });
    await client.connect();
    try {
      await client.query("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'");
      await client.query(`SET search_path = ${client.escapeIdentifier(schema)}`);
      return (await client.query(sql, values)).rows;
    } finally {
      await client.end();
    }
  }

  // Runs a statement in a transaction that stays open, with its locks, until release().
  async hold(sql) {
    const client = new pg.Client({ connectionString: this.url() });
    await client.connect();
    await client.query(`BEGIN; ${sql}`);
    return { release: () => client.end() };
  }

  async createDatabase(name) {
    await this.query(`CREATE DATABASE ${name}`);
    return this.url(name);
  }

  async createRole(name) {
    await this.query(`CREATE ROLE ${name} LOGIN`);
    return this.url().replace('e2e@', `${name}@`);
  }

  // Gone at once, as after a power cut.
  async crash() {
    await stop(this.child, 'SIGQUIT');
  }

  async restart() {
    await this.#launch();
  }

  // The server with all its sessions stands still, until resume(). It comes first, so that it starts no other session.
  pause() {
    process.kill(this.child.pid, 'SIGSTOP');
    this.paused = readFileSync(`/proc/${this.child.pid}/task/${this.child.pid}/children`, 'utf8').split(' ').filter(Boolean);
    for (const pid of this.paused) {
      process.kill(Number(pid), 'SIGSTOP');
    }
  }

  // What stands still ends only when it is killed, so all of them are there.
  resume() {
    for (const pid of [...this.paused, this.child.pid]) {
      process.kill(Number(pid), 'SIGCONT');
    }
  }

  async stop() {
    await stop(this.child, 'SIGQUIT');
  }
}
