// A good neighbour: at most the share of each limit, and never a 429.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sim } from './lib/sim.mjs';
import { SqliteDestination, sync } from './lib/sluice.mjs';

// The share holds for the times of sending (the unit tests prove it in virtual time). The simulator counts arrivals, and calls
// bunch on their way: a few more than 152 may fall into ten of its seconds, never as many as 160.
const BUNCHED = 160 / 152;

test('190 requests in 10 s: no more than the share in any window, no 429', async (t) => {
  const sim = await Sim.start({
    contacts: 12_000,
    companies: 2000,
    deals: 3000,
    tickets: 1000,
    engagements: 3000,
    latency: 100,
    limit: '190/10s',
    'search-limit': '5/s',
  });
  t.after(() => sim.stop());
  const destination = new SqliteDestination();
  const result = await sync(sim, destination);
  assert.equal(result.code, 0, result.stderr);
  const stats = await sim.stats();
  assert.equal(stats.rate_limited.total, 0, 'answers with 429');
  assert.ok(stats.requests.total > 160, `only ${stats.requests.total} requests: the limit was never in the way`);
  assert.ok(stats.peak.general_10s <= 152 * BUNCHED, `${stats.peak.general_10s} requests in a window of 10 s`);
  // The share is used, not merely kept. In its best ten seconds even a busy machine sends what it may.
  t.diagnostic(`${stats.requests.total} requests, at most ${stats.peak.general_10s} in 10 s`);
  assert.ok(stats.peak.general_10s >= 120, `no more than ${stats.peak.general_10s} requests in 10 s`);
});

test('a smaller share is kept, too', async (t) => {
  const sim = await Sim.start({ contacts: 3000, companies: 300, deals: 300, latency: 20, limit: '190/10s' });
  t.after(() => sim.stop());
  const result = await sync(sim, new SqliteDestination(), ['--share', '0.5', '--streams', 'contacts,companies,deals']);
  assert.equal(result.code, 0, result.stderr);
  const stats = await sim.stats();
  assert.equal(stats.rate_limited.total, 0);
  assert.ok(stats.peak.general_10s <= 95 * BUNCHED, `${stats.peak.general_10s} requests in a window of 10 s`);
});
