// What changes in the portal between two runs, and what the tables say after the second.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertSameTables, dumpAll } from './lib/compare.mjs';
import { assertRecords, liveRows, TABLES } from './lib/expect.mjs';
import { Postgres } from './lib/postgres.mjs';
import { sleep } from './lib/process.mjs';
import { Sim } from './lib/sim.mjs';
import { PostgresDestination, SqliteDestination, sync } from './lib/sluice.mjs';

const PORTAL = { contacts: 900, companies: 200, deals: 220, tickets: 110, engagements: 400 };

// What the simulator derives from another record changes with that record, and its own modified stamp does not say so.
const DERIVED = ['company', 'associatedcompanyid'];

let postgres;

before(async () => {
  postgres = await Postgres.start();
});

after(() => postgres?.stop());

const DESTINATIONS = {
  sqlite: () => new SqliteDestination(),
  postgres: () => new PostgresDestination(postgres),
};

async function loaded(t, destination, { portal = {}, args = [] } = {}) {
  const sim = await Sim.start({ ...PORTAL, ...portal });
  t.after(() => sim.stop());
  const result = await sync(sim, destination, args);
  assert.equal(result.code, 0, result.stderr);
  return sim;
}

async function again(sim, destination, args = []) {
  await sim.reset();
  const result = await sync(sim, destination, args);
  assert.equal(result.code, 0, result.stderr);
  return result;
}

const truth = (value) => value === 1 || value === 't';

async function row(destination, table, key, id) {
  const [found] = await destination.rows(`SELECT * FROM "${table}" WHERE "${key}" = ${id}`);
  return found;
}

// An incremental run must leave what a full load of the same portal gives; rows that are only marked deleted aside.
async function assertLikeFullLoad(sim, destination, make) {
  const fresh = make();
  const result = await sync(sim, fresh);
  assert.equal(result.code, 0, result.stderr);
  for (const [type, [table, key]] of Object.entries(TABLES)) {
    const ids = async (d) =>
      (await d.rows(`SELECT "${key}" AS id FROM "${table}" WHERE NOT "_sluice_deleted" ORDER BY 1`)).map((r) => String(r.id));
    assert.deepEqual(await ids(destination), await ids(fresh), type);
  }
  for (const table of ['deal_contact', 'contact_company', 'engagement_contact', 'ticket_company']) {
    assert.deepEqual(await livePairs(destination, table), await livePairs(fresh, table), table);
  }
}

// The rows of a pair table whose two records are both there. What hangs on an archived record stays until the next
// sweep of associations.
async function livePairs(destination, table) {
  const sides = table.split('_').map((side) => {
    const [name, key] = side === 'engagement' ? ['engagement', 'id'] : [side, side === 'deal' ? 'deal_id' : 'id'];
    return `EXISTS (SELECT 1 FROM "${name}" s WHERE s."${key}" = p.${side}_id AND NOT s._sluice_deleted)`;
  });
  const [a, b] = table.split('_').map((side) => `${side}_id`);
  const rows = await destination.rows(
    `SELECT ${a}, ${b}, category, type_id, label FROM "${table}" p WHERE ${sides.join(' AND ')}`,
  );
  return new Set(rows.map((r) => Object.values(r).join('|')));
}

for (const [kind, make] of Object.entries(DESTINATIONS)) {
  describe(`into ${kind}`, () => {
    test('created, updated, cleared, archived, restored and merged records', async (t) => {
      const destination = make();
      const sim = await loaded(t, destination);
      const [created, updated, cleared, archived, gone, merged, deal] = await sim.mutate(
        { op: 'create', object: 'contacts', count: 5, properties: { firstname: 'Neu', email: 'neu@example.com' } },
        { op: 'update', object: 'contacts', count: 7, skip: 10, properties: { lastname: 'Geändert' } },
        { op: 'update', object: 'contacts', count: 1, skip: 30, properties: { lastname: '' } },
        { op: 'archive', object: 'companies', count: 3, skip: 5 },
        { op: 'archive', object: 'notes', count: 2 },
        { op: 'merge', object: 'contacts', count: 1 },
        { op: 'update', object: 'deals', count: 1, properties: { dealname: 'Umbenannt' } },
      );
      await again(sim, destination);

      for (const id of created.ids) {
        assert.equal((await row(destination, 'contact', 'id', id)).property_firstname, 'Neu');
      }
      for (const id of updated.ids) {
        assert.equal((await row(destination, 'contact', 'id', id)).property_lastname, 'Geändert');
      }
      assert.equal((await row(destination, 'contact', 'id', cleared.ids[0])).property_lastname, null);
      for (const id of archived.ids) {
        assert.ok(truth((await row(destination, 'company', 'id', id))._sluice_deleted), `company ${id} is marked`);
      }
      for (const id of gone.ids) {
        assert.ok(truth((await row(destination, 'engagement_note', 'engagement_id', id))._sluice_deleted), `note ${id}`);
      }
      const survivor = await row(destination, 'contact', 'id', merged.ids[0]);
      assert.ok(survivor && !truth(survivor._sluice_deleted), 'the survivor of the merge is there');
      assert.equal((await row(destination, 'deal', 'deal_id', deal.ids[0])).property_dealname, 'Umbenannt');
      for (const [type, [table]] of Object.entries(TABLES)) {
        assert.equal(await liveRows(destination, table), (await sim.records())[type].live, table);
      }
      await assertRecords(sim, destination, 'contacts', { every: 7, except: DERIVED });
      await assertLikeFullLoad(sim, destination, make);

      await sim.mutate({ op: 'restore', object: 'companies', ids: archived.ids.slice(0, 1), touch: true });
      await again(sim, destination);
      assert.ok(!truth((await row(destination, 'company', 'id', archived.ids[0]))._sluice_deleted));
      assert.equal(await liveRows(destination, 'company'), (await sim.records()).companies.live);
    });

    test('the losers of a merge are marked, and the table of merges says into whom', async (t) => {
      const destination = make();
      const sim = await loaded(t, destination);
      const [contacts, deals] = [await sim.list('contacts', []), await sim.list('deals', [])];
      const losers = [contacts[3].id, contacts[4].id];
      const [first] = await sim.mutate({ op: 'merge', object: 'contacts', ids: losers });
      const [chain] = await sim.mutate({ op: 'merge', object: 'contacts', ids: [first.ids[0], contacts[8].id] });
      const [deal] = await sim.mutate({ op: 'merge', object: 'deals', ids: [deals[0].id, deals[1].id] });
      await again(sim, destination);
      for (const id of [...losers, contacts[8].id]) {
        assert.ok(truth((await row(destination, 'contact', 'id', id))._sluice_deleted), `contact ${id} is marked`);
        const audit = await destination.rows(`SELECT canonical_vid FROM contact_merge_audit WHERE vid_to_merge = ${id}`);
        assert.ok(audit.some((r) => String(r.canonical_vid) === chain.ids[0]), `merge of ${id}`);
      }
      assert.ok(!truth((await row(destination, 'contact', 'id', chain.ids[0]))._sluice_deleted));
      assert.equal(deal.ids[0], deals[0].id);
      assert.ok(truth((await row(destination, 'deal', 'deal_id', deals[1].id))._sluice_deleted));
      const [pair] = await destination.rows(`SELECT * FROM merged_deal WHERE merged_deal_id = ${deals[1].id}`);
      assert.equal(String(pair.deal_id), deals[0].id);
    });

    test('associations that come and go', async (t) => {
      const destination = make();
      const sim = await loaded(t, destination);
      const contacts = (await sim.list('contacts', [])).map(({ id }) => id);
      const companies = (await sim.list('companies', [])).map(({ id }) => id);
      const calls = (await sim.list('calls', [])).map(({ id }) => id);
      const pick = contacts.slice(100, 104);
      await sim.mutate(
        { op: 'associate', from: 'contacts', to: 'companies', ids: pick, toIds: [companies[50]] },
        { op: 'associate', from: 'calls', to: 'contacts', ids: [calls[0]], toIds: [contacts[5]] },
        // The records themselves change, too: that is how an incremental run learns of it.
        { op: 'update', object: 'contacts', ids: pick },
        { op: 'update', object: 'calls', ids: [calls[0]] },
      );
      await again(sim, destination);
      for (const id of pick) {
        const rows = await destination.rows(
          `SELECT 1 AS x FROM contact_company WHERE contact_id = ${id} AND company_id = ${companies[50]}`,
        );
        assert.ok(rows.length > 0, `contact ${id}`);
      }
      const call = await destination.rows(
        `SELECT 1 AS x FROM engagement_contact WHERE engagement_id = ${calls[0]} AND contact_id = ${contacts[5]}`,
      );
      assert.ok(call.length > 0);

      // Removed, and nothing else changes: a full refresh finds out.
      await sim.mutate({ op: 'disassociate', from: 'contacts', to: 'companies', ids: pick, toIds: [companies[50]] });
      await again(sim, destination, ['--full-refresh']);
      const left = await destination.rows(
        `SELECT count(*) AS n FROM contact_company WHERE contact_id IN (${pick}) AND company_id = ${companies[50]}`,
      );
      assert.equal(Number(left[0].n), 0);
      await assertLikeFullLoad(sim, destination, make);
    });

    test('a property is renamed, retyped, added; two are equal after folding', async (t) => {
      const destination = make();
      const sim = await loaded(t, destination);
      const of = (action, name, more = {}) => ({ op: 'property', action, object: 'contacts', name, ...more });
      await sim.mutate(
        of('create', 'score', { type: 'number', fill: 100 }),
        of('create', 'Lead-Grade', { type: 'string', fill: 100 }),
        of('create', 'lead_grade', { type: 'string', fill: 100 }),
      );
      await again(sim, destination, ['--full-refresh']);
      const columnsOf = async (property) =>
        (await destination.rows(`SELECT "column", type FROM _sluice_column WHERE object = 'contacts' AND property = '${property}'`));
      const [upper] = await columnsOf('Lead-Grade');
      const [lower] = await columnsOf('lead_grade');
      assert.notEqual(upper.column, lower.column);
      assert.match(upper.column, /^property_lead_grade/);
      assert.match(lower.column, /^property_lead_grade/);
      await assertRecords(sim, destination, 'contacts', { every: 9, except: DERIVED });
      const [{ n: scored }] = await destination.rows('SELECT count(property_score) AS n FROM contact');
      assert.ok(Number(scored) > 500);

      await sim.mutate(
        of('retype', 'score', { type: 'string', fill: 100 }),
        of('rename', 'Lead-Grade', { to: 'grade' }),
      );
      await again(sim, destination, ['--full-refresh']);
      const versions = await columnsOf('score');
      assert.deepEqual(versions.map((r) => r.type).sort(), ['decimal', 'text']);
      assert.equal(new Set(versions.map((r) => r.column)).size, 2);
      assert.equal((await columnsOf('grade')).length, 1);
      assert.deepEqual((await columnsOf('lead_grade'))[0].column, lower.column, 'names are stable');
      const [{ n: kept }] = await destination.rows('SELECT count(property_score) AS n FROM contact');
      assert.equal(kept, scored, 'the old column keeps its values');
      await assertRecords(sim, destination, 'contacts', { every: 9, except: DERIVED });
    });

    test('25,000 records on one millisecond', async (t) => {
      const destination = make();
      const args = ['--streams', 'contacts'];
      const sim = await loaded(t, destination, { portal: { contacts: 25_600, companies: 0, deals: 0, tickets: 0, engagements: 0 }, args });
      const at = Date.now();
      await sim.mutate({ op: 'update', object: 'contacts', count: 25_000, at, properties: { lastname: 'Zugleich' } });
      await again(sim, destination, args);
      const [{ n }] = await destination.rows("SELECT count(*) AS n FROM contact WHERE property_lastname = 'Zugleich'");
      assert.equal(Number(n), 25_000);
      const stats = await sim.stats();
      assert.ok(stats.requests.by_object.contacts['objects.search'] >= 125, 'by search, not by reading everything');
    });
  });
}

test('few changes cost few calls', async (t) => {
  const destination = new SqliteDestination();
  const args = ['--streams', 'contacts,companies'];
  const sim = await loaded(t, destination, { portal: { contacts: 8000, companies: 2000 }, args });
  await sim.mutate({ op: 'update', object: 'contacts', count: 10, pick: 'spread' });
  await again(sim, destination, args);
  const { requests } = await sim.stats();
  assert.ok(requests.total <= 30, `${requests.total} calls: ${JSON.stringify(requests.by_endpoint)}`);
});

test('search that lags behind: what it shows late arrives with a later run', async (t) => {
  const destination = new SqliteDestination();
  const args = ['--streams', 'contacts'];
  const sim = await loaded(t, destination, { portal: { lag: 1500 }, args });
  const [{ ids }] = await sim.mutate({ op: 'update', object: 'contacts', count: 50, properties: { lastname: 'Spät' } });
  await again(sim, destination, args);
  await sleep(2000);
  await again(sim, destination, args);
  const [{ n }] = await destination.rows("SELECT count(*) AS n FROM contact WHERE property_lastname = 'Spät'");
  assert.equal(Number(n), ids.length);
});

test('the three sets of names for metadata columns', async (t) => {
  const sim = await Sim.start({ contacts: 30 });
  t.after(() => sim.stop());
  for (const [preset, wanted, foreign] of [
    ['sluice', ['_sluice_synced', '_sluice_deleted'], /^_(weld|fivetran)/],
    ['weld', ['_weld_synced'], /^_(sluice|fivetran)/],
    ['fivetran', ['_fivetran_synced', '_fivetran_deleted'], /^_(sluice|weld)/],
  ]) {
    const destination = new SqliteDestination();
    const result = await sync(sim, destination, ['--streams', 'contacts', '--metadata-columns', preset]);
    assert.equal(result.code, 0, result.stderr);
    const names = (await destination.columns('contact')).map((column) => column.name);
    for (const name of wanted) {
      assert.ok(names.includes(name), `${preset}: ${name}`);
    }
    assert.ok(!names.some((name) => foreign.test(name)), preset);
  }
});

test('--since takes what was modified from then on', async (t) => {
  const sim = await Sim.start({ contacts: 600 });
  t.after(() => sim.stop());
  const stamps = (await sim.list('contacts', ['lastmodifieddate'])).map((r) => r.properties.lastmodifieddate).sort();
  const since = stamps[400].slice(0, 10);
  const destination = new SqliteDestination();
  const result = await sync(sim, destination, ['--streams', 'contacts', '--since', since]);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(await liveRows(destination, 'contact'), stamps.filter((stamp) => stamp >= since).length);
});

test('1,500 properties with names of 60 characters: none is lost', async (t) => {
  const sim = await Sim.start({ contacts: 250, companies: 0, deals: 0, tickets: 0, engagements: 0 });
  t.after(() => sim.stop());
  const names = Array.from({ length: 1500 }, (_, i) => `wide_property_${String(i).padStart(6, '0')}_`.padEnd(60, 'x'));
  await sim.mutate(
    ...names.map((name) => ({ op: 'property', action: 'create', object: 'contacts', name, type: 'string', fill: 10 })),
  );
  for (const destination of [new SqliteDestination(), new PostgresDestination(postgres)]) {
    await sim.reset();
    const result = await sync(sim, destination, ['--streams', 'contacts']);
    assert.equal(result.code, 0, result.stderr);
    const columns = (await destination.columns('contact')).map((column) => column.name);
    assert.equal(columns.filter((name) => name.startsWith('property_wide_property_')).length, 1500);
    assert.equal(await liveRows(destination, 'contact'), (await sim.records()).contacts.live);
    const filled = `property_${names[700]}`.length <= 63 ? `property_${names[700]}` : undefined;
    const [{ column }] = await destination.rows(
      `SELECT "column" FROM _sluice_column WHERE object = 'contacts' AND property = '${names[700]}'`,
    );
    assert.ok(filled === undefined || filled === column);
    const listed = await sim.list('contacts', [names[700]]);
    const rows = await destination.rows(`SELECT id, "${column}" AS value FROM contact`);
    const byId = new Map(rows.map((r) => [String(r.id), r.value]));
    for (const record of listed) {
      assert.equal(byId.get(record.id), record.properties[names[700]] || null);
    }
    const { requests } = await sim.stats();
    const refused = Object.values(requests.by_endpoint).reduce((sum, statuses) => sum + (statuses['414'] ?? 0), 0);
    assert.ok(refused <= 1, `${refused} answers with 414`);
  }
});

test('records larger than a row of PostgreSQL: what fits is in the row, the rest is set aside, nothing is lost', async (t) => {
  const sim = await Sim.start({ contacts: 120, companies: 0, deals: 0, tickets: 0, engagements: 0 });
  t.after(() => sim.stop());
  const names = Array.from({ length: 1200 }, (_, i) => `full_${i}`);
  await sim.mutate(
    ...names.map((name) => ({ op: 'property', action: 'create', object: 'contacts', name, type: 'string', fill: 100 })),
  );
  for (const destination of [new SqliteDestination(), new PostgresDestination(postgres)]) {
    const result = await sync(sim, destination, ['--streams', 'contacts']);
    assert.equal(result.code, 0, result.stderr + result.stdout);
    assert.equal(await liveRows(destination, 'contact'), (await sim.records()).contacts.live);
    let aside = 0;
    for (const record of (await sim.list('contacts', names)).slice(0, 20)) {
      const loaded = await row(destination, 'contact', 'id', record.id);
      const rejects = await destination.rows(
        `SELECT "column", raw_value, reason FROM _sluice_reject WHERE record_id = '${record.id}'`,
      );
      const rejected = new Map(rejects.map((r) => [r.column, r]));
      for (const name of names.filter((name) => record.properties[name])) {
        const column = `property_${name}`;
        const value = loaded[column] ?? rejected.get(column)?.raw_value;
        assert.equal(value, record.properties[name], `${destination.kind} ${record.id} ${name}`);
        aside += loaded[column] === null;
      }
    }
    assert.equal(aside > 0, destination.kind === 'postgres', `${aside} values set aside`);
  }
});

test('the same destination from an undisturbed and from a changing portal', async (t) => {
  // Records change while they are read; a later run brings what the first could not see.
  const destination = new SqliteDestination();
  const sim = await Sim.start({ ...PORTAL, contacts: 3000, latency: 10 });
  t.after(() => sim.stop());
  const running = sync(sim, destination);
  for (let i = 0; i < 8; i++) {
    await sleep(60);
    await sim.mutate(
      { op: 'update', object: 'contacts', count: 20, pick: 'spread', skip: i, properties: { lastname: `Runde ${i}` } },
      { op: 'create', object: 'contacts', count: 2 },
      { op: 'archive', object: 'deals', count: 1, pick: 'last' },
    );
  }
  const first = await running;
  assert.equal(first.code, 0, first.stderr);
  await again(sim, destination);
  for (const [type, [table]] of Object.entries(TABLES)) {
    assert.equal(await liveRows(destination, table), (await sim.records())[type].live, table);
  }
  await assertRecords(sim, destination, 'contacts', { every: 5, except: DERIVED });
  const steady = await dumpAll(destination);
  await again(sim, destination);
  assertSameTables(await dumpAll(destination), steady);
});
