// Searching through HubSpot's own client and through sluice's: every operator against what a list says, the limits, and
// the orders and delays that HubSpot does not promise away.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runScenes, scene } from './lib/contract.mjs';
import { Sim } from './lib/sim.mjs';
import { SqliteDestination, sync } from './lib/sluice.mjs';

const OPTIONS = { contacts: 300, companies: 20, deals: 40, tickets: 5, engagements: 0, owners: 5 };

const searching = (name, body, status, check, setup) => {
  const made = (ctx) => (typeof body === 'function' ? body(ctx.setup) : body);
  return scene({
    name,
    setup,
    sdk: (client, ctx) => client.crm.contacts.searchApi.doSearch(made(ctx)),
    sluice: (ctx) => ({ endpoint: 'OBJECT_SEARCH', args: { type: 'contacts' }, body: made(ctx) }),
    status,
    check,
  });
};

const PROPERTIES = ['city', 'lifecyclestage', 'hs_object_id', 'createdate', 'email'];
const grown = async ({ sim }) => sim.list('contacts', PROPERTIES);
const median = (records, name) => records.map((r) => r.properties[name]).filter(Boolean).sort()[Math.floor(records.length / 3)];
const same = (text, other) => text !== null && text.toLowerCase() === other.toLowerCase();

const wordsOf = (text) => (text ?? '').toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);

// operator, property, what is sent besides, whether a record fits
const operators = [
  ['EQ', 'city', (r) => ({ value: median(r, 'city').toUpperCase() }), (v, f) => same(v, f.value)],
  ['NEQ', 'city', (r) => ({ value: median(r, 'city') }), (v, f) => v === null || !same(v, f.value)],
  ['IN', 'city', (r) => ({ values: [median(r, 'city').toLowerCase()] }), (v, f) => v !== null && same(v, f.values[0])],
  ['NOT_IN', 'city', (r) => ({ values: [median(r, 'city').toLowerCase()] }), (v, f) => v === null || !same(v, f.values[0])],
  ['HAS_PROPERTY', 'city', () => ({}), (v) => v !== null && v !== ''],
  ['NOT_HAS_PROPERTY', 'city', () => ({}), (v) => v === null || v === ''],
  ['EQ', 'lifecyclestage', () => ({ value: 'customer' }), (v) => v === 'customer'],
  ['EQ', 'lifecyclestage', () => ({ value: 'Customer' }), () => false],
  ['GT', 'createdate', (r) => ({ value: String(Date.parse(median(r, 'createdate'))) }), (v, f) => Date.parse(v) > Number(f.value)],
  ['GTE', 'createdate', (r) => ({ value: median(r, 'createdate') }), (v, f) => v >= f.value],
  ['LT', 'createdate', (r) => ({ value: median(r, 'createdate') }), (v, f) => v < f.value],
  ['LTE', 'createdate', (r) => ({ value: median(r, 'createdate') }), (v, f) => v <= f.value],
  ['BETWEEN', 'createdate', (r) => ({ value: '2020-01-01', highValue: median(r, 'createdate') }),
    (v, f) => v >= '2020-01-01T00:00:00.000Z' && v <= f.highValue],
  ['CONTAINS_TOKEN', 'city', (r) => ({ value: wordsOf(median(r, 'city'))[0] }), (v, f) => wordsOf(v).includes(f.value)],
  ['NOT_CONTAINS_TOKEN', 'city', (r) => ({ value: wordsOf(median(r, 'city'))[0] }), (v, f) => !wordsOf(v).includes(f.value)],
];

const found = [
  ...operators.map(([operator, propertyName, more, fits], i) =>
    searching(`${i + 1}. ${operator} on ${propertyName}`,
      (records) => ({
        limit: 200,
        properties: [propertyName],
        filterGroups: [{ filters: [{ propertyName, operator, ...more(records) }] }],
      }), 200,
      (body, { setup: records }) => {
        const filter = more(records);
        const wanted = records.filter((record) => fits(record.properties[propertyName], filter)).map((record) => record.id);
        assert.equal(body.total, wanted.length);
        assert.deepEqual(body.results.map((record) => record.id), wanted.slice(0, 200), 'oldest first');
        assert.ok(wanted.length < records.length, 'this tells something');
        assert.equal(wanted.length > 0, filter.value !== 'Customer');
      }, grown)),
  searching('filters of a group must all fit, of groups one must', (records) => ({
    limit: 200,
    filterGroups: [
      { filters: [
        { propertyName: 'lifecyclestage', operator: 'EQ', value: 'customer' },
        { propertyName: 'city', operator: 'HAS_PROPERTY' },
      ] },
      { filters: [{ propertyName: 'hs_object_id', operator: 'EQ', value: records[0].id }] },
    ],
  }), 200, (body, { setup: records }) => {
    const wanted = records.filter(({ id, properties: p }) => id === records[0].id || (p.lifecyclestage === 'customer' && p.city));
    assert.deepEqual(body.results.map((record) => record.id), wanted.map((record) => record.id));
  }, grown),
  searching('sorted the other way round', { limit: 50, sorts: [{ propertyName: 'createdate', direction: 'DESCENDING' }], properties: ['createdate'] }, 200,
    ({ results }) => assert.ok(results.every((one, i) => i === 0 || results[i - 1].properties.createdate >= one.properties.createdate))),
  searching('sorted the other way round, in short', { limit: 200, sorts: ['-createdate'], properties: ['createdate'] }, 200, ({ results }, { setup: records }) => {
    assert.ok(results.every((one, i) => i === 0 || results[i - 1].properties.createdate >= one.properties.createdate));
    assert.equal(results[0].id, records.at(-1).id);
  }, grown),
  searching('everybody at a domain', (records) => ({
    filterGroups: [{ filters: [{ propertyName: 'email', operator: 'CONTAINS_TOKEN', value: `*@${records[0].properties.email.split('@')[1].toUpperCase()}` }] }],
  }), 200, (body, { setup: records }) => {
    const domain = records[0].properties.email.split('@')[1];
    assert.deepEqual(body.results.map((one) => one.id), records.filter((r) => r.properties.email?.endsWith(`@${domain}`)).map((r) => r.id));
  }, grown),
  searching('two hundred to a page', { limit: 200 }, 200, (body) => {
    assert.equal(body.results.length, 200);
    assert.equal(body.paging.next.after, '200');
    assert.equal(body.paging.next.link, undefined);
  }),
  searching('two hundred and one', { limit: 201 }, 400, (body) => assert.equal(body.category, 'VALIDATION_ERROR')),
  searching('six groups', { filterGroups: Array(6).fill({ filters: [{ propertyName: 'city', operator: 'HAS_PROPERTY' }] }) }, 400,
    (body) => assert.equal(body.category, 'VALIDATION_ERROR')),
  searching('seven filters in a group', { filterGroups: [{ filters: Array(7).fill({ propertyName: 'city', operator: 'HAS_PROPERTY' }) }] }, 400,
    (body) => assert.equal(body.category, 'VALIDATION_ERROR')),
  searching('nineteen filters', { filterGroups: [5, 5, 5, 4].map((n) => ({ filters: Array(n).fill({ propertyName: 'city', operator: 'HAS_PROPERTY' }) })) }, 400,
    (body) => assert.equal(body.category, 'VALIDATION_ERROR')),
  searching('eighteen filters', { filterGroups: [5, 5, 5, 3].map((n) => ({ filters: Array(n).fill({ propertyName: 'city', operator: 'HAS_PROPERTY' }) })) }, 200),
  searching('two sorts', { sorts: ['city', 'email'] }, 400, (body) => assert.equal(body.category, 'VALIDATION_ERROR')),
  searching('a property that there is not', { filterGroups: [{ filters: [{ propertyName: 'nope', operator: 'EQ', value: '1' }] }] }, 400,
    (body) => assert.match(body.message, /nope/)),
];

runScenes('search', OPTIONS, found);

runScenes('the wall', { contacts: 10_100, companies: 0, deals: 0, tickets: 0, engagements: 0, owners: 1 }, [
  searching('the last page before it', { after: '9800', limit: 200 }, 200, (body) => {
    assert.equal(body.results.length, 200);
    assert.ok(body.total > 10_000);
    assert.equal(body.paging.next.after, '10000', 'although nobody may go there');
  }),
  searching('at it', { after: '10000', limit: 10 }, 400, (body) => {
    assert.equal(body.message, 'There was a problem with the request.');
    assert.equal(body.category, undefined);
  }),
]);

async function sortedIds(sim) {
  const { json } = await sim.api('POST', '/crm/v3/objects/contacts/search', { limit: 200, sorts: ['hs_object_id'], properties: [] });
  return json.results.map((record) => record.id);
}

describe('orders of record ids', () => {
  // Ids of five and of six digits, and three beyond 2^53.
  const LARGE = { contacts: 7000, companies: 0, deals: 0, tickets: 0, engagements: 0, owners: 1 };
  for (const order of ['numeric', 'text', 'unstable']) {
    test(`${order}: sluice loads every contact once`, async () => {
      const sim = await Sim.start({ ...LARGE, 'search-id-order': order });
      try {
        const first = await sortedIds(sim);
        const again = await sortedIds(sim);
        const sorted = [...first].sort((a, b) => (order === 'text' ? (a < b ? -1 : 1) : Number(BigInt(a) - BigInt(b))));
        if (order === 'unstable') {
          assert.notDeepEqual(first, again);
        } else {
          assert.deepEqual(first, sorted);
          assert.deepEqual(first, again);
        }
        const destination = new SqliteDestination();
        const result = await sync(sim, destination, ['--streams', 'contacts', '--since', '2020-01-01']);
        assert.equal(result.code, 0, result.stderr + result.stdout);
        const rows = (await destination.rows('SELECT id FROM contact')).map((row) => String(row.id));
        const wanted = (await sim.list('contacts', ['lastmodifieddate']))
          .filter((record) => record.properties.lastmodifieddate >= '2020-01-01')
          .map((record) => record.id);
        assert.deepEqual(rows.filter((id) => wanted.includes(id)).sort(), wanted.sort());
        assert.equal(new Set(rows).size, rows.length);
      } finally {
        await sim.stop();
      }
    });
  }
});
