// What users of other tools complain about, group "rate limit": each a requirement, each a test.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from './lib/process.mjs';
import { clearOfHour } from './lib/quiet_hours.mjs';
import { Sim } from './lib/sim.mjs';
import { SqliteDestination, sluice, startSync, sync } from './lib/sluice.mjs';

const seconds = (n) => new Promise((done) => setTimeout(done, n * 1000));

async function admin(sim, path, body) {
  const { status, text, json } = await sim.api('POST', path, body);
  assert.equal(status, 200, text);
  return json;
}

// Without the count of associations, which takes a while in a large portal.
async function callsSoFar(sim) {
  return (await sim.counts()).requests.total;
}

// Counts what arrives in 10 s while something is going on. A busy machine lets us look late: it is what came in 10 s
// all the same.
async function callsIn10s(sim) {
  const [before, begin] = [await callsSoFar(sim), Date.now()];
  await seconds(10);
  const calls = (await callsSoFar(sim)) - before;
  return Math.round((calls * 10_000) / (Date.now() - begin));
}

// The same when there are at least so many: a machine that has much else to do may need several turns for that.
function atLeastIn10s(sim, calls) {
  return until(async () => {
    const found = await callsIn10s(sim);
    return found >= calls && found;
  });
}

// They wait for windows to pass: side by side.
describe('rate limits', { concurrency: true }, () => {
  describe('req 1: limits are learned from the headers and followed within a window', { concurrency: true }, () => {
    test('from 100 to 190 in the middle of a run, and back', async (t) => {
      const sim = await Sim.start({ contacts: 200_000, limit: '100/10s', latency: 20 });
      t.after(() => sim.stop());
      const run = startSync(sim, new SqliteDestination(), ['--streams', 'contacts']);
      t.after(() => run.child.kill('SIGKILL'));
      await seconds(11);
      const low = await atLeastIn10s(sim, 50);
      await admin(sim, '/_sim/limits', { limit: '190/10s' });
      await seconds(10);
      const high = await atLeastIn10s(sim, 110);
      const peak = (await sim.stats()).peak.general_10s;
      await admin(sim, '/_sim/limits', { limit: '100/10s' });
      await seconds(12);
      const lowAgain = await atLeastIn10s(sim, 50);
      run.child.kill('SIGTERM');
      await run.finish();
      t.diagnostic(`${low}, then ${high} (peak ${peak}), then ${lowAgain} calls in 10 s`);
      // A few of each 10 s lie on the border of what was counted.
      assert.ok(low <= 84, `${low} calls in 10 s at 100`);
      assert.ok(high <= 156, `${high} calls in 10 s at 190`);
      assert.ok(peak <= 160, `${peak} calls in a window`);
      assert.ok(lowAgain <= 84, `${lowAgain} calls in 10 s at 100 again`);
      // When a limit falls, what is on its way is refused; nothing after that.
      const { rate_limited: refused } = await sim.stats();
      assert.ok(refused.total <= 8, `${refused.total} answers with 429`);
    });

    test('--share and --search-limit are followed', async (t) => {
      const sim = await Sim.start({ contacts: 3000, limit: '100/10s', 'search-limit': '2/s' });
      t.after(() => sim.stop());
      const destination = new SqliteDestination();
      const args = ['--share', '0.3', '--streams', 'contacts', '--search-limit', '2'];
      assert.equal((await sync(sim, destination, args)).code, 0);
      await sim.mutate({ op: 'update', object: 'contacts', count: 900 });
      assert.equal((await sync(sim, destination, args)).code, 0);
      const { peak, rate_limited: refused } = await sim.stats();
      assert.ok(peak.general_10s <= 32, `${peak.general_10s} calls in a window`);
      assert.equal(refused.total, 0);
    });
  });

  describe('req 2: one budget for all that works for an account', { concurrency: true }, () => {
    test('two processes, twenty streams, one portal: no 429, no more than the share', async (t) => {
      const sim = await Sim.start({ contacts: 30_000, companies: 10_000, deals: 10_000, tickets: 10_000, engagements: 30_000, limit: '190/10s', latency: '20-400' });
      t.after(() => sim.stop());
      const runs = [1, 2].map(() => startSync(sim, new SqliteDestination(), ['--parallel', '10']));
      t.after(() => runs.forEach((run) => run.child.kill('SIGKILL')));
      await until(async () => (await callsSoFar(sim)) >= 152 * 2.6);
      runs.forEach((run) => run.child.kill('SIGTERM'));
      const results = await Promise.all(runs.map((run) => run.finish()));
      const { peak, rate_limited: refused, requests } = await sim.stats();
      t.diagnostic(`${requests.total} calls, at most ${peak.general_10s} in 10 s`);
      assert.equal(refused.total, 0);
      assert.ok(peak.general_10s <= 160, `${peak.general_10s} calls in a window`);
      // Both got their turn.
      for (const result of results) {
        const calls = JSON.parse(result.stdout.trim().split('\n').at(-1)).calls;
        assert.ok(calls > requests.total * 0.25, `${calls} of ${requests.total} calls`);
      }
    });

    test('forty calls by a shell, and then a sync besides: one token, no 429', async (t) => {
      const sim = await Sim.start({ contacts: 1000, limit: '30/10s', latency: '20-100' });
      t.after(() => sim.stop());
      const call = async () => {
        const { code, stderr } = await sluice(['api', 'OWNERS', '--query', 'limit=1', '--base-url', sim.url], { env: { HUBSPOT_TOKEN: sim.token } });
        assert.equal(code, 0, stderr);
      };
      const shell = async (n) => {
        for (let i = 0; i < n; i++) {
          await call();
        }
      };
      await Promise.all(Array.from({ length: 8 }, () => shell(5)));
      assert.equal((await sim.stats()).rate_limited.total, 0);
      // From now on it is known whose token this is.
      const run = startSync(sim, new SqliteDestination(), ['--streams', 'contacts']);
      t.after(() => run.child.kill('SIGKILL'));
      await seconds(2);
      await Promise.all(Array.from({ length: 4 }, () => shell(5)));
      assert.equal((await run.finish()).code, 0);
      const { peak, rate_limited: refused } = await sim.stats();
      assert.equal(refused.total, 0);
      assert.ok(peak.general_10s <= 27, `${peak.general_10s} calls in a window, of 24`);
    });

    test('another program takes half: ours backs down, and comes back when it stops', async (t) => {
      const sim = await Sim.start({ contacts: 200_000, limit: '190/10s', latency: '20-200' });
      t.after(() => sim.stop());
      const run = startSync(sim, new SqliteDestination(), ['--streams', 'contacts']);
      t.after(() => run.child.kill('SIGKILL'));
      await seconds(5);
      await admin(sim, '/_sim/foreign', { share: 0.5 });
      await seconds(15);
      const during = await atLeastIn10s(sim, 20);
      await admin(sim, '/_sim/foreign', { rate: 'off' });
      await seconds(10);
      const after = await atLeastIn10s(sim, 100);
      run.child.kill('SIGTERM');
      await run.finish();
      const { rate_limited: refused, foreign } = await sim.stats();
      t.diagnostic(`${during} calls in 10 s beside 95 of another program, ${after} after it; ${JSON.stringify(foreign)}`);
      assert.equal(refused.total, 0, 'answers with 429 to us');
      assert.ok(during <= 62, `${during} calls in 10 s beside 95 of 190`);
    });
  });

  describe('req 4: the day has a share of its own', { concurrency: true }, () => {
    test('a backfill is delayed until the day ends, changes go on, and it resumes', async (t) => {
      await clearOfHour(1, 1); // the account's day ends at the beginning of one
      const sim = await Sim.start({ contacts: 90_000, companies: 500, daily: 1000 });
      t.after(() => sim.stop());
      const small = new SqliteDestination();
      const large = new SqliteDestination();
      const companies = ['--streams', 'companies'];
      assert.equal((await sync(sim, small, companies)).code, 0);
      // 560 of the 800 that may be used are a backfill's.
      const backfill = await sync(sim, large, ['--streams', 'contacts']);
      assert.equal(backfill.code, 8, backfill.stderr);
      const last = backfill.events.filter((event) => event.stream === 'contacts').at(-1);
      assert.equal(last.status, 'delayed');
      assert.equal(last.error.code, 'DAILY_LIMIT');
      assert.match(last.error.message, /the next day begins at 20/);
      const until = Date.parse(last.delayed_until) - Date.now();
      assert.ok(until > 0 && until < 25 * 3600 * 1000 + 10_000, last.delayed_until);
      assert.ok(last.rows > 40_000, `${last.rows} rows are kept`);
      assert.equal(backfill.events.at(-1).delayed, 1);
      const used = (await sim.stats()).calls_today;
      assert.ok(used >= 555 && used <= 575, `${used} calls of the day`);
      // Changes still come through.
      await sim.mutate({ op: 'update', object: 'companies', count: 5 });
      const changes = await sync(sim, small, companies);
      assert.equal(changes.code, 0, changes.stderr);
      assert.ok((await sim.stats()).calls_today < used + 15);
      // The next day.
      await admin(sim, '/_sim/clock', { advance: '25h' });
      const resumed = await sync(sim, large, ['--streams', 'contacts']);
      assert.equal(resumed.code, 0, resumed.stderr);
      const { contacts } = await sim.records();
      const [{ n }] = await large.rows('SELECT count(*) AS n FROM contact WHERE NOT _sluice_deleted');
      assert.equal(Number(n), contacts.live);
      assert.ok((await sim.stats()).rate_limited.total === 0);
    });

    test('without headers of a day: the usage endpoint, over all private apps', async (t) => {
      const sim = await Sim.start({ contacts: 200 });
      t.after(() => sim.stop());
      const doctor = await sluice(['doctor', '--base-url', sim.url], { env: { HUBSPOT_TOKEN: sim.token } });
      assert.match(doctor.stdout, /of the day are used/);
    });

    test('--daily-limit keeps less than HubSpot would give', async (t) => {
      await clearOfHour(1, 1);
      const sim = await Sim.start({ contacts: 20_000 });
      t.after(() => sim.stop());
      const result = await sync(sim, new SqliteDestination(), ['--streams', 'contacts', '--daily-limit', '100']);
      assert.equal(result.code, 8, result.stderr);
      assert.ok((await sim.stats()).calls_today <= 60, 'of 100 a share of 80, of these 56 for a backfill, and what comes before');
    });
  });

  test('a limit that stays refused delays the stream after five tries', async (t) => {
    const sim = await Sim.start({ contacts: 300 });
    t.after(() => sim.stop());
    await sim.faults({ endpoint: 'objects.list', action: 'rate_limit', policy: 'SECONDLY' });
    const result = await sync(sim, new SqliteDestination(), ['--streams', 'contacts,owners']);
    assert.equal(result.code, 8, result.stderr);
    const last = result.events.filter((event) => event.stream === 'contacts').at(-1);
    assert.equal(last.status, 'delayed');
    assert.equal(last.error.code, 'RATE_LIMITED');
    assert.equal((await sim.stats()).requests.by_endpoint['objects.list'][429], 5);
    assert.equal(result.events.filter((event) => event.stream === 'owners').at(-1).status, 'completed');
  });
});
