// The main job: a whole portal into SQLite and PostgreSQL with one command, and what the tables then hold.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertRecords, ENGAGEMENT_TYPES, liveRows, TABLES } from './lib/expect.mjs';
import { Postgres } from './lib/postgres.mjs';
import { Sim } from './lib/sim.mjs';
import { PostgresDestination, SqliteDestination, sync } from './lib/sluice.mjs';

// [table, from type, to type, column of from, column of to]
const PAIRS = [
  ['deal_company', 'deals', 'companies', 'deal_id', 'company_id'],
  ['deal_contact', 'deals', 'contacts', 'deal_id', 'contact_id'],
  ['ticket_company', 'tickets', 'companies', 'ticket_id', 'company_id'],
  ['ticket_contact', 'tickets', 'contacts', 'ticket_id', 'contact_id'],
  ['ticket_deal', 'tickets', 'deals', 'ticket_id', 'deal_id'],
  ['contact_company', 'contacts', 'companies', 'contact_id', 'company_id'],
  ['contact_contact', 'contacts', 'contacts', 'contact_id', 'to_contact_id'],
  ['company_company', 'companies', 'companies', 'company_id', 'to_company_id'],
  ['deal_deal', 'deals', 'deals', 'deal_id', 'to_deal_id'],
  ['ticket_ticket', 'tickets', 'tickets', 'ticket_id', 'to_ticket_id'],
];

let sim;
let postgres;
let records;

before(async () => {
  sim = await Sim.start({ contacts: 20_000, companies: 400, deals: 700, tickets: 300, engagements: 1800 });
  records = await sim.records();
  postgres = await Postgres.start();
});

after(async () => {
  await postgres?.stop();
  await sim?.stop();
});

// Every association of one direction, read through the API, as `from-to-category-type id`.
async function associations(from, to) {
  const found = new Set();
  let inputs = (await sim.list(from, [])).map(({ id }) => ({ id }));
  while (inputs.length > 0) {
    const batch = inputs.splice(0, 1000);
    const { json } = await sim.api('POST', `/crm/v4/associations/${from}/${to}/batch/read`, { inputs: batch });
    for (const result of json.results) {
      for (const other of result.to) {
        for (const type of other.associationTypes) {
          found.add(`${result.from.id}-${other.toObjectId}-${type.category}-${type.typeId}`);
        }
      }
      if (result.paging?.next) {
        inputs.push({ id: result.from.id, after: result.paging.next.after });
      }
    }
  }
  return found;
}

const truth = (value) => value === 1 || value === 't';

const DESTINATIONS = {
  sqlite: () => new SqliteDestination(),
  postgres: () => new PostgresDestination(postgres),
};

for (const [kind, make] of Object.entries(DESTINATIONS)) {
  describe(`into ${kind}`, () => {
    let destination;
    let first;

    before(async () => {
      destination = make();
      first = await sync(sim, destination);
    });

    test('the run ends with 0 and says so in events', () => {
      assert.equal(first.code, 0, first.stderr);
      assert.ok(first.events.length > 0);
      assert.ok(first.events.every((event) => typeof event.event === 'string'));
    });

    test('every table has as many rows as the simulator has records', async () => {
      for (const [type, [table]] of Object.entries(TABLES)) {
        assert.equal(await liveRows(destination, table), records[type].live, table);
      }
      const [owners] = await destination.rows('SELECT count(*) AS n FROM owner WHERE is_active');
      assert.equal(Number(owners.n), records.owners.live);
    });

    for (const type of Object.keys(TABLES)) {
      test(`${type}: every property of sampled records, converted to its column's type`, async () => {
        const every = Math.max(1, Math.floor(records[type].live / 150));
        assert.ok((await assertRecords(sim, destination, type, { every })) > 0);
      });
    }

    test('keys are integers, and primary', async () => {
      for (const [table, key] of Object.values(TABLES)) {
        const column = (await destination.columns(table)).find(({ name }) => name === key);
        assert.deepEqual([column.type, column.key], [kind === 'sqlite' ? 'INTEGER' : 'BIGINT', true], table);
      }
    });

    test('deals carry pipeline, stage, owner and portal in columns of their own', async () => {
      const [row] = await destination.rows(
        `SELECT count(*) AS n FROM deal
         WHERE deal_pipeline_id = property_pipeline AND deal_pipeline_stage_id = property_dealstage
           AND portal_id IS NOT NULL`,
      );
      assert.equal(Number(row.n), records.deals.live);
    });

    test('each engagement is in the common table and in that of its type', async () => {
      for (const type of ENGAGEMENT_TYPES) {
        const [table] = TABLES[type];
        const [row] = await destination.rows(
          `SELECT count(*) AS n FROM ${table} t JOIN engagement e ON e.id = t.engagement_id AND e.type = t.type`,
        );
        assert.equal(Number(row.n), records[type].live, table);
      }
      const all = ENGAGEMENT_TYPES.reduce((sum, type) => sum + records[type].live, 0);
      assert.equal(await liveRows(destination, 'engagement'), all);
    });

    test('owners and their teams', async () => {
      const owners = [];
      for (const archived of [false, true]) {
        const { json } = await sim.api('GET', `/crm/v3/owners?limit=500&archived=${archived}`);
        owners.push(...json.results);
      }
      const rows = await destination.rows('SELECT owner_id, email, is_active FROM owner');
      assert.deepEqual(
        new Set(rows.map((row) => `${row.owner_id}|${row.email}|${truth(row.is_active)}`)),
        new Set(owners.map((owner) => `${owner.id}|${owner.email}|${!owner.archived}`)),
      );
      const teams = owners.flatMap((owner) =>
        (owner.teams ?? []).map((team) => `${owner.id}-${team.id}-${team.primary}`),
      );
      const loaded = await destination.rows('SELECT owner_id, team_id, is_team_primary FROM owner_team');
      assert.deepEqual(
        new Set(loaded.map((row) => `${row.owner_id}-${row.team_id}-${truth(row.is_team_primary)}`)),
        new Set(teams),
      );
      assert.ok(teams.length > 0);
    });

    test('pipelines and stages', async () => {
      for (const [type, prefix] of [
        ['deals', 'deal'],
        ['tickets', 'ticket'],
      ]) {
        const { json } = await sim.api('GET', `/crm/v3/pipelines/${type}`);
        const rows = await destination.rows(
          `SELECT p.pipeline_id, p.label, s.stage_id, s.label AS stage_label
           FROM ${prefix}_pipeline p JOIN ${prefix}_pipeline_stage s ON s.pipeline_id = p.pipeline_id`,
        );
        assert.deepEqual(
          new Set(rows.map((row) => [row.pipeline_id, row.label, row.stage_id, row.stage_label].join('|'))),
          new Set(json.results.flatMap((p) => p.stages.map((s) => [p.id, p.label, s.id, s.label].join('|')))),
        );
      }
      const [{ n }] = await destination.rows('SELECT count(*) AS n FROM pipeline_stage');
      const [{ n: parts }] = await destination.rows(
        'SELECT (SELECT count(*) FROM deal_pipeline_stage) + (SELECT count(*) FROM ticket_pipeline_stage) AS n',
      );
      assert.equal(Number(n), Number(parts), 'the view over all stages');
    });

    test('property definitions and their options', async () => {
      for (const type of ['contacts', 'deals']) {
        const defined = await sim.properties(type);
        const singular = TABLES[type][0];
        const rows = await destination.rows(
          `SELECT name, label, type, calculated FROM property WHERE lower(hubspot_object) IN ('${type}', '${singular}')`,
        );
        assert.deepEqual(
          new Set(rows.map((row) => `${row.name}|${row.label}|${row.type}`)),
          new Set(defined.map((property) => `${property.name}|${property.label}|${property.type}`)),
        );
        const options = defined.reduce((sum, property) => sum + (property.options?.length ?? 0), 0);
        const [row] = await destination.rows(
          `SELECT count(*) AS n FROM property_option WHERE lower(hubspot_object) IN ('${type}', '${singular}')`,
        );
        assert.equal(Number(row.n), options, type);
      }
    });

    for (const [table, from, to, fromColumn, toColumn] of PAIRS) {
      test(`${table}: every association with its category and type`, async () => {
        const rows = await destination.rows(`SELECT ${fromColumn} AS a, ${toColumn} AS b, category, type_id FROM ${table}`);
        const loaded = new Set(rows.map((row) => `${row.a}-${row.b}-${row.category}-${row.type_id}`));
        assert.equal(loaded.size, rows.length);
        assert.ok(rows.length > 0);
        assert.deepEqual(loaded, await associations(from, to));
      });
    }

    test('the company with more than 10,000 contacts has them all', async () => {
      const [row] = await destination.rows(
        'SELECT count(DISTINCT contact_id) AS n FROM contact_company GROUP BY company_id ORDER BY n DESC LIMIT 1',
      );
      assert.ok(Number(row.n) > 10_000, `${row.n} contacts`);
    });

    test('associations of engagements', async () => {
      for (const [to, column] of [
        ['contacts', 'contact_id'],
        ['companies', 'company_id'],
        ['deals', 'deal_id'],
      ]) {
        const wanted = new Set();
        for (const type of ENGAGEMENT_TYPES) {
          for (const pair of await associations(type, to)) {
            wanted.add(pair);
          }
        }
        const table = `engagement_${TABLES[to][0]}`;
        const rows = await destination.rows(`SELECT engagement_id AS a, ${column} AS b, category, type_id FROM ${table}`);
        assert.deepEqual(new Set(rows.map((row) => `${row.a}-${row.b}-${row.category}-${row.type_id}`)), wanted, table);
        assert.ok(wanted.size > 0, table);
      }
    });

    test('what did not fit its type is set aside with its reason, and only that', async () => {
      const rejects = await destination.rows('SELECT stream, record_id, "column", raw_value, reason FROM _sluice_reject');
      assert.ok(rejects.every((row) => row.stream && row.record_id && row.column && row.reason));
    });

    test('a second run changes nothing', async () => {
      const watched = ['contact', 'deal', 'engagement', 'contact_company', 'owner_team', 'property_option'];
      const beforehand = {};
      for (const table of watched) {
        beforehand[table] = await destination.dump(table, ['_sluice_synced']);
      }
      await sim.reset();
      const second = await sync(sim, destination);
      assert.equal(second.code, 0, second.stderr);
      for (const table of watched) {
        assert.equal(await destination.dump(table, ['_sluice_synced']), beforehand[table], table);
      }
    });
  });
}
