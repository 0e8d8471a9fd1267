// What a person may get wrong, and what a machine may refuse: the exit code, and a message that says what and what next.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { liveRows } from './lib/expect.mjs';
import { Postgres } from './lib/postgres.mjs';
import { freePort, temporaryFolder } from './lib/process.mjs';
import { Sim } from './lib/sim.mjs';
import { PostgresDestination, sluice, SqliteDestination, sync } from './lib/sluice.mjs';

let sim;
let postgres;
let live;

before(async () => {
  sim = await Sim.start({ contacts: 150, companies: 40, deals: 40, tickets: 20, engagements: 60 });
  live = await sim.records();
  postgres = await Postgres.start();
});

after(async () => {
  await postgres?.stop();
  await sim?.stop();
});

// The message names what is wrong, and never the token.
function assertFailed(result, code, ...patterns) {
  const said = result.stderr + result.stdout;
  assert.equal(result.code, code, said);
  for (const pattern of patterns) {
    assert.match(said, pattern);
  }
  assert.ok(!said.includes(sim.token), 'the token is never printed');
}

describe('the command line', () => {
  test('no verb, an unknown verb, an unknown option', async () => {
    assertFailed(await sluice([]), 2, /usage|sluice sync/i);
    assertFailed(await sluice(['snyc']), 2, /snyc/, /sync/);
    assertFailed(await sync(sim, new SqliteDestination(), ['--steams', 'contacts']), 2, /--steams/, /--streams/);
    assertFailed(await sluice(['sync', 'salesforce', '--into', 'sqlite:x.db']), 2, /salesforce/, /hubspot/);
  });

  test('no destination, or one of a kind that is not there', async () => {
    assertFailed(await sluice(['sync', 'hubspot', '--base-url', sim.url]), 2, /--into/);
    const unknown = { into: 'mysql://localhost/x', args: [] };
    assertFailed(await sync(sim, unknown), 2, /sqlite/, /postgres/);
  });

  test('an unknown stream is named', async () => {
    const result = await sync(sim, new SqliteDestination(), ['--streams', 'contacts,compnies']);
    assertFailed(result, 2, /compnies/, /sluice streams/);
  });

  test('a share outside its limits, a date that is none', async () => {
    assertFailed(await sync(sim, new SqliteDestination(), ['--share', '1.5']), 2, /share/, /1\.5/);
    assertFailed(await sync(sim, new SqliteDestination(), ['--since', 'yesterday']), 2, /since/, /yesterday/);
  });

  test('a bad base URL', async () => {
    const args = (url) => ['sync', 'hubspot', '--base-url', url, '--into', new SqliteDestination().into];
    for (const url of ['ftp://example.invalid', 'no url', 'http://']) {
      assertFailed(await sluice(args(url)), 2, /base-url|URL/);
    }
  });

  test('help for every verb, version, streams', async () => {
    for (const args of [['--help'], ['sync', '--help'], ['streams', '--help'], ['doctor', '--help'], ['version', '--help']]) {
      const { code, stdout } = await sluice(args);
      assert.equal(code, 0);
      assert.match(stdout, /sluice/);
    }
    const help = (await sluice(['sync', '--help'])).stdout;
    for (const option of 'token-env base-url into schema streams full-refresh since share metadata-columns json quiet'.split(' ')) {
      assert.ok(help.includes(`--${option}`), `--help has --${option}`);
    }
    assert.match((await sluice(['version'])).stdout, /\d+\.\d+\.\d+/);
    const streams = (await sluice(['streams'])).stdout;
    for (const name of 'contacts companies deals tickets owners pipelines calls notes properties deal_contact'.split(' ')) {
      assert.match(streams, new RegExp(`\\b${name}\\b`));
    }
  });
});

describe('credentials', () => {
  test('a wrong token', async () => {
    const result = await sync(sim, new SqliteDestination(), [], { env: { HUBSPOT_TOKEN: 'pat-na1-wrong' } });
    assertFailed(result, 4, /token/i);
    assert.ok(!(result.stdout + result.stderr).includes('pat-na1-wrong'));
  });

  test('no token: the variable is named', async () => {
    const result = await sync(sim, new SqliteDestination(), ['--token-env', 'NO_SUCH_VARIABLE']);
    assert.equal(result.code, 4, result.stderr);
    assert.match(result.stderr + result.stdout, /NO_SUCH_VARIABLE/);
  });

  test('a token in a variable of another name', async () => {
    const destination = new SqliteDestination();
    const args = ['--token-env', 'OTHER', '--streams', 'owners'];
    const result = await sync(sim, destination, args, { env: { OTHER: sim.token, HUBSPOT_TOKEN: 'wrong' } });
    assert.equal(result.code, 0, result.stderr);
    const [{ n }] = await destination.rows('SELECT count(*) AS n FROM owner WHERE is_active');
    assert.equal(Number(n), live.owners.live);
  });
});

describe('the source', () => {
  test('nobody listens there', async () => {
    const port = await freePort();
    const nowhere = { url: `http://127.0.0.1:${port}`, token: sim.token };
    assertFailed(await sync(nowhere, new SqliteDestination(), []), 6, /127\.0\.0\.1|connect/i);
  });
});

describe('the destination', () => {
  test('a path that cannot be written', async () => {
    for (const into of [`sqlite:${join(temporaryFolder(), 'no', 'such', 'folder', 'x.db')}`, 'sqlite:/proc/nothing.db']) {
      assertFailed(await sync(sim, { into, args: [] }), 5, /folder|proc|open|directory/i);
    }
  });

  test('a file that is no database is left as it is', async () => {
    const file = join(temporaryFolder(), 'notes.txt');
    writeFileSync(file, 'My notes, which are not a database. '.repeat(100));
    assertFailed(await sync(sim, { into: `sqlite:${file}`, args: [] }), 5, /notes\.txt|database/);
    assert.equal(execFileSync('head', ['-c', '8', file], { encoding: 'utf8' }), 'My notes');
  });

  test('a folder: the file is called like the schema', async () => {
    const folder = temporaryFolder();
    const destination = new SqliteDestination({ folder, name: 'crm.db' });
    destination.into = `sqlite:${folder}/`;
    const result = await sync(sim, destination, ['--schema', 'crm', '--streams', 'companies']);
    assert.equal(result.code, 0, result.stderr);
    assert.equal(await liveRows(destination, 'company'), live.companies.live);
  });

  test('a disk that is full: the tables stay right, and the next run completes them', async (t) => {
    const folder = temporaryFolder();
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=300k', 'none', folder], { stdio: 'pipe' });
    } catch {
      t.skip('mounting a small file system needs rights that are not there');
      return;
    }
    t.after(() => execFileSync('umount', [folder]));
    const destination = new SqliteDestination({ folder });
    // One stream: a smaller one beside it might be complete before the disk is full, and that is another exit code.
    assertFailed(await sync(sim, destination, ['--streams', 'contacts']), 5, /full|space/i);
    execFileSync('mount', ['-o', 'remount,size=200m', folder]);
    const result = await sync(sim, destination);
    assert.equal(result.code, 0, result.stderr);
    assert.equal(await liveRows(destination, 'contact'), live.contacts.live);
  });

  test('a schema whose name is an attack is a schema with a strange name', async () => {
    for (const schema of [`it's "quoted"`, `x"; DROP SCHEMA public CASCADE; --`, 'Ünïcode schema']) {
      const destination = new PostgresDestination(postgres, { schema });
      const result = await sync(sim, destination, ['--streams', 'companies,owners']);
      assert.equal(result.code, 0, result.stderr);
      assert.equal(await liveRows(destination, 'company'), live.companies.live);
    }
    const [row] = await postgres.query("SELECT count(*) AS n FROM pg_namespace WHERE nspname = 'public'");
    assert.equal(row.n, '1');
    const long = new PostgresDestination(postgres, { schema: 'x'.repeat(64) });
    assertFailed(await sync(sim, long, ['--streams', 'owners']), 2, /schema/);
  });

  test('PostgreSQL is down', async () => {
    const port = await freePort();
    const into = `postgres://someone:p4ssw0rd@127.0.0.1:${port}/db`;
    const result = await sync(sim, { into, args: [] });
    assertFailed(result, 5, /127\.0\.0\.1|connect/i);
    assert.ok(!(result.stdout + result.stderr).includes('p4ssw0rd'));
  });

  test('a user who may not create a schema', async () => {
    const into = await postgres.createRole('reader');
    assertFailed(await sync(sim, { into, args: ['--schema', 'forbidden'] }), 5, /permission|right/i);
  });

  test('a database that is not there', async () => {
    assertFailed(await sync(sim, { into: postgres.url('no_such_database'), args: [] }), 5, /no_such_database/);
  });

  test('two runs into one file take turns or one says so; the rows are right', async () => {
    const destination = new SqliteDestination();
    const results = await Promise.all([sync(sim, destination), sync(sim, destination)]);
    for (const result of results) {
      assert.ok([0, 3, 5].includes(result.code), `${result.code}: ${result.stderr}`);
    }
    const last = await sync(sim, destination);
    assert.equal(last.code, 0, last.stderr);
    assert.equal(await liveRows(destination, 'contact'), live.contacts.live);
  });
});

describe('doctor', () => {
  test('says what is well', async () => {
    const destination = new SqliteDestination();
    const args = ['doctor', '--base-url', sim.url, '--into', destination.into];
    const { code, stdout, stderr } = await sluice(args, { env: { HUBSPOT_TOKEN: sim.token } });
    assert.equal(code, 0, stdout + stderr);
    assert.ok(!(stdout + stderr).includes(sim.token));
  });

  test('says what is not, all of it at once', async () => {
    const args = ['doctor', '--base-url', sim.url, '--into', 'sqlite:/proc/nothing.db'];
    const { code, stdout, stderr } = await sluice(args, { env: { HUBSPOT_TOKEN: 'wrong' } });
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /token/i);
    assert.match(stdout + stderr, /proc/);
  });

  for (const [name, more, env, exit, said] of [
    ['no token', [], { HUBSPOT_TOKEN: undefined }, 4, /FAIL +token +no token: the environment variable HUBSPOT_TOKEN is not set/],
    ['an empty token', [], { HUBSPOT_TOKEN: '' }, 4, /FAIL +token .*HUBSPOT_TOKEN/],
    ['no such connection', ['--connection', 'nobody'], {}, 2, /FAIL +connection +there is no connection "nobody"/],
  ]) {
    test(`${name}: said, and the rest looked at all the same`, async () => {
      const args = ['doctor', '--base-url', sim.url, '--into', 'sqlite:/proc/nothing.db', ...more];
      const { code, stdout } = await sluice(args, { env });
      assert.equal(code, exit, stdout);
      assert.match(stdout, said);
      assert.match(stdout, /ok +base URL/);
      assert.match(stdout, /skip +HubSpot/);
      assert.match(stdout, /FAIL +destination .*proc/);
    });
  }
});
