// SIGKILL at thirty random instants, a new start after each; then every row and every column is as after a run that
// nobody disturbed. KILL_SEED repeats a sequence, KILL_COUNT changes its length.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertSameTables, dumpAll } from './lib/compare.mjs';
import { Postgres } from './lib/postgres.mjs';
import { randomNumbers, sleep } from './lib/process.mjs';
import { Sim } from './lib/sim.mjs';
import { PostgresDestination, SqliteDestination, startSync, sync } from './lib/sluice.mjs';

const SEED = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);
const KILLS = Number(process.env.KILL_COUNT ?? 30);

let sim;
let postgres;

before(async () => {
  // Slow enough that a kill finds the run at work.
  sim = await Sim.start({ contacts: 4000, companies: 700, deals: 900, tickets: 400, engagements: 1500, latency: 15 });
  postgres = await Postgres.start();
});

after(async () => {
  await postgres?.stop();
  await sim?.stop();
});

const DESTINATIONS = {
  sqlite: () => new SqliteDestination(),
  postgres: () => new PostgresDestination(postgres),
};

// A run that is killed after `ms`, unless it was quicker.
async function killedRun(destination, args, ms) {
  const { child, finish } = startSync(sim, destination, args);
  const timer = setTimeout(() => child.kill('SIGKILL'), ms);
  const result = await finish();
  clearTimeout(timer);
  return result;
}

for (const [kind, make] of Object.entries(DESTINATIONS)) {
  describe(`into ${kind}, seed ${SEED}`, () => {
    let wanted;
    let undisturbedMs;

    before(async () => {
      const destination = make();
      const begin = Date.now();
      const result = await sync(sim, destination);
      undisturbedMs = Date.now() - begin;
      assert.equal(result.code, 0, result.stderr);
      wanted = await dumpAll(destination);
      assert.ok(wanted.get('contact').split('\n').length > 3000);
    });

    test(`${KILLS} kills lose nothing and double nothing`, async () => {
      const random = randomNumbers(SEED);
      const destination = make();
      let killed = 0;
      let completed = 0;
      let args = [];
      while (killed < KILLS) {
        // Early instants hit the opening and the definitions, later ones the loading.
        const ms = 20 + random() * random() * Math.min(undisturbedMs, 3000);
        const result = await killedRun(destination, args, ms);
        if (result.signal === 'SIGKILL') {
          killed++;
        } else {
          assert.equal(result.code, 0, `run after ${killed} kills: ${result.stderr}`);
          completed++;
          // There is always something left to interrupt.
          args = ['--full-refresh'];
        }
        assert.ok(completed <= KILLS, 'the runs end before they can be killed');
        await sleep(random() * 10);
      }
      const last = await sync(sim, destination);
      assert.equal(last.code, 0, last.stderr);
      assertSameTables(await dumpAll(destination), wanted);
    });
  });
}
