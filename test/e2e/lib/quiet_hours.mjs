// Tests of what happens, or must not happen, at some minute of the day: they must not lie across one.
import { sleep } from './process.mjs';

const MINUTE = 60_000;

// Waits until no multiple of so many hours of UTC (24: midnight) is nearer than `minutes`. Takes that long at the most, and
// nearly always no time.
export async function clearOfHour(hours, minutes = 3) {
  const step = hours * 60 * MINUTE;
  const left = step - (Date.now() % step);
  if (left < minutes * MINUTE) {
    await sleep(left + 1000);
  }
}
